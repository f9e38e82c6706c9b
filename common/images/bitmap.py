"""Bitmaps of all kinds in stock operations: TensorFlow's own decoder knows few of them."""

import tensorflow as tf

from common.images.formats import header
from common.row_errors import first_fault

_BITMAP_HEADER = 14
_COLOURS = 256
_PLAIN, _MASKED = 0, 3
_MASKS = (0xFF0000, 0xFF00, 0xFF)


class Bitmap:
    """A BMP of Windows that is not compressed: with a palette, or with 24 or 32 bits per pixel.

    What it may tell of transparency is passed over.

    Args:
        content: the file.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> file = io.BytesIO()
        >>> Image.new("RGB", (2, 1), "red").save(file, "BMP")
        >>> Bitmap(tf.constant(file.getvalue())).pixels().numpy().tolist()
        [[[255, 0, 0], [255, 0, 0]]]
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
