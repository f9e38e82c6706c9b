"""The letters of labels: which points of the ink each is written with, in the graph."""

from typing import NamedTuple

import tensorflow as tf

from common.decoding.label_words import calibrated
from common.export.label_search import Labels
from common.text.symbols import Symbols


class Letters(NamedTuple):
    """The letters of each row, `[batch, letters]` each, right-padded with "" and 0.

    Attributes:
        letters: strings.
        first_point: int32, the index of the first point of the ink that belongs to the letter.
        last_point: that of the last one.
        confidence: the highest posterior of the letter, calibrated.
        count: `[batch]`, how many there are.
    """

    letters: tf.Tensor
    first_point: tf.Tensor
    last_point: tf.Tensor
    confidence: tf.Tensor
    count: tf.Tensor


def letters_of(
    symbols: Symbols,
    labels: Labels,
    frames: tf.Tensor,
    of_points: tf.Tensor,
    lengths: tf.Tensor,
    temperature: float,
) -> Letters:
    """Gives each letter a part of the ink.

    A network that learnt with CTC tells a letter within a frame or two, somewhere along it (Graves et al. 2006). So the
    ink between two letters is divided in the middle between their frames, and all of it belongs to a letter; where a
    letter is narrower than the way from a point to the next, it has that one point.

    Args:
        symbols: what the numbers stand for.
        labels: with their frames.
        frames: `[batch]`, how many each row has.
        of_points: `[batch, points]`, how many frames lie before each point, and more than there are in padding.
        lengths: `[batch]`, how many points are real.
        temperature: what the log-odds of a confidence are divided by (Guo et al. 2017).
    """
    count = tf.math.count_nonzero(labels.numbers > 0, axis=1, dtype=tf.int32)
    most = tf.shape(labels.numbers)[1]
    real = tf.sequence_mask(count, most)
    following = tf.pad(labels.first_frames[:, 1:], [[0, 0], [0, tf.minimum(most, 1)]])
    middle = tf.cast(labels.last_frames + 1 + following, tf.float32) / 2
    is_last = tf.range(most) == count[:, None] - 1
    end = tf.cast(frames, tf.float32)[:, None]
    ends = tf.where(is_last, end, tf.where(real, middle, end))
    after = tf.raw_ops.LowerBound(sorted_inputs=of_points, values=ends)
    last_real = tf.maximum(lengths - 1, 0)[:, None]
    first = tf.pad(after, [[0, 0], [tf.minimum(most, 1), 0]])[:, :most]
    first = tf.minimum(first, last_real)
    last = tf.clip_by_value(after - 1, first, last_real)
    last = tf.where(is_last, last_real, last)
    return Letters(
        symbols.spelled(labels.numbers),
        tf.where(real, first, 0),
        tf.where(real, last, 0),
        tf.where(real, calibrated(labels.probabilities, temperature), 0.0),
        count,
    )
