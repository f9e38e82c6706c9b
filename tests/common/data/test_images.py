"""Image files become the pixels that the served graph finds in them, and what is no image is refused by its name."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from common.data.images import ImageError, decode_image, fit, is_image
from common.layers.images import decode_images

SIZE = 24


def picture(width=SIZE, height=SIZE):
    blocks = np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8)
    return Image.fromarray(blocks).resize((width, height), Image.Resampling.NEAREST)


def saved(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(picture(30, 20), "JPEG", exif=exif, quality=98)


def sheer():
    image = picture(17, 31).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


PALETTE = picture(40, 12).quantize(12)
DEEP = Image.fromarray(np.random.default_rng(0).integers(0, 2**16, (9, 7), dtype=np.uint16))
FILES = {
    "JPEG": saved(picture(33, 21), "JPEG"),
    "greyscale JPEG": saved(picture(33, 21).convert("L"), "JPEG"),
    "CMYK JPEG": saved(picture(33, 21).convert("CMYK"), "JPEG"),
    **{f"JPEG of orientation {number}": turned(number) for number in range(1, 9)},
    "PNG": saved(picture(1, 50)),
    "PNG of one pixel": saved(picture(1, 1)),
    "PNG with a palette": saved(PALETTE),
    "PNG with a palette and transparency": saved(PALETTE, transparency=3),
    "black and white PNG": saved(picture().convert("1")),
    "greyscale PNG of 16 bits": saved(DEEP),
    "PNG with transparency": saved(sheer()),
    "greyscale PNG with transparency": saved(sheer().convert("LA")),
    "GIF": saved(PALETTE, "GIF"),
    "GIF with transparency": saved(PALETTE, "GIF", transparency=PALETTE.getpixel((0, 0))),
    "GIF of two frames": saved(PALETTE, "GIF", save_all=True, append_images=[PALETTE.rotate(180)]),
    "BMP": saved(picture(13, 7), "BMP"),
    "BMP with a palette": saved(PALETTE, "BMP"),
    "BMP with transparency": saved(sheer(), "BMP"),
}


@pytest.fixture(scope="module")
def served():
    traced = tf.function(
        lambda content: decode_images(content, SIZE),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )
    return lambda content: np.round(traced(tf.constant([content])).numpy()[0] * 255).astype(np.int32)


@pytest.mark.parametrize("kind", FILES)
def test_what_is_trained_on_is_what_is_served(served, kind):
    image = fit(decode_image(FILES[kind], kind), SIZE)
    assert image.shape == (SIZE, SIZE, 3)
    assert image.dtype == np.uint8
    # To turn an image before it is squashed or after makes a rounding's difference.
    np.testing.assert_allclose(image.astype(np.int32), served(FILES[kind]), atol=1)


def test_pixels_are_those_that_were_saved():
    image = picture(9, 5)
    np.testing.assert_array_equal(decode_image(saved(image), "a.png"), np.asarray(image))
    np.testing.assert_array_equal(fit(np.asarray(picture()), SIZE), np.asarray(picture()))
    assert decode_image(turned(6), "phone.jpg").shape == (30, 20, 3)


def huge(width, height):
    content = bytearray(saved(picture()))
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "reason", "message"),
    [
        (b"", "empty image", r"photo\.jpg: empty; expected an image"),
        (b"a text", "not an image", r"photo\.jpg: not an image; expected JPEG, PNG, GIF or BMP"),
        (saved(picture(), "TIFF"), "not an image", r"photo\.jpg: not an image"),
        (
            saved(picture(90, 90), "JPEG")[:-200],
            "truncated image",
            r"photo\.jpg: truncated image; expected a whole",
        ),
        (saved(picture(90, 90), "BMP")[:400], "truncated image", r"photo\.jpg: truncated image"),
        (huge(8_001, 8_000), "too large", r"photo\.jpg: 8,001 x 8,000 pixels; expected at most 64,000,000"),
        (huge(10_000, 10_000), "too large", r"photo\.jpg: 10,000 x 10,000 pixels"),
        (huge(100_000, 100_000), "too large", r"photo\.jpg: too large; expected at most 64,000,000 pixels"),
    ],
)
def test_what_is_no_whole_image_is_refused_by_name_in_one_line(content, reason, message):
    with pytest.raises(ImageError, match=message) as refused:
        decode_image(content, "photo.jpg")
    assert refused.value.reason == reason
    assert "\n" not in str(refused.value)


@given(st.sampled_from([*FILES.values()]), st.data())
@settings(max_examples=100)
def test_whatever_is_done_to_a_file_it_is_read_or_refused_in_one_line(content, data):
    spoilt = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = decode_image(bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))]), "photo.jpg")
    except ImageError as error:
        message = str(error)
    else:
        message = "photo.jpg: "
        assert image.dtype == np.uint8
        assert image.shape == (*image.shape[:2], 3)
    assert message.startswith("photo.jpg: ")
    assert "\n" not in message


def test_images_are_known_by_their_suffixes():
    assert all(map(is_image, ("a.jpg", "b/c.JPEG", "d.png", "e.gif", "f.bmp")))
    assert not any(map(is_image, ("a.txt", "jpg", "b.tsv", "c.jpg.txt")))
