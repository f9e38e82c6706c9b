"""Events, delays and false alarms are counted as a person with the list of alarms would count them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from common.evaluation.alarms import AlarmedSeries, event_metrics, row_metrics

MINUTE = 60


def series(alarms, windows, rows=1440):
    return AlarmedSeries(
        MINUTE * np.arange(rows),
        MINUTE * np.array(alarms, int).reshape(-1, 2),
        MINUTE * np.array(windows, int).reshape(-1, 2),
    )


@st.composite
def some_series(draw):
    def intervals():
        edges = sorted(draw(st.sets(st.integers(0, 39), max_size=8)))
        return [edges[index : index + 2] for index in range(0, len(edges) - 1, 2)]

    return series(intervals(), intervals(), rows=40)


@given(st.lists(some_series(), max_size=4))
def test_events_are_counted_as_one_would_by_hand(pooled):
    delays, false_alarms, missed, outside = [], 0, 0, 0
    for one in pooled:
        for first, last in one.windows:
            opened = [begin for begin, end in one.alarms if begin <= last and end >= first]
            missed += not opened
            delays += [max(opened[0] - first, 0)] if opened else []
        for begin, end in one.alarms:
            false_alarms += not any(begin <= last and end >= first for first, last in one.windows)
        outside += sum(not any(first <= time <= last for first, last in one.windows) for time in one.times)
    events = len(delays) + missed
    metrics = event_metrics(pooled)
    assert metrics["events"] == events
    assert metrics["event_recall"] == (len(delays) / events if events else None)
    assert metrics["median_delay_seconds"] == (np.median(delays) if delays else None)
    assert metrics["false_alarms"] == false_alarms
    if outside:
        assert metrics["false_alarms_per_day"] == pytest.approx(false_alarms / (outside * MINUTE / 86400))
    else:
        assert metrics["false_alarms_per_day"] is None


def test_an_alarm_that_is_open_already_comes_without_delay():
    metrics = event_metrics([series([[90, 110], [120, 130]], [[100, 200]])])
    assert (metrics["event_recall"], metrics["median_delay_seconds"], metrics["false_alarms"]) == (1, 0, 0)


def test_a_pause_between_readings_makes_no_normal_day():
    times = MINUTE * np.concatenate([np.arange(720), 50_000 + np.arange(720)])
    metrics = event_metrics([AlarmedSeries(times, times[[[5, 6], [800, 810], [820, 830]]], [])])
    assert metrics["false_alarms_per_day"] == 3
    assert metrics["event_recall"] is None


def test_nothing_at_all_has_no_rates():
    metrics = event_metrics([AlarmedSeries([], [], [])])
    assert metrics["false_alarms_per_day"] is None
    assert metrics["events"] == metrics["false_alarms"] == 0


def test_intervals_out_of_order_are_refused():
    with pytest.raises(ValueError, match=r"alarms .*expected pairs"):
        series([[5, 4]], [])
    with pytest.raises(ValueError, match=r"windows .*expected pairs"):
        series([], [[5, 9], [7, 12]])


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_rows_are_counted_as_scikit_learn_does(rows):
    alarm, label = np.array(rows).T
    metrics = row_metrics(alarm, label)
    precision, recall, f1, _ = precision_recall_fscore_support(
        label, alarm, average="binary", zero_division=np.nan
    )
    (silent, false), (misses, hits) = confusion_matrix(label, alarm, labels=[False, True])
    reference = {
        "precision": precision,
        "recall": recall,
        "f1": f1 if alarm.any() or label.any() else np.nan,
        "false_alarm_rate": false / (false + silent) if false + silent else np.nan,
        "missed_alarm_rate": misses / (misses + hits) if misses + hits else np.nan,
    }
    assert {name: value for name, value in reference.items() if not np.isnan(value)} == pytest.approx(
        {name: value for name, value in metrics.items() if value is not None}
    )


def test_rows_of_another_number_are_refused():
    with pytest.raises(ValueError, match=r"expected .rows. of both"):
        row_metrics([True], [True, False])
