"""Changed images are parts of the given ones in other light, mirrored only where asked, the same for the same seed."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.images.augmentation import colour_jitter, mirrors, random_crops, random_half

WHOLE = {"scale": (1.0, 1.0), "ratio": (1.0, 1.0)}


def photos(count, height=16, width=16, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


def coordinates(count, size):
    """Images whose first two channels say where each pixel lies."""
    image = np.zeros((size, size, 3), np.uint8)
    image[..., 0], image[..., 1] = np.mgrid[:size, :size]
    return np.repeat(image[None], count, axis=0)


def test_the_whole_image_at_its_own_size_is_unchanged_and_mirrored_where_asked():
    images, flip = photos(4), np.array([False, True, False, True])
    crops = random_crops(images, (1, 2), 16, **WHOLE, flip=flip)
    assert crops.dtype == tf.float32
    expected = np.where(flip[:, None, None, None], images[:, :, ::-1], images) / 255
    np.testing.assert_allclose(crops, expected, atol=1e-6)


def test_a_crop_is_a_rectangle_of_the_asked_area_and_shape_anywhere_in_the_image():
    count, size = 2000, 101
    flip = np.arange(count) % 2 == 1
    crops = random_crops(coordinates(count, size), (3, 4), 9, (0.3, 0.6), (0.75, 1.5), flip)
    places = np.asarray(crops)[..., :2] * 255 / (size - 1)
    rows, columns = places[:, :, 0, 0], places[:, 0, :, 1]
    np.testing.assert_allclose(places[..., 0], np.repeat(rows[:, :, None], 9, axis=2), atol=1e-4)
    np.testing.assert_allclose(places[..., 1], np.repeat(columns[:, None, :], 9, axis=1), atol=1e-4)
    for line in (rows, columns):
        np.testing.assert_allclose(line, np.linspace(line[:, 0], line[:, -1], 9, axis=1), atol=1e-4)
    assert (rows[:, 0] < rows[:, -1]).all()
    np.testing.assert_array_equal(columns[:, 0] > columns[:, -1], flip)
    height, width = rows[:, -1] - rows[:, 0], np.abs(columns[:, -1] - columns[:, 0])
    area, ratio = height * width, width / height
    for values, low, high in ((area, 0.3, 0.6), (np.log(ratio), np.log(0.75), np.log(1.5))):
        assert low - 1e-3 < values.min() < low + 0.02 * (high - low) + 1e-3
        assert high - 0.02 * (high - low) - 1e-3 < values.max() < high + 1e-3
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.03 * (high - low))
    for start, extent in ((rows[:, 0], height), (np.minimum(columns[:, 0], columns[:, -1]), width)):
        share = start / (1 - extent)
        np.testing.assert_allclose(np.quantile(share, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.05)


def test_a_rectangle_that_would_reach_beyond_the_image_is_cut_to_it():
    crops = random_crops(coordinates(50, 33), (5, 6), 5, (1.0, 1.0), (2.0, 2.0), np.zeros(50, bool))
    places = np.asarray(crops) * 255 / 32
    np.testing.assert_allclose(places[:, 0, -1, 1] - places[:, 0, 0, 1], 1, atol=1e-4)
    np.testing.assert_allclose(places[:, -1, 0, 0] - places[:, 0, 0, 0], np.sqrt(0.5), atol=1e-4)


def test_nothing_from_outside_the_image_enters():
    white = np.full((500, 8, 8, 3), 255, np.uint8)
    for flip in (True, False):
        crops = random_crops(white, (7, 8), 8, (0.5, 1.0), (0.5, 2.0), np.full(500, flip))
        np.testing.assert_array_equal(crops, 1)


def brighten(image, brightness, contrast, saturation):
    image = brightness * image
    image = image.mean() + contrast * (image - image.mean())
    grey = image.mean(axis=2, keepdims=True)
    return grey + saturation * (image - grey)


def test_light_changes_by_one_brightness_contrast_and_saturation_for_each_image():
    images = np.random.default_rng(0).uniform(0.4, 0.6, (200, 4, 4, 3))
    changed = np.asarray(colour_jitter(tf.constant(images), (1, 2), 0.3))
    brightness = changed.mean(axis=(1, 2, 3)) / images.mean(axis=(1, 2, 3))
    grey, changed_grey = images.mean(axis=3), changed.mean(axis=3)
    contrast = changed_grey.std(axis=(1, 2)) / grey.std(axis=(1, 2)) / brightness
    colour, changed_colour = images - grey[..., None], changed - changed_grey[..., None]
    saturation = changed_colour.std(axis=(1, 2, 3)) / colour.std(axis=(1, 2, 3)) / brightness / contrast
    factors = [brightness, contrast, saturation]
    expected = [brighten(image, *row) for image, *row in zip(images, *factors, strict=True)]
    np.testing.assert_allclose(changed, expected, rtol=1e-6)
    for values in factors:
        assert 0.7 - 1e-6 <= values.min() < 0.72
        assert 1.28 < values.max() <= 1.3 + 1e-6
    assert np.abs(np.corrcoef(factors) - np.eye(3)).max() < 0.25


def test_light_of_no_strength_changes_nothing():
    images = photos(3).astype(np.float32) / 255
    np.testing.assert_allclose(colour_jitter(tf.constant(images), (1, 2), 0.0), images, atol=1e-6)


@given(st.tuples(*[st.integers(0, 2**31 - 1)] * 2), st.floats(0.01, 1), st.floats(0, 0.9))
@settings(max_examples=20)
def test_the_same_seed_draws_the_same_and_values_stay_from_0_to_1(seed, smallest, strength):
    def change(seed):
        crops = random_crops(photos(3, 9, 14), seed, 8, (smallest, 1.0), (0.5, 2.0), random_half(flip, seed))
        return colour_jitter(crops, seed, strength).numpy()

    flip = tf.constant([True, False, True])
    changed = change(seed)
    assert changed.shape == (3, 8, 8, 3)
    assert changed.min() >= 0
    assert changed.max() <= 1
    np.testing.assert_array_equal(changed, change(tf.constant(seed, tf.int64)))
    assert not np.array_equal(changed, change((seed[0] ^ 1, seed[1])))


def test_half_of_the_candidates_are_drawn_and_no_others():
    candidates = tf.constant([True, False] * 2000)
    drawn = random_half(candidates, (1, 2)).numpy()
    assert not drawn[1::2].any()
    assert drawn[::2].mean() == pytest.approx(0.5, abs=0.05)


def test_it_runs_in_a_data_pipeline_with_a_batch_of_any_size():
    def change(images, seed):
        crops = random_crops(images, seed, 8, (0.5, 1.0), (0.8, 1.25), images[:, 0, 0, 0] > 0)
        return colour_jitter(crops, seed, 0.4)

    dataset = tf.data.Dataset.from_tensor_slices(photos(5)).batch(3)
    seeds = tf.data.Dataset.from_tensor_slices(np.arange(4, dtype=np.int32).reshape(2, 2))
    shapes = [batch.shape for batch in tf.data.Dataset.zip(dataset, seeds).map(change)]
    assert shapes == [(3, 8, 8, 3), (2, 8, 8, 3)]


@pytest.mark.parametrize(
    "caption",
    [
        "a dog on the left",
        "A Right-handed batter",
        "the leftmost of two cats",
        "a lefthand turn",
        "runners go clockwise",
        "a counter-clockwise swirl",
        "it turns anticlockwise",
    ],
)
def test_an_image_is_not_mirrored_where_any_caption_tells_left_from_right(caption):
    assert not mirrors(["a dog", caption])


def test_an_image_is_mirrored_where_no_caption_tells_left_from_right():
    assert mirrors(["A bright copyright sign", "a cleft rock under a clock"])
    assert mirrors([])
