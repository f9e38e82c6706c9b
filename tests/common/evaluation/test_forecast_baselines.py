"""The last value and the last season are repeated, found by going back step by step over what is missing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from common.evaluation.forecast_baselines import naive, seasonal_naive

values_with_gaps = arrays.arrays(
    np.float64,
    st.tuples(st.integers(0, 3), st.integers(0, 11), st.integers(1, 2)),
    elements=st.one_of(st.just(np.nan), st.integers(-9, 9).map(float)),
)


@given(values_with_gaps, st.integers(1, 5))
def test_the_last_observed_value_is_repeated(values, horizon):
    forecast = naive(values, horizon)
    assert forecast.shape == (len(values), horizon, values.shape[2])
    for window, each in zip(values, forecast, strict=True):
        for step in each:
            filled = pd.DataFrame(window).ffill()
            wanted = filled.iloc[-1] if len(filled) else np.full(values.shape[2], np.nan)
            np.testing.assert_array_equal(step, wanted)


@given(values_with_gaps, st.integers(1, 9), st.integers(1, 6))
def test_the_value_of_a_season_before_is_found_by_going_back_season_by_season(values, horizon, season):
    forecast = seasonal_naive(values, horizon, season)
    fallback = naive(values, horizon)
    windows, lookback, targets = values.shape
    for window, step, target in np.ndindex(windows, horizon, targets):
        before = [place for place in range(lookback + step - season, -1, -season) if place < lookback]
        observed = [
            values[window, place, target] for place in before if not np.isnan(values[window, place, target])
        ]
        wanted = observed[0] if observed else fallback[window, step, target]
        np.testing.assert_equal(forecast[window, step, target], wanted)


def test_a_series_that_is_all_season_is_forecast_without_error():
    series = np.tile(np.arange(24.0), 4)[None, :, None]
    np.testing.assert_array_equal(seasonal_naive(series[:, :55], 41, 24), series[:, 55:])


def test_no_season_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        seasonal_naive(np.zeros((1, 3, 1)), 2, 0)
