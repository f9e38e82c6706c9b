"""Ink stays the same as points and as text; what is no ink is refused with its stroke and point."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications.handwriting.ink import (
    Ink,
    InkError,
    Writings,
    checked_ink,
    ink_of,
    numbers_of,
    parse_text,
    points_of,
    text_of,
)

DRAWING = Ink(
    [np.float32([[3, 4], [5.5, 4], [7, -2]]), np.float32([[1, 0.25]]), np.float32([[8, 8], [9, 8]])]
)
COORDINATE = st.floats(allow_nan=False, allow_infinity=False, width=32)
STROKES = st.lists(
    st.lists(st.tuples(COORDINATE, COORDINATE), min_size=1, max_size=4), min_size=1, max_size=4
)


def inks():
    """Ink of a few strokes in more than one place."""
    several = STROKES.filter(lambda drawn: len({place for stroke in drawn for place in stroke}) > 1)
    return several.map(lambda drawn: Ink([np.float32(stroke) for stroke in drawn]))


def assert_same(ink, other):
    assert len(ink.strokes) == len(other.strokes)
    for stroke, of_other in zip(ink.strokes, other.strokes, strict=True):
        assert stroke.dtype == of_other.dtype == np.float32
        np.testing.assert_array_equal(stroke, of_other)


@given(inks())
def test_ink_is_the_same_after_it_was_points(ink):
    points = points_of(ink)
    assert points.dtype == np.float32
    assert points.shape == (sum(map(len, ink.strokes)), 3)
    assert_same(ink_of(points), ink)


@given(inks())
def test_ink_is_the_same_after_it_was_text(ink):
    assert_same(parse_text(text_of(ink)), ink)


@given(inks())
def test_the_text_is_what_plain_python_reads(ink):
    read = [
        [[float(number) for number in point.split(",")] for point in stroke.split(" ")]
        for stroke in text_of(ink).split(";")
    ]
    assert_same(Ink([np.float32(stroke) for stroke in read]), ink)


def test_points_tell_the_number_of_their_stroke():
    assert points_of(DRAWING)[:, 2].tolist() == [0, 0, 0, 1, 2, 2]
    assert points_of(Ink([])).shape == (0, 3)


def test_blanks_and_strokes_without_points_do_not_matter():
    assert_same(parse_text("; 1,2\t 3,4 ;;5,6\n;"), parse_text("1,2 3,4;5,6"))


@pytest.mark.parametrize(
    ("text", "reason", "explanation"),
    [
        ("", "no stroke", "no stroke; expected at least one with points"),
        (" ; ;", "no stroke", "no stroke; expected at least one with points"),
        ("1,2", "fewer than two points", "a single point; expected at least two"),
        (
            "1,2 1,2;1,2",
            "all points in one place",
            "all 3 points are in one place; expected at least two places",
        ),
        ("1,2 3", "not a number", "stroke 1, point 2: '3'; expected x,y such as 3,4.5"),
        ("1,2;3,4 5,6,7", "not a number", "stroke 2, point 2: '5,6,7'; expected x,y such as 3,4.5"),
        ("1,2 3,four", "not a number", "stroke 1, point 2: got 'four'; expected a number"),
        ("1,2 3,", "not a number", "stroke 1, point 2: got nothing; expected a number"),
        ("1,2 3,1_0", "not a number", "stroke 1, point 2: got '1_0'; expected a number"),
        ("1,2;;nan,4 5,6", "not a finite number", "stroke 3, point 1 is at nan,4; expected finite numbers"),
        ("1,2 3,-inf", "not a finite number", "stroke 1, point 2 is at 3,-inf; expected finite numbers"),
        ("1,2 1e39,4", "not a finite number", "stroke 1, point 2 is at 1e+39,4; expected finite numbers"),
    ],
)
def test_what_is_no_ink_is_refused_by_its_place(text, reason, explanation):
    with pytest.raises(InkError, match=f"^page 3: {re.escape(explanation)}$") as error:
        parse_text(text, "page 3")
    assert (error.value.name, error.value.reason) == ("page 3", reason)


@given(st.text())
def test_any_text_is_ink_or_refused(text):
    try:
        ink = parse_text(text)
    except InkError:
        return
    assert_same(parse_text(text_of(ink)), ink)


@given(st.lists(st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), st.text(), st.binary())))
def test_coordinates_of_any_kind_are_numbers_or_refused(values):
    try:
        numbers = numbers_of(values, "ink", 1)
    except InkError as error:
        bad = int(re.search(r"point (\d+)", str(error))[1])
        assert not isinstance(values[bad - 1], int | float) or isinstance(values[bad - 1], bool)
        return
    assert not any(isinstance(value, bool) for value in values)
    for number, value in zip(numbers, values, strict=True):
        assert np.isnan(number) or number == float("inf") or number == float(value)


def test_strokes_without_points_are_passed_over():
    empty = np.zeros((0, 2))
    assert_same(checked_ink([empty, *DRAWING.strokes, empty], "ink"), DRAWING)


def test_writings_tell_how_much_they_are():
    writings = Writings(
        "mine", [DRAWING] * 3, ["a b", "cd", "e"], ["ann", "", "ann"], ["1", "2", "3"], {"no text": 2}
    )
    assert writings.describe() == (
        "mine: 3 inks by 1 writer, 4 words, 5 characters, 18 points; 2 left out: no text"
    )
    chosen = writings.select([2, 0])
    assert (chosen.texts, chosen.writers, chosen.origins) == (["e", "a b"], ["ann", "ann"], ["3", "1"])
