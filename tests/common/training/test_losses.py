"""The losses against their definitions, worked out in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax
from sklearn.metrics import mean_pinball_loss

from common.training.losses import count_nonzero, count_values, quantile_loss, smoothed_cross_entropy


@pytest.mark.parametrize("shape", [(5,), (3, 4)])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_target_shares_its_probability_with_all_classes(shape, smoothing):
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(*shape, 6)).astype(np.float32)
    labels = rng.integers(6, size=shape)
    target = (1 - smoothing) * np.eye(6)[labels] + smoothing / 6
    expected = -(target * log_softmax(logits, axis=-1)).sum(axis=-1)
    loss = smoothed_cross_entropy(smoothing)
    np.testing.assert_allclose(loss(labels, logits), expected, atol=1e-5)
    np.testing.assert_allclose(loss(labels[..., None], logits), expected, atol=1e-5)


LEVELS = (0.1, 0.5, 0.8)


def _forecasts(seed=3):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(4, 5, 2)).astype(np.float32)
    return truth, rng.normal(size=(4, 5, 2, len(LEVELS))).astype(np.float32)


def test_the_quantile_loss_is_scikit_learns_summed_over_levels():
    truth, quantiles = _forecasts()
    expected = sum(
        mean_pinball_loss(truth.reshape(-1), quantiles[..., place].reshape(-1), alpha=level)
        for place, level in enumerate(LEVELS)
    )
    losses = np.asarray(quantile_loss(truth, quantiles, LEVELS, np.ones(5)))
    assert losses.shape == (4,)
    assert losses.mean() == pytest.approx(expected, rel=1e-5)


def test_of_the_quantile_loss_what_is_missing_counts_for_nothing_and_steps_by_their_weight():
    truth, quantiles = _forecasts()
    truth[0, 1:], truth[2] = np.nan, np.nan
    weights = np.array([3.0, 1.0, 1.0, 0.5, 0.5])
    is_there = ~np.isnan(truth)
    counted = np.broadcast_to(weights[:, None], truth.shape)[is_there]
    expected = sum(
        mean_pinball_loss(
            truth[is_there], quantiles[..., place][is_there], alpha=level, sample_weight=counted
        )
        for place, level in enumerate(LEVELS)
    )
    losses = np.asarray(quantile_loss(truth, quantiles, LEVELS, weights))
    assert losses.mean() == pytest.approx(expected, rel=1e-5)
    assert losses[2] == 0


def test_the_gradient_of_a_quantile_loss_with_gaps_is_finite():
    truth, quantiles = _forecasts()
    truth[0] = np.nan
    given = tf.constant(quantiles)
    with tf.GradientTape() as tape:
        tape.watch(given)
        loss = tf.reduce_mean(quantile_loss(tf.constant(truth), given, LEVELS, np.ones(5)))
    gradient = tape.gradient(loss, given).numpy()
    assert np.isfinite(gradient).all()
    assert not gradient[0].any()


def test_the_loss_of_a_batch_follows_from_its_halves_and_what_each_counts():
    rng = np.random.default_rng(3)
    truth = rng.normal(size=(6, 4, 2)).astype(np.float32)
    truth[rng.random(truth.shape) < 0.4] = np.nan
    quantiles = rng.normal(size=(6, 4, 2, 3)).astype(np.float32)
    levels, weights = (0.1, 0.5, 0.9), np.array([2.0, 1.0, 0.5, 0.5], np.float32)

    def loss(rows):
        return float(np.mean(quantile_loss(truth[rows], quantiles[rows], levels, weights)))

    counts = np.asarray(count_values(weights)({"truth": truth}, None))
    halves = slice(0, None, 2), slice(1, None, 2)
    joint = sum(loss(half) * counts[half].sum() for half in halves) / counts.sum()
    assert joint == pytest.approx(loss(slice(None)), rel=1e-5)


def test_what_is_not_zero_counts_over_all_dimensions_of_a_row():
    labels = np.array([[[3, 0], [1, 1]], [[0, 0], [0, 2]]], np.int32)
    assert np.asarray(count_nonzero(None, labels)).tolist() == [3, 1]
