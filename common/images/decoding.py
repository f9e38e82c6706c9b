"""Images in the graph: files of any size become squares of one size, and each that is no image is told why."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
import tensorflow as tf

from common.attempt import apart, attempt, each_row
from common.images.bitmap import Bitmap
from common.images.files import FOREIGN, MAX_PIXELS, SERVED, Pixels
from common.images.formats import (
    has_png_end,
    header,
    jpeg_parts,
    orientation,
    png_parts,
    upright,
)
from common.images.gif import gif_frame
from common.row_errors import first_fault

_WITH_OPACITY = 4
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM")
_PNG_HEADER = 33

Outputs = TypeVar("Outputs", bound=tuple[tf.Tensor, ...])


class _Decoded(NamedTuple):
    """An image as its file has it.

    Attributes:
        pixels: uint8 `[height, width, 3]`; a black one where there is an error.
        tags: its EXIF tags, a string `[]`, empty where it has none.
        error: what is wrong with the file, a string `[]`.
    """

    pixels: tf.Tensor
    tags: tf.Tensor
    error: tf.Tensor


def decode_images(image_bytes: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Files of images as squares, as `common.images.files` has them.

    A JPEG (greyscale, colour or CMYK) and a PNG are turned as their EXIF orientation says; of a GIF it is the first
    frame on its screen. White shines through what is transparent in a PNG, black in a GIF. Of 16 bits per channel the
    upper 8 remain. Nothing raises, whatever a row holds.

    Args:
        image_bytes: strings `[batch]`, each a whole JPEG, PNG, GIF or BMP of any size up to 64 megapixels.
        size: height and width of the result.

    Returns:
        The images, float32 `[batch, size, size, 3]` from 0 to 1, and strings `[batch]`: what is wrong with each, whose
        image is black then; empty where nothing is.
    """

    def squared(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels, tags, error = _decode(content)
        # A square is turned with less work than the whole image.
        return _upright(fit_square(pixels, size), tags), error

    outputs = (tf.TensorSpec([size, size, 3], tf.uint8), tf.TensorSpec([], tf.string))
    squares, error = each_row(squared, image_bytes, outputs)
    with tf.device("/CPU:0"):
        return tf.cast(squares, tf.float32) / 255, error


def decode_each(
    image_bytes: tf.Tensor, compute: Callable[[tf.Tensor, tf.Tensor], Outputs], outputs: Outputs
) -> Outputs:
    """What a function makes of the pixels of each of some files, which are decoded as `decode_images` does it.

    Args:
        image_bytes: strings `[batch]`, as of `decode_images`.
        compute: tensors, the same shapes for every image, of its pixels, uint8 `[height, width, 3]` and upright, and of
            what is wrong with the file, a string `[]`; where something is, the pixels are a single black one.
        outputs: the types and shapes of these tensors, as `tf.TensorSpec`.
    """

    def computed(content: tf.Tensor) -> Outputs:
        pixels, tags, error = _decode(content)
        return compute(_upright(pixels, tags), error)

    return each_row(computed, image_bytes, outputs)


def fit_square(images: tf.Tensor, size: int) -> tf.Tensor:
    """Images stretched to a square by bilinear interpolation; where they shrink, all of their pixels have a say.

    An image that is such a square already stays as it is.

    Args:
        images: uint8 `[height, width, 3]`, or `[batch, height, width, 3]`.
        size: height and width of the result.

    Returns:
        uint8 `[size, size, 3]`, or `[batch, size, size, 3]`.
    """
    # Only the CPU has a kernel for it.
    with tf.device("/CPU:0"):
        return tf.cast(tf.round(tf.image.resize(images, (size, size), antialias=True)), tf.uint8)


def fit(image: Pixels, size: int) -> Pixels:
    """Pixels `[height, width, 3]` -> `[size, size, 3]`, as the served graph has them; a square of that size stays."""
    if image.shape[:2] == (size, size):
        return image
    fitted: Pixels = np.asarray(fit_square(image, size))
    return fitted


def _decode(content: tf.Tensor) -> _Decoded:
    kinds = tf.stack([tf.strings.substr(content, 0, len(known)) == known for known in _SIGNATURES])
    others = [apart(read) for read in (_read_png, _read_gif, _read_bmp, _read_nothing)]
    # JPEGs are most of what comes.
    readers = [partial(read, content) for read in (_read_jpeg, *others)]
    kind = tf.where(tf.reduce_any(kinds), tf.argmax(kinds, output_type=tf.int32), len(_SIGNATURES))
    decoded: _Decoded = tf.switch_case(kind, readers)
    return decoded


def _read_nothing(content: tf.Tensor) -> _Decoded:
    return _faulty(_foreign_fault(content))


def _foreign_fault(content: tf.Tensor) -> tf.Tensor:
    """What a file is that is none of the kinds that are read.

    In TensorFlow's regular expressions `.` is a letter of UTF-8, and any byte is another sign.
    """
    head = tf.strings.substr(content, 0, 1024)
    named = [
        (tf.strings.regex_full_match(head, pattern.replace(".", r"\C")), f"{name}; expected {SERVED}")
        for name, pattern in FOREIGN
    ]
    return first_fault(
        (content == "", f"empty; expected an image ({SERVED})"),
        *named,
        (tf.constant(True), f"not an image; expected {SERVED}"),
    )


def _read_jpeg(content: tf.Tensor) -> _Decoded:
    parts = jpeg_parts(content)

    def decode(content: tf.Tensor) -> tf.Tensor:
        is_small = tf.reduce_prod(_jpeg_size(content)) <= MAX_PIXELS
        # As Pillow and others decode it; TensorFlow's default is up to 5 levels off.
        return tf.io.decode_jpeg(tf.where(is_small, content, ""), channels=3, dct_method="INTEGER_ACCURATE")

    def read() -> _Decoded:
        image = attempt(decode, content, _nothing())
        fault = tf.cond(tf.size(image) > 0, lambda: "", partial(apart(_jpeg_fault), content))
        return _unless(fault, lambda: _whole(image, parts.tags))

    return _unless(tf.where(parts.is_whole, "", "truncated JPEG"), read)


def _jpeg_size(content: tf.Tensor) -> tf.Tensor:
    return tf.image.extract_jpeg_shape(content, tf.int64)[:2]


def _jpeg_fault(content: tf.Tensor) -> tf.Tensor:
    """What keeps a JPEG from being decoded."""
    height, width = tf.unstack(attempt(_jpeg_size, content, tf.ones([2], tf.int64)))
    size_fault = _size_fault(height, width)
    return tf.where(size_fault == "", "damaged JPEG", size_fault)


def _read_png(content: tf.Tensor) -> _Decoded:
    width, height = header(content, 16, 2, tf.int32, big=True)
    (colour_type,) = header(content, 25, 1, tf.uint8)

    def read() -> _Decoded:
        parts = png_parts(content)

        def attempted(channels: int) -> tf.Tensor:
            decode = partial(tf.io.decode_png, channels=channels)
            image = attempt(decode, content, tf.zeros([0, 0, channels], tf.uint8))
            return image if channels == 3 else _on_white(image)

        # Palettes without transparency come out wrong with a channel for it.
        is_opaque = (colour_type < _WITH_OPACITY) & ~parts.has_transparency
        image = tf.cond(is_opaque, partial(attempted, 3), partial(attempted, 4))
        is_read = tf.size(image) > 0
        fault = tf.cond(
            is_read, lambda: "", lambda: tf.where(has_png_end(content), "damaged PNG", "truncated PNG")
        )
        return _unless(fault, lambda: _whole(image, parts.tags))

    is_cut = tf.strings.length(content) < _PNG_HEADER
    return _unless(tf.where(is_cut, "truncated PNG", _size_fault(height, width)), read)


def _read_gif(content: tf.Tensor) -> _Decoded:
    frame = gif_frame(content)

    def read() -> _Decoded:
        image = attempt(lambda file: tf.io.decode_gif(file)[0], frame.file, _nothing())
        fault = tf.where(tf.size(image) > 0, "", "truncated or damaged GIF")
        return _unless(fault, lambda: _whole(frame.on_screen(image)))

    size_fault = _size_fault(frame.height, frame.width)
    return _unless(tf.where(frame.is_there, size_fault, "truncated or damaged GIF"), read)


def _read_bmp(content: tf.Tensor) -> _Decoded:
    bitmap = Bitmap(content)
    size_fault = _size_fault(bitmap.height, bitmap.width)
    fault = tf.where(size_fault == "", bitmap.fault(), size_fault)
    return _unless(fault, lambda: _whole(bitmap.pixels()))


def _unless(fault: tf.Tensor, read: Callable[[], _Decoded]) -> _Decoded:
    """What is read, unless there is a fault."""
    decoded: _Decoded = tf.cond(fault == "", read, lambda: _faulty(fault))
    return decoded


def _whole(pixels: tf.Tensor, tags: tf.Tensor | str = "") -> _Decoded:
    return _Decoded(pixels, tf.convert_to_tensor(tags), tf.constant(""))


def _faulty(error: tf.Tensor) -> _Decoded:
    return _Decoded(tf.zeros([1, 1, 3], tf.uint8), tf.constant(""), error)


def _nothing() -> tf.Tensor:
    return tf.zeros([0, 0, 3], tf.uint8)


def _upright(image: tf.Tensor, tags: tf.Tensor) -> tf.Tensor:
    turned = apart(lambda image, tags: upright(image, orientation(tags)))
    return tf.cond(tags == "", lambda: image, lambda: turned(image, tags))


def _on_white(pixels: tf.Tensor) -> tf.Tensor:
    image = tf.cast(pixels, tf.float32)
    return tf.cast(tf.round(255 + (image[..., :3] - 255) * (image[..., 3:] / 255)), tf.uint8)


def _size_fault(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    shown = tf.strings.join([tf.strings.as_string(width), " x ", tf.strings.as_string(height), " pixels"])
    return first_fault(
        (height * width > MAX_PIXELS, tf.strings.join([shown, f"; expected at most {MAX_PIXELS:,} in all"])),
        (height * width == 0, tf.strings.join([shown, "; expected a whole image"])),
    )
