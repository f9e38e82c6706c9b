"""What is known of a sensor, compared with what NumPy makes of all its rows at once."""

import numpy as np
import pytest
import tensorflow as tf

from applications.anomaly_detection.detector import read_streams
from applications.anomaly_detection.sensor_memory import DAY, FEATURES, REFERENCES

STEP, ROWS = 1800, 48 * 9


@pytest.fixture(scope="module")
def read():
    """Reads a stream; all as long, so that the graph is made once."""
    function = tf.function(read_streams)

    def call(values, times):
        said = function(tf.constant(times[None], tf.int64), tf.constant(values[None], tf.float32))
        return {name: tensor.numpy()[0] for name, tensor in said.items()}

    return call


@pytest.fixture(scope="module")
def values():
    """Nine days of half hours, with a season of a day, and nothing far out."""
    rng = np.random.default_rng(3)
    steps = np.arange(ROWS)
    return 50 + 10 * np.sin(2 * np.pi * steps / 48) + rng.uniform(-1, 1, ROWS)


@pytest.fixture(scope="module")
def times():
    return 1_700_000_100 // STEP * STEP + STEP * np.arange(ROWS)


def test_mean_and_deviation_are_those_of_all_rows_so_far(read, values, times):
    said = read(values, times)
    for row in (1, 10, 100, ROWS - 1):
        assert said["mean"][row] == pytest.approx(values[: row + 1].mean(), rel=1e-4)
    # The deviation is that around the mean at each time, which the first rows are far from.
    assert said["deviation"][-1] == pytest.approx(values.std(), rel=0.05)


def test_the_references_of_a_row_are_the_values_of_the_same_time_on_days_before(read, values, times):
    said, horizon_rows, row = read(values, times), (1, 96), ROWS - 97
    for place, ahead in enumerate(horizon_rows):
        first = max(-(-ahead * STEP // DAY), 1)
        lags = [first, first + 1, first + 2, -(-first // 7) * 7]
        own = said["references"][row, place]
        assert own.shape == (REFERENCES,)
        assert own[4:8].tolist() == [1, 1, 1, 1]
        earlier = [values[row + ahead - 48 * lag] for lag in lags]
        standardised = np.arcsinh((np.array(earlier) - said["mean"][row]) / said["deviation"][row])
        assert own[:4] == pytest.approx(standardised, abs=1e-4)
        assert own[8] == pytest.approx(np.median(standardised[:3]), abs=1e-4)


def test_a_day_that_is_not_there_is_no_reference_and_no_older_one_takes_its_place(read, values, times):
    away = values.copy()
    row = ROWS - 10
    away[row + 1 - 48] = np.nan  # the same time, the day before the next row
    own = read(away, times)["references"][row, 0]
    assert own[4:8].tolist() == [0, 1, 1, 1]
    assert own[0] == 0


def test_after_nine_days_of_silence_nothing_is_remembered_of_the_days_before(read, values, times):
    later = times.copy()
    later[ROWS // 2 :] += 9 * DAY
    own = read(values, later)["references"][ROWS // 2 + 1, 0]
    assert own[4:8].tolist() == [0, 0, 0, 0]


def test_a_missing_value_is_told_of_and_changes_nothing_that_is_known(read, values, times):
    away = values.copy()
    away[200] = np.nan
    said = read(away, times)
    assert said["features"][200, 2] == 1
    assert said["features"].shape == (ROWS, FEATURES)
    assert said["mean"][200] == said["mean"][199]
    assert np.isfinite(said["features"]).all()


def test_values_in_other_units_say_the_same(read, values, times):
    said, other = read(values, times), read(1000 * values - 7e4, times)
    assert other["features"] == pytest.approx(said["features"], abs=2e-2)


def test_what_is_far_out_counts_for_little(read, values, times):
    far = values.copy()
    far[300] = 1e6
    said, plain = read(far, times), read(values, times)
    assert said["mean"][-1] == pytest.approx(plain["mean"][-1], abs=0.5)
