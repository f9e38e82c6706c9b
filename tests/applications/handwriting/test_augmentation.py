"""Ink is changed as far as it is said, and still is that ink."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications.handwriting.augmentation import Augmentation, augment
from common.errors import FlagError

NOTHING = Augmentation(0.0, 0.0, (1.0, 1.0), 0.0, 0.0, 0.0, 0.0)
# A line of waves with a dot above its middle, which comes last but one.
WAVES = np.stack([np.linspace(0, 40, 80), 5 * np.sin(np.linspace(0, 20, 80))], axis=1)
DOT = np.float64([[20, -9], [20.5, -9]])
TAIL = np.float64([[42, 0], [44, 8], [46, -8], [48, 8]])
POINTS = np.column_stack(
    [np.concatenate([WAVES, DOT, TAIL]), np.repeat([0, 1, 2], [len(WAVES), len(DOT), len(TAIL)])]
).astype(np.float32)


def changed(seed=0, **how_far):
    return augment(POINTS, replace(NOTHING, **how_far), np.random.default_rng(seed))


def slope_of(points):
    """Of the line of writing."""
    return np.polyfit(points[:80, 0], points[:80, 1], 1)[0]


def test_where_nothing_may_change_the_ink_stays_as_it_is_but_for_its_place_and_size():
    points = changed()
    size = POINTS[:, 1].std()
    np.testing.assert_allclose(points[:, :2] * size, POINTS[:, :2] - POINTS[:, :2].mean(axis=0), atol=1e-4)
    np.testing.assert_array_equal(points[:, 2], POINTS[:, 2])


@given(st.integers(0, 99))
def test_the_same_draw_gives_the_same_ink_and_no_point_is_lost(seed):
    one, other = (
        augment(POINTS, Augmentation(dropped_share=0.0), np.random.default_rng(seed)) for _ in range(2)
    )
    np.testing.assert_array_equal(one, other)
    assert np.isfinite(one).all()
    assert sorted(one[:, 2]) == sorted(POINTS[:, 2])
    assert one.dtype == np.float32


@given(st.integers(0, 99))
def test_lines_rise_letters_lean_and_words_widen_no_further_than_they_may(seed):
    level = slope_of(changed())
    turned = slope_of(changed(seed, rotation=5.0))
    assert abs(np.degrees(np.arctan(turned) - np.arctan(level))) <= 5.2
    wide = np.ptp(changed(seed, stretch=(0.8, 1.25))[:, 0]) / np.ptp(changed()[:, 0])
    assert 0.79 <= wide <= 1.26
    lean = changed(seed, slant=20.0) - changed()
    np.testing.assert_allclose(lean[:, 1], 0, atol=1e-5)
    assert np.abs(lean[:, 0]).max() <= np.tan(np.radians(20)) * np.abs(changed()[:, 1]).max() + 1e-4


@given(st.integers(0, 99))
def test_waves_and_tremor_move_points_a_little(seed):
    moved = changed(seed, warp=0.15) - changed()
    assert 0 < np.abs(moved[:, :2]).max() <= 0.15
    shaken = changed(seed, tremor=0.03) - changed()
    assert 0 < np.abs(shaken[:, :2]).max() < 0.03 * 6


def test_dots_are_written_at_the_end_or_not_at_all():
    assert changed(delayed_share=1.0)[-1, 2] == 1
    assert changed(delayed_share=1.0)[-3, 2] == 2
    assert set(changed(dropped_share=1.0)[:, 2]) == {0, 2}


def test_ink_that_is_hardly_any_can_be_changed():
    for points in ([[0, 0, 0], [9, 0, 0]], [[3, 3, 0], [3, 3, 1]], [[1, 2, 0]]):
        assert np.isfinite(augment(np.float32(points), Augmentation(), np.random.default_rng(0))).all()


def test_a_range_whose_lower_bound_comes_last_is_refused():
    with pytest.raises(FlagError, match=r"--stretch 2\.0 1\.0"):
        Augmentation(stretch=(2.0, 1.0))
