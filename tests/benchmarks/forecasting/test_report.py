"""All contenders are scored by the same measure on the same truth, and stand in one table."""

import numpy as np
import pytest

from applications.forecasting.config import LEVELS, MEDIAN, PRESETS
from applications.forecasting.data import facts_of, training_examples
from benchmarks.forecasting.contest import Result
from benchmarks.forecasting.report import markdown, scores
from benchmarks.forecasting.split import scored_windows

TINY = PRESETS["tiny"]
FIGURES = ("mae", "mase", "smape", "weighted_quantile_loss", "coverage_80")


def _results() -> dict[str, Result]:
    shape = (6, TINY.horizon, 1, len(LEVELS))
    quantiles = np.sort(np.random.default_rng(1).normal(300, 300, shape), axis=-1)
    return {
        "ours": Result(12.4, (2.0, 4.0, 3.0), quantiles),
        "AutoETS": Result(None, (1200.0, 1500.0, 900.0), quantiles + 50),
    }


def test_scores_are_those_of_the_truth_by_the_scales_of_the_training_part() -> None:
    train, _ = training_examples(TINY)
    windows = scored_windows(TINY, None, 1, origins=2, series=0)
    facts, results = facts_of(TINY, train), _results()
    figures = scores(facts, windows, results)
    truth = windows.batch(range(6))["truth"].astype(float)
    for name, result in results.items():
        error = np.abs(truth - result.quantiles[..., MEDIAN])
        assert figures[name]["mae"] == pytest.approx(np.nanmean(error))
        by_series = [
            np.nanmean(error[2 * place : 2 * place + 2])
            / np.nanmean(np.abs(one.targets[facts.season :] - one.targets[: -facts.season]))
            for place, one in enumerate(train.series)
        ]
        assert figures[name]["mase"] == pytest.approx(np.mean(by_series), rel=1e-5)
        low, high = result.quantiles[..., LEVELS.index(0.1)], result.quantiles[..., LEVELS.index(0.9)]
        inside = ((low <= truth) & (truth <= high))[~np.isnan(truth)]
        assert figures[name]["coverage_80"] == pytest.approx(inside.mean())
        assert figures[name]["values"] == np.isfinite(truth).sum()


def test_the_table_has_medians_of_times_and_the_ratio_to_ours() -> None:
    figures = {
        name: dict.fromkeys(FIGURES, value) | {"unanswered": lost}
        for name, value, lost in (("ours", 0.5, 0), ("AutoETS", 0.25, 7))
    }
    text = markdown(_results(), figures, "Steps.", ["GRU: left out"])
    lines = text.splitlines()
    assert lines[0] == "Steps."
    assert lines[2].startswith("|  | training, s | forecast, ms per origin | this / ours | MAE | MASE |")
    assert lines[4] == "| ours | 12 | 3.00 [2.00..4.00] |  | 0.5 | 0.500 | 0.50 | 0.500 | 50.0% |"
    assert lines[5] == ("| AutoETS | - | 1,200 [900..1,500] | 400.00 | 0.25 | 0.250 | 0.25 | 0.250 | 25.0% |")
    assert "AutoETS: no forecast stood for 7 values, which count nowhere" in lines
    assert lines[-1] == "GRU: left out"
