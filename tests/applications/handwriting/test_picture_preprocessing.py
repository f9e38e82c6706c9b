"""What is read of a picture is its writing, whatever paper, size and kind of file it comes in."""

import io
from functools import cache

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from applications.handwriting.ink import parse_text, points_of
from applications.handwriting.picture_preprocessing import HEIGHT, columns_of, decode_columns
from applications.handwriting.rendering import render

INKS = ("0,0 20,40 40,0;10,20 30,20", "0,0 0,60;20,30 60,30 60,60 20,60 20,30", "0,0 9,0 9,90")
WIDE = np.pad(np.zeros((3, 300), np.uint8), 9, constant_values=255)


@cache
def graph():
    return tf.function(decode_columns, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


def file_of(picture, kind="PNG", **options):
    file = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def pictures():
    return [render(points_of(parse_text(ink)), np.random.default_rng(seed)) for seed, ink in enumerate(INKS)]


@pytest.fixture(scope="module")
def columns(pictures):
    """Of the pictures as PNG files."""
    return graph()(tf.constant([file_of(picture) for picture in pictures]))


def test_pixels_and_files_of_them_are_read_alike(pictures, columns):
    sizes = np.array([picture.shape for picture in pictures], np.int32)
    # What is beyond a picture is none of it.
    padded = np.full((len(pictures), *sizes.max(axis=0)), 77, np.uint8)
    for row, picture in zip(padded, pictures, strict=True):
        row[: picture.shape[0], : picture.shape[1]] = picture
    of_pixels = columns_of(tf.constant(padded), tf.constant(sizes))
    np.testing.assert_array_equal(of_pixels.features, columns.features)
    np.testing.assert_array_equal(of_pixels.count, columns.count)
    assert columns.features.shape == (len(pictures), columns.count.numpy().max(), HEIGHT)
    for row, count in zip(columns.features.numpy(), columns.count.numpy(), strict=True):
        assert not row[count:].any()
        assert row[2 : count - 2].any(axis=1).all()


def test_the_writing_fills_the_height_in_its_own_proportions():
    picture = np.full((50, 120), 230, np.uint8)
    picture[10:31, 30:93] = 40
    read = graph()(tf.constant([file_of(picture)]))
    # 21 x 63 pixels become 44 x 132, and 2 of paper are around.
    expected = np.zeros((136, HEIGHT), np.float32)
    expected[2:-2, 2:-2] = 1
    assert read.count.numpy().tolist() == [136]
    np.testing.assert_allclose(read.features[0], expected, atol=1e-5)


def test_light_writing_on_dark_paper_is_read_as_dark_writing_on_light_paper(pictures, columns):
    inverted = graph()(tf.constant([file_of(255 - picture) for picture in pictures]))
    np.testing.assert_allclose(inverted.features, columns.features, atol=1e-6)


def test_colour_depth_and_transparency_do_not_matter(pictures, columns):
    picture = pictures[0]
    grey = Image.fromarray(picture)
    transparent = Image.new("RGBA", grey.size)
    transparent.putalpha(Image.fromarray(255 - picture))
    files = [
        file_of(grey.convert("RGB")),
        file_of(grey.convert("RGBA")),
        file_of(Image.fromarray(picture.astype(np.uint16) * 257)),
        file_of(grey, "BMP"),
        file_of(transparent),
        file_of(grey.transpose(Image.Transpose.ROTATE_90), exif=turned()),
    ]
    read = graph()(tf.constant(files))
    assert read.error.numpy().tolist() == [b""] * len(files)
    for row in read.features.numpy():
        np.testing.assert_allclose(row, columns.features[0, : row.shape[0]], atol=0.01)


def turned():
    """EXIF tags of what is to be turned right by a quarter."""
    tags = Image.Exif()
    tags[0x0112] = 6
    return tags


def test_a_larger_copy_and_one_with_more_paper_are_read_nearly_alike():
    clean = np.full((60, 90), 240, np.uint8)
    clean[10:50, 10:16] = clean[10:16, 10:80] = clean[44:50, 40:80] = 30
    larger = Image.fromarray(clean).resize((360, 240), Image.Resampling.NEAREST)
    framed = np.pad(clean, ((200, 30), (10, 300)), constant_values=240)
    small, *others = graph()(tf.constant([file_of(one) for one in (clean, larger, framed)])).features.numpy()
    for other in others:
        assert np.abs(other - small).mean() < 0.01


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "empty; expected an image"),
        (b"hello", "not an image; expected JPEG, PNG, GIF or BMP"),
        (file_of(WIDE)[:60], "truncated PNG"),
        (file_of(np.full((30, 90), 200, np.uint8)), "a blank picture; expected writing"),
        (file_of(WIDE), "expected writing of at most 42 times its height, got 300 x 3 pixels"),
    ],
)
def test_what_cannot_be_read_is_told_of_and_leaves_its_neighbours_alone(pictures, columns, content, error):
    files = [file_of(pictures[0]), content, file_of(pictures[1])]
    read = graph()(tf.constant(files))
    errors = [text.decode() for text in read.error.numpy()]
    assert errors[1].startswith(error)
    assert "\n" not in errors[1]
    assert (errors[0], errors[2]) == ("", "")
    for row, expected in ((0, 0), (2, 1)):
        count = read.count[row]
        assert count == columns.count[expected]
        np.testing.assert_array_equal(read.features[row, :count], columns.features[expected, :count])
    assert read.count[1] == 1


def test_no_picture_at_all_is_read_too():
    read = graph()(tf.constant([], tf.string))
    assert read.features.shape[0] == read.count.shape[0] == 0
