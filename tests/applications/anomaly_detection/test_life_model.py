"""The model of remaining life reads machines row by row, never ahead, and its quantiles never cross."""

import keras
import numpy as np
import pandas as pd
import pytest

from applications.anomaly_detection.config import LEVELS, Config
from applications.anomaly_detection.life_model import NETWORK, LifeStream, RowsLeft, build_life
from applications.anomaly_detection.life_sensors import LifeFacts, ScaledSensors

FACTS = LifeFacts(("heat", "mode", "noise"), (400.0, 3.0, -1.0), (0.05, 0.0, 2.0))
NAN = np.nan


def readings(machines=3, rows=17, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    values = np.array(FACTS.means) + rng.standard_normal((machines, rows, 3)) * [20.0, 0.0, 0.5]
    return np.where(rng.random(values.shape) < missing, NAN, values).astype(np.float32)


def with_large_weights(model, size=1.5):
    rng = np.random.default_rng(5)
    model.set_weights([size * rng.standard_normal(weight.shape) for weight in model.get_weights()])
    model.get_layer(NETWORK).heads[0].bias.assign(np.zeros(len(LEVELS)))
    return model


@pytest.fixture(scope="module", params=["gru", "lstm"])
def model(request, quickly_traced):
    config = Config(cell=request.param, units=5, layers=2, members=2, dropout=0.3, noise=0.5, life_cap=80)
    return with_large_weights(build_life(config, FACTS), 0.5)


def test_sensors_are_standardised_and_missing_values_are_those_before():
    values = readings(missing=0.4)
    scaled = ScaledSensors(FACTS.means, FACTS.weights)(values).numpy()
    for machine, told in zip(values, scaled, strict=True):
        frame = pd.DataFrame((machine - FACTS.means) * FACTS.weights)[[0, 2]]
        np.testing.assert_allclose(told, frame.ffill().fillna(0), atol=1e-4)


def test_a_sensor_far_beyond_what_training_saw_is_limited():
    values = readings()
    values[0, 3] = [1e9, 7, -1e9]
    scaled = ScaledSensors(FACTS.means, FACTS.weights)(values).numpy()
    assert scaled[0, 3].tolist() == [10.0, -10.0]


def test_a_sensor_that_was_constant_in_training_changes_nothing(model):
    values, moved = readings(), readings()
    moved[..., 1] = np.random.default_rng(1).standard_normal(moved.shape[:2])
    np.testing.assert_array_equal(model.predict_on_batch(values), model.predict_on_batch(moved))


def test_statistics_are_those_of_numpy_without_what_is_missing():
    values = readings(missing=0.2).reshape(-1, 3)
    values[~np.isnan(values[:, 1]), 1] = 0.1  # which is no binary fraction
    facts = LifeFacts.of(FACTS.sensors, values)
    np.testing.assert_allclose(facts.means, np.nanmean(values.astype(np.float64), axis=0))
    expected = 1 / np.nanstd(values.astype(np.float64), axis=0)[[0, 2]]
    np.testing.assert_allclose(np.array(facts.weights)[[0, 2]], expected)
    assert facts.weights[1] == 0


def test_quantiles_ascend_from_none_to_the_cap_whatever_the_weights(quickly_traced):
    config = Config(units=4, layers=1, members=2, life_cap=80)
    for correction in ((0.0,) * 5, (-0.4, -0.1, 0.0, 0.1, 0.4), (0.5, 0.2, 0.0, -0.2, -0.5)):
        large = with_large_weights(build_life(config, FACTS, correction=correction))
        told = large.predict_on_batch(readings())
        assert told.shape == (3, 17, len(LEVELS))
        assert (np.diff(told, axis=-1) >= 0).all()
        assert told.min() >= 0
        assert told.max() <= 80
        assert np.ptp(told[..., 2]) > 5


def test_the_answer_is_the_mean_of_the_members_moved_by_the_correction_and_cut_at_the_cap():
    told = np.sort(np.random.default_rng(2).normal(0.5, 0.5, (4, 6, 3, 5)), axis=-1).astype(np.float32)
    correction = np.array([-0.2, -0.1, 0.0, 0.1, 0.2])
    mean = told.mean(axis=2)
    moved = mean + correction * (mean[..., -1:] - mean[..., :1])
    np.testing.assert_allclose(
        RowsLeft(60, correction.tolist())(told), 60 * np.clip(moved, 0, 1), rtol=1e-4, atol=1e-4
    )


def test_members_differ(model):
    network = keras.Model(model.inputs[0], model.get_layer(NETWORK).output)
    one, other = np.moveaxis(network.predict_on_batch(readings()), 2, 0)
    assert np.abs(one - other).max() > 0.1


def test_rows_that_come_later_change_nothing(model):
    values, longer = readings(rows=9), readings(rows=20, seed=1)
    longer[:, :9] = values
    np.testing.assert_allclose(
        model.predict_on_batch(longer)[:, :9], model.predict_on_batch(values), atol=1e-3
    )


def test_row_by_row_the_answers_are_those_of_the_whole(model):
    values = readings(missing=0.3)
    whole, stream = model.predict_on_batch(values), LifeStream(model)
    states = [np.zeros((3, width), np.float32) for width in stream.widths]
    for row in range(values.shape[1]):
        told, states = stream.step(values[:, row], states)
        np.testing.assert_allclose(told, whole[:, row], rtol=1e-4, atol=1e-3)


def test_layers_can_be_made_again_from_their_configuration(model):
    for layer in model.layers[1:]:
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config()


def test_the_network_reads_running_means_of_the_sensors_too():
    """Beside what a row says stand its means over about five and twenty rows, by pandas."""
    network = build_life(Config(units=3), FACTS).get_layer(NETWORK)
    sensors = np.random.default_rng(1).standard_normal((1, 11, 2)).astype(np.float32)
    frame = pd.DataFrame(np.concatenate([np.zeros((1, 2)), sensors[0]]))
    means = [frame.ewm(alpha=alpha, adjust=False).mean().to_numpy()[1:] for alpha in (0.2, 0.05)]
    features = np.concatenate([sensors[0], *means], axis=1)[None].astype(np.float32)
    gaps = network.heads[0](network.stacks[0](features)).numpy()[0]
    median = gaps[:, 2] + 0.7
    np.testing.assert_allclose(network(sensors).numpy()[0, :, 0, 2], median, atol=1e-5)
