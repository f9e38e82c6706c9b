"""Readings of sensors, row after row as they came, with the anomalies in them that are known. Imports neither pandas
nor TensorFlow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Self

import numpy as np

from common.cli import counted


def windows_of(is_anomalous: np.ndarray) -> np.ndarray:
    """The runs of labelled rows: first and last row of each, `[windows, 2]`, int64.

    >>> windows_of(np.array([0, 1, 1, 0, 1])).tolist()
    [[1, 2], [4, 4]]

    Args:
        is_anomalous: bool, or 0 and 1, `[rows]`.
    """
    inside = np.concatenate([[0], np.asarray(is_anomalous, np.int8), [0]])
    edges = np.flatnonzero(np.diff(inside)).reshape(-1, 2)
    return np.asarray(edges - [0, 1], np.int64)


def _no_windows() -> np.ndarray:
    return np.zeros((0, 2), np.int64)


@dataclass(frozen=True)
class Recording:
    """The readings of one machine or series, in the order of time and on no grid: steps may vary, times may repeat.

    Attributes:
        name: of the series; "" where there is but one.
        times: ascending `[rows]`, int64: Unix seconds, as if in UTC where the zone is not told; of `Readings` that
            count their rows or cycles, these numbers.
        values: float32 `[rows, sensors]`; one that is missing is NaN.
        windows: first and last row, inclusive, of each labelled anomaly, `[windows, 2]`, int64.
        remaining: life that is left after the last row, in rows; None where it is not known.
        kinds: what each window's anomaly is, such as "level shift"; empty where that is not told.
    """

    name: str
    times: np.ndarray
    values: np.ndarray
    windows: np.ndarray = field(default_factory=_no_windows)
    remaining: float | None = None
    kinds: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.times)

    @property
    def is_anomalous(self) -> np.ndarray:
        """Whether each row lies in a window, bool `[rows]`."""
        inside = np.zeros(len(self), bool)
        for first, last in self.windows:
            inside[first : last + 1] = True
        return inside

    def between(self, first: int, last: int) -> Self:
        """The rows from `first` up to, not including, `last`; windows are cut at these bounds.

        Example:
            >>> rows = np.arange(10)
            >>> whole = Recording("pump", rows, np.zeros((10, 1), np.float32), np.array([[2, 5]]), 0.0)
            >>> part = whole.between(4, 8)
            >>> part.times.tolist(), part.windows.tolist(), part.remaining
            ([4, 5, 6, 7], [[0, 1]], 2.0)
        """
        first, last, _ = slice(first, last).indices(len(self))
        last = max(first, last)
        cut = np.stack(
            [np.maximum(self.windows[:, 0], first), np.minimum(self.windows[:, 1], last - 1)], axis=1
        )
        stays = cut[:, 0] <= cut[:, 1]
        return replace(
            self,
            times=self.times[first:last],
            values=self.values[first:last],
            windows=cut[stays] - first,
            remaining=None if self.remaining is None else self.remaining + len(self) - last,
            kinds=tuple(compress(self.kinds, stays)),
        )


@dataclass(frozen=True)
class Readings:
    """Recordings of the same sensors.

    Attributes:
        name: what they are called in messages and reports.
        recordings: one after another, each of its own name.
        sensors: names of the columns of their values.
        is_labelled: whether it was told which rows are anomalous, be there any or none.
        left_out: how many rows could not be used, by reason.
        notes: what else was made of the data, in words.
        is_counted: whether times are numbers of rows or cycles, not seconds.
    """

    name: str
    recordings: Sequence[Recording]
    sensors: tuple[str, ...]
    is_labelled: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    is_counted: bool = False

    def __len__(self) -> int:
        """How many rows all recordings have together."""
        return sum(map(len, self.recordings))

    def describe(self) -> str:
        """How many series, rows, sensors and labelled windows there are, and what was left out, in a line."""
        missing = sum(int(np.isnan(one.values).sum()) for one in self.recordings)
        values = sum(one.values.size for one in self.recordings)
        windows = sum(len(one.windows) for one in self.recordings)
        count = f"{len(self.recordings):,} series of " if len(self.recordings) > 1 else ""
        parts = [
            f"{self.name}: {count}{counted(len(self), 'row')}",
            counted(len(self.sensors), "sensor"),
            *([counted(windows, "labelled window")] if self.is_labelled else []),
            *([f"{missing / values:.1%} of the values missing"] if missing else []),
            *(f"left out {rows:,} ({reason})" for reason, rows in self.left_out.items() if rows),
        ]
        return "; ".join([", ".join(parts), *self.notes])


def stacked(recordings: Sequence[Recording]) -> tuple[np.ndarray, np.ndarray]:
    """Times `[recordings, rows]` and values `[recordings, rows, sensors]` of recordings of the same sensors; shorter
    ones are filled up with missing values at their last time."""
    rows = max(map(len, recordings))
    times = [np.pad(one.times, (0, rows - len(one)), mode="edge") for one in recordings]
    values = [
        np.pad(one.values, [(0, rows - len(one)), (0, 0)], constant_values=np.nan) for one in recordings
    ]
    return np.stack(times), np.stack(values)
