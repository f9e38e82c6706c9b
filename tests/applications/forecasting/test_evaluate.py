"""What evaluation tells are the figures of the model's own answers, beside those of cheap forecasts."""

import numpy as np
import pandas as pd
import pytest

from applications.forecasting.evaluate import Options, evaluate
from common.errors import UserError
from common.series.tables import SeriesSource

LOOKBACK, HORIZON = 24, 8


@pytest.fixture(scope="module")
def table(made):
    """Of one shop, so that windows are easily cut by hand."""
    shop = made.case.table().query("shop == 'north'").reset_index(drop=True)
    shop.loc[shop.index[-5:-3], "sales"] = np.nan
    return shop


@pytest.fixture(scope="module")
def measured(table, exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("measured")
    table.to_csv(folder / "sales.csv", index=False)
    source = SeriesSource(str(folder / "sales.csv"))
    options = Options(exported, source, test_fraction=0.2, horizons=(2, 8), output=folder / "report")
    return evaluate(options), folder / "report"


@pytest.fixture(scope="module")
def windows(table):
    """Every window of the last fifth: what a server is asked, and what came `[windows, horizon]`."""
    scored = int(len(table) * 0.8)
    firsts = range(scored - LOOKBACK, len(table) - LOOKBACK - HORIZON + 1)
    cut = [table.iloc[first : first + LOOKBACK + HORIZON] for first in firsts]
    asked = {
        "values": np.stack([one[["sales"]].to_numpy(np.float32)[:LOOKBACK] for one in cut]),
        "past": np.stack([one[["rain"]].to_numpy(np.float32)[:LOOKBACK] for one in cut]),
        "known": np.stack([one[["price"]].to_numpy(np.float32) for one in cut]),
        "time": np.stack(
            [one["time"].to_numpy()[:LOOKBACK].astype("datetime64[s]").astype(np.int64) for one in cut]
        ),
        "series": np.array(["north"] * len(cut)),
    }
    return asked, np.stack([one["sales"].to_numpy()[LOOKBACK:] for one in cut])


def test_the_figures_are_those_of_the_models_own_answers(measured, windows, runner):
    metrics, (asked, truth) = measured[0], windows
    answers = runner.run("serving_default", **asked)
    quantiles = answers["quantiles"][:, :, 0].astype(np.float64)
    assert metrics["windows"] == len(truth) == 41
    error = np.abs(truth - quantiles[..., 4])
    assert metrics["mae"] == pytest.approx(np.nanmean(error), rel=1e-4)
    assert metrics["by_horizon"]["2"]["mae"] == pytest.approx(np.nanmean(error[:, :2]), rel=1e-4)
    inside = ((truth >= quantiles[..., 1]) & (truth <= quantiles[..., 7]))[~np.isnan(truth)]
    assert metrics["coverage_80"] == pytest.approx(inside.mean(), abs=0.01)
    linear = runner.run("linear", **asked)["median"][:, :, 0]
    skill = 1 - metrics["mae"] / np.nanmean(np.abs(truth - linear))
    assert metrics["skill_over_linear"] == pytest.approx(skill, abs=1e-3)


def test_beside_the_model_stand_the_last_value_and_the_last_day(measured, windows):
    metrics, (asked, truth) = measured[0], windows
    values = pd.DataFrame(asked["values"][:, :, 0])
    last = values.ffill(axis=1).to_numpy()[:, -1:]
    naive = np.nanmean(np.abs(truth - last))
    assert metrics["baselines"]["naive, 8 steps"]["mae"] == pytest.approx(naive, rel=1e-4)
    assert metrics["skill_over_naive"] == pytest.approx(1 - metrics["mae"] / naive, abs=1e-3)
    yesterday = values.to_numpy()[:, :HORIZON]
    seasonal = np.nanmean(np.abs(truth - yesterday))
    assert metrics["baselines"]["seasonal_naive, 8 steps"]["mae"] == pytest.approx(seasonal, rel=0.05)


def test_errors_of_each_step_are_a_table(measured):
    metrics, folder = measured
    steps = pd.read_csv(folder / "by_step.csv")
    assert len(steps) == HORIZON
    assert steps["mae"].mean() == pytest.approx(metrics["mae"], rel=0.05)
    assert {"naive_mae", "seasonal_naive_mae", "linear_mae"} <= set(steps)


def test_a_table_of_the_steps_before_is_looked_back_on_and_not_scored(measured, table, exported, tmp_path):
    last = int(len(table) * 0.8)
    table.iloc[:last].to_csv(tmp_path / "before.csv", index=False)
    table.iloc[last:].to_csv(tmp_path / "after.csv", index=False)
    options = Options(
        exported,
        SeriesSource(str(tmp_path / "after.csv")),
        history=tmp_path / "before.csv",
        output=tmp_path / "report",
    )
    metrics = evaluate(options)
    for name in ("mae", "mase", "coverage_80", "windows"):
        assert metrics[name] == pytest.approx(measured[0][name], rel=1e-4), name


def test_a_series_without_a_season_before_its_horizon_is_refused(table, exported, tmp_path):
    table.head(LOOKBACK + 2).to_csv(tmp_path / "short.csv", index=False)
    options = Options(exported, SeriesSource(str(tmp_path / "short.csv")), output=tmp_path / "report")
    with pytest.raises(UserError, match="too short a history"):
        evaluate(options)


def test_a_series_that_is_too_short_is_not_scored_and_counted_beside_one_that_is(
    table, exported, tmp_path, capsys
):
    short = table.head(LOOKBACK + 2).assign(shop="south")
    pd.concat([table, short]).to_csv(tmp_path / "both.csv", index=False)
    source = SeriesSource(str(tmp_path / "both.csv"), series_column="shop")
    metrics = evaluate(Options(exported, source, stride=20, output=tmp_path / "report"))
    assert metrics["unanswered"] == HORIZON
    assert "windows are not scored, such as: values: too short a history" in capsys.readouterr().out
    assert np.isfinite(metrics["mae"])


def test_too_few_steps_to_score_are_one_line(table, exported, tmp_path):
    table.head(HORIZON - 1).to_csv(tmp_path / "few.csv", index=False)
    options = Options(exported, SeriesSource(str(tmp_path / "few.csv")), output=tmp_path / "report")
    with pytest.raises(UserError, match=r"few\.csv: no series has 8 steps to score"):
        evaluate(options)
    assert not (tmp_path / "report").exists()
