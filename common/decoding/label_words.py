"""The words of labels, with their times and how sure they are, in the graph."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from common.text.symbols import Symbols

_SURE = 1e-6


class Words(NamedTuple):
    """The words of each row, `[batch, words]` each, right-padded with "" and 0.

    Attributes:
        words: strings.
        start: where its first frame begins.
        end: where its last frame ends.
        confidence: the mean posterior of the word's symbols where each is highest, calibrated.
        count: `[batch]`, how many there are.
    """

    words: tf.Tensor
    start: tf.Tensor
    end: tf.Tensor
    confidence: tf.Tensor
    count: tf.Tensor

    def texts(self) -> tf.Tensor:
        """The words of each row with blanks between them: strings `[batch]`."""
        places = tf.range(tf.shape(self.words)[1])
        spaced = tf.where((self.words != "") & (places > 0), tf.strings.join([" ", self.words]), self.words)
        return tf.strings.reduce_join(spaced, axis=1)


def words_of(
    symbols: Symbols,
    labels: tf.Tensor,
    first_frames: tf.Tensor,
    last_frames: tf.Tensor,
    probabilities: tf.Tensor,
    temperature: float,
    frame: float = 1.0,
) -> Words:
    """The words that symbols make: those between blanks, or each one where symbols are words.

    Args:
        symbols: what the numbers stand for.
        labels: `[batch, labels]` numbers, right-padded with 0.
        first_frames: `[batch, labels]`, where each symbol begins.
        last_frames: `[batch, labels]`, where it ends.
        probabilities: `[batch, labels]`, its highest posterior.
        temperature: what the log-odds of a confidence are divided by (Guo et al. 2017).
        frame: how long a frame is, in what the words' `start` and `end` are to be measured.
    """
    batch = tf.shape(labels)[0]
    is_spoken = labels > 0
    if symbols.kind == "words":
        begins = is_spoken
    else:
        if symbols.blank is not None:
            is_spoken &= labels != symbols.blank
        begins = is_spoken & ~tf.pad(is_spoken, [[0, 0], [1, 0]])[:, :-1]
    place = tf.cumsum(tf.cast(begins, tf.int32), axis=1) - 1
    count = tf.math.count_nonzero(begins, axis=1, dtype=tf.int32)
    most = tf.reduce_max(tf.concat([count, [0]], axis=0))
    total = batch * most
    segments = tf.where(is_spoken, tf.range(batch)[:, None] * most + place, total)

    def of_words(reduction: Callable[..., tf.Tensor], values: tf.Tensor) -> tf.Tensor:
        return tf.reshape(reduction(values, segments, total + 1)[:total], [batch, most])

    real = tf.sequence_mask(count, most)
    lengths = of_words(tf.math.unsorted_segment_sum, tf.cast(is_spoken, tf.float32))
    mean = of_words(tf.math.unsorted_segment_sum, tf.where(is_spoken, probabilities, 0.0))
    mean = tf.math.divide_no_nan(mean, lengths)
    start = tf.where(real, of_words(tf.math.unsorted_segment_min, first_frames), 0)
    end = tf.where(real, of_words(tf.math.unsorted_segment_max, last_frames) + 1, 0)
    pieces = symbols.spelled(labels)

    def spelt(values: tf.Tensor, of: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        return tf.strings.unsorted_segment_join(tf.reshape(values, [-1]), tf.reshape(of, [-1]), count)

    return Words(
        tf.where(real, of_words(spelt, pieces), ""),
        tf.cast(start, tf.float32) * frame,
        tf.cast(end, tf.float32) * frame,
        tf.where(real, calibrated(mean, temperature), 0.0),
        count,
    )


def calibrated(probabilities: tf.Tensor, temperature: float) -> tf.Tensor:
    """Probabilities whose log-odds are divided by a temperature."""
    return tf.sigmoid(log_odds(probabilities) / temperature)


def log_odds(probabilities: tf.Tensor) -> tf.Tensor:
    """log(p / (1 - p)), of probabilities kept away from 0 and 1."""
    clipped = tf.clip_by_value(probabilities, _SURE, 1 - _SURE)
    return tf.math.log(clipped) - tf.math.log1p(-clipped)
