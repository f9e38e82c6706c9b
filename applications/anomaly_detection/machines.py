"""Made machines that run well: a load that the day and the week drive, and three sensors that follow it."""

from dataclasses import dataclass

import numpy as np

from common.series.frequency import DAY
from common.series.noise import persistent_noise

SENSORS = ("temperature", "vibration", "pressure")
"""In degrees Celsius, millimetres per second and bar."""
STEP = 300
"""Seconds from row to row."""
ROWS_OF_DAY = DAY // STEP

_WEEK_END = 5
_DECIMALS = (2, 3, 3)


@dataclass(frozen=True)
class Machine:
    """How a machine runs.

    Attributes:
        name: of it.
        shift: first and last hour of its work; None where it never stops, so that nothing of it has a season.
        rests: whether it stands still at week-ends.
        levels: of the three sensors at no load.
        gains: what full load adds to each.
        spreads: of the noise of each.
        persistence: share of the noise of each that stays from row to row.
        wander: of the slow drift of each that is no fault, as a share of its noise's spread.
    """

    name: str
    shift: tuple[float, float] | None
    rests: bool
    levels: tuple[float, float, float]
    gains: tuple[float, float, float]
    spreads: tuple[float, float, float]
    persistence: tuple[float, float, float] = (0.9, 0.5, 0.7)
    wander: tuple[float, float, float] = (1.0, 0.5, 1.0)

    @property
    def has_season(self) -> bool:
        """Whether some of its sensors repeat themselves day after day."""
        return self.shift is not None


MACHINES = (
    Machine("compressor 1", (6, 22), True, (34.0, 0.8, 6.2), (28.0, 2.4, 1.1), (0.8, 0.12, 0.05)),
    Machine("compressor 2", (6, 22), False, (31.0, 0.7, 6.0), (25.0, 2.1, 1.3), (0.9, 0.10, 0.06)),
    Machine("pump 1", None, False, (48.0, 1.9, 3.4), (3.0, 0.2, 0.1), (0.7, 0.14, 0.04)),
    Machine("pump 2", (0, 14), False, (29.0, 0.5, 2.8), (19.0, 1.6, 0.0), (0.6, 0.09, 0.03)),
    Machine("fan", (7, 19), True, (24.0, 1.1, 1.02), (9.0, 3.0, 0.0), (0.5, 0.20, 0.004)),
    Machine("mill", (5, 21), True, (38.0, 2.2, 0.9), (33.0, 5.5, 0.4), (1.2, 0.35, 0.03)),
    Machine("furnace", None, False, (842.0, 0.3, 1.4), (12.0, 0.0, 0.1), (2.5, 0.03, 0.02)),
    Machine("press", (8, 17), True, (27.0, 0.6, 95.0), (16.0, 3.8, 60.0), (0.9, 0.22, 1.6)),
)


@dataclass(frozen=True)
class Run:
    """What a machine does over some days, `[rows, sensors]` each.

    Attributes:
        steady: what the sensors would say at the machine's mean load: level, drift and noise.
        season: what the load adds, around its mean.
    """

    steady: np.ndarray
    season: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """What the sensors say."""
        return np.asarray(self.steady + self.season)

    def between(self, first: int, last: int) -> "Run":
        """The rows from `first` up to, not including, `last`."""
        return Run(self.steady[first:last], self.season[first:last])


def run(machine: Machine, first: int, days: int, rng: np.random.Generator) -> Run:
    """A machine that runs well.

    Args:
        machine: which one.
        first: Unix time of the first row, at midnight.
        days: that it runs.
        rng: what chance is drawn by.
    """
    rows = days * ROWS_OF_DAY
    times = first + STEP * np.arange(rows)
    load = _load(machine, times, rng)
    # Heat follows the load in about an hour, the rest at once.
    loads = np.stack([_inertia(load, 12), load, load], axis=1)
    noise = np.stack([persistent_noise(rng, rows, share) for share in machine.persistence], axis=1)
    drift = np.stack([_wander(rng, days) for _ in SENSORS], axis=1) * machine.wander
    mean = loads.mean(axis=0)
    steady = np.array(machine.levels) + mean * machine.gains + (noise + drift) * machine.spreads
    return Run(steady, (loads - mean) * machine.gains)


def read_off(values: np.ndarray) -> np.ndarray:
    """What the displays of the sensors show of values `[rows, sensors]`: some decimals of each."""
    return np.stack(
        [column.round(digits) for column, digits in zip(values.T, _DECIMALS, strict=True)], axis=1
    )


def _load(machine: Machine, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The load at each time, from 0 to about 1."""
    noise = persistent_noise(rng, len(times), 0.97)
    if machine.shift is None:
        return 0.6 + 0.1 * noise
    hour, day = times % DAY / 3600, times // DAY
    start, end = machine.shift
    is_on = 1 / (1 + np.exp(-4 * (hour - start))) - 1 / (1 + np.exp(-4 * (hour - end)))
    noon = 0.15 * np.exp(-(((hour - (start + end) / 2) / 0.7) ** 2))
    works = ~(machine.rests & ((day + 3) % 7 >= _WEEK_END))
    load: np.ndarray = works * (is_on - noon) * (0.85 + 0.05 * noise)
    return load


def _inertia(values: np.ndarray, rows: int) -> np.ndarray:
    """Values that follow others with a time constant of some rows."""
    weights = np.exp(-np.arange(6 * rows) / rows)
    padded = np.concatenate([np.full(len(weights) - 1, values[0]), values])
    return np.convolve(padded, weights / weights.sum(), "valid")


def _wander(rng: np.random.Generator, days: int) -> np.ndarray:
    """A drift over weeks, of variance 1."""
    daily = persistent_noise(rng, days + 1, 0.9)
    return np.asarray(np.interp(np.arange(days * ROWS_OF_DAY) / ROWS_OF_DAY, np.arange(days + 1), daily))
