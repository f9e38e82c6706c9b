"""Detectors of one series that cost nothing, which every model must be better than.

Each scores a row from it and the rows before it alone; a score is -log10 of the probability that a row is as odd by
chance, and 0 where nothing can be said. An alarm is said once: `refractory`.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SECONDS_PER_DAY = 86_400
WARM_UP = 50
"""Observed rows before the first that can score."""
AVERAGED = 10
"""Rows whose mean is judged."""
RANGE_MARGIN = 0.05
"""So far beyond the range of all values before, as a share of it, is out of range."""
OUT_OF_RANGE = 10.0
"""Score of a row that is out of range."""
GREATEST_ERROR = 5.0
"""Standard deviations to which an error is cut before the mean of 10, which one spike would own otherwise."""
FARTHEST = 37.0
"""Standard deviations from which on scores are the same; the probability is still above 0."""


def range_rule(times: Integers, values: Floats) -> Floats:
    """Scores rows beyond the range of all values before by more than 5% of it.

    Args:
        times: `[rows]`, Unix seconds, increasing; not looked at.
        values: `[rows]`; what is missing is NaN.

    Returns:
        `[rows]`: 10 where out of range, 0 elsewhere.

    Example:
        >>> values = np.append(np.arange(60) % 11.0, [10.4, 11, 20, np.nan])
        >>> range_rule(60 * np.arange(64), values)[-4:].tolist()
        [0.0, 10.0, 10.0, 0.0]
    """
    before = pd.Series(values).shift()
    low, high = before.cummin().ffill().to_numpy(), before.cummax().ffill().to_numpy()
    margin = RANGE_MARGIN * (high - low)
    beyond = (values > high + margin) | (values < low - margin)
    return np.where(beyond & _warm(values), OUT_OF_RANGE, 0.0)


def level_rule(times: Integers, values: Floats) -> Floats:
    """Scores the mean of 10 values against all such means before; and what is out of range.

    Args:
        times: `[rows]`, Unix seconds, increasing; not looked at.
        values: `[rows]`; what is missing is NaN.

    Returns:
        `[rows]`, from 0; 0 where the value is missing.

    Example:
        >>> values = np.append(np.arange(60) % 2.0, np.full(10, 1.0))
        >>> scores = level_rule(60 * np.arange(70), values)
        >>> bool(scores[-1] > 3 > scores[:60].max())
        True
    """
    return np.maximum(_oddness(values), range_rule(times, values))


def persistence_rule(times: Integers, values: Floats) -> Floats:
    """Scores the error of the last value as a forecast, as `level_rule` scores values; and what is out of range.

    Args:
        times: `[rows]`, Unix seconds, increasing; not looked at.
        values: `[rows]`; what is missing is NaN.

    Returns:
        `[rows]`, from 0; 0 where the value is missing.

    Example:
        >>> values = np.append(np.arange(60) % 2.0, np.arange(10) * 0.1)
        >>> bool(persistence_rule(60 * np.arange(70), values)[-1] > 1)
        True
    """
    errors = np.abs(values - pd.Series(values).ffill().shift().to_numpy())
    return np.maximum(_oddness(_cut(errors)), range_rule(times, values))


def seasonal_rule(times: Integers, values: Floats) -> Floats:
    """Scores values less the median of those 1, 2 and 3 days before, as `level_rule` scores values; and the range.

    Args:
        times: `[rows]`, Unix seconds, increasing.
        values: `[rows]`; what is missing is NaN.

    Returns:
        `[rows]`, from 0; 0 where the value is missing, and but for the range in the first day.

    Example:
        >>> times = 3600 * np.arange(240)
        >>> values = np.sin(times * 2 * np.pi / 86400) + 0.01 * np.cos(np.arange(240.0) ** 2)
        >>> values[200:210] = 0.5
        >>> scores = seasonal_rule(times, values)
        >>> bool(scores[209] > 3 > scores[:200].max())
        True
    """
    errors = values - _days_before(times, values)
    return np.maximum(_oddness(_cut(errors)), range_rule(times, values))


RULES = {
    "range": range_rule,
    "level": level_rule,
    "persistence": persistence_rule,
    "seasonal_naive": seasonal_rule,
}
"""By the name in tables."""


def refractory(scores: Floats, threshold: float, rows: int) -> Floats:
    """Keeps the score of a row that raises an alarm, and none of the next rows', in which the detector stays silent.

    Args:
        scores: `[rows]`.
        threshold: above 0; an alarm is raised where the score is at least this and the detector is not silent.
        rows: for how many rows it is silent, from 0.

    Returns:
        `[rows]`: the score where an alarm is raised, 0 elsewhere.

    Raises:
        ValueError: the threshold is not above 0.

    Example:
        >>> refractory(np.array([0.0, 3, 5, 3, 3]), 2.0, rows=2).tolist()
        [0.0, 3.0, 0.0, 0.0, 3.0]
    """
    if threshold <= 0:
        raise ValueError(f"threshold {threshold}; expected above 0, the score of silence")
    raised = np.zeros(len(scores))
    high = np.flatnonzero(scores >= threshold)
    place = 0
    while place < len(high):
        row = high[place]
        raised[row] = scores[row]
        place = int(np.searchsorted(high, row + rows, side="right"))
    return raised


def _warm(values: Floats) -> NDArray[np.bool_]:
    observed = ~np.isnan(values)
    return observed & (np.cumsum(observed) > WARM_UP)


def _oddness(values: Floats) -> Floats:
    """-log10 of the two-sided tail probability of the mean of the last rows, by mean and deviation of such before."""
    means = pd.Series(values).rolling(AVERAGED, min_periods=1).mean()
    distance = np.minimum(np.abs(_standardised(means)), FARTHEST)
    probability = (norm.logsf(distance) + np.log(2)) / np.log(10)
    return np.where(_warm(values) & (distance > 0), -probability, 0.0)


def _cut(errors: Floats) -> Floats:
    return np.clip(_standardised(pd.Series(errors)), -GREATEST_ERROR, GREATEST_ERROR)


def _standardised(values: pd.Series) -> Floats:
    """By mean and deviation of all values before; NaN where there are none."""
    before = values.shift().expanding()
    deviation = np.maximum(before.std(ddof=0).to_numpy(), 1e-9)
    return np.asarray((values - before.mean()).to_numpy() / deviation, np.float64)


def _days_before(times: Integers, values: Floats) -> Floats:
    """The median of the values 1, 2 and 3 days before each row; NaN where none is known."""
    # The interval of readings as it is known so far: a later one would be knowledge of the future.
    interval = pd.Series(np.diff(times, prepend=times[:1])).expanding(2).median().to_numpy()
    values_before = np.full((3, len(values)), np.nan)
    for days in (1, 2, 3):
        wanted = times - days * SECONDS_PER_DAY
        row = np.searchsorted(times, wanted, side="right") - 1
        near = (row >= 0) & (wanted - times[row] < interval)
        values_before[days - 1, near] = values[row[near]]
    known = ~np.isnan(values_before).all(axis=0)
    median = np.full(len(values), np.nan)
    median[known] = np.nanmedian(values_before[:, known], axis=0)
    return median
