"""A recurrent stack over a long stream that comes in batches of consecutive windows."""

from typing import Any, Protocol

import keras
import tensorflow as tf
from keras import ops

from common.keras_package import PACKAGE
from common.layers.stack import CellName, RecurrentStack
from common.layers.weight_dropout import dropped_recurrent_weights


@keras.saving.register_keras_serializable(PACKAGE)
class StreamedStack(keras.layers.Layer):
    """A `RecurrentStack` that goes on where the last batch ended: `[batch, time, features]` -> `[batch, time, units]`.

    Row k of a batch is the continuation of row k of the batch before, and begins with the states that it left there;
    no gradient flows back into the batch before (truncated back-propagation through time). Training and evaluation have
    states of their own, so that the one does not disturb the other.

    Args:
        stack: the recurrent layers.
        rows: rows of every training batch.
        evaluation_rows: rows of every other batch.
        weight_dropout: share of the recurrent weights that each training batch does without (Merity et al. 2018).
        seed: of the weight dropout.

    Call arguments:
        inputs: `[batch, time, features]`.
        starts: `[batch]`, true for a row that begins a new stream: its states are zeros.
        training: whether dropout applies, and which states are used.

    Example:
        >>> stream = StreamedStack(RecurrentStack("gru", units=8), rows=2, evaluation_rows=2)
        >>> windows = tf.ones([2, 5, 3])
        >>> first = stream(windows, starts=tf.constant([True, True]))
        >>> following = stream(windows, starts=tf.constant([False, True]))
        >>> [bool(tf.reduce_all(one == other)) for one, other in zip(first, following)]
        [False, True]
    """

    def __init__(
        self,
        stack: RecurrentStack,
        rows: int,
        evaluation_rows: int = 1,
        weight_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stack, self.weight_dropout = stack, weight_dropout
        self.rows, self.evaluation_rows = rows, evaluation_rows
        self.seed, self.seed_generator = seed, keras.random.SeedGenerator(seed)

    def build(self, inputs_shape: tuple[int | None, ...], starts_shape: tuple[int | None, ...]) -> None:
        """Makes the weights and the states for inputs `[batch, time, features]`."""
        self.stack.build(inputs_shape)
        self.training_states, self.evaluation_states = (
            [
                self.add_weight((rows, self.stack.units), "zeros", "float32", trainable=False, autocast=False)
                for _ in range(self.stack.state_count)
            ]
            for rows in (self.rows, self.evaluation_rows)
        )
        self.built = True

    @property
    def stream_states(self) -> list[keras.Variable]:
        """Where its streams have come to: weights in Keras's sense, but nothing that is learned."""
        return [*self.training_states, *self.evaluation_states]

    def call(self, inputs: tf.Tensor, starts: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Runs the stack over the next windows; see the class."""
        states = self.training_states if training else self.evaluation_states
        goes_on = ops.cast(ops.logical_not(starts), "float32")[:, None]
        before = [state * goes_on for state in states]
        if training and self.weight_dropout:
            with dropped_recurrent_weights(self.stack, self.weight_dropout, self.seed_generator):
                outputs, after = self._run(inputs, before, training)
        else:
            outputs, after = self._run(inputs, before, training)
        for state, value in zip(states, after, strict=True):
            state.assign(ops.stop_gradient(ops.cast(value, "float32")))
        return outputs

    def _run(self, inputs: tf.Tensor, states: list[tf.Tensor], training: bool | None) -> Any:
        return self.stack(inputs, initial_state=states, return_state=True, training=training)

    def compute_output_spec(
        self, inputs: keras.KerasTensor, starts: keras.KerasTensor, training: bool | None = None
    ) -> keras.KerasTensor:
        """Shape and dtype of `call`, known without running the loops."""
        return keras.KerasTensor((*inputs.shape[:-1], self.stack.width), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("rows", "evaluation_rows", "weight_dropout", "seed")
        stack = keras.saving.serialize_keras_object(self.stack)
        return {**super().get_config(), "stack": stack, **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "StreamedStack":
        """The layer of a configuration, with a stack of its own."""
        return cls(**{**config, "stack": keras.saving.deserialize_keras_object(config["stack"])})


class StackConfig(Protocol):
    """What a configuration says of the recurrent layers of a model of streams."""

    @property
    def cell(self) -> CellName: ...
    @property
    def units(self) -> int: ...
    @property
    def layers(self) -> int: ...
    @property
    def residual(self) -> bool: ...
    @property
    def dropout(self) -> float: ...
    @property
    def recurrent_dropout(self) -> float: ...
    @property
    def weight_dropout(self) -> float: ...


def streamed_stack(config: StackConfig, rows: int, evaluation_rows: int, precision: str) -> StreamedStack:
    """The layer `states` over the recurrent layers that are configured.

    Args:
        config: sizes, cell and dropout.
        rows: of every training batch.
        evaluation_rows: of every other batch.
        precision: Keras dtype policy.
    """
    stack = RecurrentStack(
        config.cell,
        config.units,
        layers=config.layers,
        residual=config.residual,
        dropout=config.dropout,
        recurrent_dropout=config.recurrent_dropout,
        dtype=precision,
        name="stack",
    )
    return StreamedStack(
        stack, rows, evaluation_rows, weight_dropout=config.weight_dropout, dtype=precision, name="states"
    )
