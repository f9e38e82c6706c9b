"""What a model of remaining life reads of sensors: those that change, standardised, with what is missing carried on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from common.series.scaling import statistics

_MOST_DEVIATIONS = 10.0
_SMALLEST = 1e-6


@dataclass(frozen=True)
class LifeFacts:
    """What the model is built from beside its configuration.

    Attributes:
        sensors: names of the columns of values.
        means: of each sensor in training.
        weights: what each sensor's distance from its mean is multiplied by: 1 over its standard deviation, and 0 where
            it was constant in training, and so tells nothing.
    """

    sensors: tuple[str, ...]
    means: tuple[float, ...]
    weights: tuple[float, ...]

    @classmethod
    def of(cls, sensors: Sequence[str], values: np.ndarray) -> Self:
        """Those of training values `[rows, sensors]`; what is missing is NaN.

        >>> LifeFacts.of(["heat", "mode"], np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 5.0]]))
        LifeFacts(sensors=('heat', 'mode'), means=(2.0, 5.0), weights=(1.0, 0.0))
        """
        means, deviations = statistics(values.astype(np.float64))
        spread = np.nanmax(np.nan_to_num(np.abs(values - means)), axis=0)
        weights = np.where(spread > _SMALLEST * np.maximum(np.abs(means), 1), 1 / deviations, 0)
        return cls(tuple(sensors), tuple(means.tolist()), tuple(weights.tolist()))

    @classmethod
    def from_json(cls, value: Mapping[str, Sequence[Any]]) -> Self:
        """The inverse of `dataclasses.asdict`, also where tuples have become lists."""
        return cls(**{name: tuple(column) for name, column in value.items()})


class ScaledSensors(keras.layers.Layer):
    """The sensors that change, each less its mean and over its deviation; a missing value is the one before it, and the
    mean where there is none.

    Args:
        means: of each sensor.
        weights: of each sensor, see `LifeFacts`; those of weight 0 are left out.

    Call arguments:
        values: `[batch, time, sensors]`; what is missing is NaN.

    Returns:
        `[batch, time, changing sensors]`, from -10 to 10.

    Example:
        >>> nan = float("nan")
        >>> ScaledSensors([2.0, 5.0], [0.5, 0.0])(tf.constant([[[nan, 5.0], [4.0, 5.0], [nan, 5.0]]])).numpy().tolist()
        [[[0.0], [1.0], [1.0]]]
    """

    def __init__(self, means: Sequence[float], weights: Sequence[float], **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.means, self.weights_of_sensors = list(means), list(weights)
        self._places = np.flatnonzero(np.asarray(weights))

    @property
    def width(self) -> int:
        """How many sensors change."""
        return len(self._places)

    def call(self, values: tf.Tensor) -> tf.Tensor:
        """See above."""
        scaled, is_there = self._scaled(values)
        time = tf.shape(scaled)[1]
        places = tf.range(time)[None, :, None]
        # The rows of the values that are there, in their order, before those of the others.
        order = tf.argsort(tf.where(is_there, places, places + time), axis=1)
        count = tf.cumsum(tf.cast(is_there, tf.int32), axis=1)
        nearest = _along_time(order, tf.maximum(count - 1, 0))
        return tf.where(count > 0, _along_time(scaled, nearest), 0)

    def step(self, value: tf.Tensor, held: tf.Tensor) -> tf.Tensor:
        """One row `[batch, sensors]`, where what is missing is as it was in `held` `[batch, changing sensors]`, the
        scaled row before; zeros before the first."""
        scaled, is_there = self._scaled(value)
        return tf.where(is_there, scaled, held)

    def _scaled(self, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The changing sensors, 0 where they are missing, and whether each is there."""
        means, weights = (
            tf.constant(np.asarray(column, np.float32)[self._places])
            for column in (self.means, self.weights_of_sensors)
        )
        chosen = tf.gather(values, self._places, axis=-1)
        is_there = ~tf.math.is_nan(chosen)
        scaled = tf.where(is_there, (chosen - means) * weights, 0)
        return tf.clip_by_value(scaled, -_MOST_DEVIATIONS, _MOST_DEVIATIONS), is_there

    def compute_output_shape(self, values_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """`[batch, time, changing sensors]`."""
        return (*values_shape[:-1], self.width)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        base = {name: value for name, value in super().get_config().items() if name != "dtype"}
        return {**base, "means": self.means, "weights": self.weights_of_sensors}


def _along_time(values: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Of `[batch, time, sensors]`, the values in other rows: int `[batch, time, sensors]`."""
    by_sensor = tf.gather(
        tf.transpose(values, [0, 2, 1]), tf.transpose(rows, [0, 2, 1]), axis=2, batch_dims=2
    )
    return tf.transpose(by_sensor, [0, 2, 1])
