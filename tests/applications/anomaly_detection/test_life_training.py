"""A model of remaining life learns from whole machines, and is chosen by machines that it did not learn from."""

import json

import numpy as np
import pandas as pd
import pytest

from applications.anomaly_detection.config import LEVELS, Config
from applications.anomaly_detection.life_export import load_life
from applications.anomaly_detection.life_model import build_life
from applications.anomaly_detection.life_sensors import LifeFacts
from applications.anomaly_detection.life_training import (
    evaluation_lives,
    examples_of,
    fitted_correction,
    train_life,
    training_batches,
    training_lives,
    training_model,
)
from common.errors import UserError
from common.series.reading_tables import ReadingSource
from common.series.readings import Recording
from common.training.options import TrainingOptions
from common.training.run_folder import load_finished

CAP = 30


def table(machines=12, first=0, cut=0):
    """Units whose heat rises in their last rows, beside a sensor that never changes."""
    frames = []
    for unit in range(first, first + machines):
        rows = 30 + 5 * (unit % 5)
        left = np.arange(rows - 1, -1, -1)
        heat = 500 - 2 * np.minimum(left, CAP) + np.random.default_rng(unit).normal(0, 1, rows)
        columns = {"unit": unit, "cycle": np.arange(1, rows + 1), "heat": heat, "mode": 3.0}
        frames.append(pd.DataFrame(columns)[: rows - cut])
    return pd.concat(frames)


def config(path, **fields):
    training = TrainingOptions(epochs=20, batch_size=5, learning_rate=0.04, averaging=0.0, patience=30)
    whole = {"training": training, "units": 8, "life_cap": CAP, "validation_fraction": 0.25, **fields}
    return Config(source=ReadingSource(data=str(path)), task="remaining_life", **whole)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lives")
    table().to_csv(folder / "train.csv", index=False)
    table(5, first=50, cut=9).to_csv(folder / "test.csv", index=False)
    pd.DataFrame({"unit": range(50, 55), "rul": 9}).to_csv(folder / "test_rul.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def run(data, tmp_path_factory, quickly_traced):
    runs = tmp_path_factory.mktemp("runs")
    given = config(data)
    options = TrainingOptions(**{**vars(given.training), "runs": runs})
    return train_life(config(data, training=options))


# --- machines


def test_whole_machines_are_held_out_and_none_is_lost(data):
    train, validation = training_lives(config(data))
    names = [[one.name for one in part.recordings] for part in (train, validation)]
    assert (len(names[0]), len(names[1])) == (9, 3)
    assert sorted(names[0] + names[1]) == sorted(str(unit) for unit in range(12))
    assert len(train) + len(validation) == len(table())


def test_a_folder_with_a_part_for_validation_is_taken_as_it_is(tmp_path):
    table(4).to_csv(tmp_path / "train.csv", index=False)
    table(2, first=20).to_csv(tmp_path / "val.csv", index=False)
    train, validation = training_lives(config(tmp_path))
    assert [one.name for one in train.recordings] == ["0", "1", "2", "3"]
    assert [one.name for one in validation.recordings] == ["20", "21"]


def test_machines_are_measured_on_with_what_they_had_left(data):
    test = evaluation_lives(ReadingSource(data=str(data)))
    assert [one.remaining for one in test.recordings] == [9.0] * 5


def test_the_sample_is_of_machines_that_fail():
    train, validation = training_lives(config("sample"))
    test = evaluation_lives(ReadingSource())
    assert {one.remaining for one in (*train.recordings, *validation.recordings)} == {0.0}
    assert min(one.remaining for one in test.recordings) > 0


def test_machines_whose_life_is_not_known_are_left_out_and_told(tmp_path):
    frame = table(4).rename(columns={"cycle": "hour"}).assign(rul=0.0)
    frame.loc[frame["unit"] == 2, "rul"] = np.nan
    frame.to_csv(tmp_path / "lives.csv", index=False)
    train, validation = training_lives(config(tmp_path / "lives.csv"))
    assert len(train.recordings) + len(validation.recordings) == 3
    assert "left out 1 machines whose remaining life is not known" in train.describe()


def test_without_a_known_life_it_is_said_what_is_missing(tmp_path):
    path = tmp_path / "lives.csv"
    table(4).rename(columns={"cycle": "hour"}).to_csv(path, index=False)
    with pytest.raises(UserError, match=r"lives.csv: the remaining life of 0 machines is known; expected 2"):
        training_lives(config(path))


def test_validation_of_other_sensors_is_refused(tmp_path):
    table(4).to_csv(tmp_path / "train.csv", index=False)
    table(2).rename(columns={"heat": "cold"}).to_csv(tmp_path / "val.csv", index=False)
    with pytest.raises(UserError, match=r"sensors cold, mode; expected those of .*: heat, mode"):
        training_lives(config(tmp_path))


def test_data_in_which_no_sensor_changes_is_refused(tmp_path):
    table(4).assign(heat=7.5).to_csv(tmp_path / "train.csv", index=False)
    options = TrainingOptions(runs=tmp_path / "runs")
    with pytest.raises(UserError, match="no sensor changes"):
        train_life(config(tmp_path, training=options))


# --- examples


def machine(rows, remaining):
    values = np.arange(2.0 * rows).reshape(rows, 2)
    return Recording("", np.arange(rows), values.astype(np.float32), remaining=remaining)


def test_what_is_left_counts_down_to_what_each_machine_had_left_and_is_capped():
    examples = examples_of([machine(6, 0.0), machine(4, 3.0)], cap=4)
    expected = [[4, 4, 3, 2, 1, 0], [4, 4, 4, 3, np.nan, np.nan]]
    np.testing.assert_allclose(examples.truth * 4, expected)
    np.testing.assert_array_equal(examples.values[1, :4], machine(4, 3.0).values)
    assert np.isnan(examples.values[1, 4:]).all()


def test_each_epoch_has_every_machine_once_in_an_order_of_its_own(tmp_path):
    machines = [machine(rows, 0.0) for rows in (3, 5, 7, 9)]
    examples = examples_of(machines, cap=4)
    options = TrainingOptions(batch_size=3)
    dataset, steps = training_batches(examples, config(tmp_path, training=options), range(3))
    batches = [batch["truth"].numpy() for batch, _ in dataset]
    assert (steps, len(batches)) == (2, 6)
    orders = []
    for first in range(0, 6, 2):
        lengths = (~np.isnan(np.concatenate(batches[first : first + 2]))).sum(axis=1)
        assert sorted(lengths) == [3, 5, 7, 9]
        orders.append(tuple(lengths))
    assert len(set(orders)) > 1


def test_the_loss_is_the_pinball_loss_of_every_member_over_the_rows_that_are_there(quickly_traced):
    facts = LifeFacts(("a", "b"), (3.0, 4.0), (0.5, 0.2))
    model = build_life(Config(units=3, members=2, life_cap=4), facts)
    examples = examples_of([machine(6, 0.0), machine(4, 3.0)], cap=4)
    losses = training_model(model).predict_on_batch({"values": examples.values, "truth": examples.truth})
    network = model.get_layer("life_network")
    told = network(model.get_layer("scaled_sensors")(examples.values)).numpy()
    total, count = 0.0, 0
    for machine_place, row in np.argwhere(~np.isnan(examples.truth)):
        for member in range(2):
            above = examples.truth[machine_place, row] - told[machine_place, row, member]
            total += sum(
                max(level * one, (level - 1) * one) for level, one in zip(LEVELS, above, strict=True)
            )
            count += 1
    assert losses.mean() == pytest.approx(total / count, rel=1e-5)


def intervals(width, seed=3):
    """What is true, half of it at the cap or missing, and quantiles about it; at the cap these are always right."""
    rng = np.random.default_rng(seed)
    truth = np.minimum(rng.uniform(0, 1.5, (40, 50)), 1).astype(np.float32)
    truth[:, 45:] = np.nan
    middle = truth + np.where(truth < 1, rng.normal(0, 0.1, truth.shape), 0)
    return truth, middle[..., None] + width * np.array([-0.05, -0.02, 0, 0.02, 0.05])


def test_corrected_intervals_hold_as_many_as_they_promise_below_the_cap():
    truth, told = intervals(width=1.0)
    moves = fitted_correction(told, truth)
    ends = told + moves * (told[..., -1:] - told[..., :1])
    for low, high, share in ((0, 4, 0.9), (1, 3, 0.5)):
        within = (ends[..., low] <= truth) & (truth <= ends[..., high])
        assert within[truth < 1].mean() == pytest.approx(share, abs=0.01)


def test_intervals_that_hold_more_than_they_promise_stay():
    truth, told = intervals(width=10.0)
    assert not fitted_correction(told, truth).any()


# --- training


def test_it_learns_how_long_machines_live_on(run, data):
    outcome = json.loads((run / "outcome.json").read_text())
    _, validation = training_lives(config(data))
    truth = examples_of(validation.recordings, CAP).truth * CAP
    # Whoever says the mean is as far off as what is true spreads.
    assert outcome["validation_rmse"] < np.nanstd(truth) / 2
    assert 0 <= outcome["validation_coverage_90"] <= 1


def test_the_model_that_is_read_again_makes_the_errors_that_were_reported(run, data):
    finished = load_finished(run, Config, ("sensors",))
    model, facts = load_life(finished)
    train, validation = training_lives(config(data))
    assert facts.sensors == ("heat", "mode")
    heat = np.concatenate([one.values[:, 0] for one in train.recordings]).astype(np.float64)
    assert facts.means[0] == pytest.approx(heat.mean())
    examples = examples_of(validation.recordings, CAP)
    median = model.predict_on_batch(examples.values)[..., 2]
    misses = (median - CAP * examples.truth)[~np.isnan(examples.truth)]
    assert finished.outcome["validation_rmse"] == pytest.approx(np.sqrt(np.mean(misses**2)), rel=1e-3)
