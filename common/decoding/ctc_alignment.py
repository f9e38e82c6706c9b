"""Where each symbol of a label stands in time, given what a model that learnt with CTC gives for each frame."""

from typing import Any, NamedTuple

import tensorflow as tf

from common.decoding.ctc import real_log_probabilities, runs_of
from common.decoding.ctc_prefixes import LOG_ZERO
from common.decoding.faults import require_none_outside_of_graphs

_NEVER = -float("inf")
_BLOCK = 16  # frames of a turn of the loops: turns take time


class Alignment(NamedTuple):
    """What `align` found.

    Attributes:
        first_frames: `[batch, labels]` int32, the first frame of each symbol's run; 0 in padding.
        last_frames: `[batch, labels]` int32, the last one.
        probabilities: `[batch, labels]`, the highest that the symbol has within its run.
        log_probabilities: `[batch]`, of the alignment, in nats.
        is_possible: `[batch]`, whether there is one. All is 0 where there is none, the log-probability minus infinity.
    """

    first_frames: tf.Tensor
    last_frames: tf.Tensor
    probabilities: tf.Tensor
    log_probabilities: tf.Tensor
    is_possible: tf.Tensor


def align(logits: tf.Tensor, frames: tf.Tensor, labels: tf.Tensor, lengths: tf.Tensor) -> Alignment:
    """Finds the most probable alignment of each row's label: forced alignment, by Viterbi's algorithm.

    An alignment is a way through 2 |label| + 1 states, the label's symbols with a blank before, between and after them.
    From one frame to the next it stays, goes on by one, or passes over a blank that stands between different symbols
    (Graves et al. 2006, section 4.1).

    A row's answer depends on that row alone. A label has no alignment where it needs more frames (one for each symbol,
    and one between equal neighbours), or where it has a number that is no symbol's.

    Args:
        logits: `[batch, time, symbols]`, symbol 0 being the blank.
        frames: `[batch]`, how many frames of each row are real.
        labels: `[batch, labels]` int32, symbols from 1; what stands after a label's length is not read.
        lengths: `[batch]`, how many symbols each label has. An empty one is aligned with blanks.

    Raises:
        ValueError: a row's logits have no probabilities, such as NaN, and this is no graph; in a graph one row never
            fails the others, and that row has no alignment.

    Example:
        >>> logits = 10 * tf.one_hot([[0, 2, 2, 0, 2, 1]], 3)
        >>> found = align(logits, tf.constant([6]), tf.constant([[2, 2, 1]]), tf.constant([3]))
        >>> found.first_frames.numpy().tolist(), found.last_frames.numpy().tolist()
        ([[1, 4, 5]], [[2, 4, 5]])
    """
    log_probabilities, is_real, is_faulty = real_log_probabilities(logits, frames)
    counts = tf.math.count_nonzero(is_real, axis=1, dtype=tf.int32)
    # One frame more at least than any row has: there each alignment has come to the last blank, for nothing.
    blocks = tf.maximum(tf.reduce_max(counts), 0) // _BLOCK + 1
    log_probabilities = _followed_by_blanks(log_probabilities, counts, blocks * _BLOCK)
    symbols = tf.shape(log_probabilities)[2]
    is_label = tf.sequence_mask(lengths, tf.shape(labels)[1])
    is_symbol = (labels > 0) & (labels < symbols)
    states = _states(tf.where(is_label & is_symbol, labels, 0))
    scores, moves = _forward(log_probabilities, states)
    lengths = tf.math.count_nonzero(is_label, axis=1, dtype=tf.int32)
    totals = tf.gather(scores, 2 * lengths, batch_dims=1)
    is_possible = (totals > LOG_ZERO / 2) & ~is_faulty & tf.reduce_all(is_symbol | ~is_label, axis=1)
    path = _backward(moves, 2 * lengths)
    path_log_probabilities = tf.gather(
        log_probabilities, tf.gather(states, path, batch_dims=1), axis=2, batch_dims=2
    )
    places = tf.where((path % 2 == 1) & is_possible[:, None], path // 2, -1)
    require_none_outside_of_graphs(is_faulty)
    return Alignment(
        *runs_of(places, tf.exp(path_log_probabilities), is_label & is_possible[:, None]),
        tf.where(is_possible, totals, _NEVER),
        is_possible,
    )


def _followed_by_blanks(log_probabilities: tf.Tensor, counts: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
    """The first `counts` `[batch]` frames of each row, then certain blanks: `[batch, time, symbols]`."""
    padded = tf.pad(log_probabilities[:, :time], [[0, 0], [0, _BLOCK], [0, 0]])[:, :time]
    certain_blank = tf.where(tf.range(tf.shape(padded)[2]) == 0, 0.0, _NEVER)
    return tf.where(tf.sequence_mask(counts, time)[:, :, None], padded, certain_blank)


def _states(labels: tf.Tensor) -> tf.Tensor:
    """The symbols of the labels with a blank before, between and after them: `[batch, 2 * labels + 1]`."""
    batch, count = tf.unstack(tf.shape(labels))
    with_blanks = tf.reshape(tf.stack([tf.zeros_like(labels), labels], axis=2), [batch, 2 * count])
    return tf.pad(with_blanks, [[0, 0], [0, 1]])


def _forward(log_probabilities: tf.Tensor, states: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The log-probability `[batch, states]` of the best way to each state at the last frame, and by how many states it
    went on to be in each at each frame, `[blocks, frames of a block, batch, states]` int8.

    Args:
        log_probabilities: `[batch, time, symbols]`, whole blocks of frames.
        states: `[batch, states]`, their symbols.
    """
    batch, count = tf.unstack(tf.shape(states))
    symbols = tf.shape(log_probabilities)[2]
    blocks = tf.reshape(log_probabilities, [batch, -1, _BLOCK, symbols])
    is_passable = (states[:, 2:] != 0) & (states[:, 2:] != states[:, :-2])
    passing = tf.pad(tf.where(is_passable, 0.0, _NEVER), [[0, 0], [tf.minimum(count, 2), 0]])

    def ways(scores: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """From the state before each and from the one before that; minus infinity where there is none."""
        before = tf.pad(scores, [[0, 0]] * (scores.shape.rank - 1) + [[2, 0]], constant_values=_NEVER)
        return before[..., 1:-1], before[..., :-2] + passing

    def turn(index: tf.Tensor, scores: tf.Tensor, moves: tf.TensorArray) -> tuple[Any, ...]:
        emissions = tf.gather(tf.gather(blocks, index, axis=1), states, axis=2, batch_dims=1)
        befores = []
        for emission in tf.unstack(emissions, _BLOCK, axis=1):
            befores.append(scores)
            one, two = ways(scores)
            scores = tf.maximum(tf.maximum(scores, one), two) + emission
        stays = tf.stack(befores)
        one, two = ways(stays)
        is_one, is_two = one > stays, two > tf.maximum(stays, one)
        move = tf.maximum(tf.cast(is_one, tf.int8), 2 * tf.cast(is_two, tf.int8))
        return index + 1, scores, moves.write(index, move)

    turns = tf.shape(blocks)[1]
    first = tf.repeat(tf.where(tf.range(count) == 0, 0.0, _NEVER)[None], batch, axis=0)
    moves = tf.TensorArray(tf.int8, turns, element_shape=[_BLOCK, None, None])
    shapes = (tf.TensorShape([]), tf.TensorShape([None, None]), tf.TensorShape(None))
    _, scores, moves = tf.while_loop(
        lambda index, *_: index < turns, turn, (0, first, moves), shape_invariants=shapes
    )
    return scores, moves.stack()


def _backward(moves: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
    """The states `[batch, time]` of the way that ends in the states `last` `[batch]`."""
    turns = tf.shape(moves)[0]

    def turn(index: tf.Tensor, state: tf.Tensor, path: tf.TensorArray) -> tuple[Any, ...]:
        states = []
        for move in reversed(tf.unstack(tf.cast(tf.gather(moves, index), tf.int32), _BLOCK)):
            states.append(state)
            state -= tf.gather(move, state, batch_dims=1)
        return index - 1, state, path.write(index, tf.stack(states[::-1]))

    path = tf.TensorArray(tf.int32, turns, element_shape=[_BLOCK, None])
    shapes = (tf.TensorShape([]), tf.TensorShape([None]), tf.TensorShape(None))
    *_, path = tf.while_loop(
        lambda index, *_: index >= 0, turn, (turns - 1, last, path), shape_invariants=shapes
    )
    return tf.transpose(tf.reshape(path.stack(), [turns * _BLOCK, -1]))
