"""Streams of random kinds: what teaches a forecaster to judge sensors that it never saw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications.anomaly_detection.random_streams import random_stream

COUNT, ROWS = 60, 1500


@pytest.fixture(scope="module")
def streams():
    return [random_stream(number, 1, ROWS) for number in range(COUNT)]


@given(number=st.integers(0, 10_000), seed=st.integers(0, 5))
def test_a_stream_is_the_same_each_time_and_has_numbers(number, seed):
    one, same = random_stream(number, seed, 600), random_stream(number, seed, 600)
    assert np.array_equal(one.values, same.values, equal_nan=True)
    assert np.array_equal(one.windows, same.windows)
    assert not np.isinf(one.values).any()
    assert np.isfinite(one.values).mean() > 0.5
    assert (np.diff(one.times) == np.diff(one.times)[0]).all()


def test_no_two_streams_are_alike(streams):
    firsts = {float(np.nanmean(one.values)) for one in streams}
    assert len(firsts) == COUNT


def test_most_have_faults_and_some_have_none_and_the_first_rows_never_have_one(streams):
    faults = [len(one.windows) for one in streams]
    assert 0.05 < np.mean([count == 0 for count in faults]) < 0.5
    assert max(faults) <= 3
    assert min(one.windows[:, 0].min() for one in streams if len(one.windows)) >= 0.12 * ROWS


def test_rows_come_each_minute_to_each_hour(streams):
    steps = {int(np.diff(one.times)[0]) for one in streams}
    assert {60, 300, 600, 1800, 3600} >= steps
    assert len(steps) >= 4


def test_some_have_missing_values(streams):
    assert 0.1 < np.mean([np.isnan(one.values).any() for one in streams]) < 0.6
