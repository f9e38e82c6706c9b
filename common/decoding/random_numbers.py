"""Random numbers that depend on a seed and a position alone: no generator, no state, no order of calls.

So a row of a batch draws the same numbers whatever rows stand beside it, and a text that is written in pieces the same
as a text written at once.
"""

from collections.abc import Callable
from typing import TypeAlias

import tensorflow as tf

Uniform: TypeAlias = Callable[[tf.Tensor], tf.Tensor]

_GOLDEN_GAMMA = 0x9E3779B97F4A7C15
_BITS = 24  # as many as a float32 holds


def uniform_stream(seeds: tf.Tensor) -> Uniform:
    """Makes, for seeds `[batch]` of any integers, the function from positions `[batch]` to uniform numbers `[batch]`.

    The numbers are multiples of 2**-24 in [0, 1), float32. Number t of a seed is the top bits of output t of the
    generator SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", with the
    constants of Stafford's variant 13), started at a hash of the seed, so that neighbouring seeds share nothing.
    """
    keys = _mixed(tf.bitcast(tf.cast(seeds, tf.int64), tf.uint64) + _uint64(_GOLDEN_GAMMA))

    def uniform(position: tf.Tensor) -> tf.Tensor:
        counter = tf.bitcast(tf.cast(position, tf.int64) + 1, tf.uint64)
        bits = _mixed(keys + counter * _uint64(_GOLDEN_GAMMA))
        return tf.cast(tf.bitwise.right_shift(bits, _uint64(64 - _BITS)), tf.float32) * 2.0**-_BITS

    return uniform


def drawn_ahead(seeds: tf.Tensor, position: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """What `uniform_stream` gives at `steps` positions from `position` `[batch]` on: `[steps, batch]`.

    A loop that reads them has fewer operations than one that draws them.
    """
    uniform = uniform_stream(seeds)
    return uniform(tf.cast(position, tf.int64) + tf.range(tf.cast(steps, tf.int64))[:, None])


def _mixed(bits: tf.Tensor) -> tf.Tensor:
    bits = _folded(bits, 30) * _uint64(0xBF58476D1CE4E5B9)
    bits = _folded(bits, 27) * _uint64(0x94D049BB133111EB)
    return _folded(bits, 31)


def _folded(bits: tf.Tensor, shift: int) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, _uint64(shift)))


def _uint64(value: int) -> tf.Tensor:
    return tf.constant(value, tf.uint64)
