"""The feature-major loop over time, with hand-written back-propagation through time.

Layout `[features, batch]`: the constant weight matrix is the left operand of each product, so that oneDNN
packs only the small activation, and gates split along axis 0 without a copy. The bias rides in the product as
the weight of a row of ones. The backward loop multiplies once a step for the gradients of `[x_t; 1;
h_{t-1}]`, and sums the gradients of the weights by one product for every iteration of several steps.

Reference: Werbos (1990), Backpropagation through time: what it does and how to do it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import tensorflow as tf

from common.layers.recurrence.cells import Cell, Reads
from common.layers.recurrence.gradient import with_gradient
from common.layers.recurrence.steps import Carry, chunked_loop, time_list, unstacked

Tensor: TypeAlias = tf.Tensor
FEATURES = 0


def scan(
    cell: Cell,
    inputs: Tensor,
    matrices: Sequence[Tensor],
    states: Sequence[Tensor],
    dropout_masks: Sequence[Tensor],
    sequence_count: int,
    differentiable: bool,
) -> tuple[list[Tensor], list[Tensor]]:
    """Runs a cell over time.

    Args:
        cell: the cell's equations.
        inputs: `[time, features + 1, batch]` in the compute dtype, the last row all ones.
        matrices: the packed weights, transposed, in the compute dtype.
        states: initial states, `[units, batch]` each, in the dtype in which states are kept.
        dropout_masks: none, or for each of Keras's masks a factor `[features + 1 + units, batch]` on the
            operand.
        sequence_count: how many of the states are returned for every step, the hidden state first.
        differentiable: whether to keep what the hand-written gradient needs.

    Returns:
        The first `sequence_count` states over time, `[time, units, batch]` each, and all final states.
    """
    if dropout_masks:
        matrices = [
            block for m, part in zip(matrices, cell.parts, strict=True) for block in tf.split(m, part)
        ]
        reads = [read for read, part in zip(cell.reads, cell.parts, strict=True) for _ in range(part)]
        factors: list[Tensor | None] = [dropout_masks[index] for index in cell.mask_of_block]
    else:
        reads, factors = list(cell.reads), [None] * len(matrices)
    seen = [Seen(read, inputs.shape[1], factor) for read, factor in zip(reads, factors, strict=True)]
    if not differentiable:
        sequences, finals, _ = _forward(cell, inputs, matrices, states, seen, sequence_count, False)
        return sequences, finals

    matrix_count = len(matrices)

    def forward(inputs: Tensor, *rest: Tensor) -> tuple[Sequence[Tensor], list[tf.TensorArray]]:
        matrices, states = rest[:matrix_count], rest[matrix_count:]
        sequences, finals, kept = _forward(cell, inputs, matrices, states, seen, sequence_count, True)
        return (*sequences, *finals), kept

    def backward(
        arguments: Sequence[Tensor], kept: list[tf.TensorArray], upstream: Sequence[Tensor]
    ) -> Sequence[Tensor]:
        matrices = arguments[1 : 1 + matrix_count]
        return _backward(cell, arguments[0], matrices, kept, seen, upstream, sequence_count)

    outputs = with_gradient(forward, backward, [inputs, *matrices, *states])
    return list(outputs[:sequence_count]), list(outputs[sequence_count:])


@dataclass(frozen=True)
class Seen:
    """What a matrix sees of the operand `[x_t; 1; h_{t-1}]`.

    Attributes:
        reads: which rows.
        input_rows: number of rows of `[x_t; 1]`.
        factor: dropout's factor on the whole operand, if any.
    """

    reads: Reads
    input_rows: int
    factor: Tensor | None

    def of(self, operand: Tensor) -> Tensor:
        """The rows that the matrix multiplies, with dropout applied."""
        rows = self._rows(operand)
        return rows if self.factor is None else rows * self._rows(self.factor)

    def gradients(self, transposed: Tensor, block: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """The gradients of `[x_t; 1]` and of h_{t-1} by way of the matrix, from that of its projection."""
        product = tf.matmul(transposed, block)
        if self.factor is not None:
            product *= self._without_bias(self._rows(self.factor))
        if self.reads is Reads.INPUT:
            return product, None
        if self.reads is Reads.HIDDEN:
            return None, product
        return product[: self.input_rows], product[self.input_rows :]

    def transposed(self, matrix: Tensor) -> Tensor:
        """The matrix for `gradients`: transposed, without a bias whose row of ones needs no gradient."""
        return self._without_bias(tf.transpose(matrix))

    def _without_bias(self, rows: Tensor) -> Tensor:
        return rows[1:] if self.reads is Reads.HIDDEN else rows

    def _rows(self, operand: Tensor) -> Tensor:
        if self.reads is Reads.INPUT:
            return operand[: self.input_rows]
        return operand if self.reads is Reads.ALL else operand[self.input_rows - 1 :]


def _joined(blocks: Sequence[Tensor], parts: Sequence[int]) -> list[Tensor]:
    if len(blocks) == len(parts):
        return list(blocks)
    ends = [sum(parts[: index + 1]) for index in range(len(parts))]
    return [tf.concat(blocks[end - part : end], 0) for part, end in zip(parts, ends, strict=True)]


def _forward(
    cell: Cell,
    inputs: Tensor,
    matrices: Sequence[Tensor],
    states: Sequence[Tensor],
    seen: Sequence[Seen],
    sequence_count: int,
    keep: bool,
) -> tuple[list[Tensor], list[Tensor], list[tf.TensorArray]]:
    compute_dtype, state_dtype = inputs.dtype, states[0].dtype
    units, rows, batch = states[0].shape[0], inputs.shape[1], inputs.shape[2]
    steps = tf.shape(inputs)[0]
    input_list = unstacked(inputs)
    kept = [time_list(steps, [rows + units, batch], compute_dtype)] if keep else []
    kept += [time_list(steps, [part * units, batch], state_dtype) for part in cell.kept] if keep else []
    outputs = [time_list(steps, [units, batch], state_dtype) for _ in range(sequence_count)]

    def body(t: Tensor, count: int, carry: Carry) -> Carry:
        outputs, states = carry[:sequence_count], carry[sequence_count : sequence_count + cell.state_count]
        kept = carry[sequence_count + cell.state_count :]
        for step in range(count):
            operand = tf.concat([input_list.read(t + step), tf.cast(states[0], compute_dtype)], 0)
            products = [
                tf.cast(tf.matmul(matrix, part.of(operand)), state_dtype)
                for matrix, part in zip(matrices, seen, strict=True)
            ]
            states, for_backward = cell.forward(_joined(products, cell.parts), states, FEATURES)
            outputs = [o.write(t + step, state) for o, state in zip(outputs, states, strict=False)]
            kept = [k.write(t + step, v) for k, v in zip(kept, (operand, *for_backward), strict=False)]
        return (*outputs, *states, *kept)

    carry = chunked_loop(steps, body, (*outputs, *states, *kept))
    sequences = [
        tf.ensure_shape(output.stack(), [inputs.shape[0], units, batch]) for output in carry[:sequence_count]
    ]
    states_end = sequence_count + cell.state_count
    return sequences, list(carry[sequence_count:states_end]), list(carry[states_end:])


def _backward(
    cell: Cell,
    inputs: Tensor,
    matrices: Sequence[Tensor],
    kept: Sequence[tf.TensorArray],
    seen: Sequence[Seen],
    upstream: Sequence[Tensor],
    sequence_count: int,
) -> tuple[Tensor, ...]:
    """Returns the gradients of the inputs, of every matrix and of every initial state."""
    compute_dtype, state_dtype = inputs.dtype, upstream[-1].dtype
    rows, batch = inputs.shape[1], inputs.shape[2]
    steps = tf.shape(inputs)[0]
    transposed = [part.transposed(matrix) for part, matrix in zip(seen, matrices, strict=True)]
    upstream_lists = [unstacked(gradient) for gradient in upstream[:sequence_count]]

    def block_gradients(projection_gradients: Sequence[Tensor]) -> list[Tensor]:
        casted = [tf.cast(gradient, compute_dtype) for gradient in projection_gradients]
        if len(matrices) == len(cell.parts):
            return casted
        return [
            b for gradient, part in zip(casted, cell.parts, strict=True) for b in tf.split(gradient, part)
        ]

    def operand_gradients(blocks: Sequence[Tensor], carried: Tensor | None) -> tuple[Tensor, Tensor]:
        shares = [
            part.gradients(matrix, block)
            for part, matrix, block in zip(seen, transposed, blocks, strict=True)
        ]
        d_input = [share for share, _ in shares if share is not None]
        d_hidden = [tf.cast(share, state_dtype) for _, share in shares if share is not None]
        d_hidden += [] if carried is None else [carried]
        return _sum(d_input), _sum(d_hidden)

    def body(t: Tensor, count: int, carry: Carry) -> Carry:
        input_gradients, states = carry[0], carry[1 : 1 + cell.state_count]
        matrix_gradients = carry[1 + cell.state_count :]
        blocks_of_steps, operands = [], []
        for offset in range(count):
            step = steps - 1 - t - offset
            operand, *saved = [values.read(step) for values in kept]
            states = [
                state + upstream_lists[index].read(step) if index < sequence_count else state
                for index, state in enumerate(states)
            ]
            previous_hidden = tf.cast(operand[rows:], state_dtype)
            projection_gradients, carried = cell.backward(saved, previous_hidden, states, FEATURES)
            blocks = block_gradients(projection_gradients)
            d_input, d_hidden = operand_gradients(blocks, carried[0])
            states = [d_hidden, *carried[1:]]
            input_gradients = input_gradients.write(step, d_input)
            blocks_of_steps.append(blocks)
            operands.append(operand)
        joined = tf.concat(operands, 1)
        matrix_gradients = [
            total + weight_gradient(part, [blocks[index] for blocks in blocks_of_steps], operands, joined)
            for index, (part, total) in enumerate(zip(seen, matrix_gradients, strict=True))
        ]
        return (input_gradients, *states, *matrix_gradients)

    def weight_gradient(
        part: Seen, blocks: Sequence[Tensor], operands: Sequence[Tensor], joined: Tensor
    ) -> Tensor:
        if part.factor is None:
            multiplied = part.of(joined)
        else:
            multiplied = tf.concat([part.of(operand) for operand in operands], 1)
        return tf.cast(tf.matmul(tf.concat(blocks, 1), multiplied, transpose_b=True), state_dtype)

    carry = chunked_loop(
        steps,
        body,
        (
            time_list(steps, [rows, batch], compute_dtype),
            *upstream[sequence_count:],
            *[tf.zeros(matrix.shape, state_dtype) for matrix in matrices],
        ),
    )
    states_end = 1 + cell.state_count
    matrix_gradients = [tf.cast(gradient, compute_dtype) for gradient in carry[states_end:]]
    return (tf.ensure_shape(carry[0].stack(), inputs.shape), *matrix_gradients, *carry[1:states_end])


def _sum(values: Sequence[Tensor]) -> Tensor:
    return values[0] if len(values) == 1 else tf.add_n(list(values))
