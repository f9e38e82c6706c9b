"""Series of values at regular steps of time, as a forecaster reads them. Imports neither pandas nor TensorFlow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from common.series.frequency import Frequency


@dataclass(frozen=True)
class Columns:
    """Which columns a table of values over time has, by what is known of them when a forecast is made.

    Attributes:
        targets: those that are forecast.
        past: those that are known up to the forecast's origin only, such as a measured temperature.
        known: those that are known in the future too, such as a price that is set or a holiday.
    """

    targets: tuple[str, ...]
    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class Series:
    """One series: a row for every step of time, without a gap between its times; a value that is missing is NaN.

    Attributes:
        name: of the series; "" where there is but one.
        times: Unix seconds `[steps]`, int64. Instants where a step is shorter than a day; else midnights of the dates,
            as if they were in UTC.
        targets: float32 `[steps, targets]`.
        past: float32 `[steps, past columns]`.
        known: float32 `[steps, known columns]`.
    """

    name: str
    times: np.ndarray
    targets: np.ndarray
    past: np.ndarray
    known: np.ndarray

    def __len__(self) -> int:
        """How many steps there are."""
        return len(self.times)

    def between(self, first: int, last: int) -> Self:
        """The steps from `first` up to, not including, `last`."""
        steps = slice(first, last)
        return replace(
            self,
            times=self.times[steps],
            targets=self.targets[steps],
            past=self.past[steps],
            known=self.known[steps],
        )


@dataclass(frozen=True)
class SeriesCollection:
    """Series of the same columns and the same step.

    Attributes:
        name: what they are called in messages and reports.
        series: one after another.
        columns: that all of them have.
        frequency: from one step to the next.
        left_out: how many rows could not be used, by reason.
        notes: what else was made of the data, in words.
    """

    name: str
    series: Sequence[Series]
    columns: Columns
    frequency: Frequency
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def __len__(self) -> int:
        """How many steps all series have together."""
        return sum(map(len, self.series))

    def describe(self) -> str:
        """How many series and steps there are, and what was left out, in a line."""
        missing = sum(int(np.isnan(one.targets).sum()) for one in self.series)
        values = sum(one.targets.size for one in self.series)
        targets = f"{len(self.columns.targets)} target{'' if len(self.columns.targets) == 1 else 's'}"
        count = f"{len(self.series)} series of " if len(self.series) > 1 else ""
        parts = [f"{self.name}: {count}{len(self):,} steps of {self.frequency.name}, {targets}"]
        parts += [f"{missing / values:.1%} of the values missing"] if missing else []
        parts += [f"left out {rows:,} ({reason})" for reason, rows in self.left_out.items() if rows]
        return "; ".join([", ".join(parts), *self.notes])
