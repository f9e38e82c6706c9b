"""From pen strokes to what the network reads, in the graph: training and every signature use this one implementation.

Features do not depend on where the ink lies, on how large it is, or on how fast a device sampled the pen: points are
scaled by the spread of their heights and resampled to equal steps along the path. The absolute x is in no feature, so a
letter looks alike wherever it stands in a word.
"""

from typing import NamedTuple

import tensorflow as tf

STEP = 0.3
"""Length of a step, in deviations of the ink's height: some 27 steps are a letter."""
FEATURES = 8
"""Of each step: dx, dy, y above the middle line, whether the pen was lifted before, sine and cosine of the direction,
sine and cosine of how it turns to the next step."""
MOST_STEPS = 4096
"""Steps that are measured of one drawing: some 150 letters."""

_FARTHEST = 8.0
_LEAST_SLIMNESS = 0.03
_TINY = 1e-12
_UNREACHABLE = float(2**30)


class Steps(NamedTuple):
    """Ink as steps of equal length.

    Attributes:
        features: `[batch, steps, 8]` float32, 0 after a row's last step.
        count: `[batch]` int32, how many steps of each row are real: at least 1, and `MOST_STEPS` at most.
        of_points: `[batch, points]` float32, how many steps lie before each given point, a fraction between two steps;
            too large to be reached in padding.
        is_cut: `[batch]`, whether the row has more than `MOST_STEPS` steps, of which the first are measured.
    """

    features: tf.Tensor
    count: tf.Tensor
    of_points: tf.Tensor
    is_cut: tf.Tensor


class _Path(NamedTuple):
    """The points of each row on the way along its strokes, `[batch, points]` each.

    Attributes:
        place: `[batch, points, 2]`, in deviations of height from the middle line; x from anywhere.
        step: how many steps lie before each point, as of `Steps`.
        stroke: the number of its stroke, from 0.
        count: `[batch]` int32, steps of the row.
    """

    place: tf.Tensor
    step: tf.Tensor
    stroke: tf.Tensor
    count: tf.Tensor


def steps_of(points: tf.Tensor, lengths: tf.Tensor) -> Steps:
    """Resamples ink and measures each step.

    A stroke is cut into steps of `STEP` deviations of height, to the nearest whole number of them, so that its two ends
    are steps' ends; the way from a stroke to the next is one step. A row of which nothing is real, or all in one place,
    has one step of zeros.

    Args:
        points: `[batch, points, 3]` of any float type: x, y (growing downward), and a number that changes from stroke
            to stroke; at least one point. What stands after a row's last point is not read.
        lengths: `[batch]` int32, how many points of each row are real.
    """
    path = _path_of(points, lengths)
    count = tf.minimum(path.count, MOST_STEPS)
    longest = tf.reduce_max(tf.concat([count, [1]], axis=0))
    wanted = tf.range(longest)[None] + tf.zeros_like(count)[:, None]
    after = tf.raw_ops.UpperBound(sorted_inputs=path.step, values=tf.cast(wanted, tf.float32))
    last = tf.maximum(tf.cast(lengths, tf.int32) - 1, 0)[:, None]
    before = tf.clip_by_value(after - 1, 0, last)
    after = tf.minimum(after, last)
    low, high = (tf.gather(path.step, index, batch_dims=1) for index in (before, after))
    share = tf.math.divide_no_nan(tf.cast(wanted, tf.float32) - low, high - low)[:, :, None]
    ends = [tf.gather(path.place, index, batch_dims=1) for index in (before, after)]
    place = ends[0] + tf.clip_by_value(share, 0.0, 1.0) * (ends[1] - ends[0])
    stroke = tf.gather(path.stroke, before, batch_dims=1)
    opens = stroke != tf.pad(stroke[:, :-1], [[0, 0], [1, 0]], constant_values=-1)
    is_real = tf.sequence_mask(count, longest)
    features = tf.where(is_real[:, :, None], _features(place, opens, is_real), 0.0)
    features = tf.ensure_shape(features, [None, None, FEATURES])
    return Steps(features, count, path.step, path.count > MOST_STEPS)


def _features(place: tf.Tensor, opens: tf.Tensor, is_real: tf.Tensor) -> tf.Tensor:
    """Of places `[batch, steps, 2]`; y grows downward still."""
    moves = tf.pad(place[:, 1:] - place[:, :-1], [[0, 0], [1, 0], [0, 0]])
    moves *= tf.constant([1.0, -1.0])
    length = tf.norm(moves, axis=-1, keepdims=True)
    direction = tf.math.divide_no_nan(moves, length)
    following = tf.pad(tf.where(is_real[:, 1:, None], direction[:, 1:], 0.0), [[0, 0], [0, 1], [0, 0]])
    turn_cosine = tf.reduce_sum(direction * following, axis=-1)
    turn_sine = direction[:, :, 0] * following[:, :, 1] - direction[:, :, 1] * following[:, :, 0]
    return tf.concat(
        [
            tf.clip_by_value(moves, -_FARTHEST, _FARTHEST),
            tf.clip_by_value(-place[:, :, 1:], -_FARTHEST, _FARTHEST),
            tf.cast(opens, tf.float32)[:, :, None],
            tf.reverse(direction, [2]),
            turn_sine[:, :, None],
            turn_cosine[:, :, None],
        ],
        axis=2,
    )


def _path_of(points: tf.Tensor, lengths: tf.Tensor) -> _Path:
    is_real = tf.sequence_mask(lengths, tf.shape(points)[1])
    place = boxed(points, lengths)
    differs = points[:, 1:, 2] != points[:, :-1, 2]
    opens = tf.pad(differs, [[0, 0], [1, 0]], constant_values=True) & is_real
    moved = tf.pad(tf.norm(place[:, 1:] - place[:, :-1], axis=-1), [[0, 0], [1, 0]])
    drawn = tf.where(is_real & ~opens, moved, 0.0)
    place, scale = _scaled(place, moved, drawn, is_real)
    along = tf.cumsum(drawn, axis=1) / scale / STEP
    stroke = tf.cumsum(tf.cast(opens, tf.int32), axis=1) - 1
    first, length = _of_strokes(along, stroke, is_real)
    steps = tf.round(length)
    # As many steps as there are before each stroke, and one for the way to it.
    begins = tf.cumsum(tf.where(opens, steps, 0.0), axis=1) - tf.where(is_real, steps, 0.0)
    begins += tf.cast(stroke, tf.float32)
    share = tf.clip_by_value(tf.math.divide_no_nan(along - first, length), 0.0, 1.0)
    step = begins + share * steps
    last = tf.reduce_max(tf.where(is_real, step, 0.0), axis=1)
    count = tf.cast(tf.minimum(last, float(MOST_STEPS)), tf.int32) + 1
    return _Path(place, tf.where(is_real, step, _UNREACHABLE), stroke, count)


def boxed(points: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """The places of points, moved and scaled into the square from 0 to 1: `[batch, points, 2]` float32.

    Whatever the points were, their differences have become numbers that float32 holds. Padding is 0, and so are points
    that are all in one place.

    Args:
        points: as of `steps_of`.
        lengths: likewise.
    """
    real = tf.sequence_mask(lengths, tf.shape(points)[1])[:, :, None]
    place = points[:, :, :2]
    lowest, highest = (
        reduce(tf.where(real, place, fill), axis=1, keepdims=True)
        for reduce, fill in ((tf.reduce_min, points.dtype.max), (tf.reduce_max, points.dtype.min))
    )
    # Halves, since the distance of the largest numbers has no float.
    size = tf.reduce_max(highest / 2 - lowest / 2, axis=2, keepdims=True)
    return tf.cast(tf.where(real, tf.math.divide_no_nan(place / 2 - lowest / 2, size), 0), tf.float32)


def _scaled(
    place: tf.Tensor, moved: tf.Tensor, drawn: tf.Tensor, is_real: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The places from the middle line, in deviations of height, and that deviation `[batch, 1]`.

    Each bit of the path counts by its length, so that it does not matter how often a device samples. A flat line has
    hardly any deviation: a share of that of its width stands in. Where all strokes are dots, the ways between them
    count.
    """
    is_dotted = tf.reduce_sum(drawn, axis=1, keepdims=True) < _TINY
    weights = tf.where(is_dotted, tf.where(is_real, moved, 0.0), drawn)
    total = tf.maximum(tf.reduce_sum(weights, axis=1, keepdims=True), _TINY)
    starts = tf.pad(place[:, :-1], [[0, 0], [1, 0], [0, 0]])
    weights = weights[:, :, None]
    middle = tf.reduce_sum(weights * (place + starts), axis=1, keepdims=True) / 2 / total[:, :, None]
    one, other = place - middle, starts - middle
    # The mean square of a straight line's places.
    squares = (one * one + one * other + other * other) / 3
    deviation = tf.sqrt(tf.reduce_sum(weights * squares, axis=1) / total)
    scale = tf.maximum(deviation[:, 1:], _LEAST_SLIMNESS * deviation[:, :1])
    scale = tf.where(scale > _TINY, scale, 1.0)
    return tf.where(is_real[:, :, None], (place - middle) / scale[:, :, None], 0.0), scale


def _of_strokes(along: tf.Tensor, stroke: tf.Tensor, is_real: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """For each point `[batch, points]`: how far along its stroke begins, and how long it is."""
    rows, count = tf.unstack(tf.shape(along))
    segments = tf.where(is_real, tf.range(rows)[:, None] * count + stroke, rows * count)
    first = tf.math.unsorted_segment_min(along, segments, rows * count + 1)
    last = tf.math.unsorted_segment_max(along, segments, rows * count + 1)
    begins = tf.gather(first, segments)
    return begins, tf.where(is_real, tf.gather(last, segments) - begins, 0.0)
