"""The feature-major loop of a decoder that attends at every step and reads, at the next, what it made of that.

With input feeding no step can be computed before the one before it, attention included. What can be done for all steps
at once is done after the loop: the gradients of all weights, of the attention's keys and of its values.

References: Luong et al. (2015), Effective approaches to attention-based neural machine translation, section 3.3. The
gate on the context: Xu et al. (2015), Show, attend and tell, section 4.2.1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, TypeAlias

import tensorflow as tf

from common.layers.recurrence.cells import Cell
from common.layers.recurrence.gradient import with_gradient
from common.layers.recurrence.scan import FEATURES, Seen
from common.layers.recurrence.steps import Carry, time_list, unstacked

Tensor: TypeAlias = tf.Tensor


@dataclass(frozen=True)
class Weights:
    """What a step multiplies, in the compute dtype.

    Attributes:
        matrices: the cell's packed weights, transposed, for the operand `[fed; x_t; 1; h_{t-1}]`.
        combination: `[width, features + units]`, which makes `fed = tanh(combination [context; h_t])`.
        scores: what the attention's score function takes beside queries and keys.
        gate: none, or the row `[1, units]` and the bias `[1, 1]` whose sigmoid of `row h_t + bias` scales the context.
    """

    matrices: Sequence[Tensor]
    combination: Tensor
    scores: Sequence[Tensor]
    gate: Sequence[Tensor] = ()


@dataclass(frozen=True)
class Attended:
    """What is attended to.

    Attributes:
        score: `(queries [batch, queries, units], keys, *Weights.scores)` -> `[batch, queries, source]` in float32.
        keys: `[batch, source, ...]` in the compute dtype.
        values: `[batch, source, features]` in the compute dtype.
        penalty: `[batch, source]`, added to the scores: 0 at real steps, hugely negative at padding.
    """

    score: Callable[..., Tensor]
    keys: Tensor
    values: Tensor
    penalty: Tensor


def attentive_scan(
    cell: Cell,
    inputs: Tensor,
    weights: Weights,
    attended: Attended,
    states: Sequence[Tensor],
    fed_factor: Tensor | None,
    differentiable: bool,
) -> tuple[Tensor, Tensor | None]:
    """Runs the decoder over its inputs; before the first step `fed` is zero.

    Args:
        cell: the cell's equations.
        inputs: `[time, features + 1, batch]` in the compute dtype, the last row all ones.
        weights: see `Weights`.
        attended: see `Attended`.
        states: initial states, `[units, batch]` each, in the dtype in which states are kept.
        fed_factor: dropout's factor `[width, batch]` on `fed`, if any.
        differentiable: whether to keep what the hand-written gradient needs.

    Returns:
        `fed` of all steps `[time, width, batch]` and, unless differentiable, the attention weights
        `[time, batch, source]`.
    """
    if not differentiable:
        fed, kept = _forward(cell, inputs, weights, attended, states, fed_factor, False)
        return fed, kept[0].stack()
    counts = [len(weights.matrices), len(weights.scores), len(weights.gate)]

    def parted(arguments: Sequence[Tensor]) -> tuple[Tensor, Weights, Attended, Sequence[Tensor]]:
        inputs, combination, keys, values, *rest = arguments
        matrices, scores, gate, states = (
            rest[start:stop] for start, stop in pairwise([0, *accumulate(counts), len(rest)])
        )
        return (
            inputs,
            Weights(matrices, combination, scores, gate),
            Attended(attended.score, keys, values, attended.penalty),
            states,
        )

    def forward(*arguments: Tensor) -> tuple[Sequence[Tensor], list[tf.TensorArray]]:
        fed, kept = _forward(cell, *parted(arguments), fed_factor, True)
        return (fed,), kept

    def backward(
        arguments: Sequence[Tensor], kept: list[tf.TensorArray], upstream: Sequence[Tensor]
    ) -> Sequence[Tensor]:
        return _backward(cell, *parted(arguments)[:3], fed_factor, kept, upstream[0])

    arguments = [inputs, weights.combination, attended.keys, attended.values]
    arguments += [*weights.matrices, *weights.scores, *weights.gate, *states]
    (fed,) = with_gradient(forward, backward, arguments)
    return fed, None


def _loop(steps: Tensor, body: Callable[[Tensor, Carry], Carry], carry: Carry) -> list[Any]:
    """Applies `carry = body(t, carry)` over t = 0 .. steps-1."""
    _, *carry = tf.while_loop(
        lambda t, *_: t < steps, lambda t, *values: (t + 1, *body(t, values)), (tf.constant(0), *carry)
    )
    return list(carry)


def _forward(
    cell: Cell,
    inputs: Tensor,
    weights: Weights,
    attended: Attended,
    states: Sequence[Tensor],
    fed_factor: Tensor | None,
    keep: bool,
) -> tuple[Tensor, list[tf.TensorArray]]:
    """Returns `fed` over time, and lists of the attention weights and of all that the backward loop reads."""
    compute_dtype, state_dtype = inputs.dtype, states[0].dtype
    steps, rows, batch = tf.shape(inputs)[0], inputs.shape[1], inputs.shape[2]
    width, units = weights.combination.shape[0], states[0].shape[0]
    features = weights.combination.shape[1] - units
    input_list = unstacked(inputs)
    seen = [Seen(read, width + rows, None) for read in cell.reads]

    def body(t: Tensor, carry: Carry) -> Carry:
        fed, outputs, attention, *rest = carry
        states, kept = rest[: cell.state_count], rest[cell.state_count :]
        operand = tf.concat([fed, input_list.read(t), tf.cast(states[0], compute_dtype)], 0)
        products = [
            tf.cast(tf.matmul(matrix, part.of(operand)), state_dtype)
            for matrix, part in zip(weights.matrices, seen, strict=True)
        ]
        after, for_backward = cell.forward(products, states, FEATURES)
        hidden = tf.cast(after[0], compute_dtype)
        scores = attended.score(tf.transpose(hidden)[:, None], attended.keys, *weights.scores)
        shares = tf.nn.softmax(tf.cast(scores[:, 0], state_dtype) + attended.penalty)
        context = tf.matmul(tf.cast(shares, compute_dtype)[:, None], attended.values)[:, 0]
        context = tf.transpose(context)
        context = context * _opening(weights.gate, hidden) if weights.gate else context
        read = tf.concat([context, hidden], 0)
        squashed = tf.tanh(tf.cast(tf.matmul(weights.combination, read), state_dtype))
        fed = tf.cast(squashed if fed_factor is None else squashed * fed_factor, compute_dtype)
        kept_now = (operand, read, squashed, *for_backward)
        return (
            fed,
            outputs.write(t, fed),
            attention.write(t, shares),
            *after,
            *[values.write(t, value) for values, value in zip(kept, kept_now, strict=False)],
        )

    kept_shapes = [(size, compute_dtype) for size in (width + rows + units, features + units)]
    kept_shapes += [(size, state_dtype) for size in (width, *(part * units for part in cell.kept))]
    carry = _loop(
        steps,
        body,
        (
            tf.zeros([width, tf.shape(inputs)[2]], compute_dtype),
            time_list(steps, [width, batch], compute_dtype),
            time_list(steps, [batch, None], state_dtype),
            *states,
            *[time_list(steps, [size, batch], dtype) for size, dtype in (kept_shapes if keep else [])],
        ),
    )
    _, outputs, attention, *rest = carry
    fed = tf.ensure_shape(outputs.stack(), [inputs.shape[0], width, batch])
    return fed, [attention, *rest[cell.state_count :]]


def _backward(
    cell: Cell,
    inputs: Tensor,
    weights: Weights,
    attended: Attended,
    fed_factor: Tensor | None,
    kept: Sequence[tf.TensorArray],
    upstream: Tensor,
) -> list[Tensor]:
    """Returns the gradients of all that `attentive_scan` gives to `with_gradient`, in that order."""
    attention, operands, reads, squashed, *saved = kept
    compute_dtype, state_dtype = inputs.dtype, squashed.dtype
    steps, rows, batch = tf.shape(inputs)[0], inputs.shape[1], inputs.shape[2]
    width = weights.combination.shape[0]
    features = attended.values.shape[-1]
    units = weights.combination.shape[1] - features
    upstream_list = unstacked(upstream)
    seen = [Seen(read, width + rows, None) for read in cell.reads]
    transposed = [part.transposed(matrix) for part, matrix in zip(seen, weights.matrices, strict=True)]
    combination = tf.transpose(weights.combination)
    all_reads = reads.stack()
    openings = unstacked(_opening(weights.gate, all_reads[:, features:])) if weights.gate else None

    def query_gradient(query: Tensor, d_scores: Tensor) -> Tensor:
        def scores(query: Tensor) -> Tensor:
            return attended.score(query, attended.keys, *weights.scores)

        (gradient,) = _pulled_back(scores, [query[:, None]], d_scores[:, None])
        return gradient[:, 0]

    def body(t: Tensor, carry: Carry) -> Carry:
        d_fed, d_states = carry[0], carry[1 : 1 + cell.state_count]
        step = steps - 1 - t
        d_fed += tf.cast(upstream_list.read(step), state_dtype)
        d_fed = d_fed if fed_factor is None else d_fed * fed_factor
        d_combined = tf.cast(tf.raw_ops.TanhGrad(y=squashed.read(step), dy=d_fed), compute_dtype)
        d_context, d_hidden = tf.split(tf.matmul(combination, d_combined), [features, units], 0)
        d_gate = []
        if openings is not None:
            opening, gated = openings.read(step), reads.read(step)[:features]
            d_opening = tf.reduce_sum(tf.cast(d_context * gated, state_dtype), 0, keepdims=True)
            # The gated context holds one factor of the sigmoid's derivative, opening * (1 - opening).
            d_gate = [tf.cast(d_opening, compute_dtype) * (1 - opening)]
            d_context *= opening
            d_hidden += tf.matmul(weights.gate[0], d_gate[0], transpose_a=True)
        d_context = tf.transpose(d_context)
        shares = attention.read(step)
        d_shares = tf.matmul(d_context[:, None], attended.values, transpose_b=True)[:, 0]
        d_shares = tf.cast(d_shares, state_dtype)
        d_scores = shares * (d_shares - tf.reduce_sum(shares * d_shares, 1, keepdims=True))
        d_query = query_gradient(tf.transpose(reads.read(step)[features:]), d_scores)
        d_hidden = d_states[0] + tf.cast(d_hidden, state_dtype) + tf.cast(tf.transpose(d_query), state_dtype)
        previous_hidden = tf.cast(operands.read(step)[width + rows :], state_dtype)
        projections, carried = cell.backward(
            [values.read(step) for values in saved], previous_hidden, [d_hidden, *d_states[1:]], FEATURES
        )
        blocks = [tf.cast(gradient, compute_dtype) for gradient in projections]
        products = [
            part.gradients(matrix, block)
            for part, matrix, block in zip(seen, transposed, blocks, strict=True)
        ]
        d_read = tf.add_n([product for product, _ in products if product is not None])
        d_hidden = [tf.cast(product, state_dtype) for _, product in products if product is not None]
        d_hidden += [] if carried[0] is None else [carried[0]]
        written = (d_read[width:], d_combined, d_scores, d_context, *d_gate, *blocks)
        return (
            tf.cast(d_read[:width], state_dtype),
            tf.add_n(d_hidden),
            *carried[1:],
            *[
                values.write(step, value)
                for values, value in zip(carry[1 + cell.state_count :], written, strict=True)
            ],
        )

    shapes = [([rows, batch], compute_dtype), ([width, batch], compute_dtype)]
    shapes += [([batch, None], state_dtype), ([batch, features], compute_dtype)]
    shapes += [([1, batch], compute_dtype)] if weights.gate else []
    shapes += [([part * units, batch], compute_dtype) for part in cell.parts]
    no_gradient = [
        tf.zeros([size, tf.shape(inputs)[2]], state_dtype) for size in (width, *[units] * cell.state_count)
    ]
    carry = _loop(steps, body, (*no_gradient, *[time_list(steps, shape, dtype) for shape, dtype in shapes]))
    d_states = carry[1 : 1 + cell.state_count]
    d_inputs, d_combined, d_scores, d_contexts, *rest = (
        values.stack() for values in carry[1 + cell.state_count :]
    )
    all_operands = _over_time(operands.stack())
    d_values = tf.matmul(
        tf.cast(tf.transpose(attention.stack(), [1, 2, 0]), compute_dtype),
        tf.transpose(d_contexts, [1, 0, 2]),
    )
    d_keys, *d_score_weights = _pulled_back(
        lambda *rest: attended.score(tf.transpose(all_reads[:, features:], [2, 0, 1]), *rest),
        [attended.keys, *weights.scores],
        tf.transpose(d_scores, [1, 0, 2]),
    )
    d_gate, blocks = rest[: -len(seen)], rest[-len(seen) :]
    if d_gate:
        hidden = _over_time(all_reads[:, features:])
        d_gate = [
            tf.matmul(_over_time(d_gate[0]), hidden, transpose_b=True),
            tf.reduce_sum(d_gate[0], [0, 2])[None],
        ]
    return [
        tf.ensure_shape(d_inputs, inputs.shape),
        tf.matmul(_over_time(d_combined), _over_time(all_reads), transpose_b=True),
        d_keys,
        d_values,
        *[
            tf.matmul(_over_time(block), part.of(all_operands), transpose_b=True)
            for block, part in zip(blocks, seen, strict=True)
        ],
        *d_score_weights,
        *d_gate,
        *d_states,
    ]


def _opening(gate: Sequence[Tensor], hidden: Tensor) -> Tensor:
    """How far the gate is open, `[..., 1, batch]`, by h_t `[..., units, batch]`."""
    row, bias = gate
    return tf.sigmoid(tf.matmul(row, hidden) + bias)


def _over_time(values: Tensor) -> Tensor:
    """`[time, rows, batch]` -> `[rows, time * batch]`."""
    return tf.reshape(tf.transpose(values, [1, 0, 2]), [values.shape[1], -1])


def _pulled_back(
    function: Callable[..., Tensor], arguments: Sequence[Tensor], upstream: Tensor
) -> list[Tensor]:
    """The gradients of the arguments from that of the function's value."""
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        value = function(*arguments)
    upstream, zero = tf.cast(upstream, value.dtype), tf.UnconnectedGradients.ZERO
    gradients: list[Tensor] = tape.gradient(value, list(arguments), upstream, zero)
    return gradients
