"""Reads the readings of sensors from a table: rows as they come, on no grid, of one series or of many."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from common.data.sources import SAMPLE
from common.errors import FlagError, UserError
from common.series.frames import Frame, frame_of, read_frame
from common.series.grid import places_of_series
from common.series.reading_roles import MACHINES, NamedColumns, ReadingRoles, labels_in, reading_roles
from common.series.readings import Readings, Recording, windows_of
from common.series.roles import as_numbers, numbers_of, require_one_flag_each, series_in
from common.series.time_formats import require_order_of_day_and_month
from common.series.times import MICROSECONDS, read_times
from common.text.tables import TableFormat

_Place = tuple[str, np.ndarray]
"""The name of a series and its rows in the table."""

# Where clocks are set back by up to an hour, now and then, rows are in order all the same.
_SET_BACK, _ROWS_PER_SETTING = 3600, 1000
# Times without an offset are taken as they stand, and those with offsets become instants.
_ZONE = "UTC"


@dataclass(frozen=True)
class ReadingSource:
    """Where the readings of sensors come from."""

    data: str = SAMPLE
    """`sample` (made), a table: CSV, TSV or text (.gz, .xz, .bz2 and .zip too), or Parquet; or a folder of such: a file
    for each part (train.csv, val.csv, test.csv), or a file for each series, in folders train, val and test or in any.
    The layouts of NAB (a folder of categories with combined_windows.json), SKAB and C-MAPSS (train_FD001.txt,
    test_FD001.txt, RUL_FD001.txt) are read as they are."""
    time_column: str | None = None
    """Column of the times; unless given, the first that reads as times, one named time, date, ds, datetime, timestamp
    or index before others. Whole numbers as those of a column cycle count rows. A table without times counts its
    rows."""
    sensor_columns: tuple[str, ...] = ()
    """Columns of the sensors; unless given, all columns of numbers that are nothing else. In C-MAPSS's text
    files, which have no header, they are called s1, s2 and so on."""
    series_column: str | None = None
    """Column that names the machine or series of a row, where one table holds several; unless given, unique_id, series,
    series_id, item_id, machine, unit, engine, device or file if there is one."""
    label_column: str | None = None
    """Column that says by 1 or true which rows are anomalous; unless given, anomaly, is_anomaly, label, outlier or
    fault if there is one. Labels are measured by and never learnt from, but training leaves out what they mark."""
    remaining_column: str | None = None
    """Column of the rows that a machine has left before it fails, of which each series' last one counts; unless given,
    rul, remaining, remaining_life or ttf if there is one."""
    windows: Path | None = None
    """JSON file of the labelled windows of each file or series, as NAB's combined_windows.json, which is found by
    itself in the folder of the data, in one above it, or in labels beside it."""
    time_format: str | None = None
    """How times are written, as in Python's strptime, such as %d/%m/%Y %H:%M; unless given, ISO 8601 and what cannot be
    mistaken. Times without an offset are taken as UTC."""
    table: TableFormat = field(default_factory=TableFormat)
    """How files are written."""

    def __post_init__(self) -> None:
        require_one_flag_each(
            (
                ("--time-column", (self.time_column,)),
                ("--series-column", (self.series_column,)),
                ("--label-column", (self.label_column,)),
                ("--remaining-column", (self.remaining_column,)),
                ("--sensor-columns", self.sensor_columns),
            )
        )
        if self.label_column is not None and self.windows is not None:
            raise FlagError(f"--windows {self.windows}: labels are in --label-column; expected one of them")

    @property
    def columns(self) -> NamedColumns:
        """The columns by their flags."""
        return NamedColumns(
            self.time_column,
            self.series_column,
            self.sensor_columns,
            self.label_column,
            self.remaining_column,
        )


def read_readings(file: str | Path | IO[Any], source: ReadingSource, name: str = "") -> Readings:
    """The readings in a table of a file.

    Args:
        file: its path, or an open file of text or bytes.
        source: the flags; `data` and `windows` are not looked at.
        name: of an open file, for messages.

    Raises:
        UserError: in one line: the file, the row (a header is line 1), what is wrong with it and what was expected.

    Example:
        >>> import io
        >>> table = io.StringIO("time,machine,heat,anomaly\\n2024-05-01,a,3,0\\n2024-05-02,a,9,1\\n2024-05-01,b,,0\\n")
        >>> readings = read_readings(table, ReadingSource(), "pumps.csv")
        >>> readings.describe()
        'pumps.csv: 2 series of 3 rows, 1 sensor, 1 labelled window, 33.3% of the values missing'
        >>> readings.recordings[0].windows.tolist()
        [[1, 1]]
    """
    return readings_in(read_frame(file, source.table, texts_of(source), name, is_any_delimiter=True), source)


def readings_of(data: pd.DataFrame, source: ReadingSource, name: str = "the data frame") -> Readings:
    """The readings in a data frame, whose index may hold the times.

    Raises:
        UserError: as of `read_readings`; rows count from 1.
    """
    return readings_in(frame_of(data, name), source)


def texts_of(source: ReadingSource) -> set[str]:
    """Columns whose cells are texts, be they numbers or not."""
    time = source.time_column if source.time_format else None
    return {*MACHINES, *filter(None, (source.series_column, time))}


def readings_in(frame: Frame, source: ReadingSource) -> Readings:
    """The readings in a table.

    Raises:
        UserError: as of `read_readings`.
    """
    roles = reading_roles(frame, source.columns)
    codes, names = series_in(frame, roles.series) if roles.series else (_one_series(frame), [""])
    values = np.stack([numbers_of(frame, name, "sensor") for name in roles.sensors], axis=1)
    if np.isnan(values).all():
        raise UserError(f"{frame.name}: no number in {_listed(roles.sensors)}; expected readings of sensors")
    labels = labels_in(frame, roles.label) if roles.label else np.zeros(len(codes), bool)
    order = np.argsort(codes, kind="stable")
    places = [order[place] for place in places_of_series(codes[order])]
    times, notes = _times(
        frame, roles, source.time_format, [(names[codes[rows[0]]], rows) for rows in places]
    )
    remaining = numbers_of(frame, roles.remaining, "remaining life") if roles.remaining else None
    recordings = [
        Recording(
            names[codes[rows[0]]],
            times[rows],
            values[rows].astype(np.float32),
            windows_of(labels[rows]),
            _last(frame, roles, remaining, rows),
        )
        for rows in places
    ]
    notes = [*roles.notes, *notes]
    is_labelled = bool(roles.label)
    return Readings(
        frame.name, recordings, roles.sensors, is_labelled, frame.left_out, notes, roles.is_counted
    )


def note_repetitions(readings: Readings) -> Readings:
    """The readings with a note of how many rows have the time of the row before."""
    repeated = sum(int(np.count_nonzero(np.diff(one.times) == 0)) for one in readings.recordings)
    note = f"rows at the time of the row before: {repeated:,}"
    return replace(readings, notes=[*readings.notes, note]) if repeated else readings


def _one_series(frame: Frame) -> np.ndarray:
    return np.zeros(len(frame.data), np.int64)


def _times(
    frame: Frame, roles: ReadingRoles, form: str | None, places: Sequence[_Place]
) -> tuple[np.ndarray, list[str]]:
    """The times of the rows `[rows]`, int64, ascending in each series, and notes on them."""
    if not roles.time:
        times = np.zeros(len(frame.data), np.int64)
        for _, rows in places:
            times[rows] = np.arange(len(rows))
        return times, ["no times in it: rows are counted"]
    if roles.is_counted:
        times = as_numbers(frame.data[roles.time]).astype(np.int64)
        for name, rows in places:
            backwards = np.flatnonzero(np.diff(times[rows]) < 0)
            if len(backwards):
                raise _backwards(frame, roles, name, rows, int(backwards[0]))
        return times, []
    stamps = read_times(_in_whole_seconds(frame, roles.time), roles.time, form, _ZONE, utc=True)
    if form is None:
        codes = np.zeros(len(frame.data), np.int64)
        for code, (_, rows) in enumerate(places):
            codes[rows] = code
        require_order_of_day_and_month(frame, roles.time, codes, stamps.wall)
    times = stamps.wall if stamps.instants is None else stamps.instants
    return _after_clocks_set_back(frame, roles, times // MICROSECONDS, places)


def _after_clocks_set_back(
    frame: Frame, roles: ReadingRoles, times: np.ndarray, places: Sequence[_Place]
) -> tuple[np.ndarray, list[str]]:
    """Times that never go backwards: the rows of an hour that a clock repeats are held at the latest time before.

    Raises:
        UserError: they go backwards by more, or more than now and then.
    """
    held = times.copy()
    for name, rows in places:
        steps = np.diff(times[rows])
        backwards = np.flatnonzero(steps < 0)
        too_far = backwards[steps[backwards] < -_SET_BACK]
        if len(too_far) or len(backwards) > 1 + len(rows) // _ROWS_PER_SETTING:
            raise _backwards(frame, roles, name, rows, int(too_far[0] if len(too_far) else backwards[0]))
        held[rows] = np.maximum.accumulate(times[rows])
    count = int(np.count_nonzero(held != times))
    return held, [f"rows of a clock set back, held at the time before: {count:,}"] if count else []


def _in_whole_seconds(frame: Frame, column: str) -> Frame:
    """The table with the fractions cut of times that are seconds since 1970."""
    cells = frame.data[column]
    if not pd.api.types.is_float_dtype(cells.dtype):
        return frame
    return replace(frame, data=frame.data.assign(**{column: np.floor(cells)}))


def _backwards(frame: Frame, roles: ReadingRoles, name: str, rows: np.ndarray, step: int) -> UserError:
    """That the time of a series' row is before the one above it."""
    cells, earlier, later = frame.data[roles.time], int(rows[step]), int(rows[step + 1])
    series = f" of series {name!r}" if name else ""
    advice = "" if series else ", or a --series-column"
    return UserError(
        f"{frame.at(later)}: time {cells.iloc[later]}{series} is before {cells.iloc[earlier]} in "
        f"{frame.place(earlier)}; expected rows in the order of their times{advice}"
    )


def _last(frame: Frame, roles: ReadingRoles, remaining: np.ndarray | None, rows: np.ndarray) -> float | None:
    """The life that is left after the last of a series' rows."""
    if remaining is None or np.isnan(remaining[rows[-1]]):
        return None
    left = float(remaining[rows[-1]])
    if left < 0:
        raise UserError(
            f"{frame.at(int(rows[-1]))}: {left:g} in remaining life column {roles.remaining!r}; expected 0 or more"
        )
    return left


def _listed(names: Collection[str]) -> str:
    return f"column{'' if len(names) == 1 else 's'} {', '.join(names)}"
