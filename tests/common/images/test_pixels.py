"""Pixels of NumPy become what Pillow makes of the same image in a file."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from common.errors import UserError
from common.images.files import decode_image, rgb_of
from common.images.pixels import pixels_of

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
SIZES = st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4))
PIXELS = SIZES.flatmap(lambda size: arrays.arrays(np.uint8, size))


def from_file(pixels):
    """The pixels after Pillow wrote them to a PNG, as the loader of the training reads them."""
    mode = MODES[pixels.shape[2]]
    image = Image.frombytes(mode, pixels.shape[1::-1], pixels.tobytes())
    file = io.BytesIO()
    image.save(file, "PNG")
    return decode_image(file.getvalue(), "file")


@given(PIXELS)
def test_pixels_of_any_channels_and_type_are_those_of_the_file(pixels):
    expected = from_file(pixels)
    forms = [pixels, pixels / 255, (pixels / 255).astype(np.float32), pixels.astype(np.uint16) * 257]
    forms += [np.asfortranarray(pixels), pixels[::-1].copy()[::-1], pixels.astype(">u2") << 8]
    forms += [pixels[..., 0]] if pixels.shape[2] == 1 else []
    for form in forms:
        np.testing.assert_array_equal(pixels_of(form, "image"), expected)


@given(arrays.arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 5))))
def test_a_mask_is_white_where_it_is_true(mask):
    found = pixels_of(mask, "image")
    np.testing.assert_array_equal(found, np.where(mask[..., None], 255, 0) * np.ones(3, int))


def test_half_precision_is_read_and_what_interpolation_leaves_beyond_the_range_is_clipped():
    np.testing.assert_array_equal(pixels_of(np.array([[-0.04, 0.5, 1.06]]), "image")[0, :, 0], [0, 128, 255])
    np.testing.assert_array_equal(pixels_of(np.ones((1, 1), np.float16), "image"), [[[255] * 3]])


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.full((2, 2, 3), 200.0), "float64 pixels from 200 to 200; expected uint8, or float from 0 to 1"),
        (np.array([[-1.0, 1.0]]), "float64 pixels from -1 to 1; expected"),
        (np.array([[0.0, np.nan]]), "float64 pixels from nan to nan; expected"),
        (np.array([[0.0, np.inf]]), "float64 pixels from 0 to inf; expected"),
        (np.zeros((2, 2), np.int64), r"got int64 \[2, 2\]; expected pixels"),
        (np.zeros((2, 2), complex), r"got complex128 \[2, 2\]; expected pixels"),
        (np.zeros((3, 20, 20), np.uint8), r"got uint8 \[3, 20, 20\]; expected pixels"),
        (np.zeros((2, 2, 0), np.uint8), r"got uint8 \[2, 2, 0\]; expected pixels"),
        (np.zeros((0, 2), np.uint8), r"got uint8 \[0, 2\]; expected pixels"),
        (np.zeros(4, np.uint8), r"got uint8 \[4\]; expected pixels"),
        (np.array(3, np.uint8), r"got uint8 \[\]; expected pixels"),
        (np.broadcast_to(np.uint8(0), (9_000, 9_000)), "9,000 x 9,000 pixels; expected at most 64,000,000"),
    ],
    ids=str,
)
def test_what_are_no_pixels_is_refused(pixels, message):
    with pytest.raises(UserError, match=f"^image: {message}"):
        pixels_of(pixels, "image")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I;16"])
def test_an_image_of_pillow_of_any_mode_has_the_pixels_that_pillow_converts_it_to(mode):
    grey = np.linspace(0, 255, 12).astype(np.uint8).reshape(3, 4)
    if mode == "I;16":
        image, expected = Image.fromarray(grey.astype(np.uint16) * 257), np.stack([grey] * 3, axis=2)
    else:
        colour = Image.fromarray(np.stack([grey, grey[::-1], grey[:, ::-1]], axis=2))
        image = (
            colour.convert("RGB").convert(mode) if mode != "LAB" else Image.new("LAB", (4, 3), (50, 128, 128))
        )
        expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(rgb_of(image, "image"), expected)


def test_an_image_of_pillow_that_cannot_be_used_is_named(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        pass
    for unusable, message in (
        (image, "image: the image is closed; expected an open one"),
        (Image.new("RGB", (0, 3)), "image: 0 x 3 pixels; expected at least one"),
        (Image.new("F", (2, 2)), "image: an image with numbers of 32 bits; expected 8 or 16 bits"),
    ):
        with pytest.raises(UserError, match=f"^{message}"):
            rgb_of(unusable, "image")
