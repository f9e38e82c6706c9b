"""Series divided by time: what comes later is measured, and nothing of it is trained on."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from common.errors import FlagError, UserError
from common.series.collection import Series, SeriesCollection


def split_by_time(
    collection: SeriesCollection, validation_fraction: float, test_fraction: float
) -> tuple[SeriesCollection, SeriesCollection, SeriesCollection]:
    """Training, validation and test part: the steps of each series in their order, none in two parts.

    Args:
        collection: the series.
        validation_fraction: the share of each series' steps, to the nearest whole number, before those of the test.
        test_fraction: the share of each series' last steps.

    Raises:
        FlagError: a share is outside 0 to 1, or the two leave nothing to train on.

    Example:
        >>> from common.series.collection import Columns
        >>> from common.series.frequency import Frequency
        >>> none = np.zeros((10, 0), np.float32)
        >>> one = Series("", np.arange(10) * 3600, np.zeros((10, 1), np.float32), none, none)
        >>> whole = SeriesCollection("hours", [one], Columns(("load",)), Frequency(3600))
        >>> [len(part) for part in split_by_time(whole, 0.2, 0.3)]
        [5, 2, 3]
    """
    for flag, share in (("--validation-fraction", validation_fraction), ("--test-fraction", test_fraction)):
        if not 0 <= share < 1:
            raise FlagError(f"{flag} {share:g}: expected a share from 0 to 1")
    if validation_fraction + test_fraction >= 1:
        raise FlagError(
            f"--validation-fraction {validation_fraction:g} and --test-fraction {test_fraction:g} leave nothing to "
            "train on; expected less than 1 together"
        )
    train, validation, test = [], [], []
    for one in collection.series:
        last = len(one) - int(len(one) * test_fraction + 0.5)
        middle = last - int(len(one) * validation_fraction + 0.5)
        train.append(one.between(0, middle))
        validation.append(one.between(middle, last))
        test.append(one.between(last, len(one)))
    return replace(collection, series=train), _later(collection, validation), _later(collection, test)


def with_history(
    part: SeriesCollection, before: SeriesCollection, steps: int
) -> tuple[SeriesCollection, list[int]]:
    """A part whose series begin with the last steps of an earlier one, so that a look-back may reach into it.

    Args:
        part: the later one. If both are tables without times, which are numbered from 1970 on, its steps go on where
            the earlier one's end.
        before: the earlier one; a series that it lacks, or that does not end right before the later one begins, gives
            nothing.
        steps: as many as are wanted of the earlier one.

    Returns:
        The part, and how many of each series' steps are history.

    Raises:
        ValueError: the two have other columns or other steps.
    """
    if (part.columns, part.frequency) != (before.columns, before.frequency):
        raise ValueError("parts: expected the same columns and the same step in both")
    earlier = {one.name: one for one in before.series}
    joined, history = [], []
    for one in part.series:
        one = _going_on(earlier.get(one.name), one, part)
        head = _tail(earlier.get(one.name), one, part, steps)
        joined.append(one if head is None else _joined(head, one))
        history.append(0 if head is None else len(head))
    return replace(part, series=joined), history


def require_length(collection: SeriesCollection, steps: int, what: str) -> None:
    """Raises UserError, naming the shortest series, if one has fewer steps than are needed.

    Args:
        collection: the series.
        steps: that each must have.
        what: needs them, for the message, such as "a look-back of 96 and a horizon of 24".
    """
    shortest = min(collection.series, key=len)
    if len(shortest) < steps:
        label = f", series {shortest.name!r}" if shortest.name else ""
        raise UserError(
            f"{collection.name}{label}: {len(shortest):,} steps; expected at least {steps:,} for {what}"
        )


def _later(collection: SeriesCollection, series: Sequence[Series]) -> SeriesCollection:
    return replace(collection, series=series, left_out={}, notes=())


def _going_on(earlier: Series | None, later: Series, part: SeriesCollection) -> Series:
    """The later series; if neither has times, with times that go on from those of the earlier one."""
    if earlier is None or not len(earlier) or not len(later) or earlier.times[0] or later.times[0]:
        return later
    return replace(later, times=part.frequency.after(int(earlier.times[-1]), np.arange(1, len(later) + 1)))


def _tail(earlier: Series | None, later: Series, part: SeriesCollection, steps: int) -> Series | None:
    if earlier is None or not len(earlier) or not len(later) or steps < 1:
        return None
    follows = part.frequency.after(int(earlier.times[-1]), np.array([1]))[0] == later.times[0]
    return earlier.between(max(len(earlier) - steps, 0), len(earlier)) if follows else None


def _joined(first: Series, second: Series) -> Series:
    return Series(
        second.name,
        np.concatenate([first.times, second.times]),
        np.concatenate([first.targets, second.targets]),
        np.concatenate([first.past, second.past]),
        np.concatenate([first.known, second.known]),
    )
