"""Chooses the loop by batch size, at run time where that is not known, and cuts the batch into shards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import tensorflow as tf

from common.layers.recurrence.cells import LSTM, Cell
from common.layers.recurrence.gradient import in_forward_mode
from common.layers.recurrence.scan import scan
from common.layers.recurrence.small_batch import lstm_in_one_kernel, scan_rows

Tensor: TypeAlias = tf.Tensor
Result: TypeAlias = tuple[list[Tensor], list[Tensor]]

# Measured on two cores: below these numbers of rows the batch-major loop of `small_batch` is faster.
FEW_ROWS = {tf.float64: 48, tf.float32: 48, tf.bfloat16: 16}
ROWS_FOR_ONE_KERNEL = 2


@dataclass(frozen=True)
class LoopOptions:
    """How a loop runs.

    Attributes:
        compute_dtype: dtype of the products; states and gates are kept in float32, or float64 under float64.
        shards: number of pieces of the batch that run as independent loops, so that each keeps one core busy:
            a product of one step is too small for TensorFlow to spread over cores.
        training: whether a gradient will be taken for certain, so that the forward loop keeps what it needs; in
            inference the forward loop runs again if a gradient is asked for.
        sequence_count: how many of the states are returned for every step, the hidden state first.
    """

    compute_dtype: tf.DType
    shards: int
    training: bool
    sequence_count: int


def run(
    cell: Cell,
    inputs: Tensor,
    weights: Sequence[Tensor],
    states: Sequence[Tensor],
    dropout_masks: Sequence[Tensor],
    options: LoopOptions,
) -> Result:
    """Runs a cell over `[batch, time, features]`.

    Args:
        cell: the cell's equations.
        inputs: `[batch, time, features]`.
        weights: kernel, recurrent kernel and bias in Keras's layout, in the dtype of the states.
        states: initial states, `[batch, units]` each.
        dropout_masks: none, or factors `[batch, features + 1 + units]` on the operand `[x_t; 1; h_{t-1}]`,
            one for each of Keras's masks.
        options: see `LoopOptions`.

    Returns:
        The first `options.sequence_count` states over time, `[batch, time, units]` each, and all final
        states.
    """

    if dropout_masks:
        return _many_rows(cell, inputs, weights, states, dropout_masks, options, differentiable=True)
    if options.training or in_forward_mode([inputs, *weights, *states]):
        return _train(cell, inputs, weights, states, options)

    @tf.custom_gradient
    def infer(*arguments: Tensor) -> tuple[tuple[Tensor, ...], Callable[..., Sequence[Tensor]]]:
        def gradient(*upstream: Tensor) -> Sequence[Tensor]:
            with tf.GradientTape() as tape:
                tape.watch(arguments)
                sequences, finals = _train(cell, arguments[0], arguments[1:4], arguments[4:], options)
            zero = tf.UnconnectedGradients.ZERO
            gradients: Sequence[Tensor] = tape.gradient(
                [*sequences, *finals], arguments, list(upstream), zero
            )
            return gradients

        sequences, finals = _infer(cell, arguments[0], arguments[1:4], arguments[4:], options)
        return (*sequences, *finals), gradient

    outputs = infer(inputs, *weights, *states)
    return list(outputs[: options.sequence_count]), list(outputs[options.sequence_count :])


def _infer(
    cell: Cell, inputs: Tensor, weights: Sequence[Tensor], states: Sequence[Tensor], options: LoopOptions
) -> Result:
    """Runs the loop that suits the number of rows; its result is not to be differentiated."""

    def many_rows() -> Result:
        return _many_rows(cell, inputs, weights, states, (), options, differentiable=False)

    def few_rows() -> Result:
        return _few_rows(cell, inputs, weights, states, options, differentiable=False)

    def one_kernel() -> Result:
        return _one_kernel(cell, inputs, weights, states, options)

    batch, limit = inputs.shape[0], FEW_ROWS[options.compute_dtype]
    if batch is not None:
        return one_kernel() if batch <= ROWS_FOR_ONE_KERNEL else few_rows() if batch < limit else many_rows()
    rows = tf.shape(inputs)[0]

    def below_limit() -> tuple[Tensor, ...]:
        if not _has_kernel(cell, states):
            return _flat(few_rows)()
        outputs: tuple[Tensor, ...] = tf.cond(rows <= ROWS_FOR_ONE_KERNEL, _flat(one_kernel), _flat(few_rows))
        return outputs

    outputs = tf.cond(rows < limit, below_limit, _flat(many_rows))
    return list(outputs[: options.sequence_count]), list(outputs[options.sequence_count :])


def _train(
    cell: Cell, inputs: Tensor, weights: Sequence[Tensor], states: Sequence[Tensor], options: LoopOptions
) -> Result:
    """Runs the loop that suits the number of rows, with its gradient."""

    def few_rows() -> Result:
        return _few_rows(cell, inputs, weights, states, options, differentiable=True)

    def many_rows() -> Result:
        return _many_rows(cell, inputs, weights, states, (), options, differentiable=True)

    batch, limit = inputs.shape[0], FEW_ROWS[options.compute_dtype]
    if batch is not None:
        return few_rows() if batch < limit else many_rows()
    outputs = tf.cond(tf.shape(inputs)[0] < limit, _flat(few_rows), _flat(many_rows))
    return list(outputs[: options.sequence_count]), list(outputs[options.sequence_count :])


def _has_kernel(cell: Cell, states: Sequence[Tensor]) -> bool:
    return cell is LSTM and states[0].dtype == tf.float32


def _one_kernel(
    cell: Cell, inputs: Tensor, weights: Sequence[Tensor], states: Sequence[Tensor], options: LoopOptions
) -> Result:
    """Runs an LSTM by one kernel of TensorFlow's, which has none for the other cells; not to be differentiated."""
    if not _has_kernel(cell, states):
        return _few_rows(cell, inputs, weights, states, options, differentiable=False)
    return lstm_in_one_kernel(tf.cast(inputs, tf.float32), weights, states, options.sequence_count)


def _few_rows(
    cell: Cell,
    inputs: Tensor,
    weights: Sequence[Tensor],
    states: Sequence[Tensor],
    options: LoopOptions,
    differentiable: bool,
) -> Result:
    matrices = cell.pack(*weights)

    def on_shard(inputs: Tensor, *states: Tensor) -> Result:
        return scan_rows(cell, inputs, matrices, states, options.sequence_count, differentiable)

    return sharded(on_shard, [tf.cast(inputs, states[0].dtype), *states], options.shards)


def _many_rows(
    cell: Cell,
    inputs: Tensor,
    weights: Sequence[Tensor],
    states: Sequence[Tensor],
    dropout_masks: Sequence[Tensor],
    options: LoopOptions,
    differentiable: bool,
) -> Result:
    matrices = [tf.cast(tf.transpose(matrix), options.compute_dtype) for matrix in cell.pack(*weights)]

    def on_shard(inputs: Tensor, *per_row: Tensor) -> Result:
        states, masks = per_row[: cell.state_count], per_row[cell.state_count :]
        return _feature_major(
            cell,
            inputs,
            matrices,
            states,
            masks,
            options.compute_dtype,
            options.sequence_count,
            differentiable,
        )

    return sharded(on_shard, [inputs, *states, *dropout_masks], options.shards)


def _flat(function: Callable[[], Result]) -> Callable[[], tuple[Tensor, ...]]:
    def flattened() -> tuple[Tensor, ...]:
        sequences, states = function()
        return (*sequences, *states)

    return flattened


def sharded(on_shard: Callable[..., Result], per_row: Sequence[Tensor], shards: int) -> Result:
    """Applies `on_shard` to pieces along the batch: independent graphs, which run on several cores."""
    batch = per_row[0].shape[0]
    if shards == 1 or batch == 1:
        return on_shard(*per_row)
    rows = tf.shape(per_row[0])[0] if batch is None else batch
    sizes = [(rows + shard) // shards for shard in range(shards)]
    pieces = zip(*[tf.split(tensor, sizes) for tensor in per_row], strict=True)
    results = [on_shard(*piece) for piece in pieces]
    sequences, states = zip(*results, strict=True)
    return (
        [tf.concat(parts, 0) for parts in zip(*sequences, strict=True)],
        [tf.concat(parts, 0) for parts in zip(*states, strict=True)],
    )


def _feature_major(
    cell: Cell,
    inputs: Tensor,
    matrices: Sequence[Tensor],
    states: Sequence[Tensor],
    dropout_masks: Sequence[Tensor],
    compute_dtype: tf.DType,
    sequence_count: int,
    differentiable: bool,
) -> Result:
    batch, time, features = inputs.shape
    units = states[0].shape[1]
    swapped = tf.cast(tf.transpose(inputs, [1, 2, 0]), compute_dtype)
    swapped.set_shape([time, features, batch])
    with_ones = tf.concat([swapped, tf.ones_like(swapped[:, :1])], 1)
    sequences, finals = scan(
        cell,
        with_ones,
        matrices,
        [tf.ensure_shape(tf.transpose(state), [units, batch]) for state in states],
        [tf.cast(tf.transpose(mask), compute_dtype) for mask in dropout_masks],
        sequence_count,
        differentiable,
    )
    return (
        [tf.transpose(sequence, [2, 0, 1]) for sequence in sequences],
        [tf.transpose(state) for state in finals],
    )
