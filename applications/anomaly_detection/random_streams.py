"""Streams of a single sensor, of kinds drawn at random, with faults at random: what teaches a forecaster how the most
different things go on, so that it can forecast a sensor that it never saw.

Seasons of a day with and without week-ends, noise, walks, spikes, regimes, bursts and limits; rows from each minute to
each hour.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from common.series.frequency import DAY
from common.series.noise import persistent_noise
from common.series.readings import Recording, windows_of

_STEPS = (60, 300, 300, 300, 300, 600, 1800, 3600)
_FIRST_SHARE, _LEAST_ROWS, _APART = 0.12, 50, 500
_PERSISTENCES = (0.0, 0.5, 0.9, 0.98)


class _Stream(NamedTuple):
    """Rows of a stream that is being made: shares of the day and days of the week, `[rows]`."""

    phase: np.ndarray
    weekday: np.ndarray

    @property
    def rows(self) -> int:
        return len(self.phase)


def random_stream(number: int, seed: int, rows: int) -> Recording:
    """A stream, the same of the same number and seed; a third of them have no fault, the others up to three.

    Example:
        >>> one, same = random_stream(3, 1, 500), random_stream(3, 1, 500)
        >>> one.values.shape, bool((one.values == same.values).all())
        ((500, 1), True)
    """
    rng = np.random.default_rng((seed, number))
    step = int(rng.choice(_STEPS))
    times = int(rng.integers(10**9)) // step * step + step * np.arange(rows, dtype=np.int64)
    stream = _Stream(times % DAY / DAY, times // DAY % 7)
    values = _KINDS[int(rng.choice(len(_KINDS), p=_SHARES))](stream, rng)
    if rng.random() < 0.15:
        values = np.exp(_scaled(values) * rng.uniform(0.3, 0.8))
    values = _scaled(values)
    if rng.random() < 0.3:
        values = values + np.linspace(0, 1.5 * rng.standard_normal(), rows)
    values, is_faulty = _with_faults(values, step, rng)
    unit = 10.0 ** rng.uniform(-3, 4)
    values = values + 10 * rng.standard_normal()
    if rng.random() < 0.3:
        digits = rng.choice([3, 10, 50])
        values = np.round(values * digits) / digits
    values = np.where(_is_missing(rows, rng), np.nan, values * unit)
    return Recording("", times, values[:, None].astype(np.float32), windows_of(is_faulty))


def _scaled(values: np.ndarray) -> np.ndarray:
    """Values of deviation 1."""
    return np.asarray(values / max(values.std(), 1e-6))


def _is_missing(rows: int, rng: np.random.Generator) -> np.ndarray:
    """Of a third of the streams, some values are missing, alone and one after another."""
    missing = np.zeros(rows, bool)
    if rng.random() < 1 / 3:
        missing |= rng.random(rows) < 0.01
        for first in rng.integers(0, rows, 3):
            missing[first : first + int(rng.integers(1, 60))] = True
    return missing


# --- kinds of streams


def _shape_of_day(phase: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random function of the time of day."""
    shape = np.zeros(len(phase))
    for harmonic in range(1, int(rng.integers(2, 6))):
        shape += rng.standard_normal() / harmonic * np.cos(2 * np.pi * (harmonic * phase + rng.random()))
    match int(rng.integers(4)):
        case 1:
            shape = np.tanh(3 * shape)
        case 2:
            shape = ((phase - rng.random()) % 1 < rng.uniform(0.1, 0.6)).astype(float)
        case 3:
            shape = np.exp(1.5 * _scaled(shape))
    return _scaled(shape - shape.mean())


def _seasonal(stream: _Stream, rng: np.random.Generator) -> np.ndarray:
    values = _shape_of_day(stream.phase, rng)
    if rng.random() < 0.5:
        is_free = stream.weekday >= 5
        values = np.where(is_free, values * rng.uniform(0.2, 1) + 0.5 * rng.standard_normal(), values)
    noise = 10 ** rng.uniform(-2, 0) * persistent_noise(rng, stream.rows, float(rng.choice(_PERSISTENCES)))
    values = values + noise * (1 if rng.random() < 0.5 else 0.5 + np.abs(values))
    if rng.random() < 0.4:
        values = values + rng.uniform(0.05, 0.3) * persistent_noise(rng, stream.rows, 0.999)
    return values


def _noisy(stream: _Stream, rng: np.random.Generator) -> np.ndarray:
    return persistent_noise(rng, stream.rows, float(rng.choice([0.0, 0.0, 0.3, 0.7, 0.95])))


def _spiky(stream: _Stream, rng: np.random.Generator) -> np.ndarray:
    rows = stream.rows
    values = rng.uniform(0.02, 0.3) * np.abs(
        persistent_noise(rng, rows, float(rng.choice(_PERSISTENCES[:3])))
    )
    is_spike = rng.random(rows) < 10 ** rng.uniform(-3, -0.8)
    values += is_spike * rng.exponential(1, rows) ** rng.uniform(0.5, 1.6)
    if rng.random() < 0.3:
        values += 0.5 * (1 + _shape_of_day(stream.phase, rng)) * rng.uniform(0.1, 1)
    if rng.random() < 0.4:
        is_due = np.arange(rows) % int(rng.integers(8, 300)) == 0
        values += is_due * rng.uniform(0.5, 2) * (1 + 0.2 * rng.standard_normal(rows))
    return np.asarray(values)


def _walking(stream: _Stream, rng: np.random.Generator) -> np.ndarray:
    slow = persistent_noise(rng, stream.rows, float(1 - 10 ** rng.uniform(-3.2, -2)))
    quick = persistent_noise(rng, stream.rows, float(rng.choice(_PERSISTENCES[:3])))
    values = rng.uniform(0.5, 2) * slow + 0.3 * 10 ** rng.uniform(-2, 0) * quick
    if rng.random() < 0.5:
        values += rng.uniform(0.1, 1) * _shape_of_day(stream.phase, rng)
    return np.asarray(values)


def _switching(stream: _Stream, rng: np.random.Generator) -> np.ndarray:
    levels = rng.standard_normal(int(rng.integers(2, 4)))
    switches = np.cumsum(rng.random(stream.rows) < 10 ** rng.uniform(-2.3, -1.3))
    noise = 0.3 * 10 ** rng.uniform(-2, 0) * persistent_noise(rng, stream.rows, 0.3)
    return np.asarray(levels[switches % len(levels)] + noise)


def _bursting(stream: _Stream, rng: np.random.Generator) -> np.ndarray:
    period = int(rng.integers(20, 400))
    width = int(rng.integers(2, max(3, period // 3)))
    is_on = (np.arange(stream.rows) + int(rng.integers(period))) % period < width
    noise = 1 + 0.1 * rng.standard_normal(stream.rows)
    return is_on * noise + 0.05 * np.abs(rng.standard_normal(stream.rows))


def _limited(stream: _Stream, rng: np.random.Generator) -> np.ndarray:
    free = 1.5 * persistent_noise(rng, stream.rows, float(rng.choice([0.9, 0.99])))
    noise = 0.03 * rng.standard_normal(stream.rows) * (rng.random() < 0.7)
    return np.clip(free, -1.5, rng.uniform(0.3, 1.5)) + noise


_KINDS: tuple[Callable[[_Stream, np.random.Generator], np.ndarray], ...] = (
    _seasonal,
    _noisy,
    _spiky,
    _walking,
    _switching,
    _bursting,
    _limited,
)
_SHARES = (0.32, 0.14, 0.2, 0.14, 0.08, 0.06, 0.06)


# --- faults


@dataclass(frozen=True)
class _Site:
    """Where a fault is put.

    Attributes:
        values: of the whole stream, which the fault changes.
        first: row.
        length: rows, drawn at random.
        size: of the fault, in the units of the values.
        roughness: what the stream moves from row to row, by and large.
        rows_of_day: how many there are.
    """

    values: np.ndarray
    first: int
    length: int
    size: float
    roughness: float
    rows_of_day: int

    @property
    def before(self) -> np.ndarray:
        return self.values[max(self.first - 200, 0) : self.first]

    def rows(self, least: int = 1, most: int | None = None) -> slice:
        length = max(self.length, least) if most is None else min(self.length, most)
        return slice(self.first, min(self.first + length, len(self.values)))


def _with_faults(values: np.ndarray, step: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The values with up to three faults, and whether each row is in one."""
    values, rows = values.copy(), len(values)
    is_faulty = np.zeros(rows, bool)
    differences = np.diff(values)
    roughness = 1.5 * np.median(np.abs(differences - np.median(differences))) + 0.05 * values.std()
    for first in rng.integers(
        int(rows * _FIRST_SHARE), rows - _LEAST_ROWS, int(rng.choice([0, 1, 1, 1, 2, 2, 3]))
    ):
        if is_faulty[max(first - _APART, 0) : first + _APART].any():
            continue
        unit = np.exp(rng.uniform(np.log(np.clip(2 * roughness, 0.15, 1)), 0))
        size = float(rng.choice([-1, 1]) * rng.uniform(1.5, 6) * unit)
        site = _Site(
            values, int(first), int(10 ** rng.uniform(1.2, 2.9)), size, float(roughness), max(DAY // step, 8)
        )
        fault = _FAULTS[int(rng.choice(len(_FAULTS), p=_FAULT_SHARES))]
        is_faulty[fault(site, rng)] = True
    return values, is_faulty


def _shift(site: _Site, rng: np.random.Generator) -> slice:
    rows = site.rows() if rng.random() < 0.6 else slice(site.first, len(site.values))
    site.values[rows] += site.size
    return rows


def _spike(site: _Site, rng: np.random.Generator) -> slice:
    rows = site.rows(most=int(rng.integers(1, 6)))
    span = float(np.ptp(site.values)) * rng.uniform(0.6, 1.5)
    site.values[rows] += np.sign(site.size) * max(1.2 * abs(site.size), span)
    return rows


def _noise(site: _Site, rng: np.random.Generator) -> slice:
    rows = site.rows()
    size = rng.uniform(1, 4) * max(site.roughness, 0.3)
    site.values[rows] += size * rng.standard_normal(rows.stop - rows.start)
    return rows


def _quiet(site: _Site, rng: np.random.Generator) -> slice:
    rows, middle = site.rows(least=60), np.median(site.before)
    site.values[rows] = middle + (site.values[rows] - middle) * rng.uniform(0, 0.25)
    return rows


def _stuck(site: _Site, rng: np.random.Generator) -> slice:
    rows = site.rows(least=40)
    site.values[rows] = site.values[rows.start] if rng.random() < 0.5 else site.before.mean()
    return rows


def _other_time(site: _Site, rng: np.random.Generator) -> slice:
    rows = site.rows(least=site.rows_of_day // 2)
    quarter = max(site.rows_of_day // 4, 2)
    site.values[rows] = np.roll(site.values, int(rng.integers(quarter, 2 * quarter)))[rows]
    return rows


def _drift(site: _Site, rng: np.random.Generator) -> slice:
    rows = site.rows(least=100)
    site.values[rows] += 1.3 * site.size * np.linspace(0, 1, rows.stop - rows.start)
    return rows


def _outage(site: _Site, rng: np.random.Generator) -> slice:
    rows = site.rows()
    site.values[rows] = site.values[: site.first].min() - rng.choice([0, 0.3]) * rng.random()
    return rows


def _oscillation(site: _Site, rng: np.random.Generator) -> slice:
    rows = site.rows(least=60)
    turns = np.arange(rows.stop - rows.start) / rng.integers(6, 40)
    site.values[rows] += 0.5 * site.size * np.sign(np.sin(2 * np.pi * turns))
    return rows


_FAULTS: tuple[Callable[[_Site, np.random.Generator], slice], ...] = (
    _shift,
    _spike,
    _noise,
    _quiet,
    _stuck,
    _other_time,
    _drift,
    _outage,
    _oscillation,
)
_FAULT_SHARES = (0.22, 0.18, 0.12, 0.07, 0.1, 0.07, 0.09, 0.09, 0.06)
