"""All ink belongs to a letter, and to one only."""

import numpy as np
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from applications.handwriting.letters import letters_of
from common.export.label_search import Labels
from common.text.symbols import Symbols

SYMBOLS = Symbols("characters", ("a", "b"))


@st.composite
def readings(draw):
    """The frames of each row's letters, how many frames there are, and where the points lie among them."""
    rows = []
    for _ in range(draw(st.integers(1, 3))):
        frames = draw(st.integers(1, 20))
        firsts = sorted(draw(st.sets(st.integers(0, frames - 1), max_size=5)))
        places = sorted(draw(st.lists(st.floats(0, frames - 0.5, width=32), min_size=2, max_size=30)))
        lifts = sorted(draw(st.sets(st.integers(1, len(places) - 1), max_size=4)))
        rows.append((firsts, frames, places, lifts))
    return rows


def numbers_of_strokes(lifts, points):
    """The number of each point's stroke, where strokes begin at the lifts."""
    return [sum(point >= lift for lift in lifts) for point in range(points)]


@settings(max_examples=60, deadline=None)
@given(readings())
@example([([0, 1, 8, 11], 12, [5.0, 9.5, 11.0], [1, 2])])
@example([([0, 1, 8, 10], 11, [5.0, 9.0], [])])
def test_letters_follow_each_other_from_the_first_point_to_the_last(rows):
    most = max(len(firsts) for firsts, *_ in rows)
    points = max(len(places) for _, _, places, _ in rows)
    numbers, firsts = np.zeros((len(rows), most), np.int32), np.zeros((len(rows), most), np.int32)
    of_points = np.full((len(rows), points), 2.0**30, np.float32)
    for row, (of_row, _, places, _) in enumerate(rows):
        numbers[row, : len(of_row)], firsts[row, : len(of_row)] = 1, of_row
        of_points[row, : len(places)] = places
    sure, no_error = tf.fill([len(rows), most], 0.9), tf.fill([len(rows)], "")
    starts = tf.constant(firsts)
    labels = Labels(tf.constant(numbers), starts, starts, sure, no_error)
    frames = tf.constant([frames for _, frames, *_ in rows])
    lengths = tf.constant([len(places) for _, _, places, _ in rows])
    strokes = tf.constant(np.array([numbers_of_strokes(of_row, points) for *_, of_row in rows], np.float32))
    letters = letters_of(SYMBOLS, labels, frames, tf.constant(of_points), strokes, lengths, 1.0)
    for row, (of_row, _, places, lifts) in enumerate(rows):
        count = int(letters.count[row])
        assert count == len(of_row)
        first, last = (side.numpy()[row] for side in (letters.first_point, letters.last_point))
        assert not first[count:].any()
        assert not last[count:].any()
        if not count:
            continue
        assert first[0] == 0
        assert last[count - 1] == len(places) - 1
        assert (first[:count] <= last[:count]).all()
        for letter in range(count - 1):
            low, high = of_row[letter] + 0.5, of_row[letter + 1] + 0.5
            middle = (low + high) / 2
            between = [lift for lift in lifts if low <= places[lift] <= high]
            border = sum(place < middle for place in places)
            if between:
                nearest = min(abs(places[lift] - middle) for lift in between)
                assert last[letter] == first[letter] or abs(places[last[letter] + 1] - middle) == nearest
            else:
                assert last[letter] == max(border - 1, first[letter])
            assert first[letter + 1] in (last[letter], last[letter] + 1)


def test_a_temperature_makes_letters_less_sure():
    numbers, sure = tf.constant([[1, 2]]), tf.constant([[0.9, 0.5]])
    labels = Labels(numbers, tf.constant([[0, 3]]), tf.constant([[1, 3]]), sure, tf.constant([""]))
    places, strokes = tf.constant([[0.0, 2, 4]]), tf.zeros([1, 3])
    letters = letters_of(SYMBOLS, labels, tf.constant([5]), places, strokes, tf.constant([3]), 2.0)
    assert letters.letters.numpy().tolist() == [[b"a", b"b"]]
    np.testing.assert_allclose(letters.confidence, [[0.75, 0.5]], rtol=1e-4)
    # Frame 1 ends at 2, frame 3 begins at 3: the ink up to 2.5 is the first letter's.
    assert (letters.first_point.numpy().tolist(), letters.last_point.numpy().tolist()) == ([[0, 2]], [[1, 2]])
