"""Tables of values over time as data frames that know where each of their rows stands in its file."""

import io
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from common.data.packed_files import kind_of_file, read_unpacked
from common.data.sources import expanded
from common.errors import UserError
from common.series.table_files import KINDS, decoded
from common.text.delimited import Fault, Fields, delimited_records
from common.text.headers import missing_column
from common.text.tables import MISSING, TableFormat

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_GUESSED = (",", ";", "\t", "|", " ")
_LOOKED_AT = 200
_HEAD = 100_000
_MISSING = [*MISSING, ""]


@dataclass(frozen=True)
class Frame:
    """A table: columns of numbers, and of texts (str, "" where there is none), or what a data frame held.

    Attributes:
        name: of the file, for messages.
        data: its rows, the index counts from 0.
        noun: "line" or "row".
        numbers: the line of each row in its file (a header is line 1), or its number from 1.
        delimiter: of its fields; "" where it has none.
        left_out: how many rows could not be read, by reason.
    """

    name: str
    data: pd.DataFrame
    noun: str
    numbers: np.ndarray
    delimiter: str = ""
    left_out: dict[str, int] = field(default_factory=dict)

    def place(self, row: int) -> str:
        """Where a row stands, without the file's name."""
        return f"{self.noun} {self.numbers[row]}"

    def at(self, row: int) -> str:
        """Where a row stands."""
        return f"{self.name}, {self.place(row)}"

    def rows(self, chosen: np.ndarray) -> "Frame":
        """The rows of a mask or of indices."""
        data = self.data[chosen] if chosen.dtype == bool else self.data.iloc[chosen]
        return replace(self, data=data.reset_index(drop=True), numbers=self.numbers[chosen])

    def require_columns(self, names: Sequence[str], flag: str) -> None:
        """Raises UserError, with the columns that there are, unless all names are among them."""
        there = list(self.data.columns)
        for name in names:
            if name not in there:
                hint = missing_column(there, [name], self.delimiter)
                raise UserError(
                    f"{self.name}: no column {name!r} for {flag}; the columns are "
                    f"{', '.join(map(repr, there))}{hint}"
                )


def frame_of(data: pd.DataFrame, name: str) -> Frame:
    """A data frame as a table; an index that is no plain count becomes columns, and names become texts.

    Raises:
        UserError: it has no rows, or two columns of the same name.
    """
    if not isinstance(data.index, pd.RangeIndex) and not pd.api.types.is_integer_dtype(data.index):
        data = data.reset_index()
    data = data.set_axis([str(column) for column in data.columns], axis=1).reset_index(drop=True)
    if data.empty:
        raise UserError(f"{name}: no rows")
    _require_distinct(name, list(data.columns))
    return Frame(name, data, "row", np.arange(1, len(data) + 1))


def read_frame(
    file: str | Path | IO[Any],
    form: TableFormat,
    texts: Collection[str] = (),
    name: str = "",
    is_any_delimiter: bool = False,
) -> Frame:
    """A table of a file, or of an open one.

    A CSV, TSV or text file whose first line has nothing but numbers has no header: its columns are called "1", "2" and
    so on. In .txt, and in an open file, the delimiter is the one of comma, semicolon, tab, bar and blank that its first
    lines agree on.

    Args:
        file: its path, or an open file of text or bytes.
        form: how it is written.
        texts: columns that are read as text, be they numbers or not.
        name: of an open file, for messages.
        is_any_delimiter: whether a .csv or .tsv whose first line lacks its own delimiter may have another one.

    Raises:
        UserError: it cannot be read; one line names the file, and the line where that helps.
    """
    if isinstance(file, str | Path):
        path = expanded(file)
        name, kind = str(file), kind_of_file(path)
        if kind == ".parquet":
            return _read_parquet(path, name)
        if kind not in (*_DELIMITERS, ".txt") and form.delimiter is None:
            raise UserError(f"{name}: unknown kind of file; expected {KINDS}")
        content: Any = read_unpacked(path, name, KINDS)
    else:
        name, kind, content = name or str(getattr(file, "name", "the table")), "", file.read()
    text = content if isinstance(content, str) else decoded(content, name, form.encoding)
    text = text.removeprefix("\ufeff")
    usual = _DELIMITERS.get(kind)
    if is_any_delimiter and usual and usual not in next(filter(str.strip, _lines(text[:_HEAD])), ""):
        usual = None
    return _parse(text, name, form.separator or usual or _guessed_delimiter(text), form, texts)


def _parse(text: str, name: str, delimiter: str, form: TableFormat, texts: Collection[str]) -> Frame:
    records = delimited_records(lambda: io.StringIO(text, newline=""), delimiter)
    head = list(islice(records, _LOOKED_AT))
    first = next((record for record in head if not isinstance(record, Fault)), None)
    if first is None or not any(value.strip() for value in first[1]):
        raise UserError(f"{name}: the file is empty; expected a table with a time and numbers in its columns")
    has_header = not all(map(_is_number, first[1]))
    names = _names(first, name, has_header)
    sample = pd.DataFrame(_fields(head[has_header:], len(names)), columns=names, dtype=object)
    as_text = [one for one in names if one in texts or not _are_numbers(sample[one])]
    if '"' in text:
        whole = delimited_records(lambda: io.StringIO(text, newline=""), delimiter)
        lines, data, faults = _by_records(list(whole)[has_header:], names, as_text)
    else:
        lines, data, faults = _by_lines(text, delimiter, names, as_text, first[0] if has_header else 0)
    if faults and (form.strict or data.empty):
        raise UserError(f"{name}, {faults[0].place}: {faults[0].detail}")
    if data.empty:
        raise UserError(f"{name}: no rows below the header")
    data = data.set_axis([column or f"{number}" for number, column in enumerate(names, 1)], axis=1)
    unnamed = [number for number, column in enumerate(names, 1) if not column]
    data = data.drop(columns=[str(number) for number in unnamed if _is_idle(data[str(number)])])
    left_out = Counter(f"{fault.reason}, first in {name}, {faults[0].place}" for fault in faults)
    return Frame(name, data, "line", lines, delimiter, dict(left_out))


def _names(first: Fields, name: str, has_header: bool) -> list[str]:
    if not has_header:
        return [str(number) for number in range(1, len(first[1]) + 1)]
    names = [value.strip() for value in first[1]]
    stamp = next((value for value in names if looks_like_date(value)), None)
    if stamp is not None:
        raise UserError(
            f"{name}, line {first[0]}: {stamp!r} among the names of columns; expected a header line"
        )
    _require_distinct(name, [value for value in names if value])
    return names


def _require_distinct(name: str, columns: Sequence[str]) -> None:
    twice = next((column for column, count in Counter(columns).items() if count > 1), None)
    if twice is not None:
        raise UserError(f"{name}: two columns are called {twice!r}; expected different names")


def _by_records(
    records: Sequence[Fields | Fault], names: Sequence[str], as_text: Collection[str]
) -> tuple[np.ndarray, pd.DataFrame, list[Fault]]:
    faults: list[Fault] = []
    rows: list[Fields] = []
    for record in records:
        if isinstance(record, Fault):
            faults.append(record)
        elif len(record[1]) != len(names):
            faults.append(_ragged(*record, len(names)))
        else:
            rows.append(record)
    data = pd.DataFrame([values for _, values in rows], columns=range(len(names)), dtype=object)
    for number, name in enumerate(names):
        if name not in as_text:
            numbers = pd.to_numeric(data[number], errors="coerce").astype(float)
            is_missing = data[number][numbers.isna()].str.strip().isin(_MISSING)
            data[number] = numbers if is_missing.all() else data[number]
    return np.array([line for line, _ in rows], np.int64), data, faults


def _by_lines(
    text: str, delimiter: str, names: Sequence[str], as_text: Collection[str], header: int
) -> tuple[np.ndarray, pd.DataFrame, list[Fault]]:
    """The rows of a text without quotes, where every line is a record, by the fast reader of pandas."""
    numbered = [
        (number, line) for number, line in enumerate(_lines(text), 1) if number > header and line.strip()
    ]
    wanted = len(names) - 1
    faults = [
        _ragged(number, line.split(delimiter), len(names))
        for number, line in numbered
        if line.count(delimiter) != wanted
    ]
    if faults:
        numbered = [(number, line) for number, line in numbered if line.count(delimiter) == wanted]
    columns = range(len(names))
    if not numbered:
        return np.zeros(0, np.int64), pd.DataFrame(columns=columns), faults
    data = pd.read_csv(
        io.StringIO("\n".join(line for _, line in numbered)),
        sep=delimiter,
        header=None,
        names=columns,
        index_col=False,
        dtype={number: str for number, name in enumerate(names) if name in as_text},
        keep_default_na=False,
        na_values={number: _MISSING for number, name in enumerate(names) if name not in as_text},
        skip_blank_lines=False,
        skipinitialspace=True,
        low_memory=False,
        quoting=3,
    )
    return np.array([number for number, _ in numbered], np.int64), data, faults


def _lines(text: str) -> Iterator[str]:
    return (line.rstrip("\r") for line in text.replace("\r\n", "\n").split("\n"))


def _ragged(line: int, values: Sequence[str], expected: int) -> Fault:
    few_or_many = "few" if len(values) < expected else "many"
    detail = f"{len(values)} fields; expected {expected} as in the first line"
    return Fault(f"line {line}", f"too {few_or_many} fields", detail)


def _fields(records: Sequence[Fields | Fault], count: int) -> list[list[str]]:
    return [one[1] for one in records if not isinstance(one, Fault) and len(one[1]) == count]


def _guessed_delimiter(text: str) -> str:
    lines = [line for line in islice(_lines(text[:_HEAD]), 20) if line.strip()][:10]
    for delimiter in _GUESSED:
        counts = {line.count(delimiter) for line in lines}
        if len(counts) == 1 and counts != {0}:
            return delimiter
    return ","


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.strip() in _MISSING
    return True


def _are_numbers(column: pd.Series) -> bool:
    return all(map(_is_number, column))


def _is_idle(column: pd.Series) -> bool:
    """Whether a column without a name holds a count of the rows, or nothing."""
    if not pd.api.types.is_numeric_dtype(column):
        return bool((column == "").all())
    steps = column.diff().iloc[1:]
    return bool(column.isna().all() or (len(column) > 1 and column.iloc[0] in (0, 1) and (steps == 1).all()))


def looks_like_date(text: str) -> bool:
    """Whether a text has a date of year, month and day in front."""
    parts = text.strip().replace("/", "-").replace(".", "-").split("T")[0].split(" ")[0].split("-")
    is_of_digits = len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts)
    return is_of_digits and (len(parts[0]) == 4 or len(parts[2]) in (2, 4)) and len(parts[1]) <= 2


def _read_parquet(path: Path, name: str) -> Frame:
    try:
        data = pd.read_parquet(path)
    except ImportError:
        raise UserError(
            f"{name}: Parquet is read by pyarrow; install the extra: pip install 'recurrent-applications[parquet]'"
        ) from None
    except FileNotFoundError:
        raise UserError(f"{name}: no such file; expected {KINDS}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{name}: not a whole Parquet file ({' '.join(str(error).split())})") from None
    return frame_of(data, name)
