"""How far forecasts of series are from what came: errors, intervals, and their worth beside cheap forecasts.

The sums behind every figure are kept for each series, step and target, so that windows may come in chunks and none is
kept. A value that is missing in the truth counts nowhere; all others weigh the same within their series.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.evaluation.quantiles import PIT_BINS, mean_weights, pinball_loss, pit_histogram

BANDS = {50: (0.25, 0.75), 80: (0.1, 0.9), 95: (0.025, 0.975)}
"""The levels of the lower and the upper end of the interval that is to cover so many percent."""

_NO_SKILL = 0.02
_NO_BETTER = 0.01
_BASELINES = {
    "naive": "the last value",
    "seasonal_naive": "the seasonal naive forecast",
    "linear": "the linear model",
}

Floats = NDArray[np.float64]


class ForecastErrors:
    """Collects the errors of a forecaster, chunk by chunk.

    Args:
        series: the name of each series.
        horizon: steps of each forecast.
        deviations: standard deviation of each series and target in the training part, `[series, targets]`: errors over
            it are those of standardised values (the means cancel). Where it is 0 or NaN, there are none.
        scales: in-sample mean absolute seasonal difference, `[series, targets]`, for MASE. Likewise.
        levels: of the quantiles, ascending, 0.5 among them; none for a forecaster that gives points.

    Raises:
        ValueError: from `__init__`, the levels are none of a forecaster; from `add`, shapes do not match, a series has
            no such index, or quantiles cross.

    Example:
        >>> errors = ForecastErrors(["Geelong"], 2, deviations=[[4.0]], scales=[[2.0]])
        >>> errors.add([0, 0], truth=[[[5], [7]], [[7], [np.nan]]], forecast=[[[4], [4]], [[7], [7]]])
        >>> metrics = errors.metrics(horizons=[1])
        >>> round(metrics["mae"], 3), round(metrics["mase"], 3), metrics["by_horizon"]["1"]["mae"]
        (1.333, 0.667, 0.5)
    """

    def __init__(
        self,
        series: Sequence[str],
        horizon: int,
        deviations: ArrayLike,
        scales: ArrayLike,
        levels: Sequence[float] = (),
    ) -> None:
        self.series = tuple(series)
        self.horizon = horizon
        self.levels = np.asarray(levels, np.float64)
        self.deviations = _usable(deviations)
        self.scales = _usable(scales)
        if self.deviations.shape != self.scales.shape or len(self.scales) != len(self.series):
            raise ValueError(
                f"{len(self.series)} series with deviations {self.deviations.shape} and scales {self.scales.shape};"
                " expected [series, targets] of both"
            )
        if len(self.levels) and not (np.isclose(self.levels, 0.5).any() and _is_ascending(self.levels)):
            raise ValueError(f"the levels {list(levels)}; expected ascending ones between 0 and 1, with 0.5")
        self._bands = {
            coverage: places
            for coverage, ends in BANDS.items()
            if len(places := [_place(self.levels, end) for end in ends if _has(self.levels, end)]) == 2
        }
        names = ["count", "unanswered", "absolute", "squared", "percent", "truth", "crps"]
        names += [f"{name}_{coverage}" for coverage in self._bands for name in ("coverage", "width")]
        shape = (len(self.series), horizon, self.scales.shape[1])
        self._sums: dict[str, Floats] = {name: np.zeros(shape) for name in names}
        self._pit = np.zeros((horizon, PIT_BINS))

    def add(self, series: ArrayLike, truth: ArrayLike, forecast: ArrayLike) -> None:
        """Adds some windows.

        Args:
            series: index of the series of each window, int `[windows]`.
            truth: what came, `[windows, horizon, targets]`; what is missing is NaN.
            forecast: quantiles `[windows, horizon, targets, levels]`, or `[windows, horizon, targets]` of a forecaster
                without levels. Where it is NaN, it counts as unanswered and nowhere else.
        """
        index = np.asarray(series, np.int64)
        values, quantiles = np.asarray(truth, np.float64), np.asarray(forecast, np.float64)
        shape = (len(index), *self._sums["count"].shape[1:])
        full = (*shape, len(self.levels)) if len(self.levels) else shape
        if values.shape != shape or quantiles.shape != full:
            raise ValueError(
                f"truth {values.shape} and forecast {quantiles.shape}; expected {shape} and {full}"
            )
        if len(index) and not 0 <= index.min() <= index.max() < len(self.series):
            raise ValueError(f"series {index.min()} to {index.max()}; expected 0 to {len(self.series) - 1}")
        if not len(self.levels):
            quantiles = quantiles[..., None]
        if (np.diff(quantiles, axis=-1) < 0).any():
            raise ValueError("quantiles cross; expected them ascending with their levels")
        is_answered = ~np.isnan(quantiles).any(axis=-1)
        is_there = ~np.isnan(values)
        counts = is_there & is_answered
        # Zeros stand for what does not count, for NaN times 0 would be NaN.
        values = np.where(counts, values, 0)
        quantiles = np.where(counts[..., None], quantiles, 0)
        measured = {name: each * counts for name, each in self._measured(values, quantiles).items()}
        measured |= {"unanswered": is_there & ~is_answered, "count": counts}
        order = np.argsort(index, kind="stable")
        present, starts = np.unique(index[order], return_index=True)
        if len(present):
            for name, each in measured.items():
                self._sums[name][present] += np.add.reduceat(each[order].astype(np.float64), starts, axis=0)
        if len(self.levels):
            step = np.broadcast_to(np.arange(self.horizon)[None, :, None], shape)[counts]
            self._pit += pit_histogram(values[counts], quantiles[counts], self.levels, step, self.horizon)

    def metrics(self, horizons: Iterable[int] = ()) -> dict[str, Any]:
        """All figures, over all steps and in tables. What no value speaks to is NaN.

        - `values`, `unanswered`: how many values were compared, and how many came that no forecast stood for.
        - `mae`: of the median. `mse`: of the mean, which is the integral of the quantile function, linear between the
          levels and constant beyond the outermost two. `mae_z`, `mse_z`: the same on standardised values.
        - `mase`, `smape` (percent, `200 |a - f| / (|a| + |f|)`, 0 where both are 0) as in M4: of the median, the mean
          over each series and target, then over these.
        - `without_scale`, `without_deviation`: how many of these were left out of `mase`, and of `mae_z` and `mse_z`.
        - `crps`: the mean over levels of twice the pinball loss; the more even the levels, the nearer the integral.
          `weighted_quantile_loss`: its sum over that of `|truth|`. A point stands for a distribution all in one place:
          its `crps` is the absolute error.
        - `coverage_50`, `width_50` and so on, of the intervals whose ends are among the levels: the share of values
          within (ends included), and the mean width.
        - `pit`: shares of the probability integral transform in 20 bins, see `pit_histogram`; flat is calibrated.

        Args:
            horizons: for each of them, unless it is longer than the forecasts, `by_horizon` has all this over steps 1
                to it.

        Returns:
            The figures above, and `by_horizon` (`"24"` -> figures), `by_step` (figure -> `[horizon]`) and `by_series`
            (name -> `values`, `mae`, `mase`, `smape`, and `coverage_80`).
        """
        steps = [self._figures(slice(step, step + 1)) for step in range(self.horizon)]
        by_horizon = {
            str(horizon): self._figures(slice(0, horizon))
            for horizon in horizons
            if 1 <= horizon <= self.horizon
        }
        return {
            **self._figures(slice(None)),
            "by_horizon": by_horizon,
            "by_step": {name: [step[name] for step in steps] for name in steps[0] if name != "pit"},
            "by_series": {name: self._of_series(row) for row, name in enumerate(self.series)},
        }

    def _measured(self, truth: Floats, quantiles: Floats) -> dict[str, NDArray[Any]]:
        """Errors of each value, `[windows, horizon, targets]`."""
        levels = self.levels if len(self.levels) else np.array([0.5])
        median = quantiles[..., _place(levels, 0.5)]
        absolute, size = np.abs(truth - median), np.abs(truth) + np.abs(median)
        crps = np.zeros_like(truth)
        for place, level in enumerate(levels):
            crps += 2 * pinball_loss(truth, quantiles[..., place], level) / len(levels)
        measured: dict[str, NDArray[Any]] = {
            "absolute": absolute,
            "squared": (truth - quantiles @ mean_weights(levels)) ** 2,
            "percent": 200 * absolute / np.where(size > 0, size, 1),
            "truth": np.abs(truth),
            "crps": crps,
        }
        for coverage, (low, high) in self._bands.items():
            lower, upper = quantiles[..., low], quantiles[..., high]
            measured[f"coverage_{coverage}"] = (lower <= truth) & (truth <= upper)
            measured[f"width_{coverage}"] = upper - lower
        return measured

    def _figures(self, steps: slice) -> dict[str, Any]:
        total = {name: sums[:, steps].sum(axis=1) for name, sums in self._sums.items()}
        count = total["count"]
        all_values, has_values = count.sum(), count > 0
        figures: dict[str, Any] = {
            "values": int(all_values),
            "unanswered": int(total["unanswered"].sum()),
            "mae": _ratio(total["absolute"].sum(), all_values),
            "mse": _ratio(total["squared"].sum(), all_values),
            **_standardised(total, self.deviations),
            **_scale_free(total, self.scales),
            "without_scale": int((has_values & np.isnan(self.scales)).sum()),
            "without_deviation": int((has_values & np.isnan(self.deviations)).sum()),
            "weighted_quantile_loss": _ratio(total["crps"].sum(), total["truth"].sum()),
            "crps": _ratio(total["crps"].sum(), all_values),
        }
        for coverage in self._bands:
            for name in (f"coverage_{coverage}", f"width_{coverage}"):
                figures[name] = _ratio(total[name].sum(), all_values)
        if len(self.levels):
            pit = self._pit[steps].sum(axis=0)
            figures["pit"] = [_ratio(one, all_values) for one in pit]
        return figures

    def _of_series(self, row: int) -> dict[str, float]:
        total = {name: sums[row : row + 1].sum(axis=1) for name, sums in self._sums.items()}
        count = total["count"].sum()
        figures = {
            "values": int(count),
            "mae": _ratio(total["absolute"].sum(), count),
            **_scale_free(total, self.scales[row : row + 1]),
        }
        if 80 in self._bands:
            figures["coverage_80"] = _ratio(total["coverage_80"].sum(), count)
        return figures


def skill(error: float, baseline: float) -> float:
    """By what share an error is smaller than that of a baseline: 1 is perfect, 0 as bad, below 0 worse.

    Returns:
        `1 - error / baseline`; NaN where the baseline makes no error.
    """
    return 1 - error / baseline if baseline else math.nan


def verdict(metrics: Mapping[str, Any], baselines: Mapping[str, Mapping[str, Any]]) -> str:
    """What a forecaster is worth beside cheap ones on the same windows, by mean absolute error, in plain words.

    Args:
        metrics: of the model, with `mae`.
        baselines: from a name to its metrics; `naive` repeats the last value, `linear` is the linear model.
    """
    error = float(metrics["mae"])
    errors = {name: float(one["mae"]) for name, one in baselines.items() if not math.isnan(one["mae"])}
    if math.isnan(error) or not errors:
        return "nothing to judge by: no values were compared"
    best = min(errors, key=lambda name: errors[name])
    against = f"(MAE {error:.4g} against {errors[best]:.4g})"
    if not errors[best]:
        return f"{_named(best)} makes no error: there is nothing to gain"
    lead = skill(error, errors[best])
    if "naive" in errors and skill(error, errors["naive"]) < _NO_SKILL:
        of_best = skill(errors[best], errors["naive"])
        if of_best < _NO_SKILL:
            return (
                "no skill over the last value: these series cannot be predicted from their past;"
                " of use are the intervals alone"
            )
        return (
            f"no skill over the last value, while {_named(best)} is {of_best:.1%} better than it:"
            " these series can be predicted, but not by this model"
        )
    if abs(lead) < _NO_BETTER:
        return f"no better than {_named(best)} {against}"
    word = "better" if lead > 0 else "worse"
    return f"{abs(lead):.1%} {word} than the best baseline, {_named(best)} {against}"


def _named(baseline: str) -> str:
    return _BASELINES.get(baseline, baseline.replace("_", " "))


def _usable(scales: ArrayLike) -> Floats:
    """Scales, with NaN for those that nothing can be divided by."""
    scales = np.asarray(scales, np.float64)
    return np.where(scales > 0, scales, np.nan)


def _is_ascending(levels: Floats) -> bool:
    return bool((np.diff(np.r_[0.0, levels, 1.0]) > 0).all())


def _has(levels: Floats, level: float) -> bool:
    return bool(np.isclose(levels, level).any())


def _place(levels: Floats, level: float) -> int:
    return int(np.abs(levels - level).argmin())


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan


def _standardised(total: Mapping[str, Floats], deviations: Floats) -> dict[str, float]:
    """`mae_z` and `mse_z` from sums and deviations `[series, targets]`."""
    count = total["count"][~np.isnan(deviations)].sum()
    return {
        "mae_z": _ratio(np.nansum(total["absolute"] / deviations), count),
        "mse_z": _ratio(np.nansum(total["squared"] / deviations**2), count),
    }


def _scale_free(total: Mapping[str, Floats], scales: Floats) -> dict[str, float]:
    """`mase` and `smape` from sums and scales `[series, targets]`: the mean over those that have values."""
    count = np.where(total["count"] > 0, total["count"], np.nan)
    each = {"mase": total["absolute"] / count / scales, "smape": total["percent"] / count}
    return {name: _ratio(np.nansum(one), np.isfinite(one).sum()) for name, one in each.items()}
