"""Recurrent layers one upon another, over whole sequences or one step at a time with the same weights."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import keras
import tensorflow as tf
from keras import ops

from common.keras_package import PACKAGE
from common.layers.masks import fitting_mask, without_masked
from common.layers.recurrent import GRU, LSTM, SimpleRNN, keep_in_bfloat16, layer_step

CellName = Literal["lstm", "gru", "rnn"]
_LAYERS = {"lstm": LSTM, "gru": GRU, "rnn": SimpleRNN}


@keras.saving.register_keras_serializable(PACKAGE)
class RecurrentStack(keras.layers.Layer):
    """A stack of recurrent layers: `[batch, time, features]` -> `[batch, time, units]` (twice the units if
    bidirectional).

    Layer k computes `y = norm(recurrent(dropout(x)))`, and `x + y` if residual and the widths of x and y
    agree. The first layer has no dropout on its input. Dropout is variational: one mask per sequence, shared
    by all its steps (Gal and Ghahramani, 2016).

    States are a flat list of tensors `[batch, units]`: for each layer from the bottom its hidden state (and,
    for an LSTM, its cell state), the forward direction before the backward one.

    Args:
        cell: "lstm", "gru" or "rnn".
        units: hidden units per layer and direction.
        layers: number of layers.
        bidirectional: whether each layer reads the sequence from both ends (Schuster and Paliwal, 1997).
        residual: whether layers add their input to their output (He et al., 2016; Wu et al., 2016 for
            recurrent stacks).
        layer_normalization: whether each layer's output is normalised over its units (Ba et al., 2016).
        dropout: share of each sequence's features dropped between layers.
        recurrent_dropout: share of each sequence's hidden units dropped on the way from step to step.

    Call arguments:
        inputs: `[batch, time, features]`.
        mask: `[batch, time]`, false at padding; it is passed on with the output.
        training: whether dropout applies.
        initial_state: states to start from; zeros if not given.
        return_state: whether to return the final states too.

    Returns:
        The outputs, or with `return_state` the outputs and the list of final states.

    Example:
        >>> stack = RecurrentStack("gru", units=8, layers=2, bidirectional=True)
        >>> stack(tf.ones([2, 5, 3])).shape.as_list()
        [2, 5, 16]
    """

    def __init__(
        self,
        cell: CellName,
        units: int,
        layers: int = 1,
        bidirectional: bool = False,
        residual: bool = False,
        layer_normalization: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if cell not in _LAYERS:
            raise ValueError(f"RecurrentStack cell={cell!r}: expected one of {', '.join(_LAYERS)}")
        if layers < 1:
            raise ValueError(f"RecurrentStack layers={layers}: expected at least 1")
        self.supports_masking = True
        self.cell = cell
        self.units = units
        self.layer_count = layers
        self.bidirectional = bidirectional
        self.residual = residual
        self.layer_normalization = layer_normalization
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.recurrent_layers = [self._recurrent_layer(index) for index in range(layers)]
        self.dropouts = [
            keras.layers.SpatialDropout1D(dropout, dtype=self.dtype_policy) for _ in range(layers - 1)
        ]
        self.normalizations = [
            keras.layers.LayerNormalization(dtype=self.dtype_policy, name=f"normalization_{index}")
            for index in range(layers if layer_normalization else 0)
        ]

    def _recurrent_layer(self, index: int) -> keras.layers.Layer:
        layer = _LAYERS[self.cell](
            self.units,
            return_sequences=True,
            return_state=True,
            recurrent_dropout=self.recurrent_dropout,
            dtype=self.dtype_policy,
            name=f"layer_{index}",
        )
        if not self.bidirectional:
            return layer
        return keras.layers.Bidirectional(layer, dtype=self.dtype_policy, name=f"layer_{index}")

    @property
    def width(self) -> int:
        """Number of features of the output."""
        return self.units * (2 if self.bidirectional else 1)

    @property
    def state_count(self) -> int:
        """Number of state tensors of the whole stack."""
        return self.layer_count * self._states_per_layer

    @property
    def _states_per_layer(self) -> int:
        return (2 if self.cell == "lstm" else 1) * (2 if self.bidirectional else 1)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Builds every layer for inputs `[batch, time, features]`."""
        shape = tuple(input_shape)
        for index, layer in enumerate(self.recurrent_layers):
            layer.build(shape)
            shape = (*shape[:-1], self.width)
            if self.layer_normalization:
                self.normalizations[index].build(shape)
        self.built = True

    def call(
        self,
        inputs: tf.Tensor,
        mask: tf.Tensor | None = None,
        training: bool | None = None,
        initial_state: Sequence[tf.Tensor] | None = None,
        return_state: bool = False,
    ) -> Any:
        """Runs the stack over whole sequences; see the class."""
        outputs, finals = tf.cast(inputs, self.compute_dtype), []
        if mask is not None:
            mask = fitting_mask(mask, outputs, self.name)
            if self.residual:
                # Added to the output, what stands at padding would come out again.
                outputs = without_masked(outputs, mask)
        for index, layer in enumerate(self.recurrent_layers):
            dropped = self.dropouts[index - 1](outputs, training=training) if index else outputs
            state = None if initial_state is None else self._states_of_layer(initial_state, index)
            result, *states = layer(dropped, initial_state=state, mask=mask, training=training)
            outputs = self._merge(index, outputs, result)
            finals += states
        return (outputs, finals) if return_state else outputs

    def step(self, inputs: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """One step of inference with the same weights, for streams that call it once per step.

        Args:
            inputs: `[batch, features]` of one time step.
            states: the states before the step, as returned by `zero_states`, by `call` or by the last step.

        Returns:
            The output `[batch, units]` and the states after the step.
        """
        self._prepare_steps(inputs.shape[-1])
        outputs = tf.cast(inputs, self.compute_dtype)
        finals: list[tf.Tensor] = []
        for index, layer in enumerate(self.recurrent_layers):
            before = list(self._states_of_layer(states, index))
            result, after = layer.cell(outputs, before, training=False)
            outputs = self._merge(index, outputs, result)
            finals += after
        return outputs, finals

    def stepper(
        self, features: int
    ) -> Callable[[tf.Tensor, Sequence[tf.Tensor]], tuple[tf.Tensor, list[tf.Tensor]]]:
        """Makes a function like `step` for a loop that generates: it reads the weights once, here.

        Make it before the loop and call it within. States keep the dtype they are given in: float32 states lose
        nothing from step to step under mixed_bfloat16.

        Args:
            features: width of the inputs.
        """
        self._prepare_steps(features)
        steps = [layer_step(layer) for layer in self.recurrent_layers]

        def step(inputs: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
            outputs = tf.cast(inputs, self.compute_dtype)
            finals: list[tf.Tensor] = []
            for index, advance in enumerate(steps):
                after = advance(outputs, self._states_of_layer(states, index))
                outputs = self._merge(index, outputs, tf.cast(after[0], self.compute_dtype))
                finals += after
            return outputs, finals

        return step

    def keep_in_bfloat16(self) -> None:
        """From now on inference reads the kernels of the (built) layers as bfloat16 holds them, see
        `recurrent.keep_in_bfloat16`."""
        for layer in self.recurrent_layers:
            keep_in_bfloat16(layer)

    def _prepare_steps(self, features: int) -> None:
        if self.bidirectional:
            raise ValueError(
                "RecurrentStack.step: bidirectional layers need whole sequences and have no step"
            )
        if not self.built:
            self.build((None, None, features))

    def zero_states(self, batch_size: int | tf.Tensor) -> list[tf.Tensor]:
        """The states before the first step, zeros `[batch, units]` each."""
        return [ops.zeros((batch_size, self.units), self.compute_dtype) for _ in range(self.state_count)]

    def _states_of_layer(self, states: Sequence[tf.Tensor], index: int) -> Sequence[tf.Tensor]:
        return states[index * self._states_per_layer : (index + 1) * self._states_per_layer]

    def _merge(self, index: int, inputs: tf.Tensor, result: tf.Tensor) -> tf.Tensor:
        if self.layer_normalization:
            result = self.normalizations[index](result)
        return inputs + result if self.residual and inputs.shape[-1] == result.shape[-1] else result

    def compute_output_spec(
        self,
        inputs: keras.KerasTensor,
        mask: Any = None,
        training: bool | None = None,
        initial_state: Any = None,
        return_state: bool = False,
    ) -> Any:
        """Shapes and dtypes of `call`, known without running the loops."""
        outputs = keras.KerasTensor((*inputs.shape[:-1], self.width), self.compute_dtype)
        if not return_state:
            return outputs
        state = (inputs.shape[0], self.units)
        return outputs, [keras.KerasTensor(state, self.compute_dtype) for _ in range(self.state_count)]

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The input's mask, for the output over time."""
        return previous_mask

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "cell": self.cell,
            "units": self.units,
            "layers": self.layer_count,
            "bidirectional": self.bidirectional,
            "residual": self.residual,
            "layer_normalization": self.layer_normalization,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
        }
