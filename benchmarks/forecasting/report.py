"""Scores the forecasts, and writes them as a table in Markdown."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from applications.forecasting.config import LEVELS
from applications.forecasting.facts import Facts
from benchmarks.forecasting.contest import OURS, Result
from benchmarks.timing import ratio, spread
from common.evaluation.forecasting import ForecastErrors
from common.series.windows import Windows

FIGURES = {
    "mae": "MAE",
    "mase": "MASE",
    "smape": "sMAPE, %",
    "weighted_quantile_loss": "weighted quantile loss",
    "coverage_80": "80% interval covers",
}


def scores(facts: Facts, windows: Windows, results: Mapping[str, Result]) -> dict[str, dict[str, Any]]:
    """The figures of each contender over all windows and steps.

    Args:
        facts: that our training found; its deviations and seasonal differences are everybody's scales.
        windows: with the truth.
        results: of the contenders.
    """
    names = [series.name for series in windows.collection.series]
    unknown = [np.nan] * len(facts.targets)
    deviations, scales = (
        [dict(zip(facts.series, values, strict=True)).get(name, unknown) for name in names]
        for values in (facts.deviations, facts.season_errors)
    )
    truth = windows.batch(range(len(windows)))["truth"]
    figures = {}
    for name, result in results.items():
        errors = ForecastErrors(names, windows.horizon, deviations, scales, LEVELS)
        errors.add(windows.origins[:, 0], truth, result.quantiles)
        metrics = errors.metrics()
        figures[name] = {figure: metrics[figure] for figure in ("values", "unanswered", *FIGURES)}
    return figures


def markdown(
    results: Mapping[str, Result],
    figures: Mapping[str, Mapping[str, float]],
    heading: str,
    notes: Sequence[str],
) -> str:
    """The whole report.

    Args:
        results: times of the contenders.
        figures: as `scores` gives them.
        heading: what was forecast, and on which machine.
        notes: lines on how peers were trained, and on who did not take part.
    """
    head = ["", "training, s", "forecast, ms per origin", "this / ours", *FIGURES.values()]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, result in results.items():
        middle, lowest, highest = spread(result.milliseconds, digits=_digits(median(result.milliseconds)))
        against = "" if name == OURS else f"{ratio(result.milliseconds, results[OURS].milliseconds):.2f}"
        cells = [
            name,
            "-" if result.training is None else f"{result.training:,.0f}",
            f"{middle} [{lowest}..{highest}]",
            against,
            *(_shown(figure, figures[name][figure]) for figure in FIGURES),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    unanswered = [
        f"{name}: no forecast stood for {one['unanswered']:,.0f} values, which count nowhere"
        for name, one in figures.items()
        if one["unanswered"]
    ]
    return "\n\n".join([heading, "\n".join(lines), *unanswered, *notes]) + "\n"


def _digits(value: float) -> int:
    return 2 if value < 10 else 1 if value < 100 else 0


def _shown(figure: str, value: float) -> str:
    if figure.startswith("coverage"):
        return f"{value:.1%}"
    if figure == "smape":
        return f"{value:.2f}"
    return f"{value:.4g}" if figure == "mae" else f"{value:.3f}"
