"""Images in the graph: files of any size become squares of one size, and what is no image is refused."""

from functools import partial

import tensorflow as tf

from common.data.images import KINDS, MAX_PIXELS
from common.layers.image_formats import EXIF, Bitmap, header, holds, orientation, upright
from common.row_errors import first_fault, refuse

_JPEG_END, _PNG_END, _TRANSPARENCY = b"\xff\xd9", b"IEND", b"tRNS"
_WITH_OPACITY = 4
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM")


def decode_images(image_bytes: tf.Tensor, size: int) -> tf.Tensor:
    """Files of images as squares, as `common.data.images` has them.

    A JPEG (greyscale, colour or CMYK) is turned as its EXIF orientation says; of a GIF it is the first frame. White
    shines through what is transparent in a PNG, black in a GIF. Of 16 bits per channel the upper 8 remain.

    Args:
        image_bytes: strings `[batch]`, each a whole JPEG, PNG, GIF or BMP of any size up to 64 megapixels.
        size: height and width of the result.

    Returns:
        float32 `[batch, size, size, 3]` from 0 to 1.

    Raises:
        tf.errors.InvalidArgumentError: a row is no such image; the message names it. Of a GIF that ends too early, and
            of other images that are damaged within, it tells what is wrong but not the row.
    """
    # There are only CPU kernels for most of it.
    with tf.device("/CPU:0"):
        squares = tf.map_fn(
            lambda numbered: _decode(numbered[0], numbered[1], size),
            (tf.range(tf.shape(image_bytes)[0]), image_bytes),
            fn_output_signature=tf.TensorSpec([size, size, 3], tf.uint8),
        )
        return tf.cast(squares, tf.float32) / 255


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


def _decode(row: tf.Tensor, content: tf.Tensor, size: int) -> tf.Tensor:
    """A file `[]` -> its square `[size, size, 3]`."""
    kinds = tf.stack([tf.strings.substr(content, 0, len(known)) == known for known in _SIGNATURES])
    fault = first_fault(
        (content == "", f"empty; expected an image ({KINDS})"),
        (~tf.reduce_any(kinds), f"not an image; expected {KINDS}"),
    )
    with tf.control_dependencies([refuse(row, fault)]):
        kind = tf.argmax(kinds, output_type=tf.int32)
    readers = [_read_jpeg, _read_png, _read_gif, _read_bmp]
    return tf.switch_case(kind, [partial(read, row, content, size) for read in readers])


def _read_jpeg(row: tf.Tensor, content: tf.Tensor, size: int) -> tf.Tensor:
    fault = tf.where(holds(content, _JPEG_END), "", "truncated JPEG")
    with tf.control_dependencies([refuse(row, fault)]):
        height, width, _ = tf.unstack(tf.image.extract_jpeg_shape(content, tf.int64))
    with tf.control_dependencies([refuse(row, _size_fault(height, width))]):
        # As Pillow and others decode it; TensorFlow's default is up to 5 levels off.
        image = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")
    square = fit_square(image, size)
    return tf.cond(holds(content, EXIF), lambda: upright(square, orientation(content)), lambda: square)


def _read_png(row: tf.Tensor, content: tf.Tensor, size: int) -> tf.Tensor:
    width, height = header(content, 16, 2, tf.int32, big=True)
    fault = tf.where(holds(content, _PNG_END), _size_fault(height, width), "truncated PNG")
    (colour_type,) = header(content, 25, 1, tf.uint8)
    with tf.control_dependencies([refuse(row, fault)]):
        # Palettes without transparency come out wrong with a channel for it.
        is_opaque = (colour_type < _WITH_OPACITY) & ~holds(content, _TRANSPARENCY)
        image = tf.cond(is_opaque, lambda: tf.io.decode_png(content, channels=3), lambda: _on_white(content))
    return fit_square(image, size)


def _read_gif(row: tf.Tensor, content: tf.Tensor, size: int) -> tf.Tensor:
    width, height = header(content, 6, 2, tf.uint16)
    with tf.control_dependencies([refuse(row, _size_fault(height, width))]):
        image = tf.io.decode_image(content, channels=3, expand_animations=False)
    return fit_square(tf.ensure_shape(image, [None, None, 3]), size)


def _read_bmp(row: tf.Tensor, content: tf.Tensor, size: int) -> tf.Tensor:
    bitmap = Bitmap(content)
    size_fault = _size_fault(bitmap.height, bitmap.width)
    fault = tf.where(size_fault == "", bitmap.fault(), size_fault)
    with tf.control_dependencies([refuse(row, fault)]):
        return fit_square(bitmap.pixels(), size)


def _on_white(content: tf.Tensor) -> tf.Tensor:
    image = tf.cast(tf.io.decode_png(content, channels=4), tf.float32)
    return tf.cast(tf.round(255 + (image[..., :3] - 255) * (image[..., 3:] / 255)), tf.uint8)


def _size_fault(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    shown = tf.strings.join([tf.strings.as_string(width), " x ", tf.strings.as_string(height), " pixels"])
    return first_fault(
        (height * width > MAX_PIXELS, tf.strings.join([shown, f"; expected at most {MAX_PIXELS:,} in all"])),
        (height * width == 0, tf.strings.join([shown, "; expected a whole image"])),
    )
