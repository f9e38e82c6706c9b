"""The first frame of a GIF on its screen: TensorFlow's decoder takes that frame for the screen, and reads them all."""

from typing import NamedTuple

import tensorflow as tf

from common.images.formats import header

_SCREEN = 13
_DESCRIPTOR = 10
_EXTENSION, _IMAGE, _TRAILER, _CONTROL = 0x21, 0x2C, 0x3B, 0xF9
_COLOURS = 256
_GREYS = bytes(value for grey in range(_COLOURS) for value in (grey,) * 3)
_MOST_BLOCKS = 4096
_LONGEST, _AT_ONCE = 255, 2**16
_PADDING = 16


class GifFrame(NamedTuple):
    """The first frame and where it lies.

    Attributes:
        is_there: bool `[]`; if not, nothing else counts.
        height: of the screen, int64 `[]`; one that a frame does not fit on is larger than the file says.
        width: of the screen.
        top: of the frame on it.
        left: of the frame on it.
        file: a GIF of the frame alone, a string `[]`.
        ground: what is seen where the screen is wider than the frame, uint8 `[3]`.
    """

    is_there: tf.Tensor
    height: tf.Tensor
    width: tf.Tensor
    top: tf.Tensor
    left: tf.Tensor
    file: tf.Tensor
    ground: tf.Tensor

    def on_screen(self, image: tf.Tensor) -> tf.Tensor:
        """The frame's pixels, uint8 `[frame's height, frame's width, 3]` -> the screen's `[height, width, 3]`."""
        size = tf.shape(image, tf.int64)
        below, right = self.height - self.top - size[0], self.width - self.left - size[1]
        margins = tf.stack(
            [tf.stack([self.top, below]), tf.stack([self.left, right]), tf.zeros([2], tf.int64)]
        )

        def placed() -> tf.Tensor:
            is_frame = tf.pad(tf.ones_like(image[..., :1], tf.bool), margins)
            return tf.where(is_frame, tf.pad(image, margins), self.ground)

        return tf.cond(tf.reduce_all(margins == 0), lambda: image, placed)


def gif_frame(content: tf.Tensor) -> GifFrame:
    """The first frame of a file, a string `[]`; nothing is raised, whatever it is."""
    data = tf.concat([tf.io.decode_raw(content, tf.uint8), tf.zeros([_PADDING], tf.uint8)], axis=0)
    data, length = _Bytes(data), tf.strings.length(content)
    width, height = header(content, 6, 2, tf.uint16)
    flags = tf.cast(header(content, 10, 1, tf.uint8)[0], tf.int32)
    colours = _table_bytes(flags)
    at, transparent = _find_image(data, tf.minimum(_SCREEN + colours, length), length)
    local_flags = data[at + 9]
    local = _table_bytes(local_flags)
    begin = at + _DESCRIPTOR + local
    is_there = (data[at] == _IMAGE) & (begin + 1 < length)

    def read_frame() -> GifFrame:
        left, top, wide, high = (
            tf.cast(data[at + 1 + 2 * n] + 256 * data[at + 2 + 2 * n], tf.int64) for n in range(4)
        )
        table_at, table_bytes = (
            tf.where(local > 0, at + _DESCRIPTOR, _SCREEN),
            tf.where(local > 0, local, colours),
        )
        table = tf.strings.join([tf.strings.substr(content, table_at, table_bytes), _GREYS])
        # What follows the colours of a table are none; without a table they are greys.
        table = tf.where(
            table_bytes > 0,
            tf.strings.join([tf.strings.substr(table, 0, table_bytes), bytes(3 * _COLOURS)]),
            _GREYS,
        )
        table = tf.strings.substr(table, 0, 3 * _COLOURS)
        size = tf.strings.substr(content, at + 5, 4)
        control = tf.strings.join([b"!\xf9\x04\1\0\0", tf.strings.substr(content, transparent, 1), b"\0"])
        is_interlaced = local_flags // 64 % 2 == 1
        parts = [
            *(b"GIF89a", size, b"\xf7\0\0", table, tf.where(transparent > 0, control, b"")),
            *(b",\0\0\0\0", size, tf.where(is_interlaced, b"\x40", b"\0")),
            tf.strings.substr(content, begin, _after_blocks(data, begin + 1, length) - begin),
            b"\0;",
        ]
        colour = tf.ensure_shape(tf.io.decode_raw(tf.strings.substr(table, 0, 3), tf.uint8), [3])
        return GifFrame(
            tf.constant(True),
            *(tf.maximum(height, top + high), tf.maximum(width, left + wide), top, left),
            tf.strings.join(parts),
            tf.where(transparent > 0, tf.zeros_like(colour), colour),
        )

    nothing = (
        tf.constant(False),
        height,
        width,
        *[tf.constant(0, tf.int64)] * 2,
        "",
        tf.zeros([3], tf.uint8),
    )
    frame: GifFrame = tf.cond(is_there, read_frame, lambda: GifFrame(*nothing))
    return frame


class _Bytes:
    """Numbers int32 `[]` by place."""

    def __init__(self, values: tf.Tensor) -> None:
        self.values = values

    def __getitem__(self, at: tf.Tensor) -> tf.Tensor:
        return tf.cast(self.values[at], tf.int32)


def _table_bytes(flags: tf.Tensor) -> tf.Tensor:
    return tf.where(flags >= 128, 3 * 2 ** (flags % 8 + 1), 0)


def _find_image(data: _Bytes, at: tf.Tensor, length: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The place of the first image's descriptor, or of something else if there is none, and that of the number of the
    colour that is transparent, 0 if none is."""

    def goes_on(at: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        return (at < length) & (data[at] != _IMAGE) & (data[at] != _TRAILER)

    def step(at: tf.Tensor, transparent: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        is_extension = data[at] == _EXTENSION
        is_control = is_extension & (data[at + 1] == _CONTROL) & (data[at + 2] >= 4) & (data[at + 3] % 2 == 1)
        following = tf.cond(is_extension, lambda: _after_blocks(data, at + 2, length), lambda: at)
        return tf.minimum(following + 1, length), tf.where(
            is_control & (at + 6 < length), at + 6, transparent
        )

    places: tuple[tf.Tensor, tf.Tensor] = tf.while_loop(
        goes_on, step, (at, 0), maximum_iterations=_MOST_BLOCKS
    )
    return places


def _after_blocks(data: _Bytes, at: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """The place of the empty block that ends a row of blocks, or the file's end.

    Blocks of full length are passed many at once. Of a file with very many others it is the file's end too: what
    follows the first frame's end then does no harm.
    """

    def goes_on(at: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        return (at < length) & (data[at] > 0)

    def step(at: tf.Tensor, steps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        sizes = data.values[at : tf.minimum(at + _AT_ONCE, length) : _LONGEST + 1]
        full = tf.argmax(tf.concat([sizes != _LONGEST, [True]], axis=0), output_type=tf.int32)
        return tf.minimum(
            tf.where(full > 0, at + (_LONGEST + 1) * full, at + 1 + data[at]), length
        ), steps + 1

    at, steps = tf.while_loop(goes_on, step, (tf.minimum(at, length), 0), maximum_iterations=_MOST_BLOCKS)
    return tf.where(steps == _MOST_BLOCKS, length, at)
