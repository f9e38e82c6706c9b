"""What the network reads depends on the shape of the ink alone: not on its place, its size, its device or its
neighbours."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.handwriting.preprocessing import FEATURES, MOST_STEPS, STEP, boxed, steps_of

DX, DY, Y, LIFTED, SINE, COSINE, TURN_SINE, TURN_COSINE = range(FEATURES)


def ink(strokes):
    """Points of strokes `[points, 2]`."""
    numbers = np.repeat(np.arange(len(strokes)), [len(stroke) for stroke in strokes])
    return np.column_stack([np.concatenate(strokes), numbers]).astype(np.float32)


def scribble(seed, strokes=3, points=40):
    """Smooth strokes, each beside the one before."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, points)[:, None]
    drawn = []
    for number in range(strokes):
        waves = rng.uniform(0, 2 * np.pi, (3, 2)), rng.uniform(-5, 5, (3, 2))
        place = sum(
            height * np.sin(6 * (order + 1) * time + phase)
            for order, (phase, height) in enumerate(zip(*waves, strict=True))
        )
        drawn.append(place + np.array([12 * number, 0]) + time * np.array([8, 0]))
    return ink(drawn)


def read(*inks, width=0):
    """The steps of a batch, right-padded with rubbish."""
    lengths = np.array([len(points) for points in inks], np.int32)
    padded = np.full((len(inks), max(max(lengths), width), 3), np.nan, np.float32)
    for row, points in zip(padded, inks, strict=True):
        row[: len(points)] = points
    return steps_of(tf.constant(padded), tf.constant(lengths))


def features(points):
    steps = read(points)
    return steps.features.numpy()[0, : steps.count[0]]


# --- what it depends on, and what it does not


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.integers(0, 50))
def test_a_row_is_read_alike_alone_and_beside_others_whatever_its_padding_holds(seeds, more):
    inks = [scribble(seed, 1 + seed % 3, 5 + seed) for seed in seeds]
    together = read(*inks, width=max(map(len, inks)) + more)
    for row, points in enumerate(inks):
        alone = read(points)
        assert together.count[row] == alone.count[0]
        count = int(alone.count[0])
        np.testing.assert_allclose(together.features[row, :count], alone.features[0], atol=1e-4)
        assert not together.features[row, count:].numpy().any()
        of_points = together.of_points[row, : len(points)]
        np.testing.assert_allclose(of_points, alone.of_points[0], atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 99),
    st.floats(1e-3, 1e3),
    st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)),
)
def test_neither_place_nor_size_changes_anything(seed, scale, shift):
    points = scribble(seed).astype(np.float64)
    moved = points.copy()
    moved[:, :2] = points[:, :2] * scale + np.array(shift) * scale
    one, other = (steps_of(tf.constant(given[None]), tf.constant([len(given)])) for given in (points, moved))
    np.testing.assert_allclose(one.features, other.features, atol=2e-3)


@pytest.mark.parametrize("scale", [1e-30, 1e37])
def test_numbers_of_any_size_are_read(scale):
    points = scribble(1)
    sized = points * np.float32([scale, scale, 1])
    np.testing.assert_allclose(features(sized), features(points), atol=2e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.integers(2, 5))
def test_a_device_that_tells_more_points_of_the_same_path_is_read_alike(seed, times):
    points = scribble(seed)
    dense = []
    for number in np.unique(points[:, 2]):
        stroke = points[points[:, 2] == number].astype(np.float64)
        at = np.linspace(0, len(stroke) - 1, times * (len(stroke) - 1) + 1)
        known = np.arange(len(stroke))
        dense.append(np.column_stack([np.interp(at, known, stroke[:, axis]) for axis in (0, 1)]))
    np.testing.assert_allclose(features(ink(dense)), features(points), atol=5e-3)


@given(st.integers(0, 20), st.integers(1, 4))
@settings(max_examples=10, deadline=None)
def test_points_that_are_told_twice_change_nothing(seed, times):
    points = scribble(seed)
    np.testing.assert_allclose(features(np.repeat(points, times, axis=0)), features(points), atol=1e-4)


def test_the_place_of_a_letter_along_the_line_is_in_no_feature():
    # The same stroke twice, far apart.
    stroke = np.float64([[0, 0], [1, 3], [2, 0], [3, 3]])
    read_twice = features(ink([stroke, stroke + np.float64([100, 0])]))
    half = len(read_twice) // 2
    # The last step of the first stroke turns to the way to the second, and that of the second to nowhere.
    first, second = read_twice[1 : half - 1], read_twice[half + 1 : -1]
    np.testing.assert_allclose(first, second, atol=1e-3)


# --- what each feature is


def test_steps_along_a_stroke_are_of_one_length_and_end_where_it_ends():
    points = scribble(3, strokes=1, points=400)
    found = features(points)
    moved = np.linalg.norm(found[1:, :2], axis=1)
    # A chord is a little shorter than the path.
    assert (moved <= STEP * 1.1).all()
    assert moved.mean() == pytest.approx(STEP, rel=0.1)
    assert found[0].tolist()[:2] == [0, 0]
    place = np.cumsum(found[:, :2], axis=0) * [1, -1]
    size = np.ptp(points[:, 1]) / np.ptp(place[:, 1])
    np.testing.assert_allclose(place[-1] * size, points[-1, :2] - points[0, :2], atol=0.05 * size)


def test_the_way_between_strokes_is_one_step_with_the_pen_lifted():
    steps = read(ink([np.float32([[0, 0], [0, 10]]), np.float32([[5, 0], [5, 10]]), np.float32([[9, 9]])]))
    found = steps.features.numpy()[0]
    lifted = np.flatnonzero(found[:, LIFTED])
    assert lifted[0] == 0
    assert len(lifted) == 3
    assert lifted[2] == len(found) - 1
    scale = np.ptp(found[:, Y]) / 10
    np.testing.assert_allclose(found[lifted[1], [DX, DY]], [5 * scale, 10 * scale], rtol=1e-4)


def test_y_grows_upward_from_the_middle_line_in_deviations_of_height():
    # Of a straight line the places are spread evenly: their deviation is the length over the root of 12.
    found = features(ink([np.float32([[0, 0], [0, 8]])]))
    np.testing.assert_allclose(found[[0, -1], Y], [np.sqrt(3), -np.sqrt(3)], rtol=1e-4)
    np.testing.assert_allclose(found[1:, [SINE, COSINE]], np.tile([-1, 0], (len(found) - 1, 1)), atol=1e-4)


def test_a_corner_turns_by_its_angle():
    found = features(ink([np.float32([[0, 0], [0, 9], [9, 9]])]))
    angles = np.arctan2(found[1:-1, TURN_SINE], found[1:-1, TURN_COSINE])
    assert angles.sum() == pytest.approx(np.pi / 2, abs=1e-3)
    # A step may cut the corner.
    assert np.count_nonzero(np.abs(angles) > 1e-3) <= 2


def test_each_given_point_lies_where_its_step_is():
    points = scribble(5)
    steps = read(points)
    of_points = steps.of_points.numpy()[0]
    assert (np.diff(of_points) >= 0).all()
    assert of_points[0] == 0
    assert of_points[-1] == steps.count[0] - 1
    found = steps.features.numpy()[0]
    height = np.interp(of_points, np.arange(len(found)), found[:, Y])
    scale = np.polyfit(points[:, 1], height, 1)
    np.testing.assert_allclose(np.polyval(scale, points[:, 1]), height, atol=0.15)


# --- ink that is hardly any


@pytest.mark.parametrize(
    "strokes",
    [
        [[[0, 0], [30, 0]]],
        [[[0, 0], [0, 30]]],
        [[[0, 0]], [[0, 5]]],
        [[[0, 0]], [[5, 0]]],
        [[[0, 0], [0.001, 0]], [[0, 5]]],
        [[[3, 3], [3, 3], [3, 3], [4, 3]]],
    ],
    ids=["dash", "bar", "colon", "two dots", "nearly dots", "short after waiting"],
)
def test_dashes_and_dots_are_read_in_few_steps_of_finite_numbers(strokes):
    found = features(ink([np.float32(stroke) for stroke in strokes]))
    assert np.isfinite(found).all()
    assert 2 <= len(found) <= 400
    assert np.abs(found[1:, :2]).max() > 0


def test_rows_without_a_point_or_in_one_place_have_one_step_of_nothing():
    steps = steps_of(tf.ones([2, 4, 3]), tf.constant([0, 4]))
    assert steps.count.numpy().tolist() == [1, 1]
    assert steps.features.shape == (2, 1, FEATURES)
    assert np.isfinite(steps.features.numpy()).all()


def test_more_steps_than_a_model_reads_are_cut_and_told():
    zigzag = np.column_stack([np.arange(3_000), np.arange(3_000) % 2 * 50])
    steps = read(ink([zigzag]), ink([zigzag[:20]]))
    assert steps.is_cut.numpy().tolist() == [True, False]
    assert steps.features.shape[1] == MOST_STEPS
    assert steps.count[0] == MOST_STEPS


def test_no_rows_are_no_steps():
    steps = steps_of(tf.zeros([0, 3, 3]), tf.zeros([0], tf.int32))
    assert steps.count.shape == (0,)
    assert steps.features.shape[0] == 0


def test_a_box_holds_what_float32_cannot():
    points = np.float64([[[1.6e18, 5e17, 0], [1.6e18 + 4096, 5e17 + 2048, 0]]])
    np.testing.assert_allclose(boxed(tf.constant(points), tf.constant([2]))[0], [[0, 0], [1, 0.5]])
    far = np.float32([[[-3e38, 0, 0], [3e38, 3e38, 0]]])
    np.testing.assert_allclose(boxed(tf.constant(far), tf.constant([2]))[0], [[0, 0], [1, 0.5]])
