"""What a detector says of recordings: row by row, and as alarms that open and close. Imports neither pandas, Keras nor
TensorFlow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from common.errors import UserError
from common.series.readings import Readings, Recording, windows_of

SECONDS_PER_ROW = 300
"""Between rows that are counted and have no times."""
SILENT_ROWS = 20
"""Rows without a value after which it is told that a sensor gives none."""


@dataclass(frozen=True)
class Alarm:
    """An alarm.

    Attributes:
        series: that it is of.
        opened: Unix seconds of the row at which it opened, or the number of a counted row.
        closed: of the row at which it was over; None while it is open.
        severity: the highest while it was open.
        sensor: that said most when it opened.
        detector: that said most.
        value, expected, lower, upper: of that sensor at that row; the value is NaN where it is missing.
    """

    series: str
    opened: int
    closed: int | None
    severity: float
    sensor: str
    detector: str
    value: float
    expected: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Judged:
    """A recording with what is said of each row.

    Attributes:
        recording: the readings.
        answer: the outputs of the model by name, `[rows, ...]`.
    """

    recording: Recording
    answer: Mapping[str, np.ndarray]

    @property
    def intervals(self) -> np.ndarray:
        """First and last row of each alarm, `[alarms, 2]`."""
        is_open, opened = self.answer["alarm"], self.answer["opened"]
        runs = windows_of(is_open)
        rows: list[list[int]] = []
        for first, last in runs:
            openings = [first, *(np.flatnonzero(opened[first + 1 : last + 1]) + first + 1)]
            rows += [[one, two - 1] for one, two in zip(openings, [*openings[1:], last + 1], strict=True)]
        return np.array(rows, np.int64).reshape(-1, 2)

    def after(self, rows: int) -> "Judged":
        """Without the first rows, which were there to be looked back on."""
        return Judged(
            self.recording.between(rows, len(self.recording)),
            {name: values[rows:] for name, values in self.answer.items()},
        )

    def alarms(self, sensors: Sequence[str]) -> list[Alarm]:
        """The alarms, one after another."""
        return [self._alarm(int(first), int(last), sensors) for first, last in self.intervals]

    def _alarm(self, first: int, last: int, sensors: Sequence[str]) -> Alarm:
        alarm = alarm_at(self.recording, self.answer, first, sensors)
        is_over = last + 1 < len(self.recording)
        return replace(
            alarm,
            closed=int(self.recording.times[last + 1]) if is_over else None,
            severity=float(self.answer["severity"][first : last + 1].max()),
        )


def alarm_at(
    recording: Recording, answer: Mapping[str, np.ndarray], row: int, sensors: Sequence[str]
) -> Alarm:
    """The alarm that opens at a row, as it is known then."""
    sensor = int(answer["sensor"][row])
    detector: Any = answer["detector"][row]
    return Alarm(
        recording.name,
        int(recording.times[row]),
        None,
        float(answer["severity"][row]),
        sensors[sensor],
        detector.decode(),
        float(recording.values[row, sensor]),
        *(float(answer[name][row, sensor]) for name in ("expected", "lower", "upper")),
    )


def seconds_of(times: np.ndarray, is_counted: bool) -> np.ndarray:
    """Times as the model takes them: counted rows are five minutes apart."""
    return times * SECONDS_PER_ROW if is_counted else times


def silences(recording: Recording, sensors: Sequence[str], is_counted: bool) -> list[str]:
    """What to tell of sensors that give no value any more: they are not judged.

    >>> dead = np.array([[1, np.nan], *[[np.nan, np.nan]] * 20], np.float32)
    >>> silences(Recording("pump", np.arange(21), dead), ("heat", "shake"), is_counted=True)
    ['series pump: sensor heat has had no value since 1', 'series pump: sensor shake has no value']
    """
    label, told = f"series {recording.name}: " if recording.name else "", []
    for place, sensor in enumerate(sensors):
        present = np.flatnonzero(~np.isnan(recording.values[:, place]))
        since = int(present[-1]) + 1 if len(present) else 0
        if len(recording) - since >= SILENT_ROWS:
            when = time_text(int(recording.times[since]), is_counted)
            silence = f"has had no value since {when}" if len(present) else "has no value"
            told.append(f"{label}sensor {sensor} {silence}")
    return told


def time_text(time: int | None, is_counted: bool) -> str | None:
    """A time as it is shown; None as None."""
    if time is None:
        return None
    return str(time) if is_counted else str(np.datetime64(time, "s")).replace("T", " ")


def with_history(one: Recording, history: Readings | None, readings: Readings) -> tuple[Recording, int]:
    """A recording behind its history, and how many rows that has.

    Raises:
        UserError: the history has other sensors, or ends later than the recording begins.
    """
    if history is None:
        return one, 0
    if history.sensors != readings.sensors:
        raise UserError(
            f"{history.name}: sensors {', '.join(history.sensors)}; expected {', '.join(readings.sensors)}"
        )
    before = next((other for other in history.recordings if other.name == one.name), None)
    if before is None or not len(before):
        return one, 0
    times = before.times
    if readings.is_counted and len(one) and times[-1] >= one.times[0]:
        times = times - times[-1] + one.times[0] - 1
    if len(one) and times[-1] > one.times[0]:
        label = f", series {one.name!r}" if one.name else ""
        raise UserError(
            f"{history.name}{label}: ends after {readings.name} begins; expected what came before"
        )
    joined = replace(
        one,
        times=np.concatenate([times, one.times]),
        values=np.concatenate([before.values, one.values]),
        windows=one.windows + len(before),
    )
    return joined, len(before)
