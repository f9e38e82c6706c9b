"""No pairing of detections with events has more hits; rates are what their definitions say."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from common.evaluation.detection import detection_metrics, match_events

CLASSES = ["_silence_", "_unknown_", "no", "yes"]


class Said(NamedTuple):
    time: float
    label: str


TIMED = st.lists(
    st.builds(Said, st.integers(0, 40).map(lambda tenths: tenths / 10), st.sampled_from(["yes", "no"])),
    max_size=12,
)


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
