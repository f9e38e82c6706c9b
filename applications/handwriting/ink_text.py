"""Ink as a line of text, "x,y x,y;x,y", read in the graph by stock operations."""

from typing import NamedTuple

import tensorflow as tf

from applications.handwriting.preprocessing import boxed
from common.row_errors import first_error, first_fault, neutral_where

MOST_POINTS = 20_000
"""Points that one drawing may have."""

_LARGEST = float(tf.float32.max)
# What is longer or has a larger exponent is no place on any screen, and the conversion to numbers would fail for it.
_NUMBER = r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,2})?"
_SHOWN = 30


class Drawings(NamedTuple):
    """Ink that can be read, and what is wrong with the rest.

    Attributes:
        points: `[batch, points, 3]` float32: x and y from 0 to 1, the number of the stroke; 0 in padding. At least one
            point wide.
        lengths: `[batch]` int32, how many points of each row are real; 0 where there is an error.
        error: strings `[batch]`.
        is_shapeless: bool `[batch]`, whether the error is only that there are too few points yet.
    """

    points: tf.Tensor
    lengths: tf.Tensor
    error: tf.Tensor
    is_shapeless: tf.Tensor


def decode_ink(strokes: tf.Tensor) -> Drawings:
    """Reads texts `[batch]`: strokes between semicolons, points between blanks, x and y between commas.

    More blanks, and strokes without points, do not matter. A text that cannot be read has an error, which names the
    stroke and the point, and no points.
    """
    by_stroke = tf.strings.split(strokes, ";")
    by_point = tf.strings.split(by_stroke.flat_values)
    of_stroke = by_point.value_rowids()
    text = by_point.flat_values
    row = tf.cast(tf.gather(by_stroke.value_rowids(), of_stroke), tf.int32)
    stroke = tf.cast(of_stroke - tf.gather(by_stroke.row_starts(), tf.cast(row, tf.int64)), tf.int32)
    point = tf.cast(tf.range(tf.size(text, tf.int64)) - tf.gather(by_point.row_starts(), of_stroke), tf.int32)
    is_point = tf.strings.regex_full_match(text, f"{_NUMBER},{_NUMBER}")
    pairs = tf.strings.split(tf.where(is_point, text, "0,0"), ",").flat_values
    numbers = tf.reshape(tf.strings.to_number(pairs, tf.float64), [-1, 2])
    is_far = tf.reduce_any(tf.abs(numbers) > _LARGEST, axis=1)
    rows = tf.shape(strokes)[0]
    malformed = _first_where(~is_point, row, rows)
    far = _first_where(is_far, row, rows)
    named = tf.strings.join(
        ["stroke ", tf.strings.as_string(stroke + 1), ", point ", tf.strings.as_string(point + 1), ": "]
    )
    shown = tf.strings.substr(text, 0, _SHOWN)
    # Bytes that are no text would make the error none.
    got = tf.where(tf.strings.regex_full_match(shown, "[ -~]*"), tf.strings.join([", got ", shown]), "")
    why = tf.strings.join([named, "expected x,y such as 3,4.5", got])
    too_far = tf.strings.join([named, "expected numbers below 3.4e38", got])
    # One more, for rows without a fault.
    why, too_far = (tf.concat([texts, [""]], axis=0) for texts in (why, too_far))
    columns = tf.concat([numbers, tf.cast(stroke, tf.float64)[:, None]], axis=1)
    lengths = tf.math.unsorted_segment_sum(tf.ones_like(row), row, rows)
    error = first_fault(
        (malformed < tf.size(text), tf.gather(why, malformed)),
        (far < tf.size(text), tf.gather(too_far, far)),
        _too_many(lengths),
    )
    # Rows with an error would make the batch wide for nothing.
    kept = tf.where(error == "", lengths, 0)
    is_kept = tf.gather(error == "", row)
    points = tf.RaggedTensor.from_row_lengths(
        tf.boolean_mask(columns, is_kept), tf.cast(kept, tf.int64), validate=False
    )
    longest = tf.maximum(tf.reduce_max(tf.concat([kept, [1]], axis=0)), 1)
    dense = points.to_tensor(shape=[None, None, 3])
    dense = tf.pad(dense, [[0, 0], [0, longest - tf.shape(dense)[1]], [0, 0]])
    return _drawn(dense, kept, error)


def drawn_on(before: tf.Tensor, strokes: tf.Tensor) -> tuple[Drawings, tf.Tensor]:
    """What is drawn in steps: the ink of texts `[batch]` and of more strokes after it, `[batch]`; and both as one text.

    A drawing that has no shape yet is none, but no error either.
    """
    has_both = (before != "") & (strokes != "")
    ink = tf.strings.join([before, tf.where(has_both, ";", ""), strokes])
    drawings = decode_ink(ink)
    return drawings._replace(error=tf.where(drawings.is_shapeless, "", drawings.error)), ink


def check_points(points: tf.Tensor, lengths: tf.Tensor) -> Drawings:
    """The ink of points `[batch, points, 3]` float32, of which `lengths` `[batch]` of each row are real, and what is
    wrong with it; what stands after a row's last point does not matter."""
    most = tf.shape(points)[1]
    is_odd = (lengths < 1) | (lengths > most)
    kept = tf.where(is_odd, 0, lengths)
    real = tf.where(tf.sequence_mask(kept, most)[:, :, None], points, 0.0)
    is_finite = tf.reduce_all(tf.math.is_finite(real), axis=[1, 2])
    expected = tf.strings.join(
        ["lengths: expected 1 to ", tf.strings.as_string(most), ", the points of a row"]
    )
    error = first_fault(
        (is_odd, expected),
        (~is_finite, "points: expected finite numbers, got NaN or an infinite one"),
        _too_many(kept),
    )
    kept = tf.where(error == "", kept, 0)
    longest = tf.reduce_max(tf.concat([kept, [1]], axis=0))
    real = tf.pad(real, [[0, 0], [0, tf.maximum(longest - most, 0)], [0, 0]])[:, :longest]
    return _drawn(neutral_where(error != "", real), kept, error)


def _drawn(points: tf.Tensor, lengths: tf.Tensor, error: tf.Tensor) -> Drawings:
    """Refuses what has no shape: no stroke, a single point, or all points in one place."""
    place = boxed(points, lengths)
    is_one_place = tf.reduce_all(place == 0, axis=[1, 2])
    shape_error = first_fault(
        (lengths == 0, "no stroke; expected at least one with points, such as 0,0 3,4.5"),
        (lengths == 1, "a single point; expected at least two"),
        (is_one_place, "all points are in one place; expected at least two places"),
    )
    is_shapeless = (error == "") & (shape_error != "")
    error = first_error(error, shape_error)
    drawn = tf.concat([place, tf.cast(points[:, :, 2:], tf.float32)], axis=2)
    kept = tf.where(error == "", lengths, 0)
    return Drawings(neutral_where(error != "", drawn), kept, error, is_shapeless)


def _too_many(lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    got = tf.strings.as_string(lengths)
    return lengths > MOST_POINTS, tf.strings.join([f"expected at most {MOST_POINTS} points, got ", got])


def _first_where(holds: tf.Tensor, row: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """The index of the first entry of each row for which it holds, `[rows]`; how many entries there are if for none."""
    count = tf.size(holds)
    places = tf.where(holds, tf.range(count), count)
    return tf.minimum(tf.math.unsorted_segment_min(places, row, rows), count)
