"""Pieces from the files people have: MIDI, JSON and tables of steps; alone, in folders and in archives."""

from collections.abc import Callable, Iterator
from pathlib import Path

from applications.music.midi_files import SUFFIXES, piece_of_midi
from applications.music.reading import GivenPiece, PieceError, Reading
from applications.music.roll_files import DELIMITERS, pieces_of_json, pieces_of_table
from common.data.file_trees import ARCHIVE_SUFFIXES, Read, read_tree
from common.data.packed_files import kind_of_file, read_unpacked
from common.data.sources import expanded
from common.errors import UserError
from common.text.tables import TableFormat

KINDS = "MIDI (.mid, .midi), JSON (.json) or a table (.csv, .tsv) of the notes of each step, .gz too"

_JSON = ".json"


def iterate_pieces(
    path: Path,
    reading: Reading | None = None,
    form: TableFormat | None = None,
    is_wanted: Callable[[str], bool] = lambda _: True,
) -> Iterator[GivenPiece | PieceError]:
    """The pieces of a file, a folder or an archive, one after another; in the place of what cannot be used, why.

    Args:
        path: of the file, the folder, or the tar or zip.
        reading: on what grid and for how many voices.
        form: how tables are written.
        is_wanted: of a folder or an archive, whether to read the file of that name in it.

    Raises:
        UserError: a file is not there, or cannot be read at all; in folders and archives, what has faults as a whole is
            a fault among others.
    """
    path, reading, form = expanded(path), reading or Reading(), form or TableFormat()
    if is_tree(path):
        yield from _of_tree(path, reading, form, is_wanted)
    elif (kind := kind_of_file(path)) in DELIMITERS or (form.delimiter and kind not in (*SUFFIXES, _JSON)):
        delimiter = form.separator or DELIMITERS[kind]
        yield from pieces_of_table(path, reading, delimiter, form.encoding)
    else:
        content = read_unpacked(path, str(path), KINDS)
        yield from _of_content(content, str(path), reading)


def is_tree(path: Path) -> bool:
    """Whether a path is a folder, or called like an archive of files."""
    return path.is_dir() or path.name.lower().endswith(ARCHIVE_SUFFIXES)


def is_of_many(name: str) -> bool:
    """Whether a file may hold many pieces, by its name."""
    return kind_of_file(Path(name)) not in SUFFIXES


def piece_tree(path: Path, is_wanted: Callable[[str], bool] = lambda _: True) -> dict[str, Read]:
    """The files of music of a folder or an archive, by their names in it; packed ones and tables in folders alone.

    Raises:
        UserError: there are none.
    """
    kinds = (*SUFFIXES, _JSON)

    def is_read(name: str) -> bool:
        file = Path(name)
        is_one = (
            kind_of_file(file) in (*kinds, *DELIMITERS) if path.is_dir() else file.suffix.lower() in kinds
        )
        return is_one and is_wanted(name)

    tree = read_tree(path, is_read)
    if not tree:
        raise UserError(f"{path}: no files of music; expected {KINDS}")
    return tree


def _of_tree(
    path: Path, reading: Reading, form: TableFormat, is_wanted: Callable[[str], bool]
) -> Iterator[GivenPiece | PieceError]:
    for name, read in piece_tree(path, is_wanted).items():
        try:
            if path.is_dir():
                yield from iterate_pieces(path / name, reading, form)
            else:
                yield from _of_content(read(), f"{path}/{name}", reading)
        except PieceError as error:
            yield error


def _of_content(content: bytes, name: str, reading: Reading) -> Iterator[GivenPiece | PieceError]:
    if kind_of_file(Path(name)) == _JSON:
        return pieces_of_json(content, name, reading)
    return iter([piece_of_midi(content, name, reading.grid, reading.voices)])
