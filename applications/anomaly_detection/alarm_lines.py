"""How alarms are shown: as lines of a terminal, and as records. Imports neither pandas, Keras nor TensorFlow."""

import dataclasses
import math

from applications.anomaly_detection.answers import Alarm, time_text
from common.predicting.input_files import printable
from common.predicting.script import Shown
from common.series.readings import Readings

COLUMNS = (
    "series",
    "opened",
    "closed",
    "severity",
    "sensor",
    "detector",
    "value",
    "expected",
    "lower",
    "upper",
)


def shown_alarm(alarm: Alarm, readings: Readings) -> Shown:
    """How an alarm is shown."""
    opened, closed = (time_text(time, readings.is_counted) for time in (alarm.opened, alarm.closed))
    numbers = {name: _rounded(getattr(alarm, name)) for name in ("value", "expected", "lower", "upper")}
    record = {
        **dataclasses.asdict(alarm),
        "opened": opened,
        "closed": closed,
        "severity": _rounded(alarm.severity),
        **numbers,
    }
    until = f"to {closed}" if closed else "on"
    said = "" if numbers["value"] is None else f" {numbers['value']:g}"
    if numbers["expected"] is not None:
        said += f", expected {numbers['expected']:g} ({numbers['lower']:g} to {numbers['upper']:g})"
    line = (
        f"{opened} {until}\tseverity {alarm.severity:.1f}\t{printable(alarm.sensor)}{said}\t{alarm.detector}"
    )
    return Shown(record, [f"{line}\t{printable(alarm.series)}" if alarm.series else line])


def _rounded(value: float) -> float | None:
    """A number with six significant digits, None for NaN."""
    return None if math.isnan(value) else float(f"{value:.6g}")
