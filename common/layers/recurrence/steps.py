"""Loops over time and the lists that they read and write, step by step."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import tensorflow as tf

Tensor: TypeAlias = tf.Tensor
Carry: TypeAlias = Sequence[tf.Tensor | tf.TensorArray]
"""What a loop hands from step to step."""

STEPS_PER_ITERATION = 10


def chunked_loop(steps: Tensor, body: Callable[[Tensor, int, Carry], Carry], carry: Carry) -> Carry:
    """Applies `carry = body(t, count, carry)` over t = 0 .. steps-1.

    `count` is `STEPS_PER_ITERATION` while so many steps remain, and 1 for the rest: an iteration of a
    TensorFlow loop costs tens of microseconds, which unrolled steps share.
    """
    start: Tensor = tf.constant(0)
    for count in sorted({STEPS_PER_ITERATION, 1}, reverse=True):
        start, *carry = tf.while_loop(
            lambda t, *_, count=count: t + count <= steps,
            lambda t, *values, count=count: (t + count, *body(t, count, values)),
            (start, *carry),
        )
    return carry


def time_list(steps: Tensor, shape: Sequence[int | None], dtype: tf.DType) -> tf.TensorArray:
    """Returns a list of `steps` tensors of one shape, to be written step by step."""
    return tf.TensorArray(dtype, size=steps, element_shape=shape, clear_after_read=False)


def unstacked(values: Tensor) -> tf.TensorArray:
    """Returns the steps of `[time, ...]` as a list."""
    return time_list(tf.shape(values)[0], values.shape[1:], values.dtype).unstack(values)
