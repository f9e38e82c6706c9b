"""How good alarms are as events: how many faults they tell of, how soon, and how often they are false.

Nothing here is point-adjusted: an adjusted F1 makes random scores state of the art (Kim et al. 2022).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers = NDArray[np.int64]

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, eq=False)
class AlarmedSeries:
    """The alarms of one series, and the truth."""

    times: Integers
    """`[rows]`: Unix seconds of the readings, increasing."""
    alarms: Integers
    """`[alarms, 2]`: time at which each opens and time of the last row in which it is open, in order."""
    windows: Integers
    """`[windows, 2]`: times of the first and last row of each fault, in order and apart."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", np.asarray(self.times, np.int64))
        for name in ("alarms", "windows"):
            intervals = np.asarray(getattr(self, name), np.int64).reshape(-1, 2)
            if (np.diff(intervals.ravel()) < 0).any():
                raise ValueError(f"{name} {intervals.tolist()}; expected pairs of times, each after the last")
            object.__setattr__(self, name, intervals)


def event_metrics(series: Sequence[AlarmedSeries]) -> dict[str, Any]:
    """Alarms against labelled windows, of all series together.

    A window is detected where an alarm is open in it; the delay counts from its first row, and is 0 for an alarm that
    was opened before it and is still open. An alarm is false if it is open in no window. The days of false alarms are
    those of the readings outside windows, at the median interval of each series; pauses between readings do not count.

    Args:
        series: each with its alarms and windows.

    Returns:
        `events`; `event_recall` and `median_delay_seconds`, None where there is no event or none is detected;
        `false_alarms`; `false_alarms_per_day`, None where no reading lies outside windows.

    Example:
        >>> hours = 3600 * np.arange(48)
        >>> alarms = 3600 * np.array([[2, 3], [26, 30]])
        >>> metrics = event_metrics([AlarmedSeries(hours, alarms, windows=[hours[[24, 47]]])])
        >>> metrics["event_recall"], metrics["median_delay_seconds"], metrics["false_alarms_per_day"]
        (1.0, 7200.0, 1.0)
    """
    events = sum(len(one.windows) for one in series)
    delays = np.concatenate([np.zeros(0), *(_delays(one) for one in series)])
    false_alarms = sum(_false_alarms(one) for one in series)
    days = sum(_seconds_outside(one) for one in series) / SECONDS_PER_DAY
    return {
        "events": events,
        "event_recall": len(delays) / events if events else None,
        "median_delay_seconds": float(np.median(delays)) if len(delays) else None,
        "false_alarms": false_alarms,
        "false_alarms_per_day": false_alarms / days if days else None,
    }


def row_metrics(alarm: ArrayLike, label: ArrayLike) -> dict[str, float | None]:
    """Each row by itself, as SKAB's board does (Katser and Kozitsin 2020); never point-adjusted.

    Args:
        alarm: `[rows]`, true where an alarm is open; several series stand one after the other.
        label: `[rows]`, true where the row is anomalous.

    Returns:
        `precision`, `recall`, `f1`, `false_alarm_rate` (share of the normal rows with an alarm) and
        `missed_alarm_rate` (share of the anomalous rows without); None where there is nothing to divide by.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> row_metrics([True, True, False, False], [True, False, False, True])
        {'precision': 0.5, 'recall': 0.5, 'f1': 0.5, 'false_alarm_rate': 0.5, 'missed_alarm_rate': 0.5}
    """
    alarm, label = np.asarray(alarm, bool), np.asarray(label, bool)
    if alarm.shape != label.shape:
        raise ValueError(f"alarms {alarm.shape} and labels {label.shape}; expected [rows] of both")
    hits, misses = int((alarm & label).sum()), int((~alarm & label).sum())
    false, silent = int((alarm & ~label).sum()), int((~alarm & ~label).sum())
    return {
        "precision": _ratio(hits, hits + false),
        "recall": _ratio(hits, hits + misses),
        "f1": _ratio(2 * hits, 2 * hits + false + misses),
        "false_alarm_rate": _ratio(false, false + silent),
        "missed_alarm_rate": _ratio(misses, misses + hits),
    }


def _delays(series: AlarmedSeries) -> NDArray[np.float64]:
    """Seconds from the first row of each detected window to the first alarm in it."""
    # Alarms are in order, so that the first that is not over when a window begins is the first in it, if any is.
    first = np.searchsorted(series.alarms[:, 1], series.windows[:, 0])
    opened = np.append(series.alarms[:, 0], np.iinfo(np.int64).max)[first]
    detected = opened <= series.windows[:, 1]
    return np.maximum(opened - series.windows[:, 0], 0)[detected].astype(np.float64)


def _false_alarms(series: AlarmedSeries) -> int:
    first = np.searchsorted(series.windows[:, 1], series.alarms[:, 0])
    begun = np.append(series.windows[:, 0], np.iinfo(np.int64).max)[first]
    return int((begun > series.alarms[:, 1]).sum())


def _seconds_outside(series: AlarmedSeries) -> float:
    """Of readings outside windows; each stands for the median interval."""
    if len(series.times) < 2:
        return 0.0
    window = np.searchsorted(series.windows[:, 1], series.times)
    begun = np.append(series.windows[:, 0], np.iinfo(np.int64).max)[window]
    return float((series.times < begun).sum() * np.median(np.diff(series.times)))


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
