"""The volume is that of its definition, threshold by threshold and buffer by buffer."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from common.evaluation.vus import vus_pr


def literal(labels, scores, widest_buffer, thresholds):
    """By the definition alone: loops over buffers, thresholds, anomalies and rows."""
    rows = len(labels)
    ranges = []
    for row in range(rows):
        if labels[row]:
            if row and labels[row - 1]:
                ranges[-1][1] = row
            else:
                ranges.append([row, row])
    falling = sorted(scores, reverse=True)
    cuts = [falling[int(place)] for place in np.linspace(0, rows - 1, thresholds)]
    volume = 0.0
    for buffer in range(widest_buffer + 1):
        reach = buffer // 2
        faded = [float(label) for label in labels]
        for first, last in ranges:
            for distance in range(1, reach + 1):
                for row in (first - distance, last + distance):
                    if 0 <= row < rows:
                        faded[row] = min(1, faded[row] + math.sqrt(1 - distance / buffer))
        merged = [[first - reach, last + reach] for first, last in ranges[:1]]
        for first, last in ranges[1:]:
            if first - reach <= merged[-1][1]:
                merged[-1][1] = last + reach
            else:
                merged.append([first - reach, last + reach])
        area, previous = 0.0, 0.0
        for cut in cuts:
            alarm = [score >= cut for score in scores]
            found = sum(faded[row] for row in range(rows) if alarm[row])
            reached = sum(faded[row] for row in range(rows) if labels[row] or alarm[row])
            existing = sum(any(alarm[max(first, 0) : last + 1]) for first, last in merged) / len(merged)
            recall = min(found / ((sum(labels) + reached) / 2), 1) * existing
            area += (recall - previous) * found / sum(alarm)
            previous = recall
        volume += area
    return volume / (widest_buffer + 1)


ROWS = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 1]), st.integers(0, 9).map(lambda tenths: tenths / 10)),
    min_size=2,
    max_size=40,
)


@given(ROWS, st.integers(0, 13), st.integers(2, 30))
def test_it_is_the_volume_by_definition(rows, widest_buffer, thresholds):
    labels, scores = zip(*rows, strict=True)
    assume(0 < sum(labels) < len(labels))
    volume = vus_pr(labels, scores, widest_buffer, thresholds)
    assert volume == pytest.approx(literal(labels, scores, widest_buffer, thresholds))


def test_a_score_beside_the_anomaly_is_better_than_one_far_away(rng):
    labels = np.arange(1000) // 50 == 10
    noise = rng.random(1000)
    exact, beside, far = (vus_pr(labels, noise + 2 * np.roll(labels, shift), 100) for shift in (0, 40, 300))
    assert exact > beside + 0.1 > far + 0.2


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_only_the_order_of_scores_counts(rng):
    labels, scores = rng.random(300) < 0.1, rng.random(300)
    assert vus_pr(labels, scores, 20) == pytest.approx(vus_pr(labels, np.exp(9 * scores), 20))


@pytest.mark.parametrize(
    ("labels", "scores", "buffer", "thresholds", "message"),
    [
        ([0, 0], [0, 1], 1, 250, "0 of 2 rows"),
        ([1, 1], [0, 1], 1, 250, "2 of 2 rows"),
        ([0, 1, 1], [0, 1], 1, 250, r"expected .rows. of both"),
        ([0, 1], [0, np.nan], 1, 250, "not finite"),
        ([0, 1], [0, 1], -1, 250, "0 or more"),
        ([0, 1], [0, 1], 1, 1, "at least 2"),
    ],
)
def test_what_has_no_volume_is_refused(labels, scores, buffer, thresholds, message):
    with pytest.raises(ValueError, match=message):
        vus_pr(labels, scores, buffer, thresholds)
