"""Gaps in series, filled in the graph."""

import keras
import tensorflow as tf

from common.keras_package import PACKAGE


@keras.saving.register_keras_serializable(PACKAGE)
class FillGaps(keras.layers.Layer):
    """`fill_linearly` as a layer.

    Example:
        >>> filled, observed = FillGaps()(tf.constant([[[1.0], [float("nan")], [3.0]]]))
        >>> filled[0, :, 0].numpy().tolist()
        [1.0, 2.0, 3.0]
    """

    def call(self, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The filled values, and whether each was there, `[batch, steps, columns]` each."""
        return fill_linearly(values)


def fill_linearly(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Fills what is missing on a line between the nearest values before and after it, and with the nearest at the ends.

    Args:
        values: float `[batch, steps, columns]`; what is missing is NaN.

    Returns:
        The filled values, 0 in a column without any; and whether each was there, in the type of the values.

    Example:
        >>> nan = float("nan")
        >>> filled, observed = fill_linearly(tf.constant([[[nan], [1.0], [nan], [nan], [4.0]]]))
        >>> filled[0, :, 0].numpy().tolist(), observed[0, :, 0].numpy().tolist()
        ([1.0, 1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 0.0, 1.0])
    """
    values = tf.transpose(values, [0, 2, 1])
    is_there = ~tf.math.is_nan(values)
    present = tf.where(is_there, values, 0)
    steps = tf.shape(values)[2]
    places = tf.broadcast_to(tf.range(steps), tf.shape(values))
    before = _running_maximum(tf.where(is_there, places, -1))
    after = tf.reverse(-_running_maximum(tf.reverse(tf.where(is_there, -places, -steps), [2])), [2])
    nearest_before = tf.where(before < 0, after, before)
    nearest_after = tf.where(after >= steps, before, after)
    one, other = (
        tf.gather(present, tf.clip_by_value(place, 0, steps - 1), batch_dims=2)
        for place in (nearest_before, nearest_after)
    )
    length = tf.maximum(nearest_after - nearest_before, 1)
    share = tf.cast(places - nearest_before, values.dtype) / tf.cast(length, values.dtype)
    filled = tf.where(is_there, present, one + tf.clip_by_value(share, 0, 1) * (other - one))
    return tf.transpose(filled, [0, 2, 1]), tf.transpose(tf.cast(is_there, values.dtype), [0, 2, 1])


def _running_maximum(places: tf.Tensor) -> tf.Tensor:
    """The maximum of each place `[batch, columns, steps]` and all before it, in a logarithmic number of steps."""
    steps = places.shape[2]
    shift = 1
    while shift < steps:
        earlier = tf.pad(
            places[:, :, :-shift], [[0, 0], [0, 0], [shift, 0]], constant_values=places.dtype.min
        )
        places = tf.maximum(places, earlier)
        shift *= 2
    return places
