"""The same with stock Keras: recurrent layers, the peer of `RecurrentStack`, and generation as one writes it with stock
cells, the peer of `RecurrentStack.stepper` and `common.decoding`."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from common.decoding.generate import Choose, Moment
from common.layers.stack import RecurrentStack

StackStep: TypeAlias = Callable[[tf.Tensor, Sequence[tf.Tensor]], tuple[tf.Tensor, list[tf.Tensor]]]
"""`(inputs [batch, features], states [batch, units] each)` -> `(outputs [batch, units], states after)`."""
TokenStep: TypeAlias = Callable[[tf.Tensor, Sequence[tf.Tensor]], tuple[tf.Tensor, Sequence[tf.Tensor]]]
"""`(tokens [batch], states [batch, units] each)` -> `(logits [batch, vocabulary], states after)`."""

_LAYERS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}
_TOLERANCE = 1e-5


def with_stock_recurrence(model: keras.Model) -> keras.Model:
    """A copy of the model, weights included, in which stock Keras layers stand for each `RecurrentStack` (without
    residual connections and normalisation)."""

    def copied(layer: Any) -> Any:
        if isinstance(layer, RecurrentStack):
            return _stock_stack(layer)
        return type(layer).from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=copied)
    copy.set_weights(model.get_weights())
    return copy


def check_same_logits(ours: keras.Model, stock: keras.Model, inputs: np.ndarray) -> None:
    """Raises RuntimeError if any logits of the two models in float32 differ by more than 1e-5."""
    difference = np.abs(np.asarray(ours(inputs) - stock(inputs))).max()
    if not difference <= _TOLERANCE:
        raise RuntimeError(f"logits with stock layers differ by {difference:.1e}, more than {_TOLERANCE:g}")


def _stock_stack(stack: RecurrentStack) -> keras.layers.Layer:
    layers: list[keras.layers.Layer] = []
    for index in range(stack.layer_count):
        if index:
            layers.append(keras.layers.SpatialDropout1D(stack.dropout, dtype=stack.dtype_policy))
        layer = _LAYERS[stack.cell](
            stack.units,
            return_sequences=True,
            recurrent_dropout=stack.recurrent_dropout,
            dtype=stack.dtype_policy,
        )
        layers.append(
            keras.layers.Bidirectional(layer, dtype=stack.dtype_policy) if stack.bidirectional else layer
        )
    return keras.Sequential(layers, name=stack.name)


def lstm_step(cells: Sequence[keras.layers.LSTMCell], residual: bool = False) -> StackStep:
    """One step of a stack of cells, the states as `RecurrentStack` orders them.

    Args:
        cells: from the bottom.
        residual: whether each cell's input is added to its output where they are equally wide.
    """

    def step(inputs: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        outputs, finals = inputs, []
        for index, cell in enumerate(cells):
            result, after = cell(outputs, list(states[2 * index : 2 * index + 2]), training=False)
            outputs = outputs + result if residual and outputs.shape[-1] == result.shape[-1] else result
            finals += after
        return outputs, finals

    return step


def write_loop(
    step: TokenStep, choose: Choose, token: tf.Tensor, states: Sequence[tf.Tensor], length: int
) -> tf.Tensor:
    """Chooses the next token and feeds it back, again and again, in one loop in the graph.

    Args:
        step: computes the logits of the next token.
        choose: chooses from the logits.
        token: `[batch]` int32, the token to feed first; it is not written.
        states: the states before it.
        length: how many tokens to write.

    Returns:
        The tokens `[batch, length]` int32.
    """

    def body(
        position: tf.Tensor, token: tf.Tensor, written: tf.TensorArray, *states: tf.Tensor
    ) -> tuple[Any, ...]:
        logits, after = step(token, states)
        token = choose(logits, Moment(tf.fill(tf.shape(token), position), None))
        return (position + 1, token, written.write(position, token), *after)

    written = tf.TensorArray(tf.int32, size=length, element_shape=[None])
    start = (0, token, written, *states)
    written = tf.while_loop(lambda position, *_: position < length, body, start)[2]
    return tf.transpose(written.stack())
