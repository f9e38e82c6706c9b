"""Made machines that run until they fail: their sensors tell how worn they are, through noise and a changing load."""

from dataclasses import dataclass

import numpy as np

from common.series.noise import persistent_noise
from common.series.readings import Recording

SENSORS = ("load", "s1", "s2", "s3", "s4", "s5")
"""The setting that a machine runs at, and what its sensors say; s5 says nothing of its wear."""

_LEVELS = np.array([410.0, 1580.0, 47.5, 8.4, 521.0])
_OF_LOAD = np.array([6.0, 30.0, 0.6, 0.05, 2.5])
_OF_WEAR = np.array([5.0, -38.0, 1.4, 0.11, 0.0])
_SPREADS = np.array([1.2, 9.0, 0.3, 0.03, 0.8])
_DECIMALS = (2, 2, 1, 3, 4, 2)
_SHORTEST, _LONGEST = 120, 350
# A life that is cut shows this many rows at least, and this share of itself at most.
_LEAST_ROWS, _MOST_SHOWN = 30, 0.95


@dataclass(frozen=True)
class _Life:
    """How a machine wears.

    Attributes:
        rows: of its life.
        onset: row from which on it wears faster and faster.
        steepness: of that.
        build: by how many spreads of their noise its sensors differ from those of others.
    """

    rows: int
    onset: int
    steepness: float
    build: np.ndarray


def draw_life(name: str, is_cut: bool, rng: np.random.Generator) -> Recording:
    """A machine's cycles from the first on, until it fails or, if it is cut, until some row before.

    Args:
        name: of the machine.
        is_cut: whether its readings end before its life does.
        rng: what chance is drawn by.
    """
    rows = int(rng.integers(_SHORTEST, _LONGEST + 1))
    life = _Life(rows, int(rows * rng.uniform(0.1, 0.6)), rng.uniform(1.5, 3.5), 0.5 * rng.standard_normal(5))
    values = _values(life, rng)
    whole = Recording(name, np.arange(1, rows + 1), values.astype(np.float32), remaining=0.0)
    if not is_cut:
        return whole
    return whole.between(0, int(rng.integers(_LEAST_ROWS, int(_MOST_SHOWN * rows) + 1)))


def _values(life: _Life, rng: np.random.Generator) -> np.ndarray:
    """Load and sensors, `[rows, 6]`."""
    load = rng.integers(0, 3, life.rows // 10 + 1).repeat(10)[: life.rows] / 2
    age = np.maximum(np.arange(life.rows) - life.onset, 0) / (life.rows - 1 - life.onset)
    wear = np.expm1(life.steepness * age) / np.expm1(life.steepness)
    noise = np.stack([persistent_noise(rng, life.rows, 0.2) for _ in _LEVELS], axis=1)
    sensors = _LEVELS + load[:, None] * _OF_LOAD + wear[:, None] * _OF_WEAR + (noise + life.build) * _SPREADS
    columns = np.concatenate([load[:, None], sensors], axis=1)
    return np.stack(
        [column.round(digits) for column, digits in zip(columns.T, _DECIMALS, strict=True)], axis=1
    )
