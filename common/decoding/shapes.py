"""Static shapes of what a loop carries from turn to turn."""

import tensorflow as tf


def shaped_like(new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
    """`new` with the static shape of `old`, which operations may have lost."""
    new.set_shape(old.shape)
    return new
