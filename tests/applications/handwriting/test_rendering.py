"""Ink becomes pictures as a pen would have left it on paper."""

import numpy as np
import pytest

from applications.handwriting.ink import parse_text, points_of
from applications.handwriting.rendering import aspect_of, render

CROSS = points_of(parse_text("0,0 40,40;40,0 0,40"))


def drawn(seed, points=CROSS):
    return render(points, np.random.default_rng(seed))


def inked(picture):
    """Which pixels are nearer to the ink than to the paper."""
    paper = np.median(picture)
    return picture < (paper + picture.min()) / 2


def test_a_picture_depends_on_its_seed_alone():
    np.testing.assert_array_equal(drawn(3), drawn(3))
    assert len({drawn(seed).shape for seed in range(20)}) > 5
    assert len({int(np.median(drawn(seed))) for seed in range(20)}) > 5


@pytest.mark.parametrize("seed", range(8))
def test_the_line_is_where_the_pen_was_and_the_rest_is_paper(seed):
    picture = drawn(seed)
    assert picture.dtype == np.uint8
    rows, columns = np.nonzero(inked(picture))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    # From 24 to 48 pixels and the width of the pen.
    assert 24 <= height <= 48 + 5
    assert abs(height - width) <= 2
    ink = inked(picture)[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    centre, edge = height // 2, height // 8
    assert ink[centre - 1 : centre + 2, centre - 1 : centre + 2].any()
    assert not ink[:edge, centre - edge : centre + edge].any()
    assert not ink[centre - edge : centre + edge, :edge].any()
    # Two diagonals of a pen of 2 to 4 pixels.
    assert 2 * 2 * 0.7 <= ink.sum() / height <= 2 * 4 * 1.5 * 1.3


def test_strokes_are_not_joined_and_a_dot_is_drawn():
    apart = points_of(parse_text("0,0 0,40;40,0 40,40;20,20"))
    ink = inked(drawn(1, apart))
    rows, columns = np.nonzero(ink)
    across = ink[(rows.min() + rows.max()) // 2, columns.min() : columns.max() + 1]
    assert np.count_nonzero(np.diff(across.astype(int)) == 1) == 2
    quarter = ink[rows.min() + np.ptp(rows) // 4, columns.min() : columns.max() + 1]
    assert np.count_nonzero(np.diff(quarter.astype(int)) == 1) == 1


def test_a_dash_is_no_wider_than_a_letter():
    dash = points_of(parse_text("0,0 500,1 1000,0"))
    assert aspect_of(dash) == pytest.approx(1)
    assert drawn(0, dash).shape[1] < 100
    assert aspect_of(CROSS) == pytest.approx(1)
