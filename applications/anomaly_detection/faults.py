"""Faults that are put into the readings of made machines, each of a known kind, at known rows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from applications.anomaly_detection.machines import ROWS_OF_DAY, SENSORS, Machine, Run, read_off

KINDS = (
    "level shift",
    "slow drift",
    "flat line",
    "spikes",
    "lost season",
    "stuck sensor",
    "rougher noise",
)
"""What a fault is: values that jump by several spreads of their noise, or creep away; a sensor that reads 0; some rows
far off; the load's part of all sensors gone; a sensor that repeats its last value; noise of several times its size."""

_HOURS = {
    "level shift": (8, 24),
    "slow drift": (36, 72),
    "flat line": (3, 10),
    "spikes": (4, 10),
    "lost season": (36, 60),
    "stuck sensor": (10, 24),
    "rougher noise": (8, 24),
}
_ROWS_OF_HOUR = ROWS_OF_DAY // 24
_APART = ROWS_OF_DAY


@dataclass(frozen=True)
class Fault:
    """A fault of a machine.

    Attributes:
        kind: one of KINDS.
        first: row.
        last: row, inclusive.
        sensor: that it is in; of a lost season, which is in all, the first.
    """

    kind: str
    first: int
    last: int
    sensor: int


def draw_faults(kinds: Sequence[str], rows: int, rng: np.random.Generator) -> list[Fault]:
    """Faults of the given kinds, in some order, a day apart at least and none on the first day.

    Raises:
        ValueError: the rows are too few for them.
    """
    slot = (rows - _APART) // len(kinds)
    faults = []
    for number, kind in enumerate(map(str, rng.permutation(kinds))):
        shortest, longest = _HOURS[kind]
        length = int(rng.integers(shortest * _ROWS_OF_HOUR, longest * _ROWS_OF_HOUR))
        if slot < length + _APART:
            raise ValueError(f"{rows} rows: too few for {len(kinds)} faults a day apart")
        first = _APART + number * slot + int(rng.integers(slot - length - _APART + 1))
        sensor = 0 if kind == "lost season" else int(rng.integers(len(SENSORS)))
        faults.append(Fault(kind, first, first + length - 1, sensor))
    return faults


def kinds_of(machines: Sequence[Machine], count: int) -> list[list[str]]:
    """So many different kinds for each machine, so that all are about equally frequent; a machine without a season
    cannot lose it."""
    used = Counter[str]()
    of_machines = []
    for machine in machines:
        possible = [kind for kind in KINDS if machine.has_season or kind != "lost season"]
        kinds = sorted(possible, key=lambda kind: used[kind])[:count]
        used.update(kinds)
        of_machines.append(kinds)
    return of_machines


def with_faults(run: Run, faults: Sequence[Fault], machine: Machine, rng: np.random.Generator) -> np.ndarray:
    """What the sensors show of a run with faults, `[rows, sensors]`."""
    values = run.values
    for fault in faults:
        rows = slice(fault.first, fault.last + 1)
        if fault.kind == "lost season":
            values[rows] = run.steady[rows]
        else:
            values[rows, fault.sensor] = _faulty(fault, values[rows, fault.sensor], machine, rng)
    shown = read_off(values)
    for fault in faults:
        if fault.kind == "stuck sensor":
            shown[fault.first : fault.last + 1, fault.sensor] = shown[fault.first - 1, fault.sensor]
    return shown


def _faulty(fault: Fault, values: np.ndarray, machine: Machine, rng: np.random.Generator) -> np.ndarray:
    """What the values `[rows]` of a sensor become."""
    spread, count = machine.spreads[fault.sensor], len(values)
    size = float(rng.choice([-1, 1]) * rng.uniform(6, 10) * spread)
    match fault.kind:
        case "level shift":
            return values + size
        case "slow drift":
            return np.asarray(values + 1.3 * size * np.linspace(0, 1, count))
        case "flat line":
            return np.zeros(count)
        case "spikes":
            inner = rng.choice(np.arange(1, count - 1), 6, replace=False)
            spikes = np.zeros(count)
            spikes[[0, *inner, count - 1]] = rng.uniform(1.5, 3, 8) * size
            return values + spikes
        case "rougher noise":
            return np.asarray(values + rng.uniform(4, 6) * spread * rng.standard_normal(count))
    return values
