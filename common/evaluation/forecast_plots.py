"""Pictures of forecasts of series and of how far they are right, as PNG files.

Times are datetimes or numpy.datetime64; those of a time zone are written in its wall time. Coverages are shares: 0.8 is
that of an 80 % interval.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike, NDArray

from common.evaluation.figures import BLUE, COLOURS, GREY, ORANGE, readable, save_figure, write_dates

_BLACK = "#333333"
_STYLES = [(BLUE, "-"), *zip(COLOURS[1:], ("--", "-.", ":", "--", "-."), strict=True)]
_MOST_NAMED_SERIES = 40
_LEAST_SKILL_SHOWN = -1.0
_MOST_STEPS_WITH_DOTS = 24


class Run(NamedTuple):
    """A forecast of a backtest.

    Attributes:
        times: of its steps, `[steps]`.
        median: `[steps]`.
        lower: lower end of its interval, `[steps]`.
        upper: upper end of its interval, `[steps]`.
    """

    times: ArrayLike
    median: ArrayLike
    lower: ArrayLike
    upper: ArrayLike


def plot_fan(
    path: Path,
    history_times: ArrayLike,
    history: ArrayLike,
    times: ArrayLike,
    median: ArrayLike,
    bands: Mapping[float, tuple[ArrayLike, ArrayLike]],
    truth: ArrayLike | None = None,
    title: str = "",
    value: str = "value",
) -> None:
    """Writes a fan chart: what came before, the median of what comes, its intervals, and what came, where it is known.

    Args:
        path: where the PNG goes.
        history_times: `[any]`.
        history: values at those times; what is missing is NaN.
        times: of the steps of the forecast, `[steps]`.
        median: `[steps]`.
        bands: from the coverage of each interval to its lower and upper ends, `[steps]` each.
        truth: what came, `[steps]`.
        title: over the picture.
        value: what the numbers are, with their unit.
    """
    figure, axes = _wide()
    before, ahead = _days(history_times), _days(times)
    axes.plot(before, _floats(history), color=_BLACK, linewidth=1.2, label="history")
    widest_first = sorted(bands, reverse=True)
    for rank, coverage in enumerate(widest_first):
        lower, upper = bands[coverage]
        # Inner intervals lie on outer ones and are darker by that, too.
        shade = 0.16 + 0.2 * rank / max(len(bands) - 1, 1)
        _draw_band(axes, ahead, lower, upper, color=BLUE, alpha=shade, label=_interval(coverage))
    axes.plot(ahead, _floats(median), color=BLUE, linewidth=1.8, label="median", **_dots(ahead))
    if truth is not None:
        axes.plot(ahead, _floats(truth), color=ORANGE, linestyle="--", label="what came", **_dots(ahead))
    if len(before) and len(ahead):
        axes.axvline(before[-1], color=GREY, linewidth=1, linestyle=":")
    write_dates(axes, times if len(ahead) else history_times)
    axes.set(ylabel=value)
    axes.set_title(title.replace("$", r"\$"))
    _legend_below(figure, axes)
    save_figure(figure, path)


def plot_backtest(
    path: Path,
    times: ArrayLike,
    truth: ArrayLike,
    runs: Sequence[Run],
    coverage: float = 0.8,
    title: str = "",
    value: str = "value",
) -> None:
    """Writes forecasts made one after another over what came.

    Args:
        path: where the PNG goes.
        times: `[any]`.
        truth: what came at those times; what is missing is NaN.
        runs: the forecasts, by their beginnings; neighbours differ in colour, and a dot is each one's first step.
        coverage: of their intervals.
        title: over the picture.
        value: what the numbers are, with their unit.
    """
    figure, axes = _wide()
    colours = (BLUE, COLOURS[2])
    for number, run in enumerate(runs):
        colour, days, median = colours[number % 2], _days(run.times), _floats(run.median)
        is_first = number == 0
        label = _interval(coverage) if is_first else None
        _draw_band(axes, days, run.lower, run.upper, color=colour, alpha=0.2, label=label)
        axes.plot(days, median, color=colour, linewidth=1.6, label="median" if is_first else None)
        label = "first step of a forecast" if is_first else None
        axes.plot(days[:1], median[:1], "o", color=colour, markersize=5, linestyle="none", label=label)
    axes.plot(_days(times), _floats(truth), color=_BLACK, linewidth=1.1, label="what came")
    write_dates(axes, times)
    axes.set(ylabel=value)
    axes.set_title(title.replace("$", r"\$"))
    _legend_below(figure, axes)
    save_figure(figure, path)


def plot_error_by_step(path: Path, errors: Mapping[str, ArrayLike], unit: str = "") -> None:
    """Writes the mean absolute error of each step ahead, of a model and of what it is held against.

    Args:
        path: where the PNG goes.
        errors: from a name to its errors, `[horizon]`; the model comes first.
        unit: of the values.
    """
    figure = Figure(figsize=(8.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, each) in enumerate(errors.items()):
        colour, dash = _STYLES[number % len(_STYLES)]
        label, width = readable(name.replace("_", " ")), 1.4 if number else 2.2
        _draw_steps(axes, each, color=colour, linestyle=dash, linewidth=width, label=label)
    axes.set(ylabel="mean absolute error" + (f" ({unit})" if unit else ""))
    axes.set_ylim(bottom=0)
    axes.set_title("Error by step")
    _write_steps(axes, errors)
    axes.legend()
    save_figure(figure, path)


def plot_coverage_by_step(path: Path, coverages: Mapping[float, ArrayLike]) -> None:
    """Writes which share of what came lies within the intervals, by step ahead, beside what they promise (dashed).

    Args:
        path: where the PNG goes.
        coverages: from the coverage that intervals are to have to the one they had, `[horizon]`.
    """
    figure = Figure(figsize=(8.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    lowest = 1.0
    for number, coverage in enumerate(sorted(coverages, reverse=True)):
        shares, colour = _floats(coverages[coverage]), COLOURS[number % len(COLOURS)]
        known = shares[np.isfinite(shares)]
        average = f"{known.mean():.1%} on average" if len(known) else "nothing came"
        _draw_steps(axes, shares, color=colour, linewidth=1.6, label=f"{_interval(coverage)}: {average}")
        axes.axhline(coverage, color=colour, linewidth=1, linestyle="--")
        lowest = min(lowest, coverage, *known)
    axes.set(ylabel="share of what came within", ylim=(max(0.0, lowest - 0.1), 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_title("Coverage by step (dashed: as promised)")
    _write_steps(axes, coverages)
    _legend_below(figure, axes)
    save_figure(figure, path)


def plot_pit(path: Path, histogram: ArrayLike) -> None:
    """Writes the histogram of the probability integral transform: where in its forecast distribution each value fell.

    Args:
        path: where the PNG goes.
        histogram: counts or shares of bins of the same width from 0 to 1, `[bins]`.
    """
    counts = np.nan_to_num(_floats(histogram))
    shares = counts / (counts.sum() or 1)
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    edges = np.linspace(0, 1, len(shares) + 1)
    axes.bar(edges[:-1], shares, edges[1], align="edge", color=BLUE, edgecolor="white", label="what came")
    axes.axhline(1 / len(shares), color=ORANGE, linestyle="--", label="calibrated")
    axes.set(
        xlabel="place in the forecast distribution (PIT)",
        ylabel="share of values",
        xlim=(0, 1),
        ylim=(0, 1.25 * max(shares.max(), 1 / len(shares))),
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_title("Calibration: high ends are intervals too narrow, a hill too wide", fontsize=11)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(loc="upper right", ncols=2)
    save_figure(figure, path)


def plot_skill_by_series(path: Path, skills: Mapping[str, float], baseline: str = "the last value") -> None:
    """Writes the skill of each series over a baseline as bars, the best on top.

    Of more than forty series no names stand beside the bars. Skills below -100 % are drawn as that.

    Args:
        path: where the PNG goes.
        skills: from the name of each series to its skill; those that are NaN are left out, and counted.
        baseline: its name.
    """
    ranked = sorted(
        ((each, name) for name, each in skills.items() if np.isfinite(each)), key=lambda one: one[0]
    )
    values, places = np.array([each for each, _ in ranked], np.float64), np.arange(len(ranked))
    shown = np.maximum(values, _LEAST_SKILL_SHOWN)
    is_named = len(ranked) <= _MOST_NAMED_SERIES
    height = max(3.4, 1.6 + 0.26 * len(ranked)) if is_named else 6.4
    figure = Figure(figsize=(7.2, height), layout="constrained")
    axes = figure.add_subplot()
    colours = [BLUE if each > 0 else ORANGE for each in values]
    bars = axes.barh(places, shown, height=0.75 if is_named else 1.0, color=colours)
    if is_named:
        axes.set_yticks(places, [readable(name) for _, name in ranked])
        axes.bar_label(bars, [f"{each:.0%}" for each in values], padding=3, fontsize=8)
        axes.margins(x=0.12)
    else:
        axes.set(ylabel="series, by skill")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(-0.7, max(len(ranked), 1) - 0.3)
    axes.axvline(0, color=_BLACK, linewidth=1)
    axes.set(xlabel=f"skill over {baseline} (share of its error that is gone)")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    left_out = len(skills) - len(ranked)
    title = f"Better than {baseline} in {np.count_nonzero(values > 0):,} of {len(ranked):,} series"
    axes.set_title(title + (f"\n({left_out:,} without a skill left out)" if left_out else ""))
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    save_figure(figure, path)


def _wide() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(alpha=0.3)
    axes.margins(x=0.01)
    return figure, axes


def _legend_below(figure: Figure, axes: Axes) -> None:
    """A legend that hides nothing of a picture that is full of lines."""
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)


def _interval(coverage: float) -> str:
    return f"{100 * coverage:.4g}% interval"


def _floats(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, np.float64)


def _days(times: ArrayLike) -> NDArray[np.float64]:
    days = date2num(np.asarray(times))  # type: ignore[no-untyped-call]
    return np.asarray(days, np.float64)


def _dots(steps: NDArray[np.float64]) -> dict[str, Any]:
    """Few steps are marked each; a single one would not be seen as a line."""
    return {"marker": "o", "markersize": 3.5} if len(steps) <= _MOST_STEPS_WITH_DOTS else {}


def _draw_band(
    axes: Axes, days: NDArray[np.float64], lower: ArrayLike, upper: ArrayLike, **style: Any
) -> None:
    if len(days) == 1:
        # An area of no width is not seen.
        style = {"color": style["color"], "alpha": style["alpha"], "label": style["label"], "linewidth": 8}
        axes.vlines(days, _floats(lower), _floats(upper), **style)
    else:
        axes.fill_between(days, _floats(lower), _floats(upper), linewidth=0, **style)


def _draw_steps(axes: Axes, values: ArrayLike, **style: Any) -> None:
    values = _floats(values)
    axes.plot(np.arange(1, len(values) + 1), values, **style, **_dots(values))


def _write_steps(axes: Axes, lines: Mapping[Any, ArrayLike]) -> None:
    axes.set(xlabel="steps ahead")
    axes.set_xlim(0.5, 0.5 + max((len(_floats(each)) for each in lines.values()), default=1))
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
