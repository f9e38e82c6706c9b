"""Normalisation of features by their running mean, for streams that have no end to take a mean over."""

import math
from typing import Any

import keras
import tensorflow as tf

from common.keras_package import PACKAGE


@keras.saving.register_keras_serializable(PACKAGE)
class RunningNormalization(keras.layers.Layer):
    """Subtracts each feature's running mean: `[batch, frames, features]` -> the same shape.

    The output of frame t is (x_t - m_t) / scale with m_t = decay · m_{t-1} + (1 - decay) · x_t. Before the first frame
    the mean is a trained weight, `mean`, which begins as `initial_mean`. The means are computed in float32 and in
    closed form, without a loop: n frames as about sqrt(n) blocks of as many, so that the matrices have n entries.

    Args:
        decay: how much of the mean stays from one frame to the next; it spans about 1 / (1 - decay) frames.
        scale: what the differences are divided by.
        initial_mean: of each feature, before training.

    Example:
        >>> normalization = RunningNormalization(decay=0.5, scale=1.0, initial_mean=0.0)
        >>> normalization(tf.constant([[[4.0], [4.0], [4.0]]])).numpy().tolist()
        [[[2.0], [1.0], [0.5]]]
    """

    def __init__(self, decay: float, scale: float = 3.0, initial_mean: float = -6.0, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        if not 0 < decay < 1:
            raise ValueError(f"expected a decay between 0 and 1, got {decay}")
        self.decay, self.scale, self.initial_mean = decay, scale, initial_mean

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Makes the mean of each feature before the first frame."""
        initializer = keras.initializers.Constant(self.initial_mean)
        self.mean = self.add_weight(
            (features_shape[-1],), initializer, "float32", autocast=False, name="mean"
        )
        self.built = True

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Normalises all frames; see the class."""
        return self.step(features, self.zero_states(tf.shape(features)[0]))[0]

    def step(self, features: tf.Tensor, state: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The next frames of a stream.

        Args:
            features: `[batch, n, features]`.
            state: `[batch, features]`, how far the running mean is from `mean`; at first `zero_states`.

        Returns:
            The normalised features, `[batch, n, features]`, and the state after them.
        """
        values = tf.cast(features, tf.float32) - tf.convert_to_tensor(self.mean)
        means = running_mean(values, tf.cast(state, tf.float32), self.decay)
        after = tf.concat([tf.cast(state, tf.float32)[:, None], means[:, -1:]], axis=1)[:, -1]
        return tf.cast((values - means) / self.scale, self.compute_dtype), after

    def zero_states(self, batch: Any) -> tf.Tensor:
        """The state before the first frame: `[batch, features]`."""
        return tf.zeros([batch, self.mean.shape[0]])

    def compute_output_spec(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """The features' shape in the layer's precision."""
        return keras.KerasTensor(features.shape, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("decay", "scale", "initial_mean")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def running_mean(values: tf.Tensor, state: tf.Tensor, decay: float) -> tf.Tensor:
    """m_t = decay · m_{t-1} + (1 - decay) · x_t of values `[batch, n, features]`, m_0 being `state`."""
    batch, count, features = tf.unstack(tf.shape(values))
    size = tf.maximum(tf.cast(tf.math.ceil(tf.sqrt(tf.cast(count, tf.float32))), tf.int32), 1)
    blocks = -(-count // size)
    padded = tf.pad(values, [[0, 0], [0, blocks * size - count], [0, 0]])
    padded = tf.reshape(padded, tf.stack([batch, blocks, size, features]))
    place, block = tf.range(size), tf.range(blocks)
    within = (1 - decay) * tf.matmul(_powers(decay, place[:, None] - place), padded)
    earlier = tf.matmul(_powers(decay, size * (block[:, None] - block - 1)), within[:, :, -1])
    before = earlier + _powers(decay, size * block)[:, None] * state[:, None]
    means = within + _powers(decay, place + 1)[:, None] * before[:, :, None]
    means = tf.reshape(means, tf.stack([batch, blocks * size, features]))[:, :count]
    return tf.ensure_shape(means, values.shape)


def _powers(decay: float, exponents: tf.Tensor) -> tf.Tensor:
    """The decay to each exponent; 0 for exponents below 0."""
    powers = tf.exp(math.log(decay) * tf.cast(tf.maximum(exponents, 0), tf.float32))
    return tf.where(exponents >= 0, powers, 0.0)
