"""The network of remaining life: readings of sensors, row after row, to the quantiles of the rows that are left."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from applications.anomaly_detection.config import LEVELS, Config
from applications.anomaly_detection.life_sensors import LifeFacts, ScaledSensors
from common.layers.running_mean import running_mean
from common.layers.stack import CellName, RecurrentStack
from common.series.conformal import correct_quantiles

SCALED, NETWORK, ROWS_LEFT = "scaled_sensors", "life_network", "rows_left"
NO_CORRECTION = (0.0,) * len(LEVELS)
# Of the running means of the sensors: they span about five and twenty rows.
_DECAYS = (0.8, 0.95)
_MEDIAN_BIAS, _GAP_BIAS = 0.7, -2.0


class LifeNetwork(keras.layers.Layer):
    """Recurrent networks beside one another that each estimate, at every row, the quantiles of what is left of a life.

    They read the sensors as they are and their running means, which are less noisy. Quantiles lie apart by positive
    numbers, so they never cross.

    Args:
        cell: "lstm", "gru" or "rnn".
        units: hidden units per layer.
        layers: recurrent layers, one upon another.
        members: networks, of which each has weights of its own.
        dropout: share of the features dropped between layers, and before the last.
        noise: standard deviation of the noise that training adds to the sensors.

    Call arguments:
        sensors: `[batch, time, sensors]`, scaled.

    Returns:
        Quantiles as shares of the longest life that is told apart, `[batch, time, members, levels]`.

    Example:
        >>> LifeNetwork("gru", units=8, members=2)(tf.ones([3, 5, 4])).shape.as_list()
        [3, 5, 2, 5]
    """

    def __init__(
        self,
        cell: CellName,
        units: int,
        layers: int = 1,
        members: int = 1,
        dropout: float = 0.0,
        noise: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        compute = {"dtype": self.dtype_policy}
        self.noise = keras.layers.GaussianNoise(noise, dtype="float32")
        self.stacks = [
            RecurrentStack(cell, units, layers, dropout=dropout, name=f"stack_{member}", **compute)
            for member in range(members)
        ]
        self.dropouts = [keras.layers.SpatialDropout1D(dropout, **compute) for _ in range(members)]
        self.heads = [
            keras.layers.Dense(len(LEVELS), name=f"head_{member}", dtype="float32")
            for member in range(members)
        ]

    def build(self, sensors_shape: Sequence[int | None]) -> None:
        """Makes the weights for so many sensors."""
        for stack, head in zip(self.stacks, self.heads, strict=True):
            stack.build((None, None, (1 + len(_DECAYS)) * (sensors_shape[-1] or 0)))
            head.build((None, None, stack.units))
        self.built = True

    def call(self, sensors: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """See above."""
        read = self.noise(sensors, training=training)
        start = tf.zeros([tf.shape(read)[0], read.shape[-1]], read.dtype)
        features = tf.concat([read, *(running_mean(read, start, decay) for decay in _DECAYS)], axis=-1)
        members = [
            head(dropout(stack(features, training=training), training=training))
            for stack, dropout, head in zip(self.stacks, self.dropouts, self.heads, strict=True)
        ]
        return _ordered(tf.stack(members, axis=-2))

    def step(self, sensors: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """One row with the same weights: `[batch, sensors]` -> quantiles `[batch, members, levels]`, and the states
        after it."""
        after = [decay * mean + (1 - decay) * sensors for decay, mean in zip(_DECAYS, states, strict=False)]
        features, rest = tf.concat([sensors, *after], axis=-1), states[len(_DECAYS) :]
        members = []
        for stack, head in zip(self.stacks, self.heads, strict=True):
            outputs, finals = stack.step(features, rest[: stack.state_count])
            rest = rest[stack.state_count :]
            members.append(head(outputs))
            after += finals
        return _ordered(tf.stack(members, axis=-2)), after

    def state_widths(self, sensors: int) -> list[int]:
        """How wide each state `[batch, width]` is, for so many sensors; all are zeros before the first row."""
        return [sensors] * len(_DECAYS) + [
            stack.units for stack in self.stacks for _ in range(stack.state_count)
        ]

    def compute_output_shape(self, sensors_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """`[batch, time, members, levels]`."""
        return (*sensors_shape[:-1], len(self.stacks), len(LEVELS))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        stack = self.stacks[0]
        own = {
            "cell": stack.cell,
            "units": stack.units,
            "layers": stack.layer_count,
            "members": len(self.stacks),
            "dropout": stack.dropout,
            "noise": self.noise.stddev,
        }
        return {**super().get_config(), **own}


def _ordered(told: tf.Tensor) -> tf.Tensor:
    """Quantiles `[..., levels]` that ascend, from as many numbers of any size: the median amid the gaps."""
    half = len(LEVELS) // 2
    median = told[..., half : half + 1] + _MEDIAN_BIAS
    gaps = tf.nn.softplus(tf.concat([told[..., :half], told[..., half + 1 :]], axis=-1) + _GAP_BIAS)
    below = median - tf.cumsum(gaps[..., :half], axis=-1, reverse=True)
    above = median + tf.cumsum(gaps[..., half:], axis=-1)
    return tf.concat([below, median, above], axis=-1)


class RowsLeft(keras.layers.Layer):
    """The quantiles of the rows that are left: the mean of the members', corrected, from 0 to the cap.

    Args:
        cap: rows beyond which lives are not told apart.
        correction: of each level, in units of the width from the lowest to the highest; see `common.series.conformal`.

    Call arguments:
        told: of `LifeNetwork`, `[..., members, levels]`.

    Returns:
        Ascending `[..., levels]`, in rows.

    Example:
        >>> told = tf.constant([[[[-0.1, 0.2, 0.3, 0.4, 0.5]], [[0.1, 0.2, 0.5, 0.8, 1.1]]]])
        >>> RowsLeft(100)(told)[0].numpy().round(3).tolist()
        [[0.0, 20.0, 30.0, 40.0, 50.0], [10.0, 20.0, 50.0, 80.0, 100.0]]
    """

    def __init__(self, cap: int, correction: Sequence[float] = NO_CORRECTION, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.cap, self.correction = cap, list(correction)

    def call(self, told: tf.Tensor) -> tf.Tensor:
        """See above."""
        mean = tf.reduce_mean(told, axis=-2)
        moves = np.array([self.correction], np.float32)
        flat = tf.reshape(mean, [-1, 1, 1, len(self.correction)])
        corrected = tf.reshape(correct_quantiles(flat, moves), tf.shape(mean))
        return tf.ensure_shape(self.cap * tf.clip_by_value(corrected, 0.0, 1.0), mean.shape)

    def compute_output_shape(self, told_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """`[..., levels]`."""
        return (*told_shape[:-2], told_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        base = {name: value for name, value in super().get_config().items() if name != "dtype"}
        return {**base, "cap": self.cap, "correction": self.correction}


def build_life(
    config: Config,
    facts: LifeFacts,
    precision: str = "float32",
    correction: Sequence[float] = NO_CORRECTION,
) -> keras.Model:
    """The model from readings to what is left of a life after each row.

    It never looks ahead, so what it says of a row is what it says when no more rows are known.

    Args:
        config: sizes.
        facts: the sensors and their statistics.
        precision: of the recurrent layers.
        correction: see `RowsLeft`.

    Returns:
        The model; its input is `[batch, time, sensors]`, NaN where a value is missing, its output `[batch,
        time, levels]`, in rows. Its layers `scaled_sensors` and `life_network` also read row by row.
    """
    values = keras.Input((None, len(facts.sensors)), name="values")
    scaled = ScaledSensors(facts.means, facts.weights, name=SCALED)(values)
    network = LifeNetwork(
        config.cell,
        config.units,
        config.layers,
        config.members,
        config.dropout,
        config.noise,
        name=NETWORK,
        dtype=precision,
    )
    quantiles = RowsLeft(config.life_cap, correction, name=ROWS_LEFT)(network(scaled))
    return keras.Model(values, quantiles, name="remaining_life")


class LifeStream:
    """A model of remaining life that is fed row by row, with its states outside.

    Args:
        model: of `build_life`.
    """

    def __init__(self, model: keras.Model) -> None:
        self._scaled, self._network, self._left = (
            model.get_layer(name) for name in (SCALED, NETWORK, ROWS_LEFT)
        )

    @property
    def widths(self) -> list[int]:
        """How wide each state `[batch, width]` is; all are zeros before the first row."""
        return [self._scaled.width, *self._network.state_widths(self._scaled.width)]

    def step(self, value: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The quantiles `[batch, levels]` after one more row `[batch, sensors]`, and the states after it."""
        sensors = self._scaled.step(value, states[0])
        told, after = self._network.step(sensors, states[1:])
        return self._left(told), [sensors, *(tf.cast(state, tf.float32) for state in after)]
