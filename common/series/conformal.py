"""Honest quantiles: corrected by how often validation's true values fell below them, and a function between them."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

_SMALLEST_WIDTH = 1e-6


def horizon_buckets(horizon: int) -> np.ndarray:
    """The bucket of each step ahead, int `[horizon]`: steps 1, 2, 3 and 4, 5 to 8, and so on, each twice as long.

    >>> horizon_buckets(10).tolist()
    [0, 1, 2, 2, 3, 3, 3, 3, 4, 4]
    """
    return np.ceil(np.log2(np.arange(1, horizon + 1))).astype(int)


def fit_correction(truth: np.ndarray, quantiles: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """By how much the quantiles of each horizon are to be moved, so that they hold on the data they are fitted to.

    Conformalised quantile regression (Romano, Patterson and Candès 2019): two quantiles that stand for an interval are
    moved apart, or together, until so many of the true values lie within as are meant to, counted with the rank of a
    finite sample. A move is in units of the window's own width, from the lowest to the highest level, so that a calm
    window is moved less than a wild one. The median stays.

    Args:
        truth: `[windows, horizon, targets]`; what is missing is NaN.
        quantiles: `[windows, horizon, targets, levels]`.
        levels: ascending, and symmetric about the median.

    Returns:
        Moves `[horizon, levels]`, the same for all steps of a bucket.

    Raises:
        ValueError: the levels are not symmetric.
    """
    shares = np.asarray(levels, np.float64)
    if not np.allclose(shares + shares[::-1], 1):
        raise ValueError(f"levels {shares.tolist()}: expected pairs that stand symmetrically about 0.5")
    ordered = np.sort(quantiles, axis=-1)
    buckets = horizon_buckets(truth.shape[1])
    moves = np.zeros((int(buckets.max()) + 1, len(shares)))
    for bucket in range(len(moves)):
        is_in = buckets == bucket
        moves[bucket] = _moves(
            truth[:, is_in].reshape(-1), ordered[:, is_in].reshape(-1, len(shares)), shares
        )
    by_step: np.ndarray = moves[buckets]
    return by_step


def _moves(truth: np.ndarray, quantiles: np.ndarray, levels: np.ndarray) -> np.ndarray:
    is_there = ~np.isnan(truth)
    truth, quantiles = truth[is_there], quantiles[is_there]
    moves = np.zeros(len(levels))
    if not len(truth):
        return moves
    width = np.maximum(quantiles[:, -1] - quantiles[:, 0], _SMALLEST_WIDTH)
    for low in range(len(levels) // 2):
        high = len(levels) - 1 - low
        outside = np.maximum(quantiles[:, low] - truth, truth - quantiles[:, high]) / width
        rank = int(np.ceil((levels[high] - levels[low]) * (len(outside) + 1)))
        move = np.sort(outside)[min(rank, len(outside)) - 1]
        moves[low], moves[high] = -move, move
    return moves


def apply_correction(quantiles: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """The quantiles `[windows, horizon, targets, levels]`, moved by `[horizon, levels]`; they ascend."""
    ordered = np.sort(quantiles, axis=-1)
    width = np.maximum(ordered[..., -1:] - ordered[..., :1], _SMALLEST_WIDTH)
    return np.sort(ordered + moves[None, :, None] * width, axis=-1)


def correct_quantiles(quantiles: tf.Tensor, moves: np.ndarray) -> tf.Tensor:
    """`apply_correction` in the graph."""
    ordered = tf.sort(quantiles, axis=-1)
    width = tf.maximum(ordered[..., -1:] - ordered[..., :1], _SMALLEST_WIDTH)
    return tf.sort(ordered + tf.constant(moves, quantiles.dtype)[None, :, None] * width, axis=-1)


def interpolated(quantiles: tf.Tensor, levels: Sequence[float], scores: tf.Tensor) -> tf.Tensor:
    """The quantiles of any shares: on lines between the levels; beyond the outermost, of the normal distribution that
    has this quantile and the median.

    A share is given as its normal score, the value below which a standard normal variable falls that often, since a
    share near 1 has few digits to tell it from 1.

    Args:
        quantiles: `[..., levels]`, ascending.
        levels: of the quantiles, ascending, 0.5 in their middle.
        scores: `[...]`; 0 stands for the median.

    Example:
        >>> quantiles = tf.constant([1.0, 2.0, 5.0])
        >>> scores = tf.math.ndtri(tf.constant([0.3, 0.5, 0.95]))
        >>> [round(float(interpolated(quantiles, (0.1, 0.5, 0.9), score)), 2) for score in scores]
        [1.5, 2.0, 5.85]
    """
    count, dtype = len(levels), quantiles.dtype
    table = tf.constant(levels, dtype)
    shares = (1 + tf.math.erf(scores / np.sqrt(2.0))) / 2
    place = tf.reduce_sum(tf.cast(shares[..., None] >= table, tf.int32), axis=-1) - 1
    low = tf.clip_by_value(place, 0, count - 2)
    left, right = (tf.one_hot(low + shift, count, dtype=dtype) for shift in (0, 1))
    below, above = (tf.reduce_sum(quantiles * chosen, axis=-1) for chosen in (left, right))
    start, end = (tf.reduce_sum(table * chosen, axis=-1) for chosen in (left, right))
    between = below + (shares - start) / (end - start) * (above - below)
    median = quantiles[..., count // 2]
    outermost = tf.math.ndtri(table[-1])
    lower_tail = median + (median - quantiles[..., 0]) * scores / outermost
    upper_tail = median + (quantiles[..., -1] - median) * scores / outermost
    return tf.where(shares < table[0], lower_tail, tf.where(shares > table[-1], upper_tail, between))
