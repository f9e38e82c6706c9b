"""A recurrence that reads a sequence and answers many later positions at once, one step for each."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from common.keras_package import PACKAGE
from common.layers.stack import CellName, RecurrentStack


@keras.saving.register_keras_serializable(PACKAGE)
class SegmentRecurrence(keras.layers.Layer):
    """Reads the segments of a history, and makes one step to each segment of the future: parallel multi-step
    forecasting (Lin et al. 2023, SegRNN).

    After the history the same state goes to every future segment, whose own input says which it is. So no forecast
    is fed back, errors do not pile up, and all future segments are computed together.

    Args:
        cell: "lstm", "gru" or "rnn".
        units: hidden units.
        layers: recurrent layers, one upon another.
        dropout: share of the features dropped between layers.

    Call arguments:
        history: `[batch, segments, features]`.
        future: what is known of each future segment, `[batch, future segments, features]`.

    Returns:
        The outputs of the future segments, `[batch, future segments, units]`.

    Example:
        >>> recurrence = SegmentRecurrence("gru", units=8)
        >>> recurrence(tf.ones([2, 5, 3]), tf.ones([2, 4, 3])).shape.as_list()
        [2, 4, 8]
    """

    def __init__(
        self, cell: CellName, units: int, layers: int = 1, dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.stack = RecurrentStack(
            cell, units, layers, dropout=dropout, dtype=self.dtype_policy, name="stack"
        )

    def build(self, history_shape: Sequence[int | None], future_shape: Sequence[int | None]) -> None:
        """Builds the stack; both inputs have as many features.

        Raises:
            ValueError: they have not.
        """
        if history_shape[-1] != future_shape[-1]:
            raise ValueError(
                f"{self.name}: expected as many features of the future as of the history, got {future_shape[-1]} and "
                f"{history_shape[-1]}"
            )
        self.stack.build(history_shape)
        self.built = True

    def call(self, history: tf.Tensor, future: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """See above."""
        _, states = self.stack(history, training=training, return_state=True)
        count, features = future.shape[1], future.shape[2]
        repeated = [tf.repeat(state, count, axis=0) for state in states]
        steps = tf.reshape(future, [-1, features])
        if training and self.stack.dropout and self.stack.layer_count > 1:
            outputs = self.stack(steps[:, None], initial_state=repeated, training=True)
        else:  # without a loop, a graph is made and prepared in half the time
            outputs, _ = self.stack.step(steps, repeated)
        return tf.reshape(outputs, [-1, count, self.stack.width])

    def compute_output_shape(
        self, history_shape: Sequence[int | None], future_shape: Sequence[int | None]
    ) -> tuple[int | None, ...]:
        """`[batch, future segments, units]`."""
        return (*future_shape[:2], self.stack.width)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        stack = self.stack
        own = {
            "cell": stack.cell,
            "units": stack.units,
            "layers": stack.layer_count,
            "dropout": stack.dropout,
        }
        return {**super().get_config(), **own}
