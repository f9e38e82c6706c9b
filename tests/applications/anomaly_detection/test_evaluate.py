"""What is measured of alarms, by hand-made answers in which it is known what comes out, and by the tiny model."""

import numpy as np
import pytest

from applications.anomaly_detection.answers import Judged
from applications.anomaly_detection.evaluate import BUDGETS, Judgements, draw, measure
from common.series.readings import Readings, Recording

ROWS, STEP = 2000, 300


def judged(opened, windows, kinds=(), length=5):
    """A recording with alarms that are open for some rows from each of the rows given on."""
    times = 10**9 + STEP * np.arange(ROWS)
    values = np.sin(np.arange(ROWS) / 20)[:, None].astype(np.float32)
    recording = Recording("pump", times, values, np.array(windows, np.int64).reshape(-1, 2), kinds=kinds)
    is_open, is_opened = np.zeros(ROWS, bool), np.zeros(ROWS, bool)
    for row in opened:
        is_open[row : row + length] = True
        is_opened[row] = True
    answer = {
        "alarm": is_open,
        "opened": is_opened,
        "severity": np.where(is_open, 9.0, 0.5).astype(np.float32),
        "threshold": np.full(ROWS, 4, np.float32),
        "sensor": np.zeros(ROWS, np.int32),
        "detector": np.full(ROWS, b"near", object),
        **{name: values + shift for name, shift in (("lower", -1), ("expected", 0), ("upper", 1))},
    }
    return Judged(recording, answer)


def told(one):
    readings = Readings("made", [one.recording], ("heat",), is_labelled=True)
    return Judgements(readings, [one], {budget: [one] for budget in BUDGETS}, {2.0: [one], 4.0: [one]})


def test_alarms_at_the_beginning_of_each_fault_and_nowhere_else_are_perfect():
    one = judged([800, 1500], [[800, 899], [1500, 1549]], ("level shift", "spikes"), length=50)
    metrics = measure(told(one))
    assert metrics["nab_standard"] == metrics["nab_low_fp_with_budget"] == pytest.approx(100)
    assert (metrics["event_recall"], metrics["false_alarms"]) == (1, 0)
    assert metrics["median_delay_seconds"] == 0
    assert metrics["row_recall"] == pytest.approx(100 / 150)
    assert metrics["row_precision"] == 1
    assert metrics["by_kind"]["spikes"] == {"faults": 1, "found": 1.0}
    assert metrics["by_detector"] == {"near": {"inside": 2, "outside": 0}}


def test_a_false_alarm_and_a_missed_fault_are_told():
    one = judged([600, 810], [[800, 899], [1500, 1549]], ("level shift", "spikes"))
    metrics = measure(told(one))
    assert (metrics["event_recall"], metrics["false_alarms"]) == (0.5, 1)
    days = STEP * (ROWS - 150) / 86_400
    assert metrics["false_alarms_per_day"] == pytest.approx(1 / days)
    assert metrics["median_delay_seconds"] == 10 * STEP
    assert metrics["by_kind"]["spikes"]["found"] == 0
    # The first alarm costs .11, the second earns nearly 1, the miss costs 1: of 2 windows from -2 to 2.
    assert 45 < metrics["nab_standard"] < 50


def test_simple_rules_stand_beside_the_model_where_there_is_a_single_sensor():
    rows = measure(told(judged([800], [[800, 899]])))["nab_tuned_threshold"]
    assert set(rows) == {"model", "range", "level", "persistence", "seasonal_naive"}
    assert rows["range"]["hits"] == 0


def test_readings_without_a_scored_window_have_no_benchmark_score():
    metrics = measure(told(judged([800], [])))
    assert "nab_standard" not in metrics
    assert metrics["event_recall"] is None
    assert metrics["false_alarms"] == 1


def test_the_report_holds_tables_and_pictures(tmp_path):
    draw(told(judged([600, 810], [[800, 899]], ("level shift",))), tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"alarms.csv", "series.csv", "recording.png", "found_by_kind.png", "budgets.png"} <= names
    assert all(path.stat().st_size for path in tmp_path.iterdir())


def test_an_alarm_that_opens_where_another_is_open_begins_anew():
    one = judged([100], [], length=20)
    one.answer["opened"][110] = True
    assert one.intervals.tolist() == [[100, 109], [110, 119]]
