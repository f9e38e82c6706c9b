"""One step of a cell for a loop that generates: the weights are packed once, before the loop.

Such a step is bound by reading the weights. So they are read in half the bytes under bfloat16, feature-major, which is
where products of bfloat16 are fast; and input and hidden state have products of their own, which run side by side.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import tensorflow as tf

from common.layers.recurrence.cells import Cell, Reads

Tensor: TypeAlias = tf.Tensor
CellStep: TypeAlias = Callable[[Tensor, Sequence[Tensor]], list[Tensor]]


def single_step(cell: Cell, weights: Sequence[Tensor], compute_dtype: tf.DType) -> CellStep:
    """Packs the weights for inference.

    Args:
        cell: the cell's equations.
        weights: kernel, recurrent kernel and bias in Keras's layout, in float32 (float64 under float64).
        compute_dtype: dtype of the products.

    Returns:
        `(inputs [batch, features], states [batch, units] each)` -> new states, in the dtype of the old ones.
    """
    feature_major = compute_dtype == tf.bfloat16
    axis = 0 if feature_major else 1
    features, state_dtype = weights[0].shape[0], weights[0].dtype

    def laid_out(matrix: Tensor) -> Tensor:
        return tf.cast(tf.transpose(matrix) if feature_major else matrix, compute_dtype)

    def product(values: Tensor, matrix: Tensor) -> Tensor:
        values = tf.cast(values, compute_dtype)
        return tf.cast(tf.matmul(matrix, values) if feature_major else tf.matmul(values, matrix), state_dtype)

    from_input, from_hidden, biases = [], [], []
    for reads, matrix in zip(cell.reads, cell.pack(*weights), strict=True):
        bias_row = 0 if reads is Reads.HIDDEN else features
        from_input.append(None if reads is Reads.HIDDEN else laid_out(matrix[:bias_row]))
        from_hidden.append(None if reads is Reads.INPUT else laid_out(matrix[bias_row + 1 :]))
        biases.append(matrix[bias_row][:, None] if feature_major else matrix[bias_row])

    def step(inputs: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        laid = [tf.transpose(value) if feature_major else value for value in (inputs, *states)]
        inputs, before = laid[0], [tf.cast(state, state_dtype) for state in laid[1:]]
        projections = []
        for input_matrix, hidden_matrix, bias in zip(from_input, from_hidden, biases, strict=True):
            projection = bias
            if input_matrix is not None:
                projection = projection + product(inputs, input_matrix)
            if hidden_matrix is not None:
                projection = projection + product(before[0], hidden_matrix)
            projections.append(projection)
        after, _ = cell.forward(projections, before, axis)
        turned = [tf.transpose(state) if feature_major else state for state in after]
        return [tf.cast(new, old.dtype) for new, old in zip(turned, states, strict=True)]

    return step
