"""Reads columns of text from the files people have: CSV, TSV, JSON lines, Parquet, and folders of text files."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from common.errors import FlagError, UserError
from common.text.delimited import Fault, Fields, decoded, delimited_records
from common.text.files import (
    KEEPS_BYTES,
    UTF_8,
    is_gzipped,
    iterate_text_lines,
    read_text_file,
    require_encoding,
)
from common.text.headers import looks_like_header, missing_column
from common.text.object_records import json_records, parquet_columns, parquet_records

KINDS = "a .csv or .tsv, a .jsonl or .json of JSON lines (.gz too), or a .parquet file"
JSON, PARQUET = (".jsonl", ".ndjson", ".json"), ".parquet"
"""Endings of tables that are no CSV or TSV."""
HEADER = "taken for a header"
"""The reason of the one fault that stands for no row."""
_MISSING = """
#N/A #NA -1.#IND -1.#QNAN -NaN -nan 1.#IND 1.#QNAN <NA> N/A NA NULL NaN None n/a nan null
"""
MISSING = frozenset((*_MISSING.split(), "#N/A N/A"))
"""What stands in tables where there is no value, as `pandas.read_csv` has it."""

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_LOOKED_AT = 200
_PLACES_NAMED = 3


@dataclass(frozen=True)
class TableFormat:
    """How files of texts are written, where their names do not tell."""

    delimiter: str | None = None
    """What stands between the columns of a CSV or TSV, such as ";" or "\\t"; unless given, a comma in .csv and a tab in
    .tsv, or, in a table of numbers over time, what its first lines have."""
    encoding: str = UTF_8
    """Encoding of text files: utf-8, utf-16, cp1252 (Windows), latin-1 or another that Python knows."""
    strict: bool = False
    """Refuse a table with a row that cannot be read, rather than leave the row out and count it. A text among the
    numbers of a table over time is refused either way."""

    def __post_init__(self) -> None:
        if self.delimiter is not None and (
            len(self.separator or "") != 1 or self.separator in ('"', "\n", "\r")
        ):
            raise FlagError(f"--delimiter {self.delimiter!r}: expected one character, such as ';' or '\\t'")
        require_encoding(self.encoding)

    @property
    def separator(self) -> str | None:
        """The delimiter itself; a tab where it was typed as a backslash and a t."""
        return "\t" if self.delimiter == "\\t" else self.delimiter


@dataclass(frozen=True)
class Row:
    """Values of the wanted columns, and where they stand: the line of a table (header = 1), the file of a folder.

    Attributes:
        number: of the row in its table, from 1, those counted that were left out.
        others: the values of the other columns, by name.
    """

    values: tuple[str, ...]
    origin: str
    number: int = 0
    others: Mapping[str, Any] = field(default_factory=dict)


class NoRowsError(UserError):
    """A file that is written as it should be, or is empty, and holds no row."""


class NoUsableRowError(UserError):
    """A file each of whose rows has a fault."""


class Table:
    """The rows of a table that can be used, read one after another at each iteration.

    A column is given by its name in the header. Are all given by their numbers, from 1, a CSV or TSV has no header; a
    first line that looks like one all the same is left out. A row that cannot be read is left out, too, unless the
    format is strict. A value that is missing is "".

    Args:
        path: a .csv or .tsv (.gz too), .jsonl, .ndjson or .json (.gz too), or .parquet; any other name goes with a
            delimiter.
        columns: that are wanted.
        form: how the file is written.
        flags: by which the columns are given, for messages.
        errors: what becomes of bytes of text that are not in its encoding, as of `bytes.decode`.

    Attributes:
        faults: the rows that the last iteration left out, and why.

    Raises:
        UserError: of another kind of file; while reading, that the file is missing or not in its encoding, or lacks a
            column.
        NoRowsError: while reading, that it is empty.
        NoUsableRowError: at its end, that no row of it could be read.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "reviews.csv"
        >>> _ = path.write_text("stars,review\\n5,great\\n1\\n", "utf-8")
        >>> table = Table(path, ["review"])
        >>> [row.values for row in table], len(table.faults)
        ([('great',)], 1)
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[str],
        form: TableFormat | None = None,
        flags: Sequence[str] = (),
        errors: str = "strict",
    ) -> None:
        self.path = path
        self.form = form or TableFormat()
        self.faults: list[Fault] = []
        self._wanted = list(columns)
        self._flags = list(flags)
        self._errors = errors
        if path.is_file() and not is_table(path, self.form):
            raise UserError(f"{path}: unknown kind of file; expected {KINDS}")

    def __iter__(self) -> Iterator[Row]:
        self.faults = []
        for record in self.records():
            if isinstance(record, Row):
                yield record
            else:
                self.faults.append(record)

    def records(self) -> Iterator[Row | Fault]:
        """The rows, and where one cannot be read what is wrong with it: however many these are, none is kept."""
        number, is_empty = 0, True
        first: Fault | None = None
        for record in self._rows():
            if isinstance(record, Row):
                number, is_empty = number + 1, False
                yield Row(record.values, record.origin, number, record.others)
                continue
            if self.form.strict:
                raise UserError(f"{self.path}, {record.place}: {record.detail}")
            number += record.reason != HEADER
            first = first or record
            yield record
        if is_empty and first:
            raise NoUsableRowError(f"{self.path}, {first.place}: {first.detail}; no row can be used")

    @property
    def left_out(self) -> dict[str, int]:
        """How many rows the last iteration left out, by the reason with the first places."""
        places: dict[str, list[str]] = {}
        for fault in self.faults:
            places.setdefault(fault.reason, []).append(fault.place)
        return {f"{reason} ({_listed(where)})": len(where) for reason, where in places.items()}

    def other_columns(self) -> list[str]:
        """The names of the columns that are not wanted; those of JSON lines are looked for in all of them."""
        names: dict[str, None] = {}
        for row in self if self._kind in JSON else islice(self, 1):
            names |= dict.fromkeys(row.others)
        return list(names)

    def first_line(self) -> list[str]:
        """The names that the first line of a CSV or TSV gives its columns, if it is a header; none of other tables."""
        if self._kind in (*JSON, PARQUET):
            return []
        first = next(delimited_records(self._lines, self._delimiter), None)
        return [] if first is None or isinstance(first, Fault) else _distinct(first[1])

    @property
    def _kind(self) -> str:
        return "" if self.form.delimiter is not None else suffix_of(self.path)

    def _rows(self) -> Iterator[Row | Fault]:
        if self._kind == PARQUET:
            names = parquet_columns(self.path)
            self._require_columns(names)
            return map(self._row_of_object, parquet_records(self.path))
        if self._kind in JSON:
            return self._rows_of_objects(json_records(self.path, self._lines))
        records = delimited_records(self._lines, self._delimiter)
        if self._errors == KEEPS_BYTES:
            records = map(decoded, records)
        return self._rows_of_fields(records, self._delimiter)

    @property
    def _delimiter(self) -> str:
        return self.form.separator or _DELIMITERS.get(self._kind, ",")

    def _lines(self) -> Iterator[str]:
        return iterate_text_lines(self.path, KINDS, self.form.encoding, self._errors)

    def _rows_of_objects(
        self, records: Iterator[tuple[str, Mapping[str, Any]] | Fault]
    ) -> Iterator[Row | Fault]:
        first = list(islice(records, _LOOKED_AT))
        objects = [record[1] for record in first if not isinstance(record, Fault)]
        if not first:
            keys = f" with the keys {', '.join(self._wanted)}" if self._wanted else ""
            raise NoRowsError(f"{self.path}: the file is empty; expected objects{keys}")
        if objects:
            self._require_columns(list(dict.fromkeys(name for one in objects for name in one)))
        for record in chain(first, records):
            yield record if isinstance(record, Fault) else self._row_of_object(record)

    def _row_of_object(self, record: tuple[str, Mapping[str, Any]]) -> Row | Fault:
        place, cells = record
        try:
            values = tuple(_text(cells.get(name)) for name in self._wanted)
        except TypeError as error:
            return Fault(place, "no text", f"{error}; expected a text")
        others = {name: value for name, value in cells.items() if name not in self._wanted}
        return Row(values, place, 0, others)

    def _rows_of_fields(self, records: Iterator[Fields | Fault], delimiter: str) -> Iterator[Row | Fault]:
        first = next(records, None)
        if isinstance(first, Fault):
            raise UserError(f"{self.path}, {first.place}: {first.detail}")
        if first is None or not any(first[1]):
            columns = f" with the columns {', '.join(self._wanted)}" if self._wanted else ""
            raise NoRowsError(f"{self.path}: the file is empty; expected a header line{columns}")
        header = first[1]
        if "\0" in "".join(header):
            encoding = "utf-16-be" if header[0].startswith("\0") else "utf-16"
            raise UserError(f"{self.path}: has NUL bytes as UTF-16 does; give --encoding {encoding}")
        if _are_numbers(self._wanted):
            yield from self._rows_without_header(first, records, delimiter)
            return
        names = _distinct(header)
        self._require_columns(names, delimiter)
        indices = [_index(names, name) for name in self._wanted]
        is_empty = True
        for record in records:
            if isinstance(record, Fault):
                is_empty = False
                yield record
            elif len(names) == 1 or len(record[1]) > 1 or record[1][0].strip():
                is_empty = False
                yield _row_of_fields(*record, names, indices)
        if is_empty:
            raise NoRowsError(f"{self.path}: no rows below the header")

    def _rows_without_header(
        self, first: Fields, records: Iterator[Fields | Fault], delimiter: str
    ) -> Iterator[Row | Fault]:
        indices = self._indices()
        fields = first[1]
        if len(fields) <= max(indices):
            hint = missing_column(fields, [], delimiter)
            raise UserError(
                f"{self.path}, line {first[0]}: {len(fields)} fields; expected at least {max(indices) + 1}{hint}"
            )
        more = list(islice(records, _LOOKED_AT))
        rest = [record[1] for record in more if not isinstance(record, Fault)]
        names = [f"column_{number}" for number in range(1, len(fields) + 1)]
        if looks_like_header(fields, rest, indices):
            yield Fault(f"line {first[0]}", HEADER, "is a header; name the columns by it")
        else:
            yield _row_of_fields(*first, names, indices, False)
        for record in chain(more, records):
            yield record if isinstance(record, Fault) else _row_of_fields(*record, names, indices, False)

    def _indices(self) -> list[int]:
        for position, name in enumerate(self._wanted):
            if int(name) < 1:
                flag = f"{self._flags[position]} " if self._flags else "column "
                raise FlagError(f"{flag}{name}: expected at least 1")
        return [int(name) - 1 for name in self._wanted]

    def _require_columns(self, names: Sequence[str], delimiter: str = "") -> None:
        for name in self._wanted:
            if name in names or (delimiter and _index(names, name) >= 0):
                continue
            hint = missing_column(names, [name], delimiter)
            flags = " and ".join(self._flags)
            numbers = ", or give numbers, from 1, if the file has no header" if delimiter else ""
            advice = (
                f"; name {'it' if len(self._flags) == 1 else 'the two'} with {flags}{numbers}"
                if flags
                else ""
            )
            raise UserError(
                f"{self.path}: no column {name!r}; the columns are "
                f"{', '.join(map(repr, names))}{hint or advice}"
            )


def read_columns(path: Path, columns: Sequence[str]) -> list[Row]:
    """The named columns of a table, every row of which can be read.

    Raises:
        UserError: as of `Table`, or naming the row that cannot be read.
    """
    return list(Table(path, columns, TableFormat(strict=True)))


def without_missing(value: str) -> str:
    """A label of a table, or "" where it says that there is none."""
    return "" if value.strip() in MISSING else value


def read_lines(path: Path, encoding: str | None = None) -> list[str]:
    """The lines of a text file (.gz too). A line ends with "\\n" or "\\r\\n" and with nothing else.

    Raises:
        UserError: the file is missing or not in its encoding (UTF-8 unless given).
    """
    return list(iterate_lines(path, encoding))


def iterate_lines(path: Path, encoding: str | None = None, errors: str = "strict") -> Iterator[str]:
    """The lines of `read_lines` one after another; see `common.text.files.iterate_text_lines`."""
    pieces = ""
    for line in iterate_text_lines(path, encoding=encoding, errors=errors):
        pieces += line
        if line.endswith("\n"):
            yield pieces.removesuffix("\n").removesuffix("\r")
            pieces = ""
    if pieces:
        yield pieces.removesuffix("\r")


def read_folders(path: Path, labels: Sequence[str] | None = None, encoding: str | None = None) -> list[Row]:
    """(text, label) of every `<path>/<label>/*.txt`, in the order of their names.

    Raises:
        UserError: no such files, or one that is not in its encoding (UTF-8 unless given).
    """
    files = sorted(file for file in path.glob("*/*.txt") if labels is None or file.parent.name in labels)
    if not files:
        raise UserError(f"{path}: no text files; expected <label>/<name>.txt in it")
    return [Row((read_text_file(file, encoding=encoding), file.parent.name), file.name) for file in files]


def is_table(path: Path, form: TableFormat | None = None) -> bool:
    """Whether a file is a table, by its name or because a delimiter is given."""
    return bool(form and form.delimiter) or suffix_of(path) in (*_DELIMITERS, *JSON, PARQUET)


def suffix_of(path: Path) -> str:
    """The ending of a file's name, without that of gzip."""
    return (path.with_suffix("") if is_gzipped(path) else path).suffix.lower()


def _row_of_fields(
    line: int, fields: list[str], names: Sequence[str], indices: Sequence[int], has_header: bool = True
) -> Row | Fault:
    place = f"line {line}"
    expected = (
        f"expected {len(names)} as in the header" if has_header else f"expected at least {max(indices) + 1}"
    )
    if len(fields) <= max(indices, default=-1):
        return Fault(place, "too few fields", f"{len(fields)} fields; {expected}")
    if has_header and any(extra.strip() for extra in fields[len(names) :]):
        return Fault(place, "too many fields", f"{len(fields)} fields; {expected}")
    others = {
        name: text
        for index, (name, text) in enumerate(zip(names, fields, strict=False))
        if index not in indices
    }
    return Row(tuple(fields[index] for index in indices), place, 0, others)


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise TypeError("a lone surrogate, which is no valid Unicode")
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list | dict):
        raise TypeError(f"got {json.dumps(value, default=str)[:40]} ({type(value).__name__})")
    return str(value)


def _are_numbers(columns: Sequence[str]) -> bool:
    return bool(columns) and all(column.isascii() and column.isdecimal() for column in columns)


def _index(names: Sequence[str], column: str) -> int:
    """Where a column stands that is given by its name, or by its number beside names; -1 if nowhere."""
    if column in names:
        return names.index(column)
    is_number = column.isascii() and column.isdecimal() and 1 <= int(column) <= len(names)
    return int(column) - 1 if is_number else -1


def _distinct(header: Sequence[str]) -> list[str]:
    """The names of columns, a second one of the same name with a number, as pandas has it."""
    names: list[str] = []
    for name in header:
        number, distinct = 0, name
        while distinct in names:
            number += 1
            distinct = f"{name}.{number}"
        names.append(distinct)
    return names


def _listed(places: Sequence[str]) -> str:
    """`line 3`, `lines 3, 7`, `lines 3, 7, 9, ...`."""
    noun = places[0].partition(" ")[0]
    numbers = ", ".join(place.partition(" ")[2] for place in places[:_PLACES_NAMED])
    return f"{noun}{'s' if len(places) > 1 else ''} {numbers}{', ...' if len(places) > _PLACES_NAMED else ''}"
