"""Which steps of padded sequences are real, as layers of a model."""

from typing import Any

import keras
import tensorflow as tf

from common.keras_package import PACKAGE
from common.layers.masks import without_masked


@keras.saving.register_keras_serializable(PACKAGE)
class RealSteps(keras.layers.Layer):
    """Which steps are real: values `[batch, time, ...]` and counts `[batch]` -> `[batch, time]` boolean.

    Example:
        >>> RealSteps()(tf.zeros([2, 3, 1]), tf.constant([1, 3])).numpy().tolist()
        [[True, False, False], [True, True, True]]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)

    def call(self, values: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        """See the class."""
        return tf.sequence_mask(counts, tf.shape(values)[1])

    def compute_output_spec(self, values: keras.KerasTensor, counts: keras.KerasTensor) -> keras.KerasTensor:
        """`[batch, time]` boolean."""
        return keras.KerasTensor(values.shape[:2], "bool")


@keras.saving.register_keras_serializable(PACKAGE)
class ZeroPaddedSteps(keras.layers.Layer):
    """Zeros at the steps that are not real: values `[batch, time, ...]`, real `[batch, time]` -> the values' shape.

    A convolution over time that follows then reads at a row's end what it reads at the end of a batch, so that a row's
    result does not depend on the rows beside it. A mask that Keras hands on with the values ends here: a loss would
    weigh steps with it.

    Example:
        >>> real = tf.constant([[True, False]])
        >>> ZeroPaddedSteps()(tf.ones([1, 2, 1]), real).numpy().tolist()
        [[[1.0], [0.0]]]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, values: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        """See the class."""
        return without_masked(values, real)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None."""

    def compute_output_spec(self, values: keras.KerasTensor, real: keras.KerasTensor) -> keras.KerasTensor:
        """The values' shape."""
        return keras.KerasTensor(values.shape, values.dtype)
