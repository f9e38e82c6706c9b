"""Masks `[batch, time]` of values `[batch, time, ...]`: whether they fit, and what they leave of the values."""

from typing import Any

import tensorflow as tf


def fitting_mask(mask: Any, values: tf.Tensor, layer: str) -> tf.Tensor:
    """The mask as booleans `[batch, time]`, one row of it being spread over all rows of the values.

    Where the sizes are known only when the graph runs, a mask that does not fit makes the graph fail with the words of
    the error below.

    Args:
        mask: `[batch, time]` or `[1, time]`, of any type.
        values: `[batch, time, ...]`.
        layer: the name that an error begins with.

    Raises:
        ValueError: the mask has other steps than the values, or other rows.
    """
    mask = tf.ensure_shape(tf.cast(mask, tf.bool), [None, None])
    (rows, steps), (mask_rows, mask_steps) = values.shape[:2], mask.shape
    expected = f"{layer}: expected a mask of as many steps as the input, and as many rows or one"
    steps_known, rows_known = None not in (steps, mask_steps), mask_rows == 1 or None not in (rows, mask_rows)
    if (steps_known and steps != mask_steps) or (rows_known and mask_rows not in (1, rows)):
        raise ValueError(f"{expected}; the mask is {mask.shape}, the input {values.shape}")
    if steps_known and rows_known and rows == mask_rows:
        return mask
    size, mask_size = tf.shape(values)[:2], tf.shape(mask)
    checks = []
    if not (steps_known and rows_known):
        fits = (mask_size[1] == size[1]) & ((mask_size[0] == size[0]) | (mask_size[0] == 1))
        checks = [tf.debugging.Assert(fits, [f"{expected}; the mask is", mask_size, "the input", size])]
    with tf.control_dependencies(checks):
        return tf.ensure_shape(tf.broadcast_to(mask, size), [rows, steps])


def without_masked(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """The values `[batch, time, ...]` with zeros, whatever stood there, where the mask `[batch, time]` is false."""
    real = tf.reshape(mask, tf.concat([tf.shape(mask), tf.ones([len(values.shape) - 2], tf.int32)], 0))
    return tf.where(real, values, tf.zeros_like(values))
