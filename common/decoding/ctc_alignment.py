"""Where in a recording each symbol of a label is: the most probable alignment of CTC."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from common.decoding.ctc import real_log_probabilities
from common.decoding.ctc_prefixes import NEVER
from common.decoding.faults import require_none_outside_of_graphs


class Alignment(NamedTuple):
    """Where each symbol of each label is.

    Attributes:
        first_frames: `[batch, labels]` int32, the first frame of each symbol; 0 at padding, as everywhere here.
        last_frames: `[batch, labels]` int32, the last one.
        probabilities: `[batch, labels]`, the symbol's probability in the frame where it is highest.
        log_probabilities: `[batch]`, of the alignment, in nats; minus infinity where there is none.
        is_possible: `[batch]`, whether the label has an alignment.
    """

    first_frames: tf.Tensor
    last_frames: tf.Tensor
    probabilities: tf.Tensor
    log_probabilities: tf.Tensor
    is_possible: tf.Tensor


def align(logits: tf.Tensor, frames: tf.Tensor, labels: tf.Tensor, lengths: tf.Tensor) -> Alignment:
    """Finds the most probable alignment of each row's label (forced alignment).

    An alignment passes through the label's symbols with a blank before, between and after them; blanks may be passed
    over, but not between equal symbols (Graves et al. 2006, section 4.1; with the maximum in the place of the sum, as
    Viterbi's algorithm has it). A row's answer depends on that row alone. A label that needs more frames than there
    are, or logits without probabilities, have no alignment.

    Args:
        logits: `[batch, time, symbols]`, symbol 0 being the blank.
        frames: `[batch]`, how many frames of each row are real.
        labels: `[batch, labels]` symbol numbers from 1, right-padded with 0.
        lengths: `[batch]`, how many symbols each label has.

    Raises:
        ValueError: a row is faulty, and this is no graph; in a graph one row never fails the others.

    Example:
        >>> frames = tf.constant([[0, 2, 2, 0, 2, 1]])
        >>> found = align(10 * tf.one_hot(frames, 3), tf.constant([6]), tf.constant([[2, 2, 1]]), tf.constant([3]))
        >>> found.first_frames.numpy().tolist(), found.last_frames.numpy().tolist()
        ([[1, 4, 5]], [[2, 4, 5]])
    """
    labels, lengths, frames = (tf.cast(values, tf.int32) for values in (labels, lengths, frames))
    log_probabilities, is_real, is_faulty = real_log_probabilities(logits, frames)
    batch, time = tf.unstack(tf.shape(is_real))
    most = tf.shape(labels)[1]
    states = 2 * most + 1
    # Blanks stand at even places, the symbols at odd ones.
    symbols = tf.reshape(tf.stack([tf.zeros_like(labels), labels], axis=2), [batch, 2 * most])
    symbols = tf.pad(symbols, [[0, 0], [0, 1]])
    emissions = tf.gather(log_probabilities, symbols, axis=2, batch_dims=1)
    emissions = tf.where(is_real[:, :, None], emissions, 0.0)
    emissions = tf.transpose(emissions, [1, 0, 2])
    real = tf.transpose(is_real)
    is_symbol = tf.range(states) % 2 == 1
    differs = tf.concat(
        [tf.fill([batch, tf.minimum(states, 2)], False), symbols[:, 2:] != symbols[:, :-2]], axis=1
    )
    skips = tf.where(is_symbol & differs, 0.0, NEVER)

    def turn(
        index: tf.Tensor, scores: tf.Tensor, steps: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        before = tf.pad(scores, [[0, 0], [2, 0]], constant_values=NEVER)
        ways = tf.stack([scores, before[:, 1:-1], before[:, :-2] + skips])
        step = tf.argmax(ways, axis=0, output_type=tf.int32)
        best = tf.maximum(tf.reduce_max(ways, axis=0) + emissions[index], NEVER)
        is_heard = real[index][:, None]
        return index + 1, tf.where(is_heard, best, scores), steps.write(index, tf.where(is_heard, step, 0))

    first = tf.where(tf.range(states) == 0, 0.0, NEVER)
    scores = tf.tile(first[None], [batch, 1])
    steps = tf.TensorArray(tf.int32, time, element_shape=[None, None])
    _, scores, steps = tf.while_loop(lambda index, *_: index < time, turn, (0, scores, steps))
    # An alignment ends with the last symbol, or with the blank after it.
    ends = tf.stack([2 * lengths, tf.maximum(2 * lengths - 1, 0)], axis=1)
    at_end = tf.gather(scores, ends, batch_dims=1)
    last = tf.gather(ends, tf.argmax(at_end, axis=1), batch_dims=1)
    total = tf.reduce_max(at_end, axis=1)
    is_possible = (total > NEVER / 2) & ~is_faulty
    require_none_outside_of_graphs(is_faulty)

    def back(
        index: tf.Tensor, state: tf.Tensor, path: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        before = state - tf.gather(steps.read(index), state, batch_dims=1)
        return index - 1, before, path.write(index, state)

    path = tf.TensorArray(tf.int32, time, element_shape=[None])
    *_, path = tf.while_loop(lambda index, *_: index >= 0, back, (time - 1, last, path))
    passed = tf.cond(time > 0, lambda: tf.transpose(path.stack()), lambda: tf.zeros([batch, 0], tf.int32))
    is_heard = (passed % 2 == 1) & is_real & is_possible[:, None]
    count = batch * most
    places = tf.where(is_heard, tf.range(batch)[:, None] * most + passed // 2, count)
    at_path = tf.gather(tf.transpose(emissions, [1, 0, 2]), passed, batch_dims=2)
    frame = tf.broadcast_to(tf.range(time), [batch, time])
    is_label = tf.sequence_mask(tf.where(is_possible, lengths, 0), most)

    def of_symbols(reduction: Callable[..., tf.Tensor], values: tf.Tensor) -> tf.Tensor:
        reduced = tf.reshape(reduction(values, places, count + 1)[:count], [batch, most])
        return tf.where(is_label, reduced, tf.zeros_like(reduced))

    return Alignment(
        of_symbols(tf.math.unsorted_segment_min, frame),
        of_symbols(tf.math.unsorted_segment_max, frame),
        of_symbols(tf.math.unsorted_segment_max, tf.exp(at_path)),
        tf.where(is_possible, total, -float("inf")),
        is_possible,
    )
