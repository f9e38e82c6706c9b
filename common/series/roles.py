"""What each column of a table is: the time, the series, a target, known before or only in the past."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from common.errors import FlagError, UserError
from common.series.collection import Columns
from common.series.frames import Frame
from common.series.time_columns import USUAL_NAMES, find_time_column
from common.text.headers import missing_column
from common.text.tables import MISSING

SERIES_NAMES = ("unique_id", "series", "series_id", "item_id")
_TRUTH = {"True": "1", "False": "0", "true": "1", "false": "0", "TRUE": "1", "FALSE": "0"}
_SEPARATOR = r"(?<=\d)[,.](?=\d)"


@dataclass(frozen=True)
class Roles:
    """Names of columns.

    Attributes:
        time: "" where there is none.
        series: "" where there is none.
        columns: of numbers.
        is_packed: whether each cell of these holds all numbers of a series, with blanks between.
        notes: what was left out, in words.
    """

    time: str
    series: str
    columns: Columns
    is_packed: bool
    notes: tuple[str, ...] = ()


def roles_of(
    frame: Frame,
    time: str | None,
    series: str | None,
    targets: Sequence[str],
    past: Sequence[str],
    known: Sequence[str],
) -> Roles:
    """What each column is: as it is named, and else as it looks.

    Args:
        frame: the table.
        time: the column of the times; else the first that reads as such.
        series: the column of the series' names; else one of a usual name.
        targets: columns that are forecast; else all of numbers that are nothing else.
        past: columns that are known up to the forecast's origin.
        known: columns that are known in the future, too.

    Raises:
        UserError: a column that is not there, or is text where numbers are expected.
    """
    for names, flag in (
        ([time] if time else [], "--time-column"),
        ([series] if series else [], "--series-column"),
        (targets, "--target-columns"),
        (past, "--past-columns"),
        (known, "--known-columns"),
    ):
        frame.require_columns(names, flag)
    named = {*targets, *past, *known}
    there = [name for name in frame.data.columns if name not in named]
    series = series or next((name for name in there if name.casefold() in SERIES_NAMES and name != time), "")
    is_packed = not time and any(
        map(_is_packed, (frame.data[name] for name in targets or there if name != series))
    )
    time = time or ("" if is_packed else find_time_column(frame))
    if time in named:
        time = ""
    for names, flag in ((past, "--past-columns"), (known, "--known-columns")):
        for name in names:
            require_numbers(frame, name, flag, is_packed)
    rest = [name for name in there if name not in (time, series)]
    chosen, notes = (
        (tuple(targets), ()) if targets else columns_of_numbers(frame, rest, "to forecast", is_packed)
    )
    return Roles(time, series, Columns(chosen, tuple(past), tuple(known)), is_packed, notes)


def series_in(frame: Frame, column: str) -> tuple[np.ndarray, list[str]]:
    """The series of a table by the column that names them.

    Returns:
        The index of each row's series `[rows]`, int64, and their names in the order of their first rows.

    Raises:
        UserError: naming the first row without a name.
    """
    cells = frame.data[column]
    wrong = np.flatnonzero((cells.isna() | (cells.astype(str).str.strip() == "")).to_numpy(bool))
    if len(wrong):
        raise UserError(f"{frame.at(int(wrong[0]))}: series column {column!r} is empty; expected a name")
    codes, names = pd.factorize(cells.astype(str).str.strip())
    return np.asarray(codes, np.int64), [str(name) for name in names]


def require_one_flag_each(flags: Iterable[tuple[str, Iterable[str | None]]]) -> None:
    """Raises FlagError if a column is named by two flags, or twice by one.

    Args:
        flags: each with the columns that it names; None is none.
    """
    named: dict[str, str] = {}
    for flag, names in flags:
        for name in filter(None, names):
            if name in named:
                again = "twice" if named[name] == flag else f"by {named[name]}, too"
                raise FlagError(f"{flag} {name}: the column is named {again}; expected it once")
            named[name] = flag


def numbers_of(frame: Frame, column: str, kind: str) -> np.ndarray:
    """The numbers of a column `[rows]`, float64, NaN where there is none.

    Args:
        frame: the table.
        column: its name.
        kind: "target", "past", "known" or the like, for messages.

    Raises:
        UserError: naming the first cell that is no number, or is infinite.
    """
    numbers = as_numbers(frame.data[column])
    wrong = np.flatnonzero(np.isnan(numbers) & is_there(frame.data[column]))
    if len(wrong):
        row = int(wrong[0])
        raise _no_number(frame.at(row), str(frame.data[column].iloc[row]), column, kind)
    require_finite(frame, numbers, column, kind)
    return numbers


def kinds_of(columns: Columns) -> list[tuple[str, str]]:
    """The columns of numbers, targets, past and known, each with its kind for messages before its name."""
    kinds = (("target", columns.targets), ("past", columns.past), ("known", columns.known))
    return [(kind, name) for kind, names in kinds for name in names]


def unpacked(frame: Frame, columns: Columns) -> tuple[Frame, np.ndarray, np.ndarray]:
    """The table with a row for each number of its packed columns, which it no longer has, and these numbers.

    Returns:
        The table, the row of each of its rows in the packed one `[steps]`, and float64 `[steps, columns]`.

    Raises:
        UserError: naming the first cell that has no number, or not as many as its neighbours.
    """
    pairs = kinds_of(columns)
    cells = [[_numbers_in(frame, row, name, kind) for row in range(len(frame.data))] for kind, name in pairs]
    lengths = [len(numbers) for numbers in cells[0]]
    for (_, name), column in zip(pairs, cells, strict=True):
        for row, numbers in enumerate(column):
            if len(numbers) != lengths[row]:
                raise UserError(
                    f"{frame.at(row)}: {len(numbers)} numbers in {name!r}, but {lengths[row]} in {pairs[0][1]!r}; "
                    "expected as many"
                )
    rows = np.repeat(np.arange(len(lengths)), lengths)
    others = frame.data.drop(columns=[name for _, name in pairs])
    whole = replace(frame, data=others).rows(rows)
    values = np.stack([np.concatenate(numbers) for numbers in cells], axis=1)
    for index, (kind, name) in enumerate(pairs):
        require_finite(whole, values[:, index], name, kind)
    return whole, rows, values


def require_finite(frame: Frame, numbers: np.ndarray, column: str, kind: str) -> None:
    """Raises UserError, naming the row, if a number is infinite as a float32."""
    wrong = np.flatnonzero(np.abs(numbers) > np.finfo(np.float32).max)
    if len(wrong):
        row = int(wrong[0])
        raise UserError(
            f"{frame.at(row)}: {numbers[row]:g} in {kind} column {column!r} is infinite, or too large for a float32; "
            "leave the cells of missing values empty"
        )


def columns_of_numbers(
    frame: Frame, names: Sequence[str], purpose: str, is_packed: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those of some columns that hold numbers and no stray times, and in words which are not used.

    Args:
        frame: the table.
        names: of the columns.
        purpose: what numbers are wanted for, for the message, such as "to forecast".
        is_packed: whether each cell holds all numbers of a series.

    Raises:
        UserError: there are none.
    """
    targets: list[str] = []
    texts: list[str] = []
    for name in names:
        cells = frame.data[name]
        is_stray_time = name.casefold() in USUAL_NAMES
        is_target = _is_packed(cells) if is_packed else not is_stray_time and has_numbers(cells)
        (targets if is_target else texts).append(name)
    if not targets:
        raise UserError(
            f"{frame.name}: no column of numbers {purpose}; the columns are "
            f"{', '.join(map(repr, frame.data.columns))}{missing_column(names, [], frame.delimiter)}"
        )
    notes = [
        f"no {'times' if name.casefold() in USUAL_NAMES else 'numbers'} in column {name}: it is not used"
        for name in texts
    ]
    return tuple(targets), tuple(notes)


def require_numbers(frame: Frame, name: str, flag: str, is_packed: bool = False) -> None:
    """Raises UserError if the column that a flag names is one of text."""
    cells = frame.data[name]
    if _is_packed(cells) if is_packed else has_numbers(cells):
        return
    row = int(np.argmax(is_there(cells)))
    raise UserError(
        f"{frame.at(row)}: {flag} {name} is text ({str(cells.iloc[row])!r}); expected numbers, such as a column of 0 "
        "and 1 for each of its values"
    )


def _numbers_in(frame: Frame, row: int, column: str, kind: str) -> np.ndarray:
    cell = frame.data[column].iloc[row]
    words = str(cell).split() if isinstance(cell, str) else []
    if not words:
        raise UserError(
            f"{frame.at(row)}: {kind} column {column!r} is empty; expected numbers with blanks between"
        )
    try:
        return np.array(words, float)
    except ValueError:
        wrong = next(word for word in words if np.isnan(_number(word)) and word not in MISSING)
        raise _no_number(frame.at(row), wrong, column, kind) from None


def _no_number(place: str, cell: str, column: str, kind: str) -> UserError:
    has_commas = "," in cell and not np.isnan(_number(cell.replace(",", "").replace(".", "")))
    expected = "a decimal point and no comma" if has_commas else "numbers, and empty cells for missing values"
    return UserError(f"{place}: {cell!r} in {kind} column {column!r} is no number; expected {expected}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def as_numbers(cells: pd.Series) -> np.ndarray:
    """The cells as float64 `[rows]`, true as 1 and false as 0; NaN where there is no number."""
    if not pd.api.types.is_numeric_dtype(cells.dtype):
        cells = pd.to_numeric(cells.replace(_TRUTH), errors="coerce")
    return np.asarray(cells.astype("Float64").to_numpy(float, na_value=np.nan))


def is_there(cells: pd.Series) -> np.ndarray:
    """Whether each cell has something in it."""
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return np.asarray(cells.notna())
    texts = cells.astype(str).str.strip()
    return np.asarray(cells.notna() & (texts != "") & ~texts.isin(list(MISSING)), bool)


def has_numbers(cells: pd.Series) -> bool:
    """Whether a column is one of numbers, be a few of its cells something else."""
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        return False
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return True
    there = is_there(cells)
    plain = cells.astype(str).str.replace(_SEPARATOR, "", regex=True)
    return bool(2 * np.count_nonzero(~np.isnan(as_numbers(plain)) & there) > np.count_nonzero(there))


def _is_packed(cells: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return False
    first = next((cell for cell in cells if isinstance(cell, str) and cell.strip()), "")
    words = first.split()
    return len(words) > 1 and not any(np.isnan(_number(word)) and word not in MISSING for word in words)
