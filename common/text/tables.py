"""Reads columns of text from the files people have: CSV and TSV, plain or gzipped, and folders of text files."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.text.files import is_gzipped, read_text_file

_LARGEST_FIELD = 2**31 - 1
_KINDS = "a .csv or .tsv file (.gz too)"


@dataclass(frozen=True)
class Row:
    """Values of the wanted columns, and where they stand: the line for a table (header = 1), the file for a folder."""

    values: tuple[str, ...]
    origin: str


def read_columns(path: Path, columns: Sequence[str]) -> list[Row]:
    """The named columns of a CSV or TSV file.

    CSV is read with its quoting rules; a TSV has one record per line and no quoting.

    Raises:
        UserError: the file is missing, empty or not UTF-8, lacks a column, or a row has too few fields.
    """
    records = _records(path)
    _, header = next(records, (0, []))
    if not any(header):
        raise UserError(
            f"{path}: the file is empty; expected a header line with the columns {', '.join(columns)}"
        )
    missing = [name for name in columns if name not in header]
    if missing:
        raise UserError(f"{path}: no column {missing[0]!r}; the columns are {', '.join(map(repr, header))}")
    indices = [header.index(name) for name in columns]
    rows = []
    for line, fields in records:
        if len(fields) <= max(indices):
            raise UserError(
                f"{path}, line {line}: {len(fields)} fields; expected {len(header)} as in the header"
            )
        rows.append(Row(tuple(fields[index] for index in indices), f"line {line}"))
    if not rows:
        raise UserError(f"{path}: no rows below the header")
    return rows


def read_numbered_columns(path: Path, numbers: Sequence[int]) -> list[Row]:
    """The columns of the given numbers, from 1, of a CSV or TSV file without a header; read like `read_columns`.

    Raises:
        UserError: the file is missing, empty or not UTF-8, or a row has too few fields.
    """
    rows = []
    for line, fields in _records(path):
        if len(fields) < max(numbers):
            raise UserError(f"{path}, line {line}: {len(fields)} fields; expected at least {max(numbers)}")
        rows.append(Row(tuple(fields[number - 1] for number in numbers), f"line {line}"))
    if not rows:
        raise UserError(f"{path}: the file is empty")
    return rows


def read_lines(path: Path) -> list[str]:
    """The lines of a text file (.gz too). A line ends with "\\n" or "\\r\\n" and with nothing else.

    Raises:
        UserError: the file is missing or not UTF-8.
    """
    text = read_text_file(path)
    lines = text.removesuffix("\n").split("\n") if text else []
    return [line.removesuffix("\r") for line in lines]


def read_folders(path: Path, labels: Sequence[str] | None = None) -> list[Row]:
    """(text, label) of every `<path>/<label>/*.txt`, in the order of their names.

    Raises:
        UserError: no such files, or one that is not UTF-8.
    """
    files = sorted(file for file in path.glob("*/*.txt") if labels is None or file.parent.name in labels)
    if not files:
        raise UserError(f"{path}: no text files; expected <label>/<name>.txt in it")
    return [Row((read_text_file(file), file.parent.name), file.name) for file in files]


def is_table(path: Path) -> bool:
    return _stem_suffix(path) in (".csv", ".tsv")


def _stem_suffix(path: Path) -> str:
    return (path.with_suffix("") if is_gzipped(path) else path).suffix.lower()


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    if path.is_file() and not is_table(path):
        raise UserError(f"{path}: unknown kind of file; expected {_KINDS}")
    text = read_text_file(path, _KINDS)
    return _tsv_records(text) if _stem_suffix(path) == ".tsv" else _csv_records(path, text)


def _tsv_records(text: str) -> Iterator[tuple[int, list[str]]]:
    for line, record in enumerate(text.split("\n"), start=1):
        if record.strip():
            yield line, record.rstrip("\r").split("\t")


def _csv_records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_LARGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    try:
        for fields in reader:
            if fields:
                yield start, fields
            start = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}, line {start}: not valid CSV ({error})") from None
