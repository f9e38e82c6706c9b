"""Pictures of readings with what was expected and the alarms, and of how good the alarms are."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from applications.anomaly_detection.answers import Judged
from common.evaluation.figures import BLUE, ORANGE, readable, save_figure, write_dates
from common.series.readings import Readings

_MOST_SENSORS, _MOST_RECORDINGS = 6, 12
_ALARM, _LABEL = "crimson", "gold"
_MARGIN = 0.3


def draw_recordings(path: Path, judged: Sequence[Judged], readings: Readings) -> None:
    """Writes a picture of each of the first twelve recordings: `path` itself of a single one, else alarms_1.png and so
    on."""
    for number, one in enumerate(judged[:_MOST_RECORDINGS], start=1):
        own = path if len(judged) == 1 else path.with_stem(f"{path.stem}_{number}")
        draw_recording(own, one, readings)


def draw_recording(path: Path, judged: Judged, readings: Readings) -> None:
    """Writes the readings of a recording's first six sensors with what was expected of them, labelled windows and
    alarms, and below them severity and threshold."""
    recording, answer = judged.recording, judged.answer
    sensors = readings.sensors[:_MOST_SENSORS]
    figure = Figure(figsize=(11, 2.1 * (len(sensors) + 1)), layout="constrained")
    axes = list(figure.subplots(len(sensors) + 1, sharex=True))
    times = recording.times if readings.is_counted else recording.times.astype("datetime64[s]")
    for place, (name, one) in enumerate(zip(sensors, axes, strict=False)):
        band = (answer[key][:, place] for key in ("lower", "upper"))
        one.fill_between(times, *band, color=BLUE, alpha=0.25, linewidth=0, label="expected (90%)")
        one.plot(times, recording.values[:, place], color="black", linewidth=0.6, label="readings")
        one.set_ylim(*_limits(recording.values[:, place]))
        one.set_ylabel(readable(name))
        _mark(one, judged, times)
    axes[0].legend(loc="upper left", fontsize="small")
    below = axes[-1]
    below.plot(times, answer["severity"], color=BLUE, linewidth=0.7, label="severity")
    below.plot(times, answer["threshold"], color=ORANGE, linewidth=0.9, label="threshold")
    _mark(below, judged, times)
    below.set_ylabel("severity")
    below.legend(loc="upper left", fontsize="small")
    if not readings.is_counted:
        write_dates(below, times)
    axes[0].set_title(readable(recording.name or readings.name))
    save_figure(figure, path)


def _limits(values: np.ndarray) -> tuple[float | None, float | None]:
    """Of an axis: the readings and a margin, as intervals are wide before there is anything to expect."""
    if np.isnan(values).all():
        return None, None
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = _MARGIN * (high - low) or 1.0
    return low - margin, high + margin


def _mark(axes: Axes, judged: Judged, times: np.ndarray) -> None:
    """Bands of the labelled windows and of the alarms, the first of each with its name for the legend."""
    windows, alarms = judged.recording.windows, judged.intervals
    for number, (first, last) in enumerate(windows):
        label = "" if number else "labelled"
        axes.axvspan(times[first], times[last], color=_LABEL, alpha=0.3, linewidth=0, label=label)
    for number, (first, last) in enumerate(alarms):
        label = "" if number else "alarm"
        axes.axvspan(times[first], times[last], color=_ALARM, alpha=0.2, linewidth=0, label=label)
        axes.axvline(times[first], color=_ALARM, linewidth=0.8)


def draw_recall_by_kind(path: Path, found: Mapping[str, float]) -> None:
    """Writes the share of the faults of each kind in which an alarm was open."""
    figure = Figure(figsize=(7, 0.5 * len(found) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.barh([readable(kind) for kind in found], list(found.values()), color=BLUE)
    axes.set(xlim=(0, 1), xlabel="found")
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    save_figure(figure, path)


def draw_budgets(
    path: Path, budgets: Sequence[float], recalls: Sequence[float], alarms: Sequence[float]
) -> None:
    """Writes, for each budget of false alarms, how many there were and what share of the faults was found."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    above.plot(budgets, alarms, "o-", color=ORANGE, label="measured")
    above.plot(budgets, budgets, color="grey", linewidth=0.8, label="as allowed")
    above.set(xscale="log", yscale="log", ylabel="false alarms a week and series")
    above.legend()
    below.plot(budgets, recalls, "o-", color=BLUE)
    below.set(xlabel="false alarms a week and series that are allowed", ylabel="faults found", ylim=(0, 1))
    below.yaxis.set_major_formatter(PercentFormatter(1))
    save_figure(figure, path)
