"""Generation as one writes it with stock Keras cells: the peer of `RecurrentStack.stepper` and `common.decoding`."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import keras
import tensorflow as tf

from common.decoding.generate import Choose, Moment

StackStep: TypeAlias = Callable[[tf.Tensor, Sequence[tf.Tensor]], tuple[tf.Tensor, list[tf.Tensor]]]
"""`(inputs [batch, features], states [batch, units] each)` -> `(outputs [batch, units], states after)`."""
TokenStep: TypeAlias = Callable[[tf.Tensor, Sequence[tf.Tensor]], tuple[tf.Tensor, Sequence[tf.Tensor]]]
"""`(tokens [batch], states [batch, units] each)` -> `(logits [batch, vocabulary], states after)`."""


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

    def body(position: tf.Tensor, token: tf.Tensor, written: tf.TensorArray, *states: tf.Tensor) -> tuple:
        logits, after = step(token, states)
        token = choose(logits, Moment(tf.fill(tf.shape(token), position), None))
        return (position + 1, token, written.write(position, token), *after)

    written = tf.TensorArray(tf.int32, size=length, element_shape=[None])
    start = (0, token, written, *states)
    written = tf.while_loop(lambda position, *_: position < length, body, start)[2]
    return tf.transpose(written.stack())
