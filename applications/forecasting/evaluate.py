"""Measures an exported model from rolling origins, beside the last value, the last season and the linear model.

python -m applications.forecasting.evaluate --model saved_models/forecasting --data test.csv --history before.csv
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from applications.forecasting import APPLICATION
from applications.forecasting.config import NAME
from applications.forecasting.data import evaluation_examples
from applications.forecasting.predict import Predictor
from common import cli
from common.checks import FRACTION, AtLeast, check_ranges
from common.errors import UserError
from common.evaluation.forecast_baselines import naive, seasonal_naive
from common.evaluation.forecast_plots import (
    Run,
    plot_backtest,
    plot_coverage_by_step,
    plot_error_by_step,
    plot_fan,
    plot_pit,
    plot_skill_by_series,
)
from common.evaluation.forecasting import BANDS, ForecastErrors, skill, verdict
from common.evaluation.script import announce, facts_of, report, timed
from common.files import require_writable_folder
from common.inference.refused_rows import reasons_of
from common.predicting.predictor import find_model
from common.predicting.progress import progress
from common.series.collection import SeriesCollection
from common.series.tables import SeriesSource
from common.series.windows import Windows, origins_of

Figures = Mapping[str, Mapping[str, Any]]
"""What `ForecastErrors.metrics` tells of the `model` and of each baseline."""
_BASELINES = ("naive", "seasonal_naive", "linear")
_POINT_FIGURES = ("mae", "mse_z", "mae_z", "mase", "smape")
_INTERVAL_FIGURES = tuple(f"coverage_{percent}" for percent in BANDS)
_PICTURED_STEPS = 4
# More are in by_series.csv alone.
_MOST_SERIES = 12


@dataclass(frozen=True)
class Options:
    """What to measure, on which series, and where the report goes."""

    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    source: SeriesSource = field(default_factory=SeriesSource)
    """Where the series come from. Columns, zone and holidays are the model's, unless given."""
    history: Path | None = None
    """Table of the steps before those of --data: first forecasts look back on them, and nothing in them is scored."""
    test_fraction: Annotated[float, FRACTION] = 0.0
    """Share of the steps, the last ones, that is scored; unless given, all steps that have enough others before
    them."""
    stride: Annotated[int, AtLeast(1)] = 1
    """Steps from one origin to the next; 1 scores every window."""
    horizon: Annotated[int | None, AtLeast(1)] = None
    """Steps ahead that are measured; unless given, all of the model's. Every origin with so many steps ahead counts, so
    a short horizon has more of them than a long one."""
    horizons: tuple[Annotated[int, AtLeast(1)], ...] = ()
    """Steps ahead up to which errors are also told; unless given, a quarter, a half and all of those measured."""
    output: Path = Path("runs/forecasting/evaluation")
    """Folder for metrics.json and the pictures."""
    batch_size: Annotated[int, AtLeast(1)] = 64
    """Windows that are forecast at once."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_writable_folder(self.output, "--output")


def evaluate(options: Options) -> dict[str, Any]:
    """Measures the SavedModel, as a server would answer, and writes the report. Returns the metrics."""
    path = find_model(NAME, options.model)
    predictor = Predictor(path, options.batch_size)
    source = predictor.source(options.source)
    series, history = evaluation_examples(source, options.history, options.test_fraction, predictor.lookback)
    announce(predictor.path, series)
    horizon = predictor.require_horizon(options.horizon)
    windows = _windows(predictor, series, history, horizon, options.stride)
    errors, seconds = _measured(predictor, windows)
    horizons = options.horizons or _horizons(horizon)
    figures = {name: each.metrics(horizons) for name, each in errors.items()}
    metrics = {
        **measure(figures),
        **facts_of(predictor.path, series, seconds, "steps", options.batch_size),
        "windows": len(windows),
    }
    drawn = partial(draw, predictor, windows, figures)
    return report(metrics, APPLICATION.title, series, options.output, drawn)


def measure(figures: Figures) -> dict[str, Any]:
    """The metrics of the model, those of the baselines beside them, and the skill over each."""
    metrics, baselines = figures["model"], {name: figures[name] for name in _BASELINES}
    skills = {
        f"skill_over_{name}": skill(metrics["mae"], baseline["mae"]) for name, baseline in baselines.items()
    }
    rows = {
        f"{name}, {steps} steps": {figure: row[figure] for figure in _POINT_FIGURES}
        for name, baseline in baselines.items()
        for steps, row in baseline["by_horizon"].items()
    }
    by_horizon = {
        steps: {figure: row[figure] for figure in (*_POINT_FIGURES, *_INTERVAL_FIGURES)}
        | {
            f"skill_over_{name}": skill(row["mae"], baselines[name]["by_horizon"][steps]["mae"])
            for name in _BASELINES
        }
        for steps, row in metrics["by_horizon"].items()
    }
    single = {
        name: value
        for name, value in metrics.items()
        if name not in ("by_step", "by_horizon", "by_series", "pit")
    }
    return {
        "verdict": verdict(metrics, baselines),
        **single,
        **skills,
        "by_horizon": by_horizon,
        "baselines": rows,
        **({"by_series": metrics["by_series"]} if len(metrics["by_series"]) <= _MOST_SERIES else {}),
    }


def draw(predictor: Predictor, windows: Windows, figures: Figures, folder: Path) -> None:
    """Writes the pictures to a folder, and tables of the errors of each step ahead and of each series."""
    metrics, steps = figures["model"], figures["model"]["by_step"]
    baselines = {name: figures[name]["by_step"]["mae"] for name in _BASELINES}
    table = {**steps, **{f"{name}_mae": values for name, values in baselines.items()}}
    pd.DataFrame(table).rename_axis("step").to_csv(folder / "by_step.csv")
    plot_error_by_step(folder / "error_by_step.png", {"model": steps["mae"], **baselines})
    plot_coverage_by_step(
        folder / "coverage_by_step.png",
        {percent / 100: steps[f"coverage_{percent}"] for percent in BANDS},
    )
    plot_pit(folder / "pit.png", metrics["pit"])
    pd.DataFrame(metrics["by_series"]).T.rename_axis("series").to_csv(folder / "by_series.csv")
    by_series, naives = metrics["by_series"], figures["naive"]["by_series"]
    if len(by_series) > 1:
        skills = {name: skill(one["mae"], naives[name]["mae"]) for name, one in by_series.items()}
        plot_skill_by_series(folder / "skill_by_series.png", skills)
    _draw_forecasts(predictor, windows, folder)


def _draw_forecasts(predictor: Predictor, windows: Windows, folder: Path) -> None:
    """A forecast in the middle of the first series, and some of them one after another."""
    rows = np.flatnonzero(windows.origins[:, 0] == windows.origins[0, 0])
    chosen = rows[np.linspace(0, len(rows) - 1, _PICTURED_STEPS + 2).round().astype(int)][1:-1]
    batch = windows.batch(chosen)
    quantiles = predictor.answers(batch, windows.names(chosen))["quantiles"][:, :, 0]
    ends = {
        percent / 100: [predictor.levels.index(end) for end in levels] for percent, levels in BANDS.items()
    }
    times = [predictor.timestamps(one).to_pydatetime() for one in batch["times"]]
    lookback, target = windows.lookback, windows.collection.columns.targets[0]
    shown = min(lookback, 3 * windows.horizon)
    median = predictor.levels.index(0.5)
    plot_fan(
        folder / "fan.png",
        times[0][lookback - shown : lookback],
        batch["values"][0, -shown:, 0],
        times[0][lookback:],
        quantiles[0, :, median],
        {share: (quantiles[0, :, low], quantiles[0, :, high]) for share, (low, high) in ends.items()},
        truth=batch["truth"][0, :, 0],
        value=target,
    )
    low, high = ends[0.8]
    series = windows.collection.series[windows.origins[0, 0]]
    first, last = windows.origins[chosen[0], 1] - shown, windows.origins[chosen[-1], 1] + windows.horizon
    runs = [
        Run(time[lookback:], one[:, median], one[:, low], one[:, high])
        for time, one in zip(times, quantiles, strict=True)
    ]
    plot_backtest(
        folder / "backtest.png",
        predictor.timestamps(series.times[first:last]).to_pydatetime(),
        series.targets[first:last, 0],
        runs,
        value=target,
    )


def _horizons(horizon: int) -> tuple[int, ...]:
    return tuple(sorted({max(horizon // 4, 1), max(horizon // 2, 1), horizon}))


def _windows(
    predictor: Predictor, series: SeriesCollection, history: list[int], horizon: int, stride: int
) -> Windows:
    """The windows whose first steps ahead are scored: behind the history of each series."""
    origins = origins_of(series, predictor.lookback, horizon)
    is_scored = origins[:, 1] >= np.array(history)[origins[:, 0]]
    # An origin of a series that is too short for the lookback is the only one that it has.
    origins = origins[is_scored][::stride]
    if not len(origins):
        raise UserError(
            f"{series.name}: no series has {horizon:,} steps to score behind the one that is looked back on; fewer "
            "may be measured (--horizon)"
        )
    return Windows(series, [0] * len(series.series), predictor.lookback, horizon, origins)


def _measured(predictor: Predictor, windows: Windows) -> tuple[dict[str, ForecastErrors], float]:
    """The errors of the `model` and of each baseline, and the seconds that the model took."""
    series_names = [series.name for series in windows.collection.series]
    deviations, scales = (predictor.of_series(series_names, name) for name in ("deviations", "season_errors"))
    errors = {
        name: ForecastErrors(
            series_names, windows.horizon, deviations, scales, predictor.levels if name == "model" else ()
        )
        for name in ("model", *_BASELINES)
    }
    seconds = 0.0
    season = predictor.facts["season"]
    refused: list[str] = []
    for chosen in progress(windows.chunks(predictor.batch_size), "forecasting", True):
        batch = windows.batch(chosen)
        series, truth, values = windows.origins[chosen, 0], batch["truth"], batch["values"]
        names = windows.names(chosen)
        answers, taken = timed(partial(predictor.answers, batch, names))
        seconds += taken
        refused += reasons_of(answers).values()
        errors["model"].add(series, truth, answers["quantiles"])
        errors["naive"].add(series, truth, naive(values, windows.horizon))
        errors["seasonal_naive"].add(series, truth, seasonal_naive(values, windows.horizon, season))
        errors["linear"].add(series, truth, predictor.answers(batch, names, "linear")["median"])
    if len(refused) == len(windows):
        raise UserError(f"{windows.collection.name}: no window can be forecast ({refused[0]})")
    if refused:
        cli.console().print(
            f"{len(refused):,} of {len(windows):,} windows are not scored, such as: {refused[0]}"
        )
    return errors, seconds


def main(options: Options) -> None:
    """Measures an exported forecaster: errors, coverage, and the skill over the last value, the last season and the
    linear model."""
    evaluate(options)


if __name__ == "__main__":
    cli.run(main, Options)
