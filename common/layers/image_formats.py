"""What TensorFlow's decoders of images leave out, in stock operations: which way up a JPEG is, bitmaps of all kinds.

A file is its bytes as a string `[]`.
"""

from typing import Any

import tensorflow as tf

from common.row_errors import first_fault

EXIF = b"Exif\0\0"

_HEAD = 128
_EXIF_BYTES = 2**16
_ORIENTATION = 0x0112
_ENTRIES = 256
_BITMAP_HEADER = 14
_COLOURS = 256
_PLAIN, _MASKED = 0, 3
_MASKS = (0xFF0000, 0xFF00, 0xFF)


def holds(content: tf.Tensor, mark: bytes) -> tf.Tensor:
    """Whether the mark is anywhere in a file, `[]`."""
    return tf.size(tf.strings.split(content, mark)) > 1


def header(content: tf.Tensor, begin: int, count: int, kind: tf.DType, big: bool = False) -> list[tf.Tensor]:
    """`count` numbers of a type from a place within the first 128 bytes on, `[]` int64 each; 0 beyond the end.

    `big` if the first byte of each is the highest.
    """
    head = tf.strings.join([tf.strings.substr(content, 0, _HEAD), b"\0" * _HEAD])
    numbers = tf.io.decode_raw(tf.strings.substr(head, begin, count * kind.size), kind, little_endian=not big)
    return tf.unstack(tf.cast(tf.ensure_shape(numbers, [count]), tf.int64))


def orientation(content: tf.Tensor) -> tf.Tensor:
    """The EXIF orientation of a JPEG, `[]` int64 from 1 to 8; 1, which is upright, where it tells none."""
    beginning = tf.strings.substr(content, 0, _EXIF_BYTES)
    parts = tf.strings.split(tf.strings.join([beginning, EXIF, b"\0"]), EXIF)
    tags = tf.cast(tf.io.decode_raw(parts[1], tf.uint8), tf.int64)
    big = tags[:1] == ord("M")

    def number(at: Any, size: int) -> tf.Tensor:
        """The numbers of `size` bytes at places `[count]`; beyond the end the last byte stands for all."""
        places = tf.minimum(at[:, None] + tf.range(size, dtype=tf.int64), tf.size(tags, tf.int64) - 1)
        digits = tf.gather(tags, places)
        digits = tf.where(big, digits, digits[:, ::-1])
        return tf.reduce_sum(digits * [256**place for place in reversed(range(size))], axis=1)

    directory = number(tf.constant([4], tf.int64), 4)
    entries = tf.range(_ENTRIES, dtype=tf.int64)
    places = directory + 2 + 12 * entries
    is_it = (entries < number(directory, 2)) & (number(places, 2) == _ORIENTATION)
    told = tf.reduce_max(tf.where(is_it, number(places + 8, 2), 0))
    return tf.where((told >= 1) & (told <= 8), told, 1)


def upright(square: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """An image `[size, size, channels]` of an EXIF orientation, as it is to be seen."""

    def is_among(*known: int) -> tf.Tensor:
        return tf.reduce_any(orientation == tf.constant(known, tf.int64))

    square = tf.where(orientation >= 5, tf.transpose(square, [1, 0, 2]), square)
    square = tf.where(is_among(2, 3, 6, 7), square[:, ::-1], square)
    return tf.where(is_among(3, 4, 7, 8), square[::-1], square)


class Bitmap:
    """A BMP of Windows that is not compressed: with a palette, or with 24 or 32 bits per pixel.

    What it may tell of transparency is passed over.

    Args:
        content: the file.
    """

    def __init__(self, content: tf.Tensor) -> None:
        self._content = content
        # All fields of 4 bytes lie 2 bytes beyond a multiple of 4.
        fields = header(content, 2, 16, tf.int32)
        self._begin, self._header, self.width, height = fields[2:6]
        self._upside_down, self.height = height > 0, tf.abs(height)
        self._bits, self._compression, self._masks = fields[6] // 2**16, fields[7], fields[13:16]
        self._row = (self.width * self._bits + 31) // 32 * 4

    def fault(self) -> tf.Tensor:
        """What keeps the pixels from being read, `[]`; an empty string if nothing does."""
        kinds = {bits: (self._bits == bits) & (self._compression == _PLAIN) for bits in (1, 4, 8, 24, 32)}
        has_masks = (self._bits == 32) & (self._compression == _MASKED)
        has_masks &= tf.reduce_all(tf.stack(self._masks) == tf.constant(_MASKS, tf.int64))
        end = self._begin + self.height * self._row
        return first_fault(
            (self._header < 40, "truncated BMP, or one of OS/2; expected one of Windows"),
            (
                ~tf.reduce_any(tf.stack([*kinds.values(), has_masks])),
                "a BMP that is compressed or of 16 bits; expected 1, 4, 8, 24 or 32 plain bits per pixel",
            ),
            (
                (self._begin < 0)
                | (self.width < 0)
                | (end > tf.cast(tf.strings.length(self._content), tf.int64)),
                "truncated BMP",
            ),
        )

    def pixels(self) -> tf.Tensor:
        """uint8 `[height, width, 3]`, if there is no fault."""
        data = tf.io.decode_raw(self._content, tf.uint8)
        rows = tf.reshape(data[self._begin : self._begin + self.height * self._row], [self.height, self._row])
        rows = tf.cond(self._upside_down, lambda: rows[::-1], lambda: rows)

        def indexed() -> tf.Tensor:
            at = _BITMAP_HEADER + self._header
            palette = tf.pad(data[at : at + 4 * _COLOURS], [[0, 4 * _COLOURS]])[: 4 * _COLOURS]
            bit = tf.range(self.width) * self._bits
            values = tf.cast(tf.gather(rows, bit // 8, axis=1), tf.int64)
            values = values // 2 ** (8 - self._bits - bit % 8) % 2**self._bits
            return tf.gather(tf.reshape(palette, [_COLOURS, 4]), values)

        def direct() -> tf.Tensor:
            channels = self._bits // 8
            return tf.reshape(rows[:, : self.width * channels], [self.height, self.width, channels])

        # Blue comes first.
        return tf.cond(self._bits <= 8, indexed, direct)[..., 2::-1]
