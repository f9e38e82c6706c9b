"""Gaps are filled in the graph as NumPy interpolates."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.series.gaps import FillGaps, fill_linearly
from common.series.linear import filled_linearly

cells = st.one_of(st.just(float("nan")), st.floats(-100, 100, width=32))


def _interpolated(row):
    is_there = ~np.isnan(row)
    if not is_there.any():
        return np.zeros_like(row)
    return np.interp(np.arange(len(row)), np.flatnonzero(is_there), row[is_there])


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 9).flatmap(
        lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=1, max_size=4)
    )
)
def test_gaps_are_filled_as_numpy_interpolates_and_what_was_there_is_told(rows):
    values = np.array(rows, np.float32)
    filled, observed = fill_linearly(tf.constant(values.T[None]))
    expected = np.stack([_interpolated(row) for row in values])
    np.testing.assert_allclose(filled[0].numpy().T, expected, atol=1e-3)
    assert (~np.isnan(values) == observed[0].numpy().T).all()
    some = ~np.isnan(values).all(axis=1)
    np.testing.assert_allclose(filled_linearly(values[some].astype(np.float64)), expected[some], atol=1e-3)


def test_columns_and_rows_are_filled_each_for_itself():
    values = np.random.default_rng(2).normal(size=(3, 20, 2)).astype(np.float32)
    values[np.random.default_rng(3).random(values.shape) < 0.4] = np.nan
    filled, _ = FillGaps()(values)
    for row in range(3):
        for column in range(2):
            np.testing.assert_allclose(
                filled[row, :, column], _interpolated(values[row, :, column]), atol=1e-5
            )
