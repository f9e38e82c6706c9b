"""Answers in files: a table as CSV, all that is known as JSON lines, or the lines that a terminal would show."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from common import cli
from common.errors import FlagError
from common.files import replacing, require_writable_file, require_writable_folder

_BINARY_ENDINGS = """
.xlsx .xls .xlsm .xlsb .xltx .ods .fods .numbers .gsheet .doc .docx .odt .rtf .pdf .pptx
.parquet .feather .arrow .orc .avro .pkl .pickle .joblib .npy .npz .mat .h5 .hdf5 .hdf .tfrecord
.sqlite .sqlite3 .db .dta .sav .sas7bdat .rds .exe .zip .tar .tgz .txz .bz2 .xz .zst .7z .rar
.png .jpg .jpeg .gif .bmp .webp .tif .tiff .wav .mp3 .flac .ogg .mp4
"""
BINARY_ENDINGS = frozenset(_BINARY_ENDINGS.split())
"""Endings of files that hold no text."""
_UNWRITTEN = frozenset((".tsv", ".gz", ".json", ".ndjson", *BINARY_ENDINGS))

Add = Callable[[Mapping[str, Any], Iterable[str], Iterable[Mapping[str, Any]]], None]


def require_answer_file(path: Path | None) -> None:
    """Raises FlagError if `path` has a name that `answer_file` cannot live up to, or no file can be made there."""
    if path is not None and path.suffix.lower() in _UNWRITTEN:
        raise FlagError(
            f"--output {path}: expected a name in .csv for a table, in .jsonl for JSON lines, or any other but "
            f"{path.suffix} and the like for plain lines"
        )
    require_writable_file(path, "--output")


def require_answer_folder(path: Path, goes_on: bool) -> None:
    """Raises FlagError if `path` has a name that parts of answers cannot live up to, is no folder or cannot be one, or
    holds something already, unless work there goes on."""
    if path.suffix.lower() in _UNWRITTEN:
        raise FlagError(
            f"--output {path}: expected the name of a folder in .csv for tables, or any other but {path.suffix} and "
            "the like for JSON lines"
        )
    require_writable_folder(path, "--output")
    if not goes_on and path.is_dir() and any(path.iterdir()):
        raise FlagError(f"--output {path}: not empty; expected a new folder, or --resume to go on there")


def require_unread(flag: str, written: Iterable[Path | None], read: Iterable[Path | None]) -> None:
    """Raises FlagError if a file is to be written that is read as well, which would be lost.

    Args:
        flag: that names what is written.
        written: paths; None is none.
        read: paths of files, likewise.
    """
    taken = {path.resolve() for path in read if path is not None}
    for path in filter(None, written):
        if path.resolve() in taken:
            raise FlagError(f"{flag} {path}: this is what is read; expected another file")


def require_picture(path: Path | None, flag: str) -> None:
    """Raises FlagError if the path given by a flag does not end in .png, or no file can be made there."""
    if path is not None and path.suffix.lower() != ".png":
        raise FlagError(f"{flag} {path}: expected a name that ends in .png")
    require_writable_file(path, flag)


def probability_columns(labels: Sequence[str]) -> list[str]:
    """The columns of a table that hold the probability of each label: those of `"probabilities"` in a row."""
    return [f"probability_{label}" for label in labels]


@contextmanager
def answer_file(path: Path, columns: Sequence[str]) -> Iterator[Add]:
    """A file of answers that is written as they come, whole or not at all; says on standard error that it is.

    Args:
        path: ending in `.jsonl` for an object with all of a record in each line, in `.csv` for a table with a header,
            in any other way for lines.
        columns: the keys that a table has; `probability_columns` are found in `"probabilities"`.

    Yields:
        A function that adds an answer: its record, its lines as a terminal shows them, and its rows of a table.
    """
    count = 0
    with whole_answer_file(path, columns) as write:

        def add(
            record: Mapping[str, Any], lines: Iterable[str], rows: Iterable[Mapping[str, Any]] = ()
        ) -> None:
            nonlocal count
            count += 1
            write(record, lines, rows)

        yield add
    line = f"{cli.counted(count, 'answer')} written to {path}"
    cli.console(stderr=True).print(line, markup=False)


@contextmanager
def whole_answer_file(path: Path, columns: Sequence[str]) -> Iterator[Add]:
    """A file like that of `answer_file`, of which nothing is said."""
    with replacing(path) as temporary, _opened(temporary) as file:
        yield answer_writer(file, path.suffix.lower(), columns)


@contextmanager
def growing_answer_file(path: Path, columns: Sequence[str]) -> Iterator[Add]:
    """A file like that of `answer_file` to which each answer is written as it comes, for others to read while it grows;
    what is in it stays, whatever ends the work."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _opened(path) as file:
        write = answer_writer(file, path.suffix.lower(), columns)
        file.flush()

        def add(
            record: Mapping[str, Any], lines: Iterable[str], rows: Iterable[Mapping[str, Any]] = ()
        ) -> None:
            write(record, lines, rows)
            file.flush()

        yield add


def _opened(path: Path) -> IO[str]:
    return path.open("w", encoding="utf-8", newline="", errors="backslashreplace")


def answer_writer(file: IO[str], kind: str, columns: Sequence[str]) -> Add:
    """What writes an answer to an open file of an ending, as `answer_file` does; a table's header goes first."""
    table = csv.DictWriter(file, columns, extrasaction="ignore")
    if kind == ".csv":
        table.writeheader()

    def write(
        record: Mapping[str, Any], lines: Iterable[str], rows: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        if kind == ".csv":
            table.writerows(map(cells_of, rows or [record]))
        elif kind == ".jsonl":
            file.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
        else:
            file.writelines(f"{line}\n" for line in lines)

    return write


def cells_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The cells of a row of a table: probabilities by their columns, what is nested as JSON."""
    probabilities = row.get("probabilities")
    named = probabilities if isinstance(probabilities, Mapping) else {}
    cells = {f"probability_{label}": value for label, value in named.items()} | dict(row)
    return {name: _cell(value) for name, value in cells.items()}


def _cell(value: Any) -> Any:
    is_nested = isinstance(value, list | dict)
    return json.dumps(value, ensure_ascii=False, default=str) if is_nested else value
