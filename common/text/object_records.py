"""Records of files that hold objects: JSON lines, a JSON list, Parquet; each a mapping from columns to values."""

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.text.delimited import Fault
from common.text.files import undecoded

EXTRA = "parquet"
_AT_ONCE = 1024

Record = tuple[str, Mapping[str, Any]]


def json_records(path: Path, lines: Callable[[], Iterator[str]]) -> Iterator[Record | Fault]:
    """The place and the object of each JSON line, or of each entry of a JSON list.

    Args:
        path: of the file, for messages.
        lines: begins anew at each call.

    Raises:
        UserError: a list that is not valid JSON, or not in its encoding.
    """
    first = next((line for line in lines() if line.strip()), "")
    if first.lstrip().startswith("["):
        yield from _listed_records(path, "".join(lines()))
        return
    for number, line in enumerate(lines(), start=1):
        if line.strip():
            place = f"line {number}"
            fault = undecoded(line)
            yield Fault(place, "encoding", fault) if fault else _checked(place, line)


def _listed_records(path: Path, text: str) -> Iterator[Record | Fault]:
    if fault := undecoded(text):
        raise UserError(f"{path}: {fault}")
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid JSON ({error})") from None
    for number, entry in enumerate(entries, start=1):
        yield _object(f"row {number}", entry)


def _checked(place: str, line: str) -> Record | Fault:
    try:
        return _object(place, json.loads(line))
    except (ValueError, RecursionError) as error:
        return Fault(
            place, "not valid JSON", f"not valid JSON ({error}); expected JSON lines, an object in each"
        )


def _object(place: str, value: Any) -> Record | Fault:
    if isinstance(value, dict):
        return place, value
    return Fault(place, "no JSON object", f"got {type(value).__name__}; expected a JSON object")


def parquet_records(path: Path) -> Iterator[Record]:
    """The place and the values of each row of a Parquet file, some rows at a time.

    Raises:
        UserError: pyarrow is not installed, or the file is damaged.
    """
    parquet, error_of_arrow = _pyarrow(path)
    try:
        with parquet.ParquetFile(path.expanduser()) as file:
            number = 0
            for batch in file.iter_batches(_AT_ONCE):
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number}", row
    except (error_of_arrow, OSError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise UserError(f"{path}: not a whole Parquet file ({reason})") from None


def parquet_columns(path: Path) -> list[str]:
    """The names of the columns of a Parquet file.

    Raises:
        UserError: as of `parquet_records`.
    """
    parquet, error_of_arrow = _pyarrow(path)
    try:
        return [str(name) for name in parquet.read_schema(path.expanduser()).names]
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected a Parquet file") from None
    except (error_of_arrow, OSError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise UserError(f"{path}: not a whole Parquet file ({reason})") from None


def _pyarrow(path: Path) -> tuple[Any, type[Exception]]:
    try:
        return importlib.import_module("pyarrow.parquet"), importlib.import_module("pyarrow").ArrowException
    except ImportError:
        raise UserError(
            f"{path}: Parquet is read by pyarrow; install the extra: pip install 'recurrent-applications[{EXTRA}]'"
        ) from None
