"""One step of each cell and its derivative, in either layout: features along axis 0 or along axis 1.

A step multiplies packed weight matrices with the operand `[x_t; 1; h_{t-1}]` of `features + 1 + units` rows,
or with its share `[x_t; 1]` or `[1; h_{t-1}]`. The products are called projections. All equations are those of
Keras, whose weight layout and gate order the packing takes as given.

References:
    Elman (1990), Finding structure in time.
    Hochreiter and Schmidhuber (1997), Long short-term memory; Gers et al. (2000) for the forget gate.
    Cho et al. (2014), Learning phrase representations using RNN encoder-decoder, in the `reset_after` form of
    cuDNN.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import tensorflow as tf

Tensor: TypeAlias = tf.Tensor


class Reads(Enum):
    """Which rows of the operand a matrix multiplies."""

    ALL = "[x_t; 1; h_{t-1}]"
    INPUT = "[x_t; 1]"
    HIDDEN = "[1; h_{t-1}]"


@dataclass(frozen=True)
class Cell:
    """The pure functions that define a recurrent cell.

    Attributes:
        state_count: number of state tensors; the first is the hidden state.
        reads: for each matrix, which rows of the operand it multiplies.
        parts: width of each projection, in units.
        mask_of_block: for every block of `units` rows over all projections, the index of Keras's dropout mask
            for it.
        kept: width of each tensor kept for the backward step, in units.
        pack: `(kernel [features, gates * units], recurrent_kernel [units, gates * units], bias)` -> matrices
            `[rows of the operand, width of the projection]`.
        forward: `(projections, states, axis)` -> `(new states, tensors kept)`; `axis` is that of the features.
        backward: `(tensors kept, h_{t-1}, gradients of the new states, axis)` -> `(gradients of the projections,
            gradients of the old states without the share that flows through the projections)`; None stands
            for zero.
    """

    state_count: int
    reads: tuple[Reads, ...]
    parts: tuple[int, ...]
    mask_of_block: tuple[int, ...]
    kept: tuple[int, ...]
    pack: Callable[[Tensor, Tensor, Tensor], list[Tensor]]
    forward: Callable[
        [Sequence[Tensor], Sequence[Tensor], int], tuple[tuple[Tensor, ...], tuple[Tensor, ...]]
    ]
    backward: Callable[
        [Sequence[Tensor], Tensor, Sequence[Tensor], int],
        tuple[tuple[Tensor, ...], tuple[Tensor | None, ...]],
    ]


def _sigmoid_gradient(value: Tensor, gradient: Tensor) -> Tensor:
    return tf.raw_ops.SigmoidGrad(y=value, dy=gradient)


def _tanh_gradient(value: Tensor, gradient: Tensor) -> Tensor:
    return tf.raw_ops.TanhGrad(y=value, dy=gradient)


def _stack_weights(kernel: Tensor, bias: Tensor, recurrent_kernel: Tensor) -> Tensor:
    return tf.concat([kernel, bias[None], recurrent_kernel], 0)


def _pack_simple(kernel: Tensor, recurrent_kernel: Tensor, bias: Tensor) -> list[Tensor]:
    return [_stack_weights(kernel, bias, recurrent_kernel)]


def _simple_forward(
    projections: Sequence[Tensor], states: Sequence[Tensor], axis: int
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    hidden = tf.tanh(projections[0])
    return (hidden,), (hidden,)


def _simple_backward(
    kept: Sequence[Tensor], previous_hidden: Tensor, gradients: Sequence[Tensor], axis: int
) -> tuple[tuple[Tensor, ...], tuple[Tensor | None, ...]]:
    return (_tanh_gradient(kept[0], gradients[0]),), (None,)


def _pack_lstm(kernel: Tensor, recurrent_kernel: Tensor, bias: Tensor) -> list[Tensor]:
    weights = _stack_weights(kernel, bias, recurrent_kernel)
    input_gate, forget_gate, candidate, output_gate = tf.split(weights, 4, 1)
    # The three sigmoid gates stand together so that one operation computes them.
    return [tf.concat([input_gate, forget_gate, output_gate, candidate], 1)]


def _lstm_forward(
    projections: Sequence[Tensor], states: Sequence[Tensor], axis: int
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    units = states[0].shape[axis]
    gates, candidate = tf.split(projections[0], [3 * units, units], axis)
    gates, candidate = tf.sigmoid(gates), tf.tanh(candidate)
    input_gate, forget_gate, output_gate = tf.split(gates, 3, axis)
    previous_cell = states[1]
    cell = forget_gate * previous_cell + input_gate * candidate
    squashed = tf.tanh(cell)
    return (output_gate * squashed, cell), (gates, candidate, squashed, previous_cell)


def _lstm_backward(
    kept: Sequence[Tensor], previous_hidden: Tensor, gradients: Sequence[Tensor], axis: int
) -> tuple[tuple[Tensor, ...], tuple[Tensor | None, ...]]:
    gates, candidate, squashed, previous_cell = kept
    input_gate, forget_gate, output_gate = tf.split(gates, 3, axis)
    d_hidden, d_cell = gradients
    d_cell += _tanh_gradient(squashed, d_hidden * output_gate)
    d_gates = _sigmoid_gradient(
        gates, tf.concat([d_cell * candidate, d_cell * previous_cell, d_hidden * squashed], axis)
    )
    d_candidate = _tanh_gradient(candidate, d_cell * input_gate)
    return (tf.concat([d_gates, d_candidate], axis),), (None, d_cell * forget_gate)


def _pack_gru(kernel: Tensor, recurrent_kernel: Tensor, bias: Tensor) -> list[Tensor]:
    gates = 2 * recurrent_kernel.shape[0]
    input_bias, recurrent_bias = bias[0], bias[1]
    # The reset gate scales the hidden state's share of the candidate alone, so the two shares are apart.
    both = _stack_weights(
        kernel[:, :gates], input_bias[:gates] + recurrent_bias[:gates], recurrent_kernel[:, :gates]
    )
    candidate_hidden = tf.concat([recurrent_bias[None, gates:], recurrent_kernel[:, gates:]], 0)
    candidate_input = tf.concat([kernel[:, gates:], input_bias[None, gates:]], 0)
    return [both, candidate_hidden, candidate_input]


def _gru_forward(
    projections: Sequence[Tensor], states: Sequence[Tensor], axis: int
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    both, candidate_hidden, candidate_input = projections
    gates = tf.sigmoid(both)
    update, reset = tf.split(gates, 2, axis)
    candidate = tf.tanh(candidate_input + reset * candidate_hidden)
    return (candidate + update * (states[0] - candidate),), (gates, candidate_hidden, candidate)


def _gru_backward(
    kept: Sequence[Tensor], previous_hidden: Tensor, gradients: Sequence[Tensor], axis: int
) -> tuple[tuple[Tensor, ...], tuple[Tensor | None, ...]]:
    gates, candidate_hidden, candidate = kept
    update, reset = tf.split(gates, 2, axis)
    d_hidden = gradients[0]
    d_carried = d_hidden * update
    d_candidate = _tanh_gradient(candidate, d_hidden - d_carried)
    d_gates = _sigmoid_gradient(
        gates, tf.concat([d_hidden * (previous_hidden - candidate), d_candidate * candidate_hidden], axis)
    )
    return (d_gates, d_candidate * reset, d_candidate), (d_carried,)


SIMPLE_RNN = Cell(
    state_count=1,
    reads=(Reads.ALL,),
    parts=(1,),
    mask_of_block=(0,),
    kept=(1,),
    pack=_pack_simple,
    forward=_simple_forward,
    backward=_simple_backward,
)
LSTM = Cell(
    state_count=2,
    reads=(Reads.ALL,),
    parts=(4,),
    mask_of_block=(0, 1, 3, 2),
    kept=(3, 1, 1, 1),
    pack=_pack_lstm,
    forward=_lstm_forward,
    backward=_lstm_backward,
)
GRU = Cell(
    state_count=1,
    reads=(Reads.ALL, Reads.HIDDEN, Reads.INPUT),
    parts=(2, 1, 1),
    mask_of_block=(0, 1, 2, 2),
    kept=(2, 1, 1),
    pack=_pack_gru,
    forward=_gru_forward,
    backward=_gru_backward,
)
