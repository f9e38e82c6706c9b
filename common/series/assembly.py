"""The rows of a table become series: sorted, one row for every step, and looked at for what cannot be forecast."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from common.cli import warn
from common.errors import UserError
from common.series.collection import Columns, Series, SeriesCollection
from common.series.frames import Frame
from common.series.frequency import DAY, Frequency
from common.series.grid import Grid, averages, change_of_step, grid_of, inferred_frequency, places_of_series
from common.series.roles import Roles, kinds_of, numbers_of, series_in, unpacked
from common.series.time_formats import require_order_of_day_and_month
from common.series.times import MICROSECONDS, instants_of, read_times

_A_DAY = Frequency(DAY)
_WEEKEND = "on week-ends"
_SERIES_NAMED = 3


@dataclass(frozen=True)
class Clock:
    """What was said of the times.

    Attributes:
        frequency: the step; None where it follows from the times.
        time_format: of their cells.
        zone: whose hours count.
        utc: whether times without an offset are in UTC.
    """

    frequency: Frequency | None = None
    time_format: str | None = None
    zone: str | None = None
    utc: bool = False


@dataclass(frozen=True)
class _Rows:
    """Rows of numbers `[rows, columns]` (targets, past, known), each of a series, in the order of the series."""

    frame: Frame
    codes: np.ndarray
    names: list[str]
    values: np.ndarray

    def ordered(self, order: np.ndarray) -> "_Rows":
        return _Rows(self.frame.rows(order), self.codes[order], self.names, self.values[order])

    def label(self, row: int) -> str:
        """The series of a row, for messages."""
        name = self.names[self.codes[row]]
        return f" of series {name!r}" if name else ""


def assembled(frame: Frame, roles: Roles, clock: Clock) -> SeriesCollection:
    """The series of a table.

    Args:
        frame: the table.
        roles: what its columns are.
        clock: what was said of its times.

    Raises:
        UserError: naming the row with which something is wrong.
    """
    rows = _rows_of(frame, roles)
    columns, notes = roles.columns, list(roles.notes)
    left_out = Counter(frame.left_out)
    if roles.time:
        frequency, stamps, offset, rows = _timed(rows, roles.time, clock)
        if frequency.unit == "business day":
            is_workday = (stamps // DAY + 3) % 7 < 5
            left_out[_WEEKEND] = int(np.count_nonzero(~is_workday))
            stamps, rows = stamps[is_workday], rows.ordered(np.flatnonzero(is_workday))
        places = places_of_series(rows.codes)
        grids = [_grid(rows, place, stamps[place], frequency, offset, clock) for place in places]
        averaged = sum(len(grid.slots) - (grid.steps - grid.empty) for grid in grids)
        notes += [f"rows of shorter steps averaged: {averaged:,} more than steps"] if averaged else []
    else:
        frequency = clock.frequency or _A_DAY
        places = places_of_series(rows.codes)
        grids = [_counted(place.stop - place.start, frequency) for place in places]
        notes.append(f"no times in it: steps of {frequency.name} from 1970-01-01 on (--frequency)")
    series = [
        _series(rows.names[rows.codes[place.start]], rows.values[place], grid, columns)
        for place, grid in zip(places, grids, strict=True)
    ]
    collection = SeriesCollection(frame.name, series, columns, frequency, left_out, notes)
    _require_values(collection)
    _require_no_leak(collection)
    _warn_of_constants(collection)
    return collection


def _rows_of(frame: Frame, roles: Roles) -> _Rows:
    codes, names = _codes(frame, roles)
    if roles.is_packed:
        _require_one_row_each(frame, codes, names)
        whole, rows, values = unpacked(frame, roles.columns)
        return _Rows(whole, codes[rows], names, values)
    values = np.stack([numbers_of(frame, name, kind) for kind, name in kinds_of(roles.columns)], axis=1)
    return _Rows(frame, codes, names, values).ordered(np.argsort(codes, kind="stable"))


def _codes(frame: Frame, roles: Roles) -> tuple[np.ndarray, list[str]]:
    count = len(frame.data)
    if roles.series:
        return series_in(frame, roles.series)
    if roles.is_packed and count > 1:
        return np.arange(count), [str(number) for number in range(1, count + 1)]
    return np.zeros(count, np.int64), [""]


def _require_one_row_each(frame: Frame, codes: np.ndarray, names: list[str]) -> None:
    _, first, counts = np.unique(codes, return_index=True, return_counts=True)
    if (counts > 1).any():
        code = int(np.argmax(counts > 1))
        second = int(np.flatnonzero(codes == code)[1])
        raise UserError(
            f"{frame.at(second)}: series {names[code]!r} is in {frame.place(int(first[code]))} already; expected a row "
            "for each series"
        )


def _timed(rows: _Rows, column: str, clock: Clock) -> tuple[Frequency, np.ndarray, int, _Rows]:
    """The step, Unix seconds `[rows]` in ascending order in each series, the wall's offset from them, and the rows."""
    times = read_times(rows.frame, column, clock.time_format, clock.zone, clock.utc)
    if clock.time_format is None:
        require_order_of_day_and_month(rows.frame, column, rows.codes, times.wall)
    ordered = np.lexsort((times.wall, rows.codes))
    ascending = times.wall[ordered]
    walls = [ascending[place] for place in places_of_series(rows.codes)]
    frequency = clock.frequency or _inferred(rows, walls)
    if frequency is None:
        _require_distinct_times(rows.ordered(ordered), column, ascending)
        raise UserError(f"{rows.frame.name}: no two times in a series; give the step by --frequency")
    stamps = times.wall
    if not frequency.is_of_days:
        stamps = instants_of(rows.frame, times, clock.zone)
    distinct = stamps if times.instants is None else times.instants
    order = np.lexsort((distinct, rows.codes))
    rows = rows.ordered(order)
    _require_distinct_times(rows, column, distinct[order])
    offset = int(times.wall[0] - stamps[0]) // MICROSECONDS
    return frequency, stamps[order] // MICROSECONDS, offset, rows


def _inferred(rows: _Rows, walls: list[np.ndarray]) -> Frequency | None:
    steps = np.concatenate([np.diff(wall) for wall in walls])
    steps = steps[steps > 0]
    if len(steps) and np.median(steps) < MICROSECONDS:
        raise UserError(
            f"{rows.frame.name}: steps of {np.median(steps) / MICROSECONDS:g} seconds; expected a second or longer: "
            "rows are averaged to --frequency s"
        )
    return inferred_frequency([wall // MICROSECONDS for wall in walls])


def _require_distinct_times(rows: _Rows, column: str, stamps: np.ndarray) -> None:
    twice = np.flatnonzero((np.diff(stamps) == 0) & (np.diff(rows.codes) == 0))
    if len(twice):
        row = int(twice[np.argmin(rows.frame.numbers[twice + 1])])
        first, second = sorted((row, row + 1), key=lambda one: int(rows.frame.numbers[one]))
        raise UserError(
            f"{rows.frame.at(second)}: time {rows.frame.data[column].iloc[second]}{rows.label(second)} is in "
            f"{rows.frame.place(first)} already; expected one row for each time"
            + ("" if rows.label(second) else ", or a --series-column")
        )


def _grid(
    rows: _Rows, place: slice, stamps: np.ndarray, frequency: Frequency, offset: int, clock: Clock
) -> Grid:
    grid = grid_of(stamps, frequency, offset)
    if clock.frequency is None:
        change = change_of_step(stamps if frequency.unit == "second" else grid.slots)
        if change is not None:
            row = place.start + change
            raise UserError(
                f"{rows.frame.at(row)}: the step{rows.label(row)} changes here, from {_step(stamps, change - 1)} to "
                f"{_step(stamps, change + 1)}; expected one step, or a longer one by --frequency"
            )
    if 2 * grid.empty > grid.steps:
        raise UserError(
            f"{rows.frame.name}: {grid.empty:,} of {grid.steps:,} steps of {frequency.name}"
            f"{rows.label(place.start)} have no row; expected half of them at least: give a longer --frequency"
        )
    return grid


def _step(stamps: np.ndarray, row: int) -> str:
    """What is between a row and the one before, in words."""
    return Frequency(int(stamps[row] - stamps[row - 1])).name


def _counted(steps: int, frequency: Frequency) -> Grid:
    return Grid(frequency, 0, 0, np.arange(steps))


def _series(name: str, values: np.ndarray, grid: Grid, columns: Columns) -> Series:
    placed = averages(values, grid).astype(np.float32)
    bounds = np.cumsum([len(columns.targets), len(columns.past)])
    targets, past, known = np.split(placed, bounds, axis=1)
    return Series(name, grid.times, targets, past, known)


def _require_values(collection: SeriesCollection) -> None:
    for number, target in enumerate(collection.columns.targets):
        if all(np.isnan(one.targets[:, number]).all() for one in collection.series):
            raise UserError(
                f"{collection.name}: target {target!r} has no number; expected values to learn from"
            )


def _require_no_leak(collection: SeriesCollection) -> None:
    for index, known in enumerate(collection.columns.known):
        for number, target in enumerate(collection.columns.targets):
            pairs = [(one.known[:, index], one.targets[:, number]) for one in collection.series]
            left, right = (np.concatenate(sides) for sides in zip(*pairs, strict=True))
            both = ~np.isnan(left) & ~np.isnan(right)
            if (left[both] == right[both]).all() and not _is_constant(right[both]):
                raise UserError(
                    f"{collection.name}: known column {known!r} is the same as target {target!r}: it would tell what "
                    "is to be forecast; expected what is known before"
                )


def _warn_of_constants(collection: SeriesCollection) -> None:
    constants = [
        f"{target!r}{f' of series {one.name!r}' if one.name else ''}"
        for one in collection.series
        for number, target in enumerate(collection.columns.targets)
        if len(one) > 1 and _is_constant(one.targets[:, number])
    ]
    if constants:
        more = len(constants) - _SERIES_NAMED
        shown = ", ".join(constants[:_SERIES_NAMED]) + (f" and {more:,} more" if more > 0 else "")
        warn(f"{collection.name}: {shown} never changes: there is nothing to learn from it")


def _is_constant(values: np.ndarray) -> bool:
    there = values[~np.isnan(values)]
    return len(there) == 0 or bool((there == there[0]).all())
