"""How far remaining lives are right, beside simple rules; and pictures of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from applications.anomaly_detection.life_training import remaining_rows
from common.evaluation.figures import BLUE, GREY, ORANGE, readable, save_figure
from common.series.readings import Readings, Recording
from common.series.scaling import statistics

_BLACK = "#333333"
_MOST_PATHS, _PATH_COLUMNS = 6, 3
_EARLY, _LATE = 13.0, 10.0
_RIDGE = 1e-3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LifeAnswers:
    """What a model said of machines, and what is true of them, at the last row of each.

    Attributes:
        truth: rows that were left, `[machines]`.
        remaining: the median, `[machines]`.
        lower: lower end of the interval of 90 %, `[machines]`.
        upper: upper end of it, `[machines]`.
    """

    truth: Floats
    remaining: Floats
    lower: Floats
    upper: Floats


def true_lives(machines: Sequence[Recording]) -> Floats:
    """The rows that are left after the last of each machine."""
    return np.array([one.remaining or 0.0 for one in machines], np.float64)


def phm_score(truth: ArrayLike, estimates: ArrayLike) -> float:
    """The score of the PHM 2008 challenge, summed over machines; 0 is best, and estimates that are too long cost more
    (Saxena et al. 2008).

    An estimate that is e rows too long costs exp(e / 10) - 1, one that is e rows too short exp(e / 13) - 1.

    >>> round(phm_score([50.0, 50.0], [60.0, 37.0]), 3)
    3.437
    """
    late = np.asarray(estimates, np.float64) - np.asarray(truth, np.float64)
    return float(np.expm1(np.where(late < 0, -late / _EARLY, late / _LATE)).sum())


def errors_of(truth: ArrayLike, estimates: ArrayLike, cap: float) -> dict[str, float]:
    """RMSE, mean absolute error and PHM score against what is true up to the cap, and the RMSE against all of it, in
    rows."""
    true, told = np.asarray(truth, np.float64), np.asarray(estimates, np.float64)
    capped = np.minimum(true, cap)
    return {
        "rmse": float(np.sqrt(np.mean((told - capped) ** 2))),
        "rmse_uncapped": float(np.sqrt(np.mean((told - true) ** 2))),
        "mae": float(np.abs(told - capped).mean()),
        "phm_score": phm_score(capped, told),
    }


def life_metrics(answers: LifeAnswers, cap: float) -> dict[str, Any]:
    """`errors_of`, and of the intervals of 90 % the share that holds what is true up to the cap, and their mean width
    in rows."""
    capped = np.minimum(answers.truth, cap)
    is_within = (answers.lower <= capped) & (capped <= answers.upper)
    return {
        **errors_of(answers.truth, answers.remaining, cap),
        "coverage_90": float(is_within.mean()),
        "width_90": float((answers.upper - answers.lower).mean()),
        "machines": len(answers.truth),
    }


@dataclass(frozen=True)
class SimpleLives:
    """Rules that a model must be better than, from the machines that it learnt from.

    Attributes:
        by_age: the mean of what is left, up to the cap, of the machines that have lived so many rows.
        means: of each sensor.
        deviations: of each sensor.
        weights: of the standardised sensors, and of 1, in a linear regression on what is left.
        cap: rows beyond which lives are not told apart.
    """

    by_age: Floats
    means: Floats
    deviations: Floats
    weights: Floats
    cap: float

    @classmethod
    def of(cls, train: Readings, cap: float) -> Self:
        """Learns them from machines whose remaining life is known."""
        lives = [np.minimum(remaining_rows(one), cap) for one in train.recordings]
        oldest = max(map(len, lives))
        by_age = [np.mean([life[age] for life in lives if len(life) > age]) for age in range(oldest)]
        values = np.concatenate([one.values for one in train.recordings]).astype(np.float64)
        means, deviations = statistics(values)
        rows = _with_one(values, means, deviations)
        # Constant sensors are columns of zeros, and a machine may have one sensor twice.
        ridge = _RIDGE * len(rows) * np.eye(rows.shape[1])
        weights = np.linalg.solve(rows.T @ rows + ridge, rows.T @ np.concatenate(lives))
        return cls(np.array(by_age, np.float64), means, deviations, weights, cap)

    def mean_at_age(self, machines: Sequence[Recording]) -> Floats:
        """What machines as old had left, in the mean; of one older than all, what the oldest had."""
        ages = [min(len(one), len(self.by_age)) for one in machines]
        return np.asarray(self.by_age[np.array(ages) - 1])

    def linear(self, machines: Sequence[Recording]) -> Floats:
        """What a linear regression makes of the last row of each machine."""
        last = np.stack([one.values[-1] for one in machines]).astype(np.float64)
        return np.clip(_with_one(last, self.means, self.deviations) @ self.weights, 0, self.cap)

    def errors(self, machines: Sequence[Recording]) -> dict[str, dict[str, float]]:
        """`errors_of` each rule, by its name."""
        truth = true_lives(machines)
        told = {"mean_at_age": self.mean_at_age(machines), "linear": self.linear(machines)}
        return {name: errors_of(truth, estimates, self.cap) for name, estimates in told.items()}


def _with_one(values: Floats, means: Floats, deviations: Floats) -> Floats:
    """Standardised `[rows, sensors]`, what is missing being 0, and a last column of ones."""
    scaled = np.nan_to_num((values - means) / deviations)
    return np.concatenate([scaled, np.ones((len(values), 1))], axis=1)


# --- pictures


def plot_lives(path: Path, answers: LifeAnswers, cap: float) -> None:
    """Writes what was said against what is true, each machine a dot with its interval of 90 %.

    Args:
        path: where the PNG goes.
        answers: at the last row of each machine.
        cap: up to which lives are told apart.
    """
    figure = Figure(figsize=(6.4, 6.0), layout="constrained")
    axes = figure.add_subplot()
    most = 1.05 * max(cap, float(answers.truth.max(initial=0)))
    below = np.maximum(answers.remaining - answers.lower, 0)
    above = np.maximum(answers.upper - answers.remaining, 0)
    axes.errorbar(
        answers.truth,
        answers.remaining,
        np.stack([below, above]),
        fmt="o",
        color=BLUE,
        ecolor=GREY,
        elinewidth=1,
        markersize=4.5,
        label="median, and interval of 90 %",
    )
    axes.plot([0, cap, most], [0, cap, cap], color=ORANGE, linestyle="--", label="right, up to the cap")
    axes.set(xlabel="rows that were left", ylabel="rows estimated", xlim=(0, most), ylim=(0, 1.05 * cap))
    error = errors_of(answers.truth, answers.remaining, cap)["rmse"]
    axes.set_title(f"Remaining life of {len(answers.truth):,} machines: RMSE {error:.1f} rows")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    save_figure(figure, path)


@dataclass(frozen=True)
class LifePath:
    """What was said of a machine after each row.

    Attributes:
        name: of the machine.
        truth: rows that were left, `[rows]`; empty where that is not known.
        median: `[rows]`.
        lower: lower end of the interval of 90 %, `[rows]`; empty where only the median is known.
        upper: upper end of it, likewise.
    """

    name: str
    truth: ArrayLike
    median: ArrayLike
    lower: ArrayLike = ()
    upper: ArrayLike = ()


def plot_life_paths(path: Path, paths: Sequence[LifePath], cap: float) -> None:
    """Writes how the estimate of some machines goes on from row to row, with its band; the first six are drawn.

    Args:
        path: where the PNG goes.
        paths: of machines, at least one.
        cap: up to which lives are told apart.
    """
    shown = paths[:_MOST_PATHS]
    columns = min(len(shown), _PATH_COLUMNS)
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(1 + 3.9 * columns, 3.1 * rows + 0.6), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, one in zip(grid, shown, strict=False):
        median, truth, lower, upper = (
            np.asarray(values, np.float64) for values in (one.median, one.truth, one.lower, one.upper)
        )
        age = np.arange(1, len(median) + 1)
        if len(lower):
            axes.fill_between(age, lower, upper, color=BLUE, alpha=0.2, linewidth=0, label="interval of 90 %")
        axes.plot(age, median, color=BLUE, linewidth=1.6, label="median")
        if len(truth):
            capped = np.minimum(truth, cap)
            axes.plot(age, capped, color=_BLACK, linestyle="--", linewidth=1.1, label="true, up to the cap")
        axes.set_title(readable(one.name), fontsize=10)
        axes.set(xlabel="row", ylim=(0, 1.05 * cap))
        axes.grid(alpha=0.3)
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    for place in range(0, len(shown), columns):
        grid[place].set(ylabel="rows left")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    save_figure(figure, path)
