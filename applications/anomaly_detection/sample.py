"""The sample: made machines with three sensors each, and faults of known kinds at known rows; and, for the life that
machines have left, others that run until they fail.

The training part is of machines that run well. Validation and test follow it in time and have faults, each of a kind
that stands beside its window, so that it can be told which kinds are found.

python -m applications.anomaly_detection.sample --output readings --part test
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from applications.anomaly_detection import lives
from applications.anomaly_detection.faults import Fault, draw_faults, kinds_of, with_faults
from applications.anomaly_detection.machines import MACHINES, ROWS_OF_DAY, SENSORS, STEP, Run, run
from common import cli
from common.data.sources import SAMPLE
from common.errors import UserError
from common.files import atomic_write
from common.series.readings import Readings, Recording, windows_of

Part = Literal["train", "validation", "test"]

DAYS = {"train": 28, "validation": 14, "test": 28}
"""Of each machine, one part after another."""
FAULTS = {"train": 0, "validation": 2, "test": 4}
"""Of each machine."""
LIVES = {"train": 60, "validation": 20, "test": 40}
"""Machines that run until they fail; those of the test are cut before."""

_FIRST = 1_704_067_200  # Monday, 2024-01-01
_SEEDS = {"train": 1, "validation": 2, "test": 3}
# The share of the numbers and of the rows that are away; and, beside these, outages of so many rows.
_MISSING = 0.002
_PUMP, _FAULT, _ROWS_BEFORE, _ROWS_AFTER = "pump 1", "flat line", 420, 20
_DAYS_PER_OUTAGE, _OUTAGE = 14, (12, 72)


def sample(part: str) -> Readings:
    """The readings of a part, train, validation or test: eight machines, a row each five minutes, with gaps."""
    recordings = [_recording(number, part) for number in range(len(MACHINES))]
    return Readings(f"{SAMPLE} ({part})", recordings, SENSORS, is_labelled=True)


def sample_lives(part: str) -> Readings:
    """Machines that run until they fail, a row each cycle; those of the test are cut before and tell what is left."""
    recordings = [
        lives.draw_life(f"{part} {number + 1}", part == "test", np.random.default_rng((_SEEDS[part], number)))
        for number in range(LIVES[part])
    ]
    return Readings(f"{SAMPLE} ({part})", recordings, lives.SENSORS, is_counted=True)


def pump_with_fault() -> Readings:
    """Some days of a pump of the test part, until some hours after a fault began."""
    test = sample("test")
    pump = next(one for one in test.recordings if one.name == _PUMP)
    first = int(pump.windows[pump.kinds.index(_FAULT)][0])
    return replace(test, recordings=[pump.between(max(first - _ROWS_BEFORE, 0), first + _ROWS_AFTER)])


def _recording(number: int, part: str) -> Recording:
    machine = MACHINES[number]
    parts = list(DAYS)
    first = sum(DAYS[earlier] for earlier in parts[: parts.index(part)]) * ROWS_OF_DAY
    rows = DAYS[part] * ROWS_OF_DAY
    made = _whole(number).between(first, first + rows)
    rng = np.random.default_rng((_SEEDS[part], number))
    faults: list[Fault] = []
    if FAULTS[part]:
        faults = draw_faults(kinds_of(MACHINES, FAULTS[part])[number], rows, rng)
    values = with_faults(made, faults, machine, rng)
    return _with_gaps(machine.name, _FIRST + STEP * np.arange(first, first + rows), values, faults, rng)


@cache
def _whole(number: int) -> Run:
    """A machine over the days of all parts."""
    return run(MACHINES[number], _FIRST, sum(DAYS.values()), np.random.default_rng(number))


def _with_gaps(
    name: str, times: np.ndarray, values: np.ndarray, faults: Sequence[Fault], rng: np.random.Generator
) -> Recording:
    """Readings some of which are missing: single numbers, single rows, and some hours of a sensor or of all; of a fault
    no hours are."""
    rows, is_faulty = len(times), np.zeros(len(times), bool)
    for fault in faults:
        is_faulty[fault.first : fault.last + 1] = True
    values = np.where(rng.random(values.shape) < _MISSING, np.nan, values)
    is_away = rng.random(rows) < _MISSING
    for number in range(2 * round(rows / ROWS_OF_DAY / _DAYS_PER_OUTAGE)):
        start, length = int(rng.integers(rows)), int(rng.integers(*_OUTAGE))
        outage = np.zeros(rows, bool)
        outage[start : start + length] = ~is_faulty[start : start + length]
        if number % 2:
            is_away |= outage
        else:
            values[outage, int(rng.integers(len(SENSORS)))] = np.nan
    is_away &= ~is_faulty
    return Recording(
        name,
        times[~is_away].astype(np.int64),
        values[~is_away].astype(np.float32),
        windows_of(is_faulty[~is_away]),
        kinds=tuple(fault.kind for fault in faults),
    )


@dataclass(frozen=True)
class Options:
    """Which readings to write, and where to."""

    output: Path
    """Folder for the table, which is called after the part; a folder with the tables of all parts can be given as
    --data."""
    part: Part = "test"
    """Part of the sample."""
    format: Literal["csv", "parquet"] = "csv"
    """csv: text with commas. parquet: needs the extra of that name."""
    task: Literal["anomalies", "remaining_life"] = "anomalies"
    """anomalies: time, machine, sensors, and whether each row is anomalous. remaining_life: unit, cycle, load and
    sensors of machines that run until they fail; of the test, cut before, a second table has what each has left."""


def main(options: Options) -> None:
    """Writes the made readings as tables, as those of your own machines would be."""
    is_of_lives = options.task == "remaining_life"
    readings = sample_lives(options.part) if is_of_lives else sample(options.part)
    path = options.output / f"{options.part}.{options.format}"
    _write(path, life_table(readings) if is_of_lives else table(readings), options.format)
    if is_of_lives and options.part == "test":
        left = {
            "unit": [one.name for one in readings.recordings],
            "rul": [one.remaining for one in readings.recordings],
        }
        _write(options.output / "test_rul.csv", pd.DataFrame(left).astype({"rul": int}), "csv")
    cli.console().print(f"{len(readings):,} rows written to {path}", markup=False)


def table(readings: Readings) -> pd.DataFrame:
    """Readings as a table of `time`, `machine`, the sensors, and `anomaly`, 0 or 1."""
    frames = [
        pd.DataFrame(
            {
                "time": pd.to_datetime(one.times, unit="s").strftime("%Y-%m-%d %H:%M:%S"),
                "machine": one.name,
                **_numbers(one, readings.sensors),
                "anomaly": one.is_anomalous.astype(int),
            }
        )
        for one in readings.recordings
    ]
    return pd.concat(frames, ignore_index=True)


def life_table(readings: Readings) -> pd.DataFrame:
    """Readings of machines that run until they fail as a table of `unit`, `cycle` and the sensors."""
    frames = [
        pd.DataFrame({"unit": one.name, "cycle": one.times, **_numbers(one, readings.sensors)})
        for one in readings.recordings
    ]
    return pd.concat(frames, ignore_index=True)


def _numbers(recording: Recording, sensors: Sequence[str]) -> dict[str, np.ndarray]:
    # A float32 has more decimals than were made.
    values = [[float(str(value)) for value in column] for column in recording.values.T]
    return {sensor: np.array(column) for sensor, column in zip(sensors, values, strict=True)}


def _write(path: Path, frame: pd.DataFrame, form: str) -> None:
    if form == "csv":
        atomic_write(path, frame.to_csv(index=False))
        return
    buffer = io.BytesIO()
    try:
        frame.to_parquet(buffer, index=False)
    except ImportError:
        raise UserError(
            "--format parquet: written by pyarrow; install the extra: pip install 'recurrent-applications[parquet]'"
        ) from None
    atomic_write(path, buffer.getvalue())


if __name__ == "__main__":
    cli.run(main, Options)
