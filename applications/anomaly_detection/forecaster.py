"""The network: what each row says, to the quantiles of the rows ahead."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from applications.anomaly_detection.config import HORIZONS, LEVELS
from applications.anomaly_detection.sensor_memory import REFERENCES
from common.layers.stack import CellName, RecurrentStack

_WIDTH_BIAS, _SHARE_BIAS = -1.0, 1.0


class QuantileForecaster(keras.layers.Layer):
    """A recurrent network that forecasts the quantiles of a sensor's value, at each row, one row and many rows ahead.

    Each horizon begins at what the references (the same time on days before) say, of which it takes a share, and adds
    to it; quantiles lie apart by positive numbers, so they never cross.

    Args:
        cell: "lstm", "gru" or "rnn".
        units: hidden units per layer.
        layers: recurrent layers, one upon another.
        head_units: of the hidden layer of each horizon.
        dropout: share of the features dropped between layers.

    Call arguments:
        features: `[batch, time, features]`.
        references: `[batch, time, horizons, 9]`.

    Returns:
        Standardised quantiles, `[batch, time, horizons, levels]`.

    Example:
        >>> forecaster = QuantileForecaster("gru", units=8)
        >>> forecaster(tf.ones([2, 5, 9]), tf.ones([2, 5, 2, 9])).shape.as_list()
        [2, 5, 2, 5]
    """

    def __init__(
        self,
        cell: CellName,
        units: int,
        layers: int = 1,
        head_units: int = 48,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.head_units = head_units
        compute = {"dtype": self.dtype_policy}
        self.reader = keras.layers.Dense(units, activation="relu", name="reader", **compute)
        self.stack = RecurrentStack(cell, units, layers, dropout=dropout, name="stack", **compute)
        self.hidden = [
            keras.layers.Dense(head_units, activation="relu", name=f"hidden_{place}", **compute)
            for place in range(len(HORIZONS))
        ]
        small = keras.initializers.VarianceScaling(0.05)
        self.heads = [
            keras.layers.Dense(
                len(LEVELS) + 1, kernel_initializer=small, name=f"head_{place}", dtype="float32"
            )
            for place in range(len(HORIZONS))
        ]

    def build(self, features_shape: Sequence[int | None], references_shape: Sequence[int | None]) -> None:
        """Makes the weights for inputs of these widths."""
        width = (features_shape[-1] or 0) + len(HORIZONS) * REFERENCES
        self.reader.build((None, None, width))
        self.stack.build((None, None, self.stack.units))
        for hidden, head in zip(self.hidden, self.heads, strict=True):
            hidden.build((None, None, self.stack.units + REFERENCES))
            head.build((None, None, self.head_units))
        self.built = True

    def call(self, features: tf.Tensor, references: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """See above."""
        outputs = self.stack(self._read(features, references), training=training)
        return self._quantiles(outputs, references)

    def step(
        self, features: tf.Tensor, references: tf.Tensor, states: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """One row with the same weights: `[batch, features]` and `[batch, horizons, 9]` -> quantiles `[batch, horizons,
        levels]` and the states after it."""
        outputs, states = self.stack.step(self._read(features, references), states)
        return self._quantiles(outputs, references), states

    def zero_states(self, batch: tf.Tensor | int) -> list[tf.Tensor]:
        """The states before the first row."""
        return [tf.zeros([batch, self.stack.units])] * self.stack.state_count

    def _read(self, features: tf.Tensor, references: tf.Tensor) -> tf.Tensor:
        flat = [references[..., place, :] for place in range(len(HORIZONS))]
        return self.reader(tf.concat([features, *flat], axis=-1))

    def _quantiles(self, outputs: tf.Tensor, references: tf.Tensor) -> tf.Tensor:
        return tf.stack([self._head(outputs, references, place) for place in range(len(HORIZONS))], axis=-2)

    def _head(self, outputs: tf.Tensor, references: tf.Tensor, place: int) -> tf.Tensor:
        own = references[..., place, :]
        hidden = self.hidden[place](tf.concat([tf.cast(outputs, own.dtype), own], axis=-1))
        told = self.heads[place](hidden)
        base, share = own[..., -1:], tf.sigmoid(told[..., -1:] + _SHARE_BIAS)
        median = base * share + told[..., :1]
        gaps = tf.nn.softplus(told[..., 1:-1] + _WIDTH_BIAS)
        half = len(LEVELS) // 2
        below = median - tf.cumsum(gaps[..., :half], axis=-1, reverse=True)
        above = median + tf.cumsum(gaps[..., half:], axis=-1)
        return tf.concat([below, median, above], axis=-1)

    def compute_output_shape(
        self, features_shape: Sequence[int | None], references_shape: Sequence[int | None]
    ) -> tuple[int | None, ...]:
        """`[batch, time, horizons, levels]`."""
        return (*features_shape[:-1], len(HORIZONS), len(LEVELS))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        stack = self.stack
        own = {
            "cell": stack.cell,
            "units": stack.units,
            "layers": stack.layer_count,
            "head_units": self.head_units,
            "dropout": stack.dropout,
        }
        return {**super().get_config(), **own}
