"""No pairing of detections with events has more hits; rates and the rejection curve are what their definitions say."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from sklearn.metrics import det_curve

from common.evaluation.detection import detection_metrics, match_events, rejection_curve

CLASSES = ["_silence_", "_unknown_", "no", "yes"]


class Said(NamedTuple):
    time: float
    label: str


TIMED = st.lists(
    st.builds(Said, st.integers(0, 40).map(lambda tenths: tenths / 10), st.sampled_from(["yes", "no"])),
    max_size=12,
)
SCORES = st.integers(0, 20).map(lambda twentieths: twentieths / 20)


@given(TIMED, TIMED, st.sampled_from([0.0, 0.3, 0.75]))
def test_no_other_pairing_has_more_hits(detections, events, tolerance):
    hits, misses, false_alarms = match_events(detections, events, tolerance)
    for detection, event in hits:
        assert detections[detection].label == events[event].label
        assert abs(detections[detection].time - events[event].time) <= tolerance
    assert sorted([*false_alarms, *(detection for detection, _ in hits)]) == list(range(len(detections)))
    assert sorted([*misses, *(event for _, event in hits)]) == list(range(len(events)))
    fits = [
        [one.label == other.label and abs(one.time - other.time) <= tolerance for other in events]
        for one in detections
    ]
    fits = csr_array(np.array(fits, bool).reshape(len(detections), len(events)))
    assert len(hits) == np.count_nonzero(maximum_bipartite_matching(fits) >= 0)


def test_recall_and_false_alarms_per_hour_of_a_recording():
    events = [Said(1.0, "yes"), Said(3.0, "_unknown_"), Said(5.0, "no"), Said(8.0, "yes")]
    detections = [Said(1.2, "yes"), Said(3.1, "no"), Said(5.1, "yes"), Said(8.1, "yes"), Said(8.2, "yes")]
    metrics = detection_metrics(detections, events, 60.0, CLASSES)
    total = {"events": 3, "hits": 2, "misses": 1, "false_alarms": 3, "false_alarms_per_hour": 180.0}
    assert {name: metrics[name] for name in total} == total
    assert metrics["recall"] == pytest.approx(2 / 3)
    assert list(metrics["per_class"]) == ["no", "yes"]
    assert metrics["per_class"]["no"]["recall"] == 0
    assert metrics["per_class"]["yes"]["false_alarms_per_hour"] == 120


def test_where_nothing_is_said_there_is_no_recall():
    metrics = detection_metrics([], [Said(1.0, "_unknown_")], 10.0, CLASSES)
    assert metrics["recall"] is None
    assert metrics["false_alarms_per_hour"] == 0


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
