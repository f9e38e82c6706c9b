"""Ink as a line of text is read in the graph as in Python; what is wrong with a row is told of that row alone."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.handwriting.ink import ink_of, points_of, text_of
from applications.handwriting.ink_text import MOST_POINTS, check_points, decode_ink

COORDINATE = st.floats(-1e6, 1e6, width=32)
STROKE = st.lists(st.tuples(COORDINATE, COORDINATE), min_size=1, max_size=6)
INK = st.lists(STROKE, min_size=1, max_size=4).filter(
    lambda strokes: len({point for stroke in strokes for point in stroke}) > 1
)
GOOD = ("0,0 3,4.5", " 1,2  3,-4e1 ;; 5.,.5\t6,+7 ", "0,0;0,1")
BAD = {
    "": "no stroke",
    " ; ;": "no stroke",
    "3,4": "a single point",
    "1,1 1,1;1,1": "all points are in one place",
    "1,2 3": "stroke 1, point 2: expected x,y such as 3,4.5, got 3",
    "1,2;3,4 5,6,7": "stroke 2, point 2: expected x,y",
    "1,2 3,4;;x,1 2,2": "stroke 3, point 1: expected x,y such as 3,4.5, got x,1",
    "1,2 nan,4": "stroke 1, point 2: expected x,y such as 3,4.5, got nan,4",
    "1,2 inf,4": "stroke 1, point 2: expected x,y",
    "1,2 1e999,4": "stroke 1, point 2: expected x,y",
    "1,2 1e39,4": "stroke 1, point 2: expected numbers below 3.4e38, got 1e39,4",
    "1, 2": "stroke 1, point 1: expected x,y",
    '[{"x": 1, "y": 2}]': "stroke 1, point 1: expected x,y",
    b"1,2 \xff,\xfe 3,4": "stroke 1, point 2: expected x,y such as 3,4.5",
    " ".join(
        f"{number},1" for number in range(MOST_POINTS + 1)
    ): f"expected at most {MOST_POINTS} points, got 20001",
}


def decoded(*texts):
    return decode_ink(tf.constant([text if isinstance(text, bytes) else text.encode() for text in texts]))


def normal(points):
    """Places in the square from 0 to 1, and the strokes."""
    place = points[:, :2].astype(np.float64)
    place -= place.min(axis=0)
    return np.column_stack(
        [place / max(place.max(), 1e-300), np.unique(points[:, 2], return_inverse=True)[1]]
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(INK, min_size=1, max_size=4))
def test_ink_is_read_as_it_was_written(inks):
    given_inks = [[np.float32(stroke) for stroke in strokes] for strokes in inks]
    texts = [";".join(" ".join(f"{x!r},{y!r}" for x, y in stroke) for stroke in strokes) for strokes in inks]
    drawings = decoded(*texts)
    assert drawings.error.numpy().tolist() == [b""] * len(inks)
    for row, strokes in enumerate(given_inks):
        numbers = np.repeat(np.arange(len(strokes)), [len(stroke) for stroke in strokes])
        points = np.column_stack([np.concatenate(strokes), numbers])
        found = drawings.points.numpy()[row, : drawings.lengths[row]]
        np.testing.assert_allclose(found, normal(points), atol=1e-6)
        assert not drawings.points[row, drawings.lengths[row] :].numpy().any()


def test_what_is_written_of_ink_is_read_again():
    points = np.float32([[0.1, -3, 0], [1e-7, 2e7, 0], [5, 5, 1]])
    drawings = decoded(text_of(ink_of(points)))
    np.testing.assert_allclose(drawings.points[0], normal(points), atol=1e-6)
    np.testing.assert_array_equal(points_of(ink_of(points)), points)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([*GOOD, *BAD]), min_size=1, max_size=6))
def test_what_is_wrong_is_told_in_its_row_and_the_others_are_read(texts):
    drawings = decoded(*texts)
    for row, text in enumerate(texts):
        error = drawings.error.numpy()[row].decode()
        assert error.startswith(BAD.get(text, ""))
        assert bool(error) == (text in BAD)
        assert "\n" not in error
        assert (drawings.lengths[row] > 0) == (text in GOOD)
        if text in GOOD:
            (alone,) = decoded(text).points.numpy()
            np.testing.assert_array_equal(drawings.points.numpy()[row, : len(alone)], alone)


def test_no_rows_are_no_drawings():
    drawings = decode_ink(tf.constant([], tf.string))
    assert drawings.points.shape[0] == 0
    assert drawings.error.shape == (0,)
    checked = check_points(tf.zeros([0, 3, 3]), tf.zeros([0], tf.int32))
    assert checked.error.shape == (0,)


@given(st.binary(max_size=30))
def test_whatever_is_sent_is_answered(text):
    drawings = decode_ink(tf.constant([text, b"0,0 1,1"]))
    assert drawings.error[1] == b""
    drawings.error[0].numpy().decode()


# --- points as numbers


def test_points_are_taken_as_far_as_they_are_real():
    points = np.full((2, 5, 3), np.nan, np.float32)
    points[0, :3] = [[0, 0, 0], [2, 4, 0], [2, 2, 7]]
    points[1, :2] = [[1, 1, 0], [5, 1, 0]]
    drawings = check_points(tf.constant(points), tf.constant([3, 2]))
    assert drawings.error.numpy().tolist() == [b"", b""]
    np.testing.assert_allclose(drawings.points[0, :, :2], [[0, 0], [0.5, 1], [0.5, 0.5]])
    np.testing.assert_allclose(drawings.points[1, :, :2], [[0, 0], [1, 0], [0, 0]])


@pytest.mark.parametrize(
    ("row", "length", "expected"),
    [
        ([[0, 0, 0], [1, 1, 0]], 0, "lengths: expected 1 to 2, the points of a row"),
        ([[0, 0, 0], [1, 1, 0]], 3, "lengths: expected 1 to 2"),
        ([[0, 0, 0], [1, 1, 0]], 1, "a single point"),
        ([[0, 0, 0], [np.nan, 1, 0]], 2, "points: expected finite numbers"),
        ([[0, 0, 0], [1, 1, np.inf]], 2, "points: expected finite numbers"),
        ([[4, 4, 0], [4, 4, 1]], 2, "all points are in one place"),
    ],
)
def test_points_that_cannot_be_read_are_told_of_in_their_row(row, length, expected):
    points = tf.constant([row, [[0, 0, 0], [1, 2, 0]]], tf.float32)
    drawings = check_points(points, tf.constant([length, 2]))
    assert drawings.error.numpy()[0].decode().startswith(expected)
    assert drawings.error.numpy()[1] == b""
    assert drawings.lengths.numpy().tolist() == [0, 2]
    assert not drawings.points.numpy()[0].any()
