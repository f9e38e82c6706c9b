"""What quantiles say of a distribution: its mean, and where in it a value fell."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

PIT_BINS = 20


def pinball_loss(truth: ArrayLike, quantiles: ArrayLike, levels: ArrayLike) -> NDArray[np.float64]:
    """The quantile loss of each value, in the shape that the three have together (Koenker and Bassett 1978).

    Example:
        >>> pinball_loss(3.0, [1.0, 2.0, 5.0], [0.1, 0.5, 0.9]).round(3).tolist()
        [0.2, 0.5, 0.2]
    """
    above, levels = np.asarray(truth) - np.asarray(quantiles), np.asarray(levels)
    return np.asarray(np.maximum(levels * above, (levels - 1) * above))


def mean_weights(levels: ArrayLike) -> NDArray[np.float64]:
    """What each quantile weighs in the mean of its distribution, `[levels]`.

    The mean is the integral of the quantile function over the levels from 0 to 1; it is taken to be linear between the
    levels, and beyond the outermost to stay at them.

    Example:
        >>> mean_weights([0.1, 0.5, 0.9]).round(3).tolist()
        [0.3, 0.4, 0.3]
    """
    levels = np.asarray(levels, np.float64)
    left, right = np.r_[-levels[0], levels[:-1]], np.r_[levels[1:], 2 - levels[-1]]
    return np.asarray((right - left) / 2)


def pit_histogram(
    truth: ArrayLike, quantiles: ArrayLike, levels: ArrayLike, step: ArrayLike, horizon: int
) -> NDArray[np.float64]:
    """Counts in which twentieth of its forecast distribution each value fell, `[horizon, 20]`.

    The distribution function is the inverse of the quantile function, linear between the levels. A value beyond the
    outermost quantiles is spread evenly over the levels beyond, and one that equals several quantiles evenly over
    theirs (Czado, Gneiting and Held 2009). So a calibrated forecast is flat, but for how far its distribution is from
    even between two levels: a bin that ends at no level may lose a little to its neighbour.

    Args:
        truth: `[values]`.
        quantiles: ascending, `[values, levels]`.
        levels: ascending, `[levels]`.
        step: the row of each value, from 0, int `[values]`.
        horizon: how many rows.
    """
    truth, quantiles = np.asarray(truth, np.float64), np.asarray(quantiles, np.float64)
    levels, step = np.asarray(levels, np.float64), np.asarray(step, np.int64)
    below, up_to = (quantiles < truth[:, None]).sum(axis=1), (quantiles <= truth[:, None]).sum(axis=1)
    edges = np.r_[0.0, levels, 1.0]
    equals = below < up_to
    # Between two quantiles there is one place; beyond all, or at some of them, a range.
    start = np.where(below == 0, 0.0, edges[below + equals])
    end = np.where(up_to == len(levels), 1.0, edges[up_to + ~equals])
    is_between = ~equals & (below > 0) & (up_to < len(levels))
    row, right = np.nonzero(is_between)[0], below[is_between]
    lower, upper = quantiles[row, right - 1], quantiles[row, right]
    share = (truth[row] - lower) / (upper - lower)
    start[row] = end[row] = levels[right - 1] + share * (levels[right] - levels[right - 1])
    is_place = start == end
    places = np.minimum((start[is_place] * PIT_BINS).astype(np.int64), PIT_BINS - 1)
    counts = np.bincount(step[is_place] * PIT_BINS + places, minlength=horizon * PIT_BINS)
    histogram = counts.reshape(horizon, PIT_BINS).astype(np.float64)
    bins = np.linspace(0, 1, PIT_BINS + 1)
    start, end = start[~is_place, None], end[~is_place, None]
    overlap = np.maximum(np.minimum(end, bins[1:]) - np.maximum(start, bins[:-1]), 0)
    np.add.at(histogram, step[~is_place], overlap / (end - start))
    return histogram
