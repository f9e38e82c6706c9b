"""A training that was interrupted and resumed ends as one that never was."""

import csv
import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.data.batching import Sequences, evaluation_batches, training_batches
from common.errors import UserError
from common.training import callbacks
from common.training.callbacks import ShowProgress
from common.training.loop import fit
from common.training.optimizer import make_optimizer
from common.training.options import TrainingOptions

pytestmark = pytest.mark.slow

OPTIONS = TrainingOptions(epochs=4, batch_size=4, learning_rate=0.05, averaging=0.9, patience=9, name="run")
RNG = np.random.default_rng(0)
FEATURES = [RNG.normal(size=(length, 3)).astype(np.float32) for length in RNG.integers(2, 9, 30)]
DATA = Sequences(FEATURES, np.array([int(feature.sum() > 0) for feature in FEATURES], np.int32))


def run(folder, options=OPTIONS):
    keras.utils.set_random_seed(options.seed)
    model = keras.Sequential(
        [
            keras.Input((None, 3)),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def batches(epochs):
        return training_batches(DATA, options.batch_size, epochs=epochs, seed=options.seed)

    metrics = [keras.metrics.SparseCategoricalAccuracy("accuracy")]
    held_out = evaluation_batches(DATA, 8)[0]
    history = fit(model, batches, held_out, options, folder, loss=loss, metrics=metrics)
    return model, history


class Whole(NamedTuple):
    """A training that nothing interrupted, and how often its step was traced."""

    model: keras.Model
    history: list
    folder: Path
    traced: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    traced, train_step = [], keras.Model.train_step

    def noted(model, data):
        traced.append(data)
        return train_step(model, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "train_step", noted)
        model, history = run(folder)
    return Whole(model, history, folder, len(traced))


@pytest.fixture(autouse=True)
def _without_curves(whole, monkeypatch):
    """Which that training has drawn."""
    monkeypatch.setattr("common.training.loop.plot_learning_curves", lambda *_: None)


@pytest.fixture
def finished(whole, tmp_path):
    """A copy of its folder, to go on in."""
    return shutil.copytree(whole.folder, tmp_path / "finished")


def press_control_c(monkeypatch, *, epoch, batch):
    def on_train_batch_end(self, number, logs=None):
        if self._epoch == epoch and number == batch:
            raise KeyboardInterrupt

    def on_epoch_begin(self, number, logs=None):
        self._epoch, self._started = number, 0.0

    monkeypatch.setattr(ShowProgress, "on_epoch_begin", on_epoch_begin)
    monkeypatch.setattr(ShowProgress, "on_train_batch_end", on_train_batch_end)


def without_time(history):
    return [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in history]


def test_interrupted_in_an_epoch_and_resumed_ends_with_the_same_metrics_and_weights(
    whole, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        press_control_c(patch, epoch=2, batch=3)
        with pytest.raises(KeyboardInterrupt, match=r"2 of 4 epochs are kept .* --resume"):
            run(tmp_path / "broken")
    resumed, resumed_history = run(tmp_path / "broken", replace(OPTIONS, resume=True))
    assert without_time(resumed_history) == without_time(whole.history)
    for a, b in zip(whole.model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_folder_holds_log_curves_weights_and_state_and_nothing_temporary(whole):
    assert {path.name for path in whole.folder.iterdir()} == {
        "log.csv",
        "curves.png",
        "best.weights.h5",
        "state.npz",
    }
    with (whole.folder / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_loss"]) for row in rows] == [epoch["val_loss"] for epoch in whole.history]


def test_a_step_is_traced_once(whole):
    """Which takes most of the time to the first epoch."""
    assert whole.traced == 1
    assert "val_accuracy" in whole.history[0]


def test_the_best_validation_is_kept_and_training_stops_when_it_gets_no_better(tmp_path):
    model, history = run(tmp_path, replace(OPTIONS, epochs=40, learning_rate=1.0, patience=3))
    losses = [epoch["val_loss"] for epoch in history]
    assert len(history) == int(np.argmin(losses)) + 1 + 3 < 40
    assert model.evaluate(evaluation_batches(DATA, 8)[0], verbose=0)[0] == pytest.approx(
        min(losses), rel=1e-5
    )


def test_a_finished_training_is_not_gone_on_with(whole, finished):
    _, again = run(finished, replace(OPTIONS, resume=True))
    assert again == whole.history


def test_more_epochs_go_on_from_the_last_one_and_the_log_goes_on_too(whole, finished):
    _, history = run(finished, replace(OPTIONS, resume=True, epochs=7))
    assert history[:4] == whole.history
    with (finished / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    rates = [epoch["learning_rate"] for epoch in history]
    schedule = make_optimizer(replace(OPTIONS, epochs=7), 8)._learning_rate
    np.testing.assert_allclose(rates[4:], [float(schedule(8 * epoch)) for epoch in (5, 6, 7)], rtol=1e-5)


def test_more_epochs_begin_with_the_weights_that_the_shorter_training_ended_with(tmp_path, monkeypatch):
    """With averaged weights out of the way, the first weights of the fifth epoch are the last of the fourth."""
    options = replace(OPTIONS, averaging=0.0)
    first, _ = run(tmp_path, options)
    with np.load(tmp_path / "state.npz") as state:
        ended = [state[f"variable_{index}"] for index in range(len(first.variables))]
    begun = []
    monkeypatch.setattr(
        ShowProgress, "on_train_begin", lambda self, logs=None: begun.append(self.model.get_weights())
    )
    run(tmp_path, replace(options, resume=True, epochs=5))
    shapes = [weight.shape for weight in begun[0]]
    kept = [variable for variable in ended if variable.shape in shapes and variable.dtype == np.float32]
    for a, b in zip(begun[0], kept, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_training_that_stopped_early_goes_on_for_its_patience_when_it_gets_more_epochs(tmp_path):
    hopeless = replace(OPTIONS, epochs=40, learning_rate=1.0, patience=3)
    _, history = run(tmp_path, hopeless)
    assert len(history) < 40
    assert run(tmp_path, replace(hopeless, resume=True))[1] == history
    _, longer = run(tmp_path, replace(hopeless, resume=True, epochs=60))
    assert longer[: len(history)] == history
    assert len(longer) >= len(history) + 3
    assert run(tmp_path, replace(hopeless, resume=True, epochs=60))[1] == longer


def test_a_loss_that_is_not_a_number_is_said(tmp_path):
    with pytest.raises(UserError, match="lower --learning-rate"):
        run(tmp_path, replace(OPTIONS, learning_rate=1e38, clip_norm=0.0))


def test_the_learning_rate_rises_then_falls(tmp_path):
    options = replace(OPTIONS, warmup=0.25, learning_rate=1.0, final_learning_rate=0.1)
    rate = make_optimizer(options, 10)._learning_rate
    values = [float(rate(step)) for step in range(41)]
    assert max(values) == pytest.approx(1.0)
    assert int(np.argmax(values)) == 10
    assert values[0] == pytest.approx(0.1)
    assert values[40] == pytest.approx(0.1)
    assert (np.diff(values[:11]) > 0).all()
    assert (np.diff(values[10:]) < 0).all()


def test_further_scores_of_the_validated_weights_are_logged_and_choose_the_best_epoch(tmp_path):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    options = replace(OPTIONS, averaging=0.5)
    data = tf.data.Dataset.from_tensors((RNG.normal(size=(4, 3)), RNG.normal(size=(4, 1))))
    seen, given = [], iter([0.1, 0.4, 0.3, 0.2])

    def scores():
        seen.append(model.get_weights())
        return {"bleu": next(given)}

    history = fit(
        model,
        lambda epochs: (data.repeat(len(epochs)), 1),
        data,
        options,
        tmp_path,
        loss="mse",
        monitor="val_bleu",
        mode="max",
        scores=scores,
    )
    assert [epoch["val_bleu"] for epoch in history] == [0.1, 0.4, 0.3, 0.2]
    with (tmp_path / "log.csv").open() as file:
        assert [row["val_bleu"] for row in csv.DictReader(file)] == ["0.1", "0.4", "0.3", "0.2"]
    for kept, weight in zip(seen[1], model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weight)
    losses = [
        np.mean((inputs @ kernel + bias - targets) ** 2) for kernel, bias in seen for inputs, targets in data
    ]
    np.testing.assert_allclose(losses, [epoch["val_loss"] for epoch in history], rtol=1e-4)


BY_NUMBER = OSError(28, "No space left on device")
AS_HDF5_TELLS_IT = OSError(
    "Can't synchronously write data (errno = 28, error message = 'No space left on device')"
)


@pytest.mark.parametrize(
    ("what", "error"),
    [("best.weights.h5", AS_HDF5_TELLS_IT), ("state.npz", BY_NUMBER), ("log.csv", BY_NUMBER)],
)
def test_a_full_disk_is_one_line_and_the_epochs_before_are_gone_on_with(
    whole, tmp_path, monkeypatch, what, error
):
    writes, replacing = [], callbacks.replacing

    @contextmanager
    def full_on_the_third(path):
        writes.append(path.name)
        with replacing(path) as temporary:
            yield temporary
            if writes.count(what) == 3:
                raise error

    with monkeypatch.context() as patch:
        patch.setattr(callbacks, "replacing", full_on_the_third)
        patch.setattr("common.files.replacing", full_on_the_third)
        with pytest.raises(
            UserError, match=r"no space left on the disk; the epochs before are kept: .* --resume"
        ):
            run(tmp_path / "full")
    assert not list((tmp_path / "full").glob(".tmp-*"))
    _, resumed = run(tmp_path / "full", replace(OPTIONS, resume=True))
    assert without_time(resumed) == without_time(whole.history)


def test_a_disk_that_is_full_from_the_start_is_said(tmp_path, monkeypatch):
    @contextmanager
    def full(path):
        raise OSError(28, "No space left on device")
        yield

    monkeypatch.setattr(callbacks, "replacing", full)
    with pytest.raises(UserError, match="no space left on the disk; no epoch could be kept"):
        run(tmp_path)
