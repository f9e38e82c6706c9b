"""Tables of recordings and what is said in each, as DeepSpeech, Common Voice, LJSpeech and others write them."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.audio.folders import is_recording
from common.audio.transcript_files import SpokenFile, SpokenFiles, find_recordings, places_beside
from common.data.file_trees import Read
from common.errors import UserError
from common.text.files import iterate_text_lines, read_text_file
from common.text.headers import missing_column
from common.text.tables import KINDS, Row, Table, TableFormat, suffix_of

PATH_COLUMNS = (
    *("wav_filename", "audio_filepath", "path", "file", "audio", "file_name", "filename"),
    *("audio_path", "audio_file", "wav_path", "wav", "clip", "recording"),
)
TEXT_COLUMNS = ("transcript", "sentence", "text", "transcription", "txt")
SPEAKER_COLUMNS = ("speaker", "speaker_id", "client_id", "spk")

_FLAGS = ("--path-column", "--text-column", "--speaker-column")
_BAR = "|"


@dataclass(frozen=True)
class Columns:
    """The columns of a table, by their names in the header or by their numbers; "" is one to be found."""

    path: str = ""
    text: str = ""
    speaker: str = ""


def read_spoken_table(
    path: Path, columns: Columns, form: TableFormat, recordings: Path | None = None
) -> SpokenFiles:
    """The recordings that a table names, with what is said in each.

    Columns that are not given have a usual name, in any case; a table without a header has the recordings in its first
    column and what is said in its last (LJSpeech's metadata.csv, manifests of deepspeech.pytorch). Numbers count the
    columns from 1. A table of which recordings and transcripts are given by number has no header, unless its first line
    has usual names for both there; the speaker's is then found by its name, too. Where every text is the name of a
    .txt, it stands in that file, beside the table.

    Args:
        path: of the table.
        columns: that are given.
        form: how the table is written; LJSpeech's bars are found.
        recordings: folder, tar or zip of the recordings; unless given, see `places_beside`.

    Raises:
        UserError: the table cannot be read, has no rows or lacks a column; a recording is not there; or a row has no
            path or no transcript.
    """
    form = _sniffed(path, form)
    columns = _located(path, columns, form)
    wanted = [name for name in (columns.path, columns.text, columns.speaker) if name]
    table = Table(path, wanted, form, _FLAGS[: len(wanted)])
    rows = [replace(row, values=tuple(map(str.strip, row.values))) for row in table]
    if not rows:
        raise UserError(f"{path}: no rows; expected a recording and what is said in it in each")
    _require_cells(path, rows, columns)
    names = dict.fromkeys(row.values[0] for row in rows)
    places = [recordings] if recordings is not None else places_beside(path, _without_suffixes(path))
    reads = find_recordings(names, places)
    _require_recordings(path, rows, reads, places, columns)
    files = []
    for row, text in zip(rows, _texts(path, rows, form), strict=True):
        recording, speaker = row.values[0], "".join(row.values[2:])
        files.append(SpokenFile(recording, reads[recording], text, speaker, f"{path.name}, {row.origin}"))
    return SpokenFiles(files, table.left_out)


def _without_suffixes(path: Path) -> str:
    return path.name.removesuffix(path.suffix if path.suffix.lower() == ".gz" else "").rpartition(".")[0]


def _sniffed(path: Path, form: TableFormat) -> TableFormat:
    """The format, with a bar between columns where the first line of a .csv has one before any comma."""
    if form.delimiter is not None or suffix_of(path) != ".csv":
        return form
    first = next(iterate_text_lines(path, KINDS, form.encoding), "")
    return replace(form, delimiter=_BAR) if _BAR in first.partition(",")[0] else form


def _located(path: Path, columns: Columns, form: TableFormat) -> Columns:
    """The columns, those that are not given found by their usual names.

    Raises:
        UserError: there is none of such a name.
    """
    if _are_numbers(columns):
        return _named_by_header(Table(path, (), form).first_line(), columns)
    names = Table(path, (), form).other_columns()
    usual = Columns(*(_usual(names, known) for known in (PATH_COLUMNS, TEXT_COLUMNS, SPEAKER_COLUMNS)))
    if columns == Columns() and not (usual.path or usual.text) and _has_no_header(names, form):
        return Columns("1", str(len(names)))
    chosen = Columns(columns.path or usual.path, columns.text or usual.text, columns.speaker or usual.speaker)
    for name, what, flag, known in (
        (chosen.path, "recordings", _FLAGS[0], PATH_COLUMNS),
        (chosen.text, "transcripts", _FLAGS[1], TEXT_COLUMNS),
    ):
        if not name:
            delimiter = form.separator or {".csv": ",", ".tsv": "\t"}.get(suffix_of(path), "")
            hint = (
                missing_column(names, [known[0]], delimiter) or f"; name it with {flag}, or give its number"
            )
            raise UserError(
                f"{path}: no column of {what}; expected {', '.join(known)}, and the columns are "
                f"{', '.join(map(repr, names))}{hint}"
            )
    return chosen


def _are_numbers(columns: Columns) -> bool:
    return columns.path.isdecimal() and columns.text.isdecimal()


def _named_by_header(first: Sequence[str], columns: Columns) -> Columns:
    """The columns by the names of the first line, if that has usual ones at the numbers; else by the numbers."""
    path, text = ("".join(first[int(number) - 1 : int(number)]) for number in (columns.path, columns.text))
    if not (_usual([path], PATH_COLUMNS) and _usual([text], TEXT_COLUMNS)):
        return columns
    return Columns(path, text, columns.speaker or _usual(first, SPEAKER_COLUMNS))


def _hint_of_header(first: Row, columns: Columns) -> str:
    """How to name the columns by the first row, where that may be a header."""
    if not _are_numbers(columns) or is_recording(first.values[0]):
        return ""
    path, text = map(shlex.quote, first.values[:2])
    return f"; if this line is a header, name the columns by it: {_FLAGS[0]} {path} {_FLAGS[1]} {text}"


def _usual(names: Collection[str], known: Sequence[str]) -> str:
    by_spelling = {name.strip().casefold(): name for name in reversed(list(names))}
    return next((by_spelling[name] for name in known if name in by_spelling), "")


def _has_no_header(first: Sequence[str], form: TableFormat) -> bool:
    """Whether the first line of a table that has none of the usual columns is a recording's."""
    return len(first) > 1 and (form.delimiter == _BAR or is_recording(first[0]))


def _require_cells(path: Path, rows: Sequence[Row], columns: Columns) -> None:
    for row in rows:
        recording, text = row.values[:2]
        if not recording:
            raise UserError(
                f"{path}, {row.origin}: nothing in column {columns.path!r}; expected the path of a recording"
            )
        if not text:
            raise UserError(
                f"{path}, {row.origin}: nothing in column {columns.text!r}; expected what is said in {recording}"
            )


def _require_recordings(
    path: Path, rows: Sequence[Row], reads: Mapping[str, Read], places: Sequence[Path], columns: Columns
) -> None:
    missing: dict[str, Row] = {}
    for row in rows:
        if row.values[0] not in reads:
            missing.setdefault(row.values[0], row)
    if missing:
        name, row = next(iter(missing.items()))
        hint = _hint_of_header(row, columns) if row is rows[0] else ""
        others = f" (nor {len(missing) - 1:,} more that it names)" if len(missing) > 1 else ""
        raise UserError(
            f"{path}, {row.origin}: no recording {name!r}{others}; expected it in "
            f"{', '.join(map(str, places))}, or --recordings with the folder, tar or zip that has it{hint}"
        )


def _texts(path: Path, rows: Sequence[Row], form: TableFormat) -> list[str]:
    texts = [row.values[1] for row in rows]
    if all(text.lower().endswith(".txt") for text in texts):
        return [read_text_file(path.parent / text, encoding=form.encoding) for text in texts]
    return texts
