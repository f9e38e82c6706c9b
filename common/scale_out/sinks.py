"""Files of answers that Beam writes in parts, each there whole or not at all: JSON lines, CSV and Parquet."""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as arrow
from apache_beam.coders.coders import PickleCoder
from apache_beam.io.filebasedsink import FileBasedSink
from apache_beam.io.filesystem import CompressionTypes
from pyarrow import parquet

from common.predicting.answer_files import Add, answer_writer, cells_of
from common.predicting.script import Shown

JSON_LINES, CSV, PARQUET = "jsonl", "csv", "parquet"
TABLES = (CSV, PARQUET)
_ROWS_AT_ONCE = 8192


class LineSink(FileBasedSink):
    """Answers as the scripts `predict` write them: JSON lines, or CSV with a header in each part.

    Args:
        prefix: of the files' names.
        kind: `jsonl` or `csv`.
        columns: of a CSV.
        is_needed: whether a file is written even if there is no answer.

    Example:
        >>> LineSink("answers/part", "csv", ["text", "label"]).file_name_suffix.get()
        '.csv'
    """

    def __init__(self, prefix: str, kind: str, columns: Sequence[str] = (), is_needed: bool = True) -> None:
        super().__init__(
            prefix,
            PickleCoder(),
            f".{kind}",
            mime_type="text/plain",
            compression_type=CompressionTypes.UNCOMPRESSED,
            skip_if_empty=not is_needed,
        )
        self._kind, self._columns = kind, list(columns)

    def open(self, temp_path: str) -> "_OpenFile":
        """A file that answers can be added to."""
        text = io.TextIOWrapper(
            super().open(temp_path), "utf-8", "backslashreplace", newline="", write_through=False
        )
        return _OpenFile(text, answer_writer(text, f".{self._kind}", self._columns))

    def write_record(self, file_handle: "_OpenFile", value: Shown) -> None:
        """Adds an answer."""
        file_handle.add(value.record, (), value.rows)

    def close(self, file_handle: "_OpenFile | None") -> None:
        """Ends the file."""
        if file_handle is not None:
            file_handle.file.close()


class _OpenFile(NamedTuple):
    file: io.TextIOWrapper
    add: Add


class ParquetSink(FileBasedSink):
    """The tables of `LineSink` as Parquet, of the same columns in all parts, whatever rows these hold.

    Args:
        prefix: of the files' names.
        columns: by name: the type of its values, one of `str`, `bool`, `int` and `float`.

    Example:
        >>> ParquetSink("answers/part", {"text": str, "probability": float}).file_name_suffix.get()
        '.parquet'
    """

    def __init__(self, prefix: str, columns: Mapping[str, type]) -> None:
        super().__init__(
            prefix,
            PickleCoder(),
            f".{PARQUET}",
            mime_type="application/x-parquet",
            compression_type=CompressionTypes.UNCOMPRESSED,
        )
        self._columns = dict(columns)

    def open(self, temp_path: str) -> "_OpenTable":
        """A file that answers can be added to."""
        return _OpenTable(super().open(temp_path), self._columns)

    def write_record(self, file_handle: "_OpenTable", value: Shown) -> None:
        """Adds an answer."""
        for row in value.rows or [value.record]:
            file_handle.add(cells_of(row))

    def close(self, file_handle: "_OpenTable | None") -> None:
        """Ends the file."""
        if file_handle is not None:
            file_handle.close()


class _OpenTable:
    """A Parquet file that grows by groups of rows."""

    def __init__(self, file: Any, columns: Mapping[str, type]) -> None:
        types = {str: arrow.string(), bool: arrow.bool_(), int: arrow.int64(), float: arrow.float64()}
        self._columns, self._rows = columns, list[dict[str, Any]]()
        self._schema = arrow.schema([(name, types[kind]) for name, kind in columns.items()])
        self._file, self._writer = file, parquet.ParquetWriter(file, self._schema)

    def add(self, cells: Mapping[str, Any]) -> None:
        self._rows.append({name: _as(kind, cells.get(name)) for name, kind in self._columns.items()})
        if len(self._rows) == _ROWS_AT_ONCE:
            self._write()

    def close(self) -> None:
        self._write()
        self._writer.close()
        self._file.close()

    def _write(self) -> None:
        self._writer.write_table(arrow.Table.from_pylist(self._rows, self._schema))
        self._rows.clear()


def table_types(cells: Mapping[str, Any], columns: Iterable[str]) -> dict[str, type]:
    """The types of a table's columns, known from the cells of an answer; what it does not have is text.

    >>> table_types({"label": "good", "probability": 0.5, "truncated": False}, ["probability", "truncated", "id"])
    {'probability': <class 'float'>, 'truncated': <class 'bool'>, 'id': <class 'str'>}
    """
    kinds = {name: type(cells.get(name)) for name in columns}
    return {name: kind if kind in (bool, int, float) else str for name, kind in kinds.items()}


def _as(kind: type, value: Any) -> Any:
    if value is None:
        return None
    # A lone half of a pair of UTF-16 is no character that Arrow could write.
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8") if kind is str else kind(value)
