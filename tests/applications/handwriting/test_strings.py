"""Single characters of one writer stand side by side on a line, as large as they are beside each other."""

from itertools import pairwise

import numpy as np
import pytest

from applications.handwriting.ink import Writings, ink_of, points_of
from applications.handwriting.strings import joined, points_of_plan, require_single_characters, text_of_plan
from common.data.strings import Plan
from common.errors import FlagError

BOX = np.float32([[0, 0, 0], [60, 60, 0], [60, 0, 1], [0, 60, 1]])


def writings(texts, writers=None):
    inks = [ink_of(BOX + np.float32([7, -3, 0])) for _ in texts]
    return Writings(
        "made", inks, texts, writers or [""] * len(texts), [f"{number}" for number in range(len(texts))]
    )


def test_characters_stand_on_a_line_with_small_ones_small_and_descenders_below():
    inks = [BOX] * 4
    points = points_of_plan(inks, ["A", "x", "g", "7"], Plan((0, 1, 2, 3), (0.1, 0.2, 0.3, 0.4)))
    assert np.unique(points[:, 2]).tolist() == list(range(8))
    pieces = [points[points[:, 2] // 2 == number] for number in range(4)]
    bottoms = [float(piece[:, 1].max()) for piece in pieces]
    heights = [float(np.ptp(piece[:, 1])) for piece in pieces]
    np.testing.assert_allclose(bottoms, [0, 0, 0.4, 0], atol=1e-6)
    np.testing.assert_allclose(heights, [1, 0.55, 1, 1], atol=1e-6)
    gaps = [after[:, 0].min() - before[:, 0].max() for before, after in pairwise(pieces)]
    np.testing.assert_allclose(gaps, [0.2, 0.3, 0.4], atol=1e-6)


def test_what_stands_alone_is_left_as_it_is():
    assert points_of_plan([BOX], ["x"], Plan((0,), (0.0,))) is BOX


def test_what_is_measured_on_is_always_the_same_and_of_one_writer_each():
    given = writings([*"abcdefgh", "word"], ["ann"] * 4 + ["bob"] * 4 + ["ann"])
    first, second = (joined(given, (2, 3), 0.5, 7) for _ in range(2))
    assert first.texts == second.texts
    assert all(
        (points_of(one) == points_of(two)).all() for one, two in zip(first.inks, second.inks, strict=True)
    )
    assert "word" in first.texts
    for text, writer in zip(first.texts, first.writers, strict=True):
        assert text == "word" or set(text) <= set("abcd" if writer == "ann" else "efgh")
    assert joined(given, (0, 0), 0.5, 7) is given


def test_the_text_of_a_string_has_no_blanks():
    assert text_of_plan(writings(list("ab")), Plan((1, 0), (0.0, 0.0))) == "ba"


def test_nothing_to_join_is_said_in_one_line():
    with pytest.raises(FlagError, match="--join 3 8: made has no ink of a single character"):
        require_single_characters(writings(["two", "words"]), (3, 8))
