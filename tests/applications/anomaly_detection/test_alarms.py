"""When severity becomes an alarm."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import genpareto

from applications.anomaly_detection.alarms import WEEK, Tail, scan_alarms, threshold_of

TAIL = Tail(start=3.0, rate=1 / 2000, scale=0.8, shape=0.1)
STEP = 300
CALM = 0.5


@pytest.fixture(scope="module")
def scan():
    """The alarms of severities `[rows]` at one a week."""

    def call(severity, budget=1.0):
        rows = np.asarray(severity, np.float32)[None]
        times = STEP * np.arange(rows.shape[1])[None] + 10**9
        told = scan_alarms(TAIL, tf.constant(rows), tf.constant(times), tf.constant([budget]), tf.constant(1))
        return [one.numpy()[0] for one in told]

    return call


def test_normal_rows_exceed_the_threshold_as_often_as_the_budget_allows():
    rng = np.random.default_rng(0)
    weeks = 20_000
    episodes = rng.poisson(TAIL.rate * WEEK / STEP * weeks)
    peaks = TAIL.start + genpareto.rvs(TAIL.shape, scale=TAIL.scale, size=episodes, random_state=rng)
    for budget in (0.1, 0.5, 1.0):
        threshold = float(threshold_of(TAIL, tf.constant([budget]), tf.constant([float(STEP)]), 1)[0])
        assert (peaks > threshold).sum() / weeks == pytest.approx(budget, rel=0.1)


def test_a_series_of_ten_sensors_has_no_more_false_alarms_than_one_of_a_single_sensor():
    one, ten = (
        threshold_of(TAIL, tf.constant([budget]), tf.constant([300.0]), sensors)
        for budget, sensors in ((1.0, 10), (0.1, 1))
    )
    assert float(one[0]) == pytest.approx(float(ten[0]))


def test_an_alarm_opens_at_the_threshold_and_closes_after_twenty_rows_well_below(scan):
    severity = np.full(60, CALM)
    severity[20:30] = 9
    severity[25] = 2.5  # within the hysteresis
    severity[27] = 0  # a dip
    is_open, opened, threshold = scan(severity)
    assert threshold[19] > 2.5 > threshold[19] - 1
    assert np.flatnonzero(is_open).tolist() == list(range(20, 49))
    assert np.flatnonzero(opened).tolist() == [20]


def test_no_other_alarm_opens_for_two_hundred_rows(scan):
    severity = np.full(600, CALM)
    severity[[20, 100, 215, 221, 440]] = 18
    assert np.flatnonzero(scan(severity)[1]).tolist() == [20, 221, 440]


def test_a_series_that_had_an_alarm_needs_more_for_another_until_that_is_forgotten(scan):
    severity = np.full(6000, CALM)
    threshold = float(scan(severity)[2][-1])
    severity[20] = severity[300] = severity[5900] = threshold + 0.5
    _, opened, thresholds = scan(severity)
    assert np.flatnonzero(opened).tolist() == [20, 5900]
    assert thresholds[21] == pytest.approx(threshold + 2, abs=0.01)


def test_a_larger_budget_never_gives_fewer_rows_above_the_threshold():
    budgets = tf.constant([0.01, 0.1, 1.0, 2.0, 10_000.0])
    thresholds = threshold_of(TAIL, budgets, tf.fill([5], 300.0), 1).numpy()
    assert (np.diff(thresholds) < 0).all()
    assert thresholds[-1] == 2
