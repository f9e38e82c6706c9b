"""The rejection curve and its equal error rate are what their definitions say, and what scikit-learn computes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import det_curve

from common.evaluation.rejection import rejection_curve

CLASSES = ["_silence_", "_unknown_", "no", "yes"]
SCORES = st.integers(0, 20).map(lambda twentieths: twentieths / 20)


@given(st.lists(st.tuples(st.integers(0, 3), SCORES, SCORES), min_size=1, max_size=30))
@settings(max_examples=200)
def test_the_rejection_curve_counts_what_each_threshold_lets_through(examples):
    labels, first, second = (np.array(column) for column in zip(*examples, strict=True))
    probabilities = np.stack([1 - first, 1 - second, first, second], axis=1)
    curve = rejection_curve(probabilities, labels, CLASSES)
    is_word = labels >= 2
    if is_word.all() or not is_word.any():
        assert curve is None
        return
    scores = np.maximum(first, second)
    for threshold, accepts, rejects in zip(
        curve.thresholds, curve.false_accept_rates, curve.false_reject_rates, strict=True
    ):
        assert accepts == pytest.approx(np.mean(scores[~is_word] >= threshold))
        assert rejects == pytest.approx(np.mean(scores[is_word] < threshold))
    ours = {
        threshold: (accepts, rejects)
        for threshold, accepts, rejects in zip(
            curve.thresholds, curve.false_accept_rates, curve.false_reject_rates, strict=True
        )
    }
    for accepts, rejects, threshold in zip(*det_curve(is_word, scores), strict=True):
        if threshold in ours:
            assert ours[threshold] == pytest.approx((accepts, rejects))


@given(st.integers(0, 1_000), st.floats(0, 3))
@settings(max_examples=50)
def test_the_equal_error_rate_lies_where_the_rates_cross(seed, distance):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(200) % 4)
    scores = 1 / (1 + np.exp(-rng.normal(distance * (labels >= 2))))
    probabilities = np.stack([1 - scores, 0 * scores, scores / 2, scores], axis=1)
    curve = rejection_curve(probabilities, labels, CLASSES)
    assert curve is not None
    gap = np.abs(curve.false_accept_rates - curve.false_reject_rates)
    nearest = (curve.false_accept_rates + curve.false_reject_rates)[gap.argmin()] / 2
    assert curve.equal_error_rate == pytest.approx(nearest, abs=0.011)


def test_the_equal_error_rate_of_what_is_separable_and_of_what_is_not():
    labels = np.array([0, 1, 2, 3])
    for word, expected in ((0.9, 0.0), (0.1, 1.0), (0.5, 0.5)):
        probabilities = np.zeros((4, 4))
        probabilities[:, 3] = np.where(labels >= 2, word, 1 - word)
        curve = rejection_curve(probabilities, labels, CLASSES)
        assert curve is not None
        assert curve.equal_error_rate == pytest.approx(expected)
