"""One step of a cell for a loop that generates, in Keras's own layout of the weights.

Such a step is bound by reading the weights, so nothing is done to them: a graph that writes few tokens would spend its
time on laying them out anew. Input and hidden state have products of their own, which run side by side, and the bias
comes after both: TensorFlow fuses a product with a bias that follows it into a kernel that is slower for few rows.

The equations are those of `cells`, with whose gate order they have nothing to do.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import tensorflow as tf

from common.layers.recurrence import cells

Tensor: TypeAlias = tf.Tensor
Product: TypeAlias = Callable[[Tensor], Tensor]
"""`[batch, rows]` -> `[batch, columns]`."""
CellStep: TypeAlias = Callable[[Tensor, Sequence[Tensor]], list[Tensor]]


def single_step(cell: cells.Cell, times_kernel: Product, times_recurrent: Product, bias: Tensor) -> CellStep:
    """The step in inference.

    Args:
        cell: which cell it is.
        times_kernel: multiplies the input with the kernel.
        times_recurrent: multiplies the hidden state with the recurrent kernel.
        bias: in Keras's layout, in the dtype of the gates and the states.

    Returns:
        `(inputs [batch, features], states [batch, units] each)` -> new states, in the dtype of the old ones.
    """

    def step(inputs: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        before = [tf.cast(state, bias.dtype) for state in states]
        from_input = tf.cast(times_kernel(inputs), bias.dtype)
        from_hidden = tf.cast(times_recurrent(before[0]), bias.dtype)
        after = _EQUATIONS[cell](from_input, from_hidden, bias, before)
        return [tf.cast(new, old.dtype) for new, old in zip(after, states, strict=True)]

    return step


def product(matrix: Tensor, dtype: tf.DType) -> Product:
    """Multiplies `[batch, rows]` with a matrix `[rows, columns]` in a dtype."""
    if dtype == tf.bfloat16:
        return turned_product(tf.cast(tf.transpose(matrix), dtype))
    return lambda values: tf.matmul(tf.cast(values, dtype), tf.cast(matrix, dtype))


def turned_product(matrix: Tensor) -> Product:
    """Multiplies `[batch, rows]` with a matrix whose columns are the rows here, `[columns, rows]`, in its dtype.

    Products of few rows are fast in bfloat16 where each column lies together.
    """
    return lambda values: tf.matmul(tf.cast(values, matrix.dtype), matrix, transpose_b=True)


def _simple(
    from_input: Tensor, from_hidden: Tensor, bias: Tensor, states: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    return (tf.tanh(from_input + from_hidden + bias),)


def _lstm(
    from_input: Tensor, from_hidden: Tensor, bias: Tensor, states: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    input_gate, forget_gate, candidate, output_gate = tf.split(from_input + from_hidden + bias, 4, 1)
    cell = tf.sigmoid(forget_gate) * states[1] + tf.sigmoid(input_gate) * tf.tanh(candidate)
    return tf.sigmoid(output_gate) * tf.tanh(cell), cell


def _gru(
    from_input: Tensor, from_hidden: Tensor, bias: Tensor, states: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    units = states[0].shape[1]
    input_gates, input_candidate = tf.split(from_input, [2 * units, units], 1)
    hidden_gates, hidden_candidate = tf.split(from_hidden, [2 * units, units], 1)
    gates = tf.sigmoid(input_gates + hidden_gates + (bias[0] + bias[1])[: 2 * units])
    update, reset = tf.split(gates, 2, 1)
    candidate = tf.tanh(
        input_candidate + bias[0, 2 * units :] + reset * (hidden_candidate + bias[1, 2 * units :])
    )
    return (candidate + update * (states[0] - candidate),)


_EQUATIONS: Mapping[cells.Cell, Callable[[Tensor, Tensor, Tensor, Sequence[Tensor]], tuple[Tensor, ...]]] = {
    cells.SIMPLE_RNN: _simple,
    cells.LSTM: _lstm,
    cells.GRU: _gru,
}
"""`(product with the input, product with the hidden state, bias, states)` -> new states."""
