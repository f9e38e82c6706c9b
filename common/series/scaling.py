"""Standardised series: each value less its mean, over its standard deviation."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common.keras_package import PACKAGE

_SMALLEST = 1e-6


@keras.saving.register_keras_serializable(PACKAGE)
class SeriesScaling(keras.layers.Layer):
    """The mean and the standard deviation by which a window's values are standardised.

    Those of a known series are of all its training values; those of an unknown one, of the window's own.

    Args:
        means: of each known series and target, `[series, targets]`.
        deviations: the same of the standard deviations; of a constant series, 1 does.

    Call arguments:
        values: float `[batch, steps, targets]`; what is missing is NaN.
        series: int `[batch]`: 0 for an unknown series, k for the k-th known one.

    Returns:
        The means and the standard deviations, `[batch, 1, targets]` each.

    Example:
        >>> mean, deviation = SeriesScaling([[5.0]], [[2.0]])(tf.constant([[[1.0], [3.0]]] * 2), tf.constant([1, 0]))
        >>> mean[:, 0, 0].numpy().tolist(), deviation[:, 0, 0].numpy().tolist()
        ([5.0, 2.0], [2.0, 1.0])
    """

    def __init__(
        self, means: Sequence[Sequence[float]], deviations: Sequence[Sequence[float]], **kwargs: Any
    ) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.means = np.array(means, np.float32).tolist()
        self.deviations = np.array(deviations, np.float32).tolist()

    def call(self, values: tf.Tensor, series: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See above."""
        is_there = ~tf.math.is_nan(values)
        count = tf.maximum(tf.reduce_sum(tf.cast(is_there, values.dtype), axis=1), 1)
        own_mean = tf.reduce_sum(tf.where(is_there, values, 0), axis=1) / count
        squares = tf.square(tf.where(is_there, values - own_mean[:, None], 0))
        own_deviation = tf.sqrt(tf.reduce_sum(squares, axis=1) / count)
        is_known = (series > 0)[:, None]
        row = tf.maximum(series - 1, 0)
        mean = tf.where(is_known, tf.gather(tf.constant(self.means, values.dtype), row), own_mean)
        deviation = tf.where(
            is_known, tf.gather(tf.constant(self.deviations, values.dtype), row), own_deviation
        )
        smallest = _SMALLEST * tf.maximum(tf.abs(mean), 1)
        return mean[:, None], tf.where(deviation > smallest, deviation, 1)[:, None]

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        own = {"means": self.means, "deviations": self.deviations}
        base = {name: value for name, value in super().get_config().items() if name != "dtype"}
        return {**base, **own}


def statistics(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the standard deviation of each column of `[steps, columns]`, NaN left out; 1 for that of a constant
    or an empty one.

    >>> statistics(np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 5.0]]))
    (array([2., 5.]), array([1., 1.]))
    """
    is_there = ~np.isnan(values)
    count = np.maximum(is_there.sum(axis=0), 1)
    mean = np.where(is_there, values, 0).sum(axis=0) / count
    deviation = np.sqrt(np.where(is_there, (values - mean) ** 2, 0).sum(axis=0) / count)
    return mean, np.where(deviation > _SMALLEST * np.maximum(np.abs(mean), 1), deviation, 1)
