"""Masked steps are packed away before a loop and put back after it, so that the loop itself knows no mask.

Keras's rule: at a masked step every state is carried over and the output repeats the last one (or is zero, if
the layer says so; it is also zero before the first real step). So the loop may run over the real steps alone,
moved to the front of their row: right-padded, left-padded and broken masks are one case. Moving is a
permutation within each row, whose gradient is the inverse permutation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import tensorflow as tf

Tensor: TypeAlias = tf.Tensor


@dataclass(frozen=True)
class Packing:
    """Where the real steps of each row stand.

    Attributes:
        mask: `[batch, time]` booleans in the order in which the steps are processed.
        order: `[batch, longest]`: index in the input of the k-th processed step.
        rank: `[batch, time]`: place in the packed sequence of every step of the input.
        real: `[batch, time]` booleans: the mask in the order of the input.
        lengths: `[batch]` number of real steps.
    """

    mask: Tensor
    order: Tensor
    rank: Tensor
    real: Tensor
    lengths: Tensor


def packing_of(mask: Tensor, go_backwards: bool) -> Packing:
    """Computes the packing for a boolean mask `[batch, time]`."""
    real = mask
    if go_backwards:
        mask = tf.reverse(mask, [1])
    batch, time = tf.shape(mask)[0], tf.shape(mask)[1]
    present = tf.cast(mask, tf.int32)
    lengths = tf.reduce_sum(present, 1)
    place_if_masked = lengths[:, None] + tf.cumsum(1 - present, 1) - 1
    rank = tf.where(mask, tf.cumsum(present, 1) - 1, place_if_masked)
    steps = tf.broadcast_to(tf.range(time)[None], [batch, time])
    if go_backwards:
        rank = tf.reverse(rank, [1])
    rows = tf.broadcast_to(tf.range(batch)[:, None], [batch, time])
    order = tf.scatter_nd(tf.stack([rows, rank], -1), steps, [batch, time])
    longest = tf.maximum(tf.reduce_max(lengths), 1)
    return Packing(mask, order[:, :longest], rank, real, lengths)


def packed(sequences: Tensor, packing: Packing) -> Tensor:
    """Moves the real steps of `[batch, time, features]` to the front: `[batch, longest, features]`, then zeros.

    The zeros keep out what stands at masked steps: a NaN there would turn the gradients of all weights into NaN.
    """

    @tf.custom_gradient
    def permute(sequences: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
        def gradient(upstream: Tensor) -> Tensor:
            places = tf.minimum(packing.rank, tf.shape(upstream)[1] - 1)
            spread = tf.gather(upstream, places, batch_dims=1, axis=1)
            return tf.where(packing.real[..., None], spread, tf.zeros_like(spread))

        moved = tf.gather(sequences, packing.order, batch_dims=1, axis=1)
        real = tf.sequence_mask(packing.lengths, tf.shape(moved)[1])
        return tf.where(real[..., None], moved, tf.zeros_like(moved)), gradient

    return permute(sequences)


def unpacked(outputs: Tensor, packing: Packing, zero_output_for_mask: bool) -> Tensor:
    """Spreads packed outputs `[batch, longest, units]` over the processed steps: `[batch, time, units]`."""
    done = tf.cumsum(tf.cast(packing.mask, tf.int32), 1)
    spread = tf.gather(outputs, tf.maximum(done - 1, 0), batch_dims=1, axis=1)
    shown = packing.mask if zero_output_for_mask else done > 0
    return tf.where(shown[..., None], spread, tf.zeros_like(spread))


def last_output(outputs: Tensor, packing: Packing, zero_output_for_mask: bool) -> Tensor:
    """The output at the last processed step, `[batch, units]`, from packed outputs."""
    shown = packing.mask[:, -1] if zero_output_for_mask else packing.lengths > 0
    last = _at_last_real_step(outputs, packing)
    return tf.where(shown[:, None], last, tf.zeros_like(last))


def last_state(sequence: Tensor, initial: Tensor, packing: Packing) -> Tensor:
    """The state after the last real step, `[batch, units]`: the initial state in rows without one."""
    return tf.where(packing.lengths[:, None] > 0, _at_last_real_step(sequence, packing), initial)


def _at_last_real_step(sequence: Tensor, packing: Packing) -> Tensor:
    return tf.gather(sequence, tf.maximum(packing.lengths - 1, 0), batch_dims=1, axis=1)
