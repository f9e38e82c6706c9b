"""Forecasts that cost nothing, which every model must be better than."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def naive(values: ArrayLike, horizon: int) -> Floats:
    """Repeats the last observed value of each window and target.

    Args:
        values: `[windows, lookback, targets]`; what is missing is NaN.
        horizon: steps to forecast.

    Returns:
        `[windows, horizon, targets]`; NaN where nothing was observed.

    Example:
        >>> naive([[[3.0], [4.0], [np.nan]]], 2).ravel().tolist()
        [4.0, 4.0]
    """
    return np.repeat(_last_observed(np.asarray(values, np.float64))[:, None], horizon, axis=1)


def seasonal_naive(values: ArrayLike, horizon: int, season: int) -> Floats:
    """Repeats the last season: each step is the value one season before, or where that is missing, two, and so on.

    A step of the season that was never observed takes the last observed value.

    Args:
        values: `[windows, lookback, targets]`, of any lookback; what is missing is NaN.
        horizon: steps to forecast, of any number of seasons.
        season: steps of a season, from 1.

    Returns:
        `[windows, horizon, targets]`; NaN where nothing was observed.

    Raises:
        ValueError: the season is less than one step.

    Example:
        >>> seasonal_naive([[[1.0], [2.0], [3.0], [np.nan]]], 3, season=2).ravel().tolist()
        [3.0, 2.0, 3.0]
    """
    if season < 1:
        raise ValueError(f"a season of {season} steps; expected at least 1")
    values = np.asarray(values, np.float64)
    windows, lookback, targets = values.shape
    # The first season is filled up with NaN, so that the last ends where the window ends.
    whole = np.pad(values, ((0, 0), (-lookback % season, 0), (0, 0)), constant_values=np.nan)
    last = _last_observed(whole.reshape(windows, -(-lookback // season), season, targets))
    last = np.where(np.isnan(last), _last_observed(values)[:, None], last)
    return last[:, np.arange(horizon) % season]


def _last_observed(values: Floats) -> Floats:
    """The last along the second axis that is no NaN; NaN where there is none."""
    if not values.shape[1]:
        return np.full((len(values), *values.shape[2:]), np.nan)
    is_there = ~np.isnan(values)
    place = values.shape[1] - 1 - is_there[:, ::-1].argmax(axis=1)
    return np.take_along_axis(values, place[:, None], axis=1)[:, 0]
