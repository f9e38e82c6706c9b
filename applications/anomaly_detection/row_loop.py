"""A loop over the rows of recordings, in the graph."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Step = Callable[[Any, list[tf.Tensor]], tuple[Any, Sequence[tf.Tensor]]]
"""From the state before a row and the row's inputs `[batch, ...]` to the state after it and what is told of it."""


def over_rows(
    step: Step, state: Any, inputs: Sequence[tf.Tensor], kinds: Sequence[tf.DType]
) -> tuple[Any, list[tf.Tensor]]:
    """Takes a step for each row, one after another.

    Args:
        step: of a row.
        state: before the first row, tensors in any structure.
        inputs: `[batch, time, ...]` each.
        kinds: of what a step tells, the type of each tensor.

    Returns:
        The state after the last row, and what is told of all, `[batch, time, ...]` each.
    """
    by_row, count = [_rows_first(one) for one in inputs], tf.shape(inputs[0])[1]
    outputs = [tf.TensorArray(kind, count) for kind in kinds]

    def body(row: tf.Tensor, before: Any, told: list[tf.TensorArray]) -> tuple[Any, ...]:
        after, answers = step(before, [one[row] for one in by_row])
        return row + 1, after, [array.write(row, one) for array, one in zip(told, answers, strict=True)]

    _, last, outputs = tf.while_loop(
        lambda row, *_: row < count, body, (0, state, outputs), parallel_iterations=1
    )
    return last, [_rows_first(array.stack()) for array in outputs]


def _rows_first(values: tf.Tensor) -> tf.Tensor:
    """The first two dimensions in the other order."""
    return tf.transpose(values, [1, 0, *range(2, values.shape.rank)])
