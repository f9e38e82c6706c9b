"""Loops for few rows, batch-major: what does not depend on the hidden state is done for all steps by one product.

Before the loop all inputs are projected at once. In training the backward loop only goes from the gradient of one
hidden state to the one before; the gradients of the weights and inputs follow from those of all projections, again by
one product each.
"""

from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

from common.layers.recurrence.cells import Cell, Reads
from common.layers.recurrence.gradient import with_gradient
from common.layers.recurrence.steps import Carry, chunked_loop, time_list, unstacked

Tensor: TypeAlias = tf.Tensor
FEATURES = 1


def scan_rows(
    cell: Cell,
    inputs: Tensor,
    matrices: Sequence[Tensor],
    states: Sequence[Tensor],
    sequence_count: int,
    differentiable: bool,
) -> tuple[list[Tensor], list[Tensor]]:
    """Runs a cell over `[batch, time, features]`.

    Args:
        cell: the cell's equations.
        inputs: `[batch, time, features]` in the dtype of the states.
        matrices: the packed weights.
        states: initial states, `[batch, units]` each.
        sequence_count: how many of the states are returned for every step, the hidden state first.
        differentiable: whether to keep what the hand-written gradient needs.

    Returns:
        The first `sequence_count` states over time, `[batch, time, units]` each, and all final states.
    """
    batch, time, features = inputs.shape
    by_time = tf.transpose(inputs, [1, 0, 2])
    shape = tf.shape(by_time)
    flat = tf.reshape(by_time, [-1, features])

    def projected(matrix: Tensor) -> Tensor:
        product = tf.matmul(flat, matrix[:features]) + matrix[features]
        return tf.ensure_shape(
            tf.reshape(product, [shape[0], shape[1], matrix.shape[1]]), [time, batch, matrix.shape[1]]
        )

    reading = list(zip(cell.reads, matrices, strict=True))
    from_input = [projected(matrix) for reads, matrix in reading if reads is not Reads.HIDDEN]
    recurrent = [
        matrix[features + 1 :] if reads is Reads.ALL else matrix
        for reads, matrix in reading
        if reads is not Reads.INPUT
    ]
    initial = [tf.ensure_shape(state, [batch, matrices[0].shape[1] // cell.parts[0]]) for state in states]
    arguments = [*from_input, *recurrent, *initial]
    if differentiable:
        outputs: Sequence[Tensor] = with_gradient(
            lambda *arguments: _forward(cell, arguments, sequence_count, True),
            lambda arguments, kept, upstream: _backward(cell, arguments, kept, upstream, sequence_count),
            arguments,
        )
    else:
        outputs, _ = _forward(cell, arguments, sequence_count, False)
    return [tf.transpose(output, [1, 0, 2]) for output in outputs[:sequence_count]], list(
        outputs[sequence_count:]
    )


def _parted(cell: Cell, arguments: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """The projected inputs, recurrent matrices (a bias above where they have one) and initial states."""
    inputs = sum(reads is not Reads.HIDDEN for reads in cell.reads)
    end = len(arguments) - cell.state_count
    return list(arguments[:inputs]), list(arguments[inputs:end]), list(arguments[end:])


def _forward(
    cell: Cell, arguments: Sequence[Tensor], sequence_count: int, keep: bool
) -> tuple[list[Tensor], list[tf.TensorArray]]:
    from_input, recurrent, states = _parted(cell, arguments)
    time, batch = from_input[0].shape[:2]
    units, dtype = states[0].shape[1], states[0].dtype
    steps = tf.shape(from_input[0])[0]
    input_lists = [unstacked(projection) for projection in from_input]
    biased = [
        (matrix[0], matrix[1:]) if reads is Reads.HIDDEN else (None, matrix)
        for reads, matrix in zip((r for r in cell.reads if r is not Reads.INPUT), recurrent, strict=True)
    ]
    outputs = [time_list(steps, [batch, units], dtype) for _ in range(sequence_count)]
    kept = [time_list(steps, [batch, width * units], dtype) for width in (1, *cell.kept)] if keep else []

    def projections(step: Tensor, hidden: Tensor) -> list[Tensor]:
        inputs = (values.read(step) for values in input_lists)
        products = (
            tf.matmul(hidden, matrix) if bias is None else tf.matmul(hidden, matrix) + bias
            for bias, matrix in biased
        )
        return [
            next(inputs)
            if reads is Reads.INPUT
            else next(products)
            if reads is Reads.HIDDEN
            else next(inputs) + next(products)
            for reads in cell.reads
        ]

    def body(t: Tensor, count: int, carry: Carry) -> Carry:
        outputs, states = carry[:sequence_count], carry[sequence_count : sequence_count + cell.state_count]
        kept = carry[sequence_count + cell.state_count :]
        for step in range(count):
            previous_hidden = states[0]
            states, for_backward = cell.forward(projections(t + step, previous_hidden), states, FEATURES)
            outputs = [o.write(t + step, state) for o, state in zip(outputs, states, strict=False)]
            kept = [
                k.write(t + step, v) for k, v in zip(kept, (previous_hidden, *for_backward), strict=False)
            ]
        return (*outputs, *states, *kept)

    carry = chunked_loop(steps, body, (*outputs, *states, *kept))
    sequences = [tf.ensure_shape(output.stack(), [time, batch, units]) for output in carry[:sequence_count]]
    states_end = sequence_count + cell.state_count
    return [*sequences, *carry[sequence_count:states_end]], list(carry[states_end:])


def _backward(
    cell: Cell,
    arguments: Sequence[Tensor],
    kept: Sequence[tf.TensorArray],
    upstream: Sequence[Tensor],
    sequence_count: int,
) -> list[Tensor]:
    """Returns the gradients of the projected inputs, of the recurrent matrices and of the initial states."""
    from_input, recurrent, states = _parted(cell, arguments)
    time, batch = from_input[0].shape[:2]
    units, dtype = states[0].shape[1], states[0].dtype
    steps = tf.shape(from_input[0])[0]
    upstream_lists = [unstacked(gradient) for gradient in upstream[:sequence_count]]
    recurrent_reads = [reads for reads in cell.reads if reads is not Reads.INPUT]
    transposed = [
        tf.transpose(matrix[1:] if reads is Reads.HIDDEN else matrix)
        for reads, matrix in zip(recurrent_reads, recurrent, strict=True)
    ]
    projections = [time_list(steps, [batch, part * units], dtype) for part in cell.parts]

    def body(t: Tensor, count: int, carry: Carry) -> Carry:
        projections, states = carry[: len(cell.parts)], carry[len(cell.parts) :]
        for offset in range(count):
            step = steps - 1 - t - offset
            previous_hidden, *saved = [values.read(step) for values in kept]
            states = [
                state + upstream_lists[index].read(step) if index < sequence_count else state
                for index, state in enumerate(states)
            ]
            gradients, carried = cell.backward(saved, previous_hidden, states, FEATURES)
            through = [g for g, reads in zip(gradients, cell.reads, strict=True) if reads is not Reads.INPUT]
            shares = [
                tf.matmul(gradient, matrix) for gradient, matrix in zip(through, transposed, strict=True)
            ]
            shares += [carried[0]] if carried[0] is not None else []
            states = [shares[0] if len(shares) == 1 else tf.add_n(shares), *carried[1:]]
            projections = [
                p.write(step, gradient) for p, gradient in zip(projections, gradients, strict=True)
            ]
        return (*projections, *states)

    carry = chunked_loop(steps, body, (*projections, *upstream[sequence_count:]))
    by_projection = [
        tf.ensure_shape(values.stack(), [time, batch, part * units])
        for values, part in zip(carry, cell.parts, strict=False)
    ]
    hidden = tf.reshape(kept[0].stack(), [-1, units])

    def recurrent_gradient(gradient: Tensor, reads: Reads) -> Tensor:
        flat = tf.reshape(gradient, [-1, gradient.shape[-1]])
        product = tf.matmul(hidden, flat, transpose_a=True)
        return tf.concat([tf.reduce_sum(flat, 0)[None], product], 0) if reads is Reads.HIDDEN else product

    pairs = list(zip(by_projection, cell.reads, strict=True))
    return [
        *(gradient for gradient, reads in pairs if reads is not Reads.HIDDEN),
        *(recurrent_gradient(gradient, reads) for gradient, reads in pairs if reads is not Reads.INPUT),
        *carry[len(cell.parts) :],
    ]


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
    # Without a step the states stay what they were.
    pairs = zip(states, over_time, strict=True)
    return sequences, [tf.concat([before[None], values[-1:]], 0)[-1] for before, values in pairs]
