"""What each column of a table of readings is: the time, the series, a sensor, a label, the life that is left."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from common.errors import UserError
from common.series.frames import Frame
from common.series.roles import (
    SERIES_NAMES,
    as_numbers,
    columns_of_numbers,
    is_there,
    require_numbers,
)
from common.series.time_columns import USUAL_NAMES, find_time_column, is_stamp

MACHINES = (
    *SERIES_NAMES,
    "machine",
    "machine_id",
    "unit",
    "unit_id",
    "engine",
    "device",
    "device_id",
    "file",
)
"""What columns are called that name the series of a row."""
LABELS = (
    "anomaly",
    "is_anomaly",
    "anomalous",
    "is_anomalous",
    "label",
    "outlier",
    "is_outlier",
    "fault",
    "is_fault",
)
REMAINING = ("rul", "remaining", "remaining_life", "remaining_useful_life", "ttf")
COUNTS = ("cycle", "cycles", "time_in_cycles", "time_cycles", "time_step", "timestep")
"""What columns are called that count the rows of a series."""

# They tell where an anomaly begins and ends, which the label does as well.
_OF_LABELS = ("changepoint", "change_point")
# Smaller numbers are no seconds since 1970.
_FIRST_INSTANT = 1e8


@dataclass(frozen=True)
class NamedColumns:
    """The columns that flags name; None and () where they name none."""

    time: str | None = None
    series: str | None = None
    sensors: tuple[str, ...] = ()
    label: str | None = None
    remaining: str | None = None


@dataclass(frozen=True)
class ReadingRoles:
    """Names of columns; "" where there is none.

    Attributes:
        time: of the times.
        series: that names the series of each row.
        label: whether a row is anomalous.
        remaining: the life that is left after each row.
        sensors: of the numbers that are read.
        is_counted: whether times are whole numbers of rows or cycles, or there are none.
        notes: what was left out, in words.
    """

    time: str
    series: str
    label: str
    remaining: str
    sensors: tuple[str, ...]
    is_counted: bool
    notes: tuple[str, ...] = ()


def reading_roles(frame: Frame, named: NamedColumns) -> ReadingRoles:
    """What each column is: as it is named, and else as it looks.

    Args:
        frame: the table.
        named: columns by their flags.

    Raises:
        UserError: a column that is not there, is text where numbers are expected, or no sensor is left.
    """
    for names, flag in (
        ([named.time], "--time-column"),
        ([named.series], "--series-column"),
        (named.sensors, "--sensor-columns"),
        ([named.label], "--label-column"),
        ([named.remaining], "--remaining-column"),
    ):
        frame.require_columns([name for name in names if name], flag)
    taken = {*named.sensors, named.time, named.series, named.label, named.remaining}
    there = [str(name) for name in frame.data.columns if name not in taken]
    series = named.series or _called(there, MACHINES)
    label = named.label or _called(there, LABELS)
    if label and label != named.label and not _has_labels(frame.data[label]):
        label = ""
    remaining = named.remaining or _called(there, REMAINING)
    there = [name for name in there if name not in (series, label, remaining)]
    time = named.time or _time_column(frame, there)
    there = [name for name in there if name != time and name.casefold() not in (*LABELS, *_OF_LABELS)]
    for name in named.sensors:
        require_numbers(frame, name, "--sensor-columns")
    sensors, notes = (
        (named.sensors, ()) if named.sensors else columns_of_numbers(frame, there, "that a sensor gave")
    )
    is_counted = not time or _is_count(frame.data[time])
    return ReadingRoles(time, series, label, remaining, sensors, is_counted, notes)


def labels_in(frame: Frame, column: str) -> np.ndarray:
    """Whether each row is labelled anomalous, bool `[rows]`.

    Raises:
        UserError: naming the first cell that is no label.
    """
    numbers = as_numbers(frame.data[column])
    wrong = np.flatnonzero(~np.isin(numbers, (0, 1)))
    if len(wrong):
        row = int(wrong[0])
        cell = frame.data[column].iloc[row]
        said = f"{str(cell)!r} in label column {column!r}"
        if pd.isna(cell) or str(cell).strip() == "":
            said = f"label column {column!r} is empty"
        raise UserError(f"{frame.at(row)}: {said}; expected 0 or 1, or true or false")
    return np.asarray(numbers == 1)


def _called(names: Sequence[str], usual: Sequence[str]) -> str:
    """The first of the columns that has the first usual name that any has; "" if none has one."""
    by_name = {name.casefold(): name for name in reversed(names)}
    return next((by_name[one] for one in usual if one in by_name), "")


def _has_labels(cells: pd.Series) -> bool:
    """Whether a column may be one of labels, be a few of its cells something else."""
    there = is_there(cells)
    are_labels = np.isin(as_numbers(cells), (0, 1))
    return bool(pd.api.types.is_numeric_dtype(cells.dtype) or (are_labels & there).any())


def _time_column(frame: Frame, names: Sequence[str]) -> str:
    found = find_time_column(replace(frame, data=frame.data[list(names)]))
    others = (name for name in names if _is_other_time(frame.data[name]))
    return found or next(others, "")


def _is_other_time(cells: pd.Series) -> bool:
    """Whether a column of a usual name counts rows, or holds seconds since 1970 with fractions."""
    name = str(cells.name).casefold()
    if name not in (*COUNTS, *USUAL_NAMES) or not pd.api.types.is_numeric_dtype(cells.dtype):
        return False
    there = cells.dropna()
    is_instant = len(there) > 0 and there.iloc[0] >= _FIRST_INSTANT and is_stamp(there.iloc[0])
    return bool(is_instant) or _is_count(cells)


def _is_count(cells: pd.Series) -> bool:
    """Whether a column of times holds whole numbers that are no years, days or seconds since 1970."""
    if not pd.api.types.is_numeric_dtype(cells.dtype) or pd.api.types.is_bool_dtype(cells.dtype):
        return False
    numbers = as_numbers(cells)
    is_whole = len(numbers) > 0 and bool((numbers % 1 == 0).all())
    return is_whole and (str(cells.name).casefold() in COUNTS or not is_stamp(numbers[0]))
