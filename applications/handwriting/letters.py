"""The letters of labels: which points of the ink each is written with, in the graph."""

from typing import NamedTuple

import tensorflow as tf

from common.decoding.label_words import calibrated
from common.export.label_search import Labels
from common.text.symbols import Symbols

_FARTHEST = 1e9


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
    strokes: tf.Tensor,
    lengths: tf.Tensor,
    temperature: float,
    delay: int = 0,
) -> Letters:
    """Gives each letter a part of the ink.

    A network that learnt with CTC tells a letter within a frame or two, somewhere along it or some frames after it
    (Graves et al. 2006). So the ink between two letters is divided where the pen was lifted between their frames,
    nearest to the middle, and in the middle where it was not. All of it belongs to a letter; where a letter is narrower
    than the way from a point to the next, it has that one point.

    Args:
        symbols: what the numbers stand for.
        labels: with their frames.
        frames: `[batch]`, how many each row has.
        of_points: `[batch, points]`, how many frames lie before each point, and more than there are in padding.
        strokes: `[batch, points]`, a number that changes from stroke to stroke.
        lengths: `[batch]`, how many points are real.
        temperature: what the log-odds of a confidence are divided by (Guo et al. 2017).
        delay: by how many frames letters are told late.
    """
    count = tf.math.count_nonzero(labels.numbers > 0, axis=1, dtype=tf.int32)
    most = tf.shape(labels.numbers)[1]
    real = tf.sequence_mask(count, most)
    following = tf.pad(labels.first_frames[:, 1:], [[0, 0], [0, tf.minimum(most, 1)]])
    is_last = tf.range(most) == count[:, None] - 1
    end = tf.cast(frames, tf.float32)[:, None]
    # Between the middles of the frames of a letter and the next.
    low = tf.cast(labels.last_frames - delay, tf.float32) + 0.5
    high = tf.where(real & ~is_last, tf.cast(following - delay, tf.float32) + 0.5, end)
    middle = tf.where(real & ~is_last, (low + high) / 2, end)
    after = _at_lifts(of_points, strokes, lengths, low, middle, high)
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


def _at_lifts(
    of_points: tf.Tensor,
    strokes: tf.Tensor,
    lengths: tf.Tensor,
    low: tf.Tensor,
    middle: tf.Tensor,
    high: tf.Tensor,
) -> tf.Tensor:
    """The first point after each border `[batch, letters]`: one that begins a stroke between low and high, the nearest
    to the middle, or else the first that lies not before the middle."""
    rows, points = tf.unstack(tf.shape(of_points))
    is_real = tf.sequence_mask(lengths, points)
    opens = tf.pad(strokes[:, 1:] != strokes[:, :-1], [[0, 0], [1, 0]], constant_values=True)
    number = tf.cumsum(tf.cast(opens, tf.int32), axis=1) - 1
    segments = tf.where(is_real, tf.range(rows)[:, None] * (points + 1) + number, rows * (points + 1))
    places = tf.range(points)[None] + tf.zeros_like(number)
    starts = tf.math.unsorted_segment_min(places, segments, rows * (points + 1) + 1)
    starts = tf.reshape(starts[: rows * (points + 1)], [rows, points + 1])
    first = tf.raw_ops.LowerBound(sorted_inputs=of_points, values=middle)
    before = tf.clip_by_value(first - 1, 0, tf.maximum(lengths - 1, 0)[:, None])
    best, distance = first, tf.fill(tf.shape(middle), _FARTHEST)
    for beside in (0, 1):
        stroke = tf.gather(number, before, batch_dims=1) + beside
        start = tf.gather(starts, stroke, batch_dims=1)
        is_there = (stroke > 0) & (start < points)
        lies = tf.gather(of_points, tf.minimum(start, points - 1), batch_dims=1)
        is_lift = is_there & (lies >= low) & (lies <= high)
        is_nearer = is_lift & (tf.abs(lies - middle) < distance)
        best = tf.where(is_nearer, start, best)
        distance = tf.where(is_nearer, tf.abs(lies - middle), distance)
    return best
