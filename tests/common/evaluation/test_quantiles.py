"""Means and places in a distribution follow from its quantile function, drawn as a line between the levels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.evaluation.quantiles import mean_weights, pit_histogram

LEVELS = np.array([0.025, 0.1, 0.25, 0.5, 0.8, 0.975])

levels_and_quantiles = st.lists(st.integers(1, 99), min_size=1, max_size=9, unique=True).flatmap(
    lambda levels: st.tuples(
        st.just(np.sort(levels) / 100),
        st.lists(st.integers(-5, 5), min_size=len(levels), max_size=len(levels)).map(np.sort),
    )
)


@given(levels_and_quantiles)
def test_the_mean_is_the_area_under_the_quantile_function(case):
    levels, quantiles = case
    wanted = np.trapezoid(np.r_[quantiles[0], quantiles, quantiles[-1]], np.r_[0, levels, 1])
    assert mean_weights(levels) @ quantiles == pytest.approx(wanted, abs=1e-9)


def one_by_one(truth, quantiles, levels):
    """The twentieth of one value: np.interp between distinct quantiles, else spread over the levels that hold it."""
    at = levels[quantiles == truth]
    if truth < quantiles[0]:
        start, end = 0, levels[0]
    elif truth > quantiles[-1]:
        start, end = levels[-1], 1
    elif len(at):
        start = 0 if truth == quantiles[0] else at[0]
        end = 1 if truth == quantiles[-1] else at[-1]
    else:
        # np.interp takes the last of equal quantiles below and the first above only if they are distinct.
        last = np.flatnonzero(quantiles < truth)[-1]
        start = end = np.interp(truth, quantiles[last : last + 2], levels[last : last + 2])
    if start == end:
        return np.histogram([start], bins=20, range=(0, 1))[0].astype(float)
    fine = start + (end - start) * (np.arange(100_000) + 0.5) / 100_000
    return np.histogram(fine, bins=20, range=(0, 1))[0] / 100_000


@given(
    levels_and_quantiles, st.lists(st.integers(-13, 13).map(lambda half: half / 2), min_size=1, max_size=4)
)
def test_each_value_counts_once_where_it_fell(case, values):
    levels, quantiles = case
    step = np.arange(len(values))
    every = np.broadcast_to(quantiles, (len(values), len(levels)))
    histogram = pit_histogram(values, every, levels, step, len(values))
    np.testing.assert_allclose(histogram.sum(axis=1), 1)
    for value, row in zip(values, histogram, strict=True):
        # Within two bins, for a place on the edge between them may round to either.
        wanted = one_by_one(value, quantiles, levels)
        assert np.abs(np.cumsum(row) - np.cumsum(wanted)).sum() <= 1 + 1e-2


def test_places_by_hand():
    quantiles = np.tile([0.0, 0.0, 1.0, 2.0, 3.0, 4.0], (5, 1))
    histogram = pit_histogram([1.5, 0.0, -1.0, 9.0, 2.2], quantiles, LEVELS, [0, 1, 2, 0, 0], 3)
    assert histogram[0].nonzero()[0].tolist() == [7, 11, 19]
    assert histogram[0, 19] == 1
    assert histogram[1].nonzero()[0].tolist() == [0, 1]
    assert histogram[2, 0] == 1


def test_values_drawn_from_the_distribution_are_flat():
    quantiles = np.array([-2.0, -1.0, 0.0, 0.5, 2.0, 7.0])
    uniform = np.random.default_rng(1).random(200_000)
    truth = np.interp(uniform, np.r_[0, LEVELS, 1], np.r_[-3, quantiles, 8])
    every = np.broadcast_to(quantiles, (len(truth), len(LEVELS)))
    histogram = pit_histogram(truth, every, LEVELS, np.zeros(len(truth), int), 1)
    np.testing.assert_allclose(histogram / len(truth), 0.05, atol=0.003)
