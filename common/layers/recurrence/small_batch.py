"""Loops for inference on a few rows, batch-major; one product projects the inputs of all steps beforehand."""

from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

from common.layers.recurrence.cells import GRU, Cell
from common.layers.recurrence.scan import chunked_loop, time_list, unstacked

Tensor: TypeAlias = tf.Tensor


def scan_rows(
    cell: Cell, inputs: Tensor, weights: Sequence[Tensor], states: Sequence[Tensor], sequence_count: int
) -> tuple[list[Tensor], list[Tensor]]:
    """Runs a cell over `[batch, time, features]` by a loop of one small product a step.

    Returns the first `sequence_count` states over time, `[batch, time, units]` each, and all final states.
    """
    kernel, recurrent_kernel, bias = weights
    input_bias, recurrent_bias = (bias[0], bias[1]) if cell is GRU else (bias, None)
    units, features = recurrent_kernel.shape[0], inputs.shape[2]
    batch, steps = tf.shape(inputs)[0], tf.shape(inputs)[1]
    rows = tf.reshape(tf.transpose(inputs, [1, 0, 2]), [-1, features])
    projected = tf.reshape(tf.matmul(rows, kernel) + input_bias, [steps, batch, kernel.shape[1]])
    projected.set_shape([inputs.shape[1], inputs.shape[0], kernel.shape[1]])
    projected_list = unstacked(projected)
    state_shape = [inputs.shape[0], units]
    states = [tf.ensure_shape(state, state_shape) for state in states]

    def body(t: Tensor, count: int, carry: Sequence) -> Sequence:
        outputs, states = carry[:sequence_count], carry[sequence_count:]
        for step in range(count):
            from_hidden = tf.matmul(states[0], recurrent_kernel)
            if recurrent_bias is not None:
                from_hidden += recurrent_bias
            states = cell.step(projected_list.read(t + step), from_hidden, states)
            outputs = [o.write(t + step, state) for o, state in zip(outputs, states, strict=False)]
        return (*outputs, *states)

    outputs = [time_list(steps, state_shape, inputs.dtype) for _ in range(sequence_count)]
    carry = chunked_loop(steps, body, (*outputs, *states))
    sequences = [tf.transpose(output.stack(), [1, 0, 2]) for output in carry[:sequence_count]]
    return sequences, list(carry[sequence_count:])


def lstm_in_one_kernel(
    inputs: Tensor, weights: Sequence[Tensor], states: Sequence[Tensor], sequence_count: int
) -> tuple[list[Tensor], list[Tensor]]:
    """Runs an LSTM over `[batch, time, features]` by TensorFlow's BlockLSTMV2, whose gate order is that of Keras.

    It is the fastest stock operation for one or two rows, and is slower than the loops for more. It must not be
    differentiated: TensorFlow 2.21 mixes up the gate orders of the operation's two versions in its gradient.
    """
    kernel, recurrent_kernel, bias = weights
    hidden, cell = states
    no_peephole = tf.zeros_like(bias[: recurrent_kernel.shape[0]])
    result = tf.raw_ops.BlockLSTMV2(
        seq_len_max=tf.cast(tf.shape(inputs)[1], tf.int64),
        x=tf.transpose(inputs, [1, 0, 2]),
        cs_prev=cell,
        h_prev=hidden,
        w=tf.concat([kernel, recurrent_kernel], 0),
        b=bias,
        wci=no_peephole,
        wcf=no_peephole,
        wco=no_peephole,
        cell_clip=0.0,
        use_peephole=False,
    )
    over_time = [result.h, result.cs]
    sequences = [tf.transpose(values, [1, 0, 2]) for values in over_time[:sequence_count]]
    return sequences, [values[-1] for values in over_time]
