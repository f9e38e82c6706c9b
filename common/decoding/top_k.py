"""The largest few of many values, sooner than by one pass over all of them."""

import math

import tensorflow as tf

_FEW = 1024  # values that one pass ranks as soon


def largest(values: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """What `tf.math.top_k` gives, values and their places `[rows, count]`; of equals the first ones.

    Among many values they are looked for in those blocks alone that have the largest maxima: a value outside these has
    one before it in each of them.

    Args:
        values: `[rows, n]` float, n being known.
        count: how many of each row, n at most.
    """
    n = values.shape[-1]
    if n <= max(_FEW, 4 * count**2):
        return tuple(tf.math.top_k(values, count))
    width = math.isqrt(n)
    padded = tf.pad(values, [[0, 0], [0, -n % width]], constant_values=-float("inf"))
    blocks = tf.reshape(padded, [-1, padded.shape[-1] // width, width])
    # In their own order, so that of equals the first ones stay the first.
    best = tf.sort(tf.math.top_k(tf.reduce_max(blocks, axis=-1), count).indices)
    candidates = tf.reshape(tf.gather(blocks, best, batch_dims=1), [-1, count * width])
    top_values, places = tf.math.top_k(candidates, count)
    return top_values, tf.gather(best, places // width, batch_dims=1) * width + places % width
