"""Ink from the files people have: InkML, UNIPEN, JSON, tables, NumPy's archives and lines of text, packed or not."""

import codecs
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

from applications.handwriting.ink import GivenInk, InkError, parse_text
from applications.handwriting.ink_arrays import read_arrays
from applications.handwriting.ink_columns import Columns
from applications.handwriting.ink_json import read_json
from applications.handwriting.ink_tables import read_ink_table
from applications.handwriting.inkml import read_inkml
from applications.handwriting.unipen import Include, is_unipen, read_unipen
from common.data.file_trees import ARCHIVE_SUFFIXES, Read, read_tree
from common.data.packed_files import kind_of_file, read_unpacked
from common.data.sources import expanded
from common.errors import UserError
from common.text.files import UTF_8
from common.text.tables import TableFormat, is_table

KINDS = (
    "InkML (.inkml), UNIPEN (.dat, .unp), JSON (.json, .jsonl, .ndjson), a table (.csv, .tsv, .parquet) or arrays "
    "(.npz), .gz and .xz too"
)
JSON = (".json", ".jsonl", ".ndjson")

_TABLES = (".csv", ".tsv", ".parquet")
INKML = (".inkml", ".xml")
_UNPACKED = (*INKML, ".dat", ".unp", ".unipen", ".npz", *JSON)
_INCLUDED = "include"
_PACKINGS: Mapping[str, Callable[[bytes], bytes]] = {".gz": gzip.decompress, ".xz": lzma.decompress}
_ARRAYS, _XML = b"PK", b"<"
_LEVELS_UP = 8


def read_inks(path: Path, columns: Columns | None = None, form: TableFormat | None = None) -> list[GivenInk]:
    """All ink of a file, a folder or an archive, each with what is written and by whom, where that is told.

    Raises:
        UserError: something cannot be read or used; the line names the file, and the row and stroke in it.
    """
    inks = []
    for given in iterate_inks(path, columns, form):
        if isinstance(given, InkError):
            raise given
        inks.append(given)
    return inks


def iterate_inks(
    path: Path,
    columns: Columns | None = None,
    form: TableFormat | None = None,
    is_wanted: Callable[[str], bool] = lambda _: True,
) -> Iterator[GivenInk | InkError]:
    """The ink of a file, a folder or an archive, one after another; in the place of what cannot be used, why.

    Args:
        path: of the file, the folder, or the tar or zip.
        columns: of tables and of objects of JSON, if they are not the usual ones.
        form: how tables and texts are written.
        is_wanted: of a folder or an archive, whether to read the file of that name in it.

    Raises:
        UserError: a file is not there, or cannot be read at all; in folders and archives, what has faults as a whole is
            a fault among others.
    """
    path, columns, form = expanded(path), columns or Columns(), form or TableFormat()
    if path.is_dir() or is_archive(path.name):
        yield from _of_tree(path, columns, form, is_wanted)
    elif kind_of_file(path) not in JSON and (kind_of_file(path) in _TABLES or is_table(path, form)):
        yield from read_ink_table(path, columns, form)
    else:
        content = read_unpacked(path, str(path), KINDS)
        yield from inks_of(content, str(path), columns, form, partial(_read_included, path))


def inks_of(
    content: bytes,
    name: str,
    columns: Columns | None = None,
    form: TableFormat | None = None,
    include: Include = lambda _: None,
) -> Iterator[GivenInk | InkError]:
    """The ink of a file's content, whatever its form is but a table; in the place of what cannot be used, why.

    Args:
        content: bytes of InkML, UNIPEN, JSON, a .npz, or lines of "x,y x,y;x,y".
        name: of the file, for messages.
        columns: keys of objects of JSON, if they are not the usual ones.
        form: how texts are written.
        include: reads files that one of UNIPEN includes.

    Raises:
        UserError: it has none of these forms.
    """
    first = content.removeprefix(codecs.BOM_UTF8).lstrip()[:2]
    if first == _ARRAYS:
        return read_arrays(content, name)
    if first[:1] == _XML or kind_of_file(Path(name)) in INKML:
        return read_inkml(content, name)
    text = _text(content, name, form or TableFormat())
    if is_unipen(text):
        return read_unipen(text, name, include)
    if first[:1] in (b"[", b"{") or kind_of_file(Path(name)) in JSON:
        return read_json(text, name, columns)
    return _of_lines(text, name)


def is_archive(name: str) -> bool:
    """Whether a file holds files, by its name."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def is_ink_file(name: str) -> bool:
    """Whether a file in a folder is one of ink, by its name; what other files include is none.

    >>> is_ink_file("ann/a.inkml"), is_ink_file("words.npz.xz"), is_ink_file("include/a.dat"), is_ink_file("notes.md")
    (True, True, False, False)
    """
    is_included = _INCLUDED in PurePosixPath(name).parts[:-1]
    path = Path(name)
    return not is_included and not is_archive(name) and kind_of_file(path) in (*_UNPACKED, *_TABLES)


def ink_tree(path: Path, is_wanted: Callable[[str], bool] = lambda _: True) -> dict[str, Read]:
    """The files of ink of a folder or an archive, by their names in it; tables are read in folders alone.

    Raises:
        UserError: there are none.
    """
    kinds = (*_UNPACKED, *_TABLES) if path.is_dir() else _UNPACKED

    def is_read(name: str) -> bool:
        return is_ink_file(name) and kind_of_file(Path(name)) in kinds and is_wanted(name)

    tree = read_tree(path, is_read)
    if not tree:
        expected = KINDS if path.is_dir() else f"{KINDS}; tables are read in folders"
        raise UserError(f"{path}: no files of ink; expected {expected}")
    return tree


def _of_tree(
    path: Path, columns: Columns, form: TableFormat, is_wanted: Callable[[str], bool]
) -> Iterator[GivenInk | InkError]:
    for name, read in ink_tree(path, is_wanted).items():
        try:
            if path.is_dir():
                yield from iterate_inks(path / name, columns, form)
            else:
                yield from _of_member(read(), f"{path}/{name}", columns, form)
        except InkError as error:
            yield error


def _of_member(
    content: bytes, name: str, columns: Columns, form: TableFormat
) -> Iterator[GivenInk | InkError]:
    """The ink of a file in an archive, which may be packed in it once more."""
    for ending, unpack in _PACKINGS.items():
        if name.lower().endswith(ending):
            try:
                content = unpack(content)
            except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
                raise InkError(
                    name, f"not a whole {ending} file", f"not a whole {ending} file ({error})"
                ) from None
    yield from inks_of(content, name, columns, form)


def _of_lines(text: str, name: str) -> Iterator[GivenInk | InkError]:
    """The ink of each line of "x,y x,y;x,y"."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise InkError(name, "empty file", f"the file is empty; expected {KINDS}")
    for number, line in lines:
        origin = f"{name}, line {number}"
        try:
            yield GivenInk(parse_text(line, origin), "", "", origin)
        except InkError as error:
            yield error


def _text(content: bytes, name: str, form: TableFormat) -> str:
    try:
        return content.decode(form.encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        if content.lstrip()[:1] == b"." and form.encoding == UTF_8:
            # Files of UNIPEN are older than UTF-8, and their labels are ASCII.
            return content.decode("latin-1")
        line = content.count(b"\n", 0, error.start) + 1
        raise InkError(
            f"{name}, line {line}",
            f"not {form.encoding}",
            f"byte 0x{content[error.start]:02x} is not valid {form.encoding}; expected {KINDS}",
        ) from None


def _read_included(path: Path, included: str) -> str | None:
    """The text of a file that one of UNIPEN includes: beside it, or in a folder include beside one of its folders."""
    name = PurePosixPath(included)
    if name.is_absolute() or ".." in name.parts:
        return None
    for folder in path.resolve().parents[:_LEVELS_UP]:
        for place in (folder / name, folder / _INCLUDED / name):
            if place.is_file():
                return _text(read_unpacked(place, str(place), KINDS), str(place), TableFormat())
    return None
