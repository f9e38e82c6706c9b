"""Parts are divided by time, statistics are of the training part, and every kind of data gives a model."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from applications.forecasting.config import PRESETS
from applications.forecasting.data import (
    facts_of,
    seasons_of,
    training_examples,
    training_part,
    validation_part,
)
from applications.forecasting.export import export
from applications.forecasting.predict import Predictor, _shown
from applications.forecasting.train import _weights, persistence, train
from common.errors import FlagError, UserError
from common.export.script import ExportOptions
from common.series.frequency import DAY, Frequency
from common.series.tables import SeriesSource


def config_for(folder, table, **changes):
    path = folder / "table.csv"
    table.to_csv(path, index=False)
    tiny = PRESETS["tiny"]
    options = replace(tiny.training, epochs=1, runs=folder / "runs")
    small = {"windows": 16, "validation_windows": 8, "units": 4, **changes}
    return replace(tiny, source=SeriesSource(str(path)), training=options, **small)


def made_table(times, names=("sales",)):
    rng = np.random.default_rng(4)
    season = 10 + 3 * np.sin(2 * np.pi * np.arange(len(times)) / 12)
    columns = {name: (season + rng.standard_normal(len(times))).round(3) for name in names}
    return pd.DataFrame({"time": times, **columns})


def test_the_parts_follow_each_other_in_time_and_only_the_first_is_learnt_from(tmp_path):
    table = made_table(pd.date_range("2024-01-01", periods=200, freq="h"))
    config = config_for(tmp_path, table, validation_fraction=0.2, test_fraction=0.1)
    parts = training_examples(config)
    first, second = (pd.to_datetime(part.series[0].times, unit="s") for part in parts)
    assert first.tolist() == table["time"][:140].tolist()
    assert second.tolist() == table["time"][140:180].tolist()
    facts = facts_of(config, parts[0])
    assert facts.means == [[pytest.approx(table["sales"][:140].mean(), rel=1e-5)]]
    assert facts.deviations == [[pytest.approx(table["sales"][:140].std(ddof=0), rel=1e-5)]]
    season = np.abs(table["sales"][:140].diff(facts.season)).mean()
    assert facts.season_errors == [[pytest.approx(season, rel=1e-4)]]


def test_windows_of_validation_look_back_into_training_and_training_sees_nothing_of_it(tmp_path):
    table = made_table(pd.date_range("2024-01-01", periods=200, freq="h"))
    config = config_for(tmp_path, table, validation_fraction=0.2)
    parts = training_examples(config)
    facts = facts_of(config, parts[0])
    training = training_part(config, facts, parts[0])
    validation = validation_part(config, facts, parts[1], parts[0])
    seen, checked = (one.batch(np.arange(len(one))) for one in (training, validation))
    border = int(table["time"][160].timestamp())
    assert seen["times"].max() < border
    truths = checked["times"][:, config.lookback :]
    assert truths.min() == border
    assert len(validation) == 40 - config.horizon + 1
    assert checked["times"].min() == border - config.lookback * 3600
    assert not np.isnan(checked["values"]).any()


def test_too_little_data_is_one_line(tmp_path):
    config = config_for(tmp_path, made_table(pd.date_range("2024-01-01", periods=12, freq="h")))
    with pytest.raises(
        UserError, match="steps; expected at least 12 for a segment and a horizon to train on"
    ):
        train(config)
    assert not (tmp_path / "runs").exists()


def test_a_look_back_is_a_whole_number_of_segments():
    with pytest.raises(FlagError, match="--lookback 25: expected a whole number of segments of --segment 4"):
        replace(PRESETS["tiny"], lookback=25)


def test_seasons_are_days_weeks_and_years():
    hours, days = Frequency(3600), Frequency(DAY)
    assert [seasons_of(one) for one in (hours, days, Frequency(7 * DAY))] == [[24, 168], [7], [1]]
    months = (Frequency(1, "month"), Frequency(3, "month"), Frequency(1, "business day"))
    assert [seasons_of(one) for one in months] == [[12], [4], [5]]


def test_later_steps_weigh_less_by_the_root_of_their_distance():
    weights = _weights(replace(PRESETS["tiny"], decay=2.0))
    np.testing.assert_allclose(weights / weights[0], (1 + np.arange(8) / 2) ** -0.5, rtol=1e-5)
    assert weights.mean() == pytest.approx(1)
    assert set(_weights(replace(PRESETS["tiny"], decay=0.0))) == {1.0}


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_persistence_is_how_much_a_step_says_of_the_next(share):
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((3000, 20))
    for step in range(1, 20):
        noise[:, step] = share * noise[:, step - 1] + np.sqrt(1 - share**2) * noise[:, step]
    levels = np.linspace(-2, 2, 9)
    quantiles = np.broadcast_to(levels, (3000, 20, 1, 9))
    assert persistence(noise[..., None], quantiles) == pytest.approx(share, abs=0.05)


@pytest.mark.slow
def test_months_go_through_two_layers_with_each_window_scaled_by_itself_from_a_table_to_forecasts(tmp_path):
    """Beside the hours, the one layer and the scales of each series of what all applications are asked."""
    times = pd.date_range("2015-01-31", periods=100, freq="ME")
    table = made_table(times, ("sales", "visits"))
    run = train(config_for(tmp_path, table, cell="lstm", layers=2, scaling="window"))
    version = export(ExportOptions(run, tmp_path / "models" / "forecasting"))
    with Predictor(version) as predictor:
        answer = predictor(table)
        shown = next(_shown(predictor, predictor.forecasts(predictor.read(table)), 0.8))
    offset = pd.infer_freq(times)
    ahead = pd.date_range(times[-1], periods=9, freq=offset)[1:]
    assert answer["time"].tolist() == [time for time in ahead for _ in range(2)]
    assert answer["target"].tolist() == ["sales", "visits"] * 8
    assert shown.record["time"] == ahead[0].date().isoformat()
    assert np.isfinite(answer[["median", "lower", "upper"]].to_numpy()).all()


def test_a_training_goes_on_from_a_model_with_the_same_columns_alone(made, exported, tmp_path):
    table = made.case.table().rename(columns={made.case.TARGET: "visits"})
    config = config_for(tmp_path, table)
    source = replace(
        config.source,
        series_column="shop",
        target_columns=("visits",),
        past_columns=(made.case.PAST,),
        known_columns=(made.case.KNOWN,),
    )
    training = replace(config.training, init_from=exported)
    with pytest.raises(
        UserError, match="target columns visits; expected sales, as --init-from was trained on"
    ):
        train(replace(config, source=source, training=training, units=made.config.units))
