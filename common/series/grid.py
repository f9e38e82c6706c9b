"""Rows at any times become one row for every step: which step that is, and the rows that are missing or too many."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from common.series.frequency import DAY, Frequency

_MONTH = 28
_SAME = 0.95
_LEAST_ROWS = 5
_LEAST_SHARE = 0.1


@dataclass(frozen=True)
class Grid:
    """The steps of a series, and which of them each row belongs to.

    Attributes:
        frequency: from one step to the next.
        anchor: the time of one of the steps, Unix seconds.
        anchor_slot: the number of this step.
        slots: the step of each row `[rows]`, in ascending order.
    """

    frequency: Frequency
    anchor: int
    anchor_slot: int
    slots: np.ndarray

    @property
    def steps(self) -> int:
        """How many there are."""
        return int(self.slots[-1]) + 1

    @property
    def times(self) -> np.ndarray:
        """Unix seconds `[steps]`, int64."""
        return self.frequency.after(self.anchor, np.arange(self.steps) - self.anchor_slot)

    @property
    def empty(self) -> int:
        """How many steps have no row."""
        return self.steps - 1 - int(np.count_nonzero(np.diff(self.slots)))

    @property
    def is_crowded(self) -> bool:
        """Whether a step has several rows."""
        return bool((np.diff(self.slots) == 0).any())


def inferred_frequency(times: list[np.ndarray]) -> Frequency | None:
    """The step of series of ascending times, None where there are no two times in one.

    It is the median difference; where that is days, months of the calendar (the same day of each month, or the last)
    and business days (Monday to Friday, with week-ends between) are known.

    Args:
        times: Unix seconds `[rows]` of each series.
    """
    steps = [np.diff(one) for one in times]
    differences = np.concatenate([step[step > 0] for step in steps]) if steps else np.zeros(0, np.int64)
    if not len(differences):
        return None
    median = _median(differences)
    if median < DAY:
        return Frequency(max(median, 1))
    days = [one // DAY for one in times if len(one)]
    every = np.concatenate(days)
    count = round(median / DAY)
    if count >= _MONTH and _is_monthly(every):
        months = np.concatenate([np.diff(_months(one)) for one in days])
        return Frequency(_median(months[months > 0]), "month")
    if count == 1 and _is_business(every, differences):
        return Frequency(1, "business day")
    return Frequency(count * DAY)


def change_of_step(times: np.ndarray) -> int | None:
    """The row at which ascending times pass from one step to another for good, None where they do not."""
    steps = np.diff(times)
    values, counts = np.unique(steps, return_counts=True)
    if len(steps) < 2 * _LEAST_ROWS or len(values) < 2:
        return None
    usual = values[np.argsort(-counts, kind="stable")[:2]]
    first, second = (np.concatenate([[0], np.cumsum(steps == one)]) for one in usual)
    for before, after in ((first, second), (second, first)):
        agreeing = before + after[-1] - after
        row = int(np.argmax(agreeing))
        parts = before[row], after[-1] - after[row]
        is_long = min(parts) >= max(_LEAST_ROWS, _LEAST_SHARE * len(steps))
        if is_long and agreeing[row] >= _SAME * len(steps):
            return row + 1
    return None


def grid_of(times: np.ndarray, frequency: Frequency, offset: int = 0) -> Grid:
    """The steps from the first to the last of ascending times.

    Times that fit begin the steps themselves; where some do not, steps begin at multiples: at midnights or full hours
    of the wall, on Mondays, at the first of a month, of a quarter, of a year.

    Args:
        times: Unix seconds `[rows]`; of dates where a step is a day or longer.
        frequency: of the steps.
        offset: of the wall from the times, in seconds.
    """
    if frequency.unit == "month":
        return _monthly(times, frequency)
    if frequency.unit == "business day":
        days = (times // DAY).astype("datetime64[D]")
        slots = np.asarray(np.busday_count(days[0], days)) // frequency.count
        return Grid(frequency, int(times[0]) // DAY * DAY, 0, slots)
    count, start = frequency.count, int(times[0])
    if frequency.is_of_days:
        start, times = start // DAY * DAY, times // DAY * DAY
    if ((times - start) % count != 0).any():
        weekday = 3 * DAY if count % (7 * DAY) == 0 else 0  # 1970-01-01 was a Thursday
        shift = weekday if frequency.is_of_days else offset
        start = (start + shift) // count * count - shift
    return Grid(frequency, start, 0, (times - start) // count)


def averages(values: np.ndarray, grid: Grid) -> np.ndarray:
    """The mean of the values `[rows, columns]` of each step that are there, NaN where none is."""
    steps = grid.steps
    if not grid.is_crowded:
        placed = np.full((steps, values.shape[1]), np.nan)
        placed[grid.slots] = values
        return placed
    sums = np.zeros((steps, values.shape[1]))
    counts = np.zeros_like(sums)
    np.add.at(sums, grid.slots, np.nan_to_num(values))
    np.add.at(counts, grid.slots, ~np.isnan(values))
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def _median(values: np.ndarray) -> int:
    """The lower of the two in the middle where their number is even: a difference that there is."""
    return int(np.sort(values)[(len(values) - 1) // 2])


def _monthly(times: np.ndarray, frequency: Frequency) -> Grid:
    days, months = times // DAY, _months(times // DAY)
    slots = (months - months[0]) // frequency.count
    if _is_monthly(days) and ((months - months[0]) % frequency.count == 0).all():
        # Steps at the ends of months may begin on a shorter one: the latest day tells, if there is one no month's last.
        longest = int(np.argmax(2 * _days_of_month(days) + (_days_of_month(days + 1) > 0)))
        return Grid(frequency, int(days[longest]) * DAY, int(slots[longest]), slots)
    first = int(months[0]) // frequency.count * frequency.count
    start = int(np.datetime64(first, "M").astype("datetime64[D]").astype(np.int64)) * DAY
    return Grid(frequency, start, 0, (months - first) // frequency.count)


def _months(days: np.ndarray) -> np.ndarray:
    return np.asarray(days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64))


def _days_of_month(days: np.ndarray) -> np.ndarray:
    dates = days.astype("datetime64[D]")
    return np.asarray((dates - dates.astype("datetime64[M]").astype("datetime64[D]")).astype(int))


def _is_monthly(days: np.ndarray) -> bool:
    """Whether dates are the same day of their months, or the last where a month is too short."""
    of_month = _days_of_month(days)
    is_last = _days_of_month(days + 1) == 0
    return bool(((of_month == of_month.max()) | (is_last & (of_month < of_month.max()))).all())


def _is_business(days: np.ndarray, differences: np.ndarray) -> bool:
    weekdays = (days + 3) % 7
    return bool((weekdays < 5).all() and (differences // DAY >= 3).any())


def places_of_series(codes: np.ndarray) -> list[slice]:
    """Where each series stands in rows that are sorted by the codes of their series."""
    bounds = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    return [slice(first, last) for first, last in pairwise(bounds)]
