"""What TensorFlow's decoders of images leave out, in stock operations: the parts of a file, and which way up it is.

A file is its bytes as a string `[]`. Nothing here raises, whatever they are.
"""

from typing import NamedTuple

import tensorflow as tf

from common.attempt import apart

EXIF = b"Exif\0\0"

_HEAD = 128
_ORIENTATION = 0x0112
_ENTRY = 12
_MOST_TAGS = 2**16
_MOST_PARTS = 4096
_BYTE, _SHORT, _LONG = 1, 2, 4
_INTEGERS = ((1, _BYTE), (3, _SHORT), (4, _LONG), (6, _BYTE), (8, _SHORT), (9, _LONG), (13, _LONG))
_MARKER, _SCAN, _APPLICATION_1 = 0xFF, 0xDA, 0xE1
_END_OF_JPEG = b"\xff\xd9"
_END_OF_PNG = b"\0\0\0\0IEND\xae\x42\x60\x82"
_PNG_SIGNATURE_BYTES, _PNG_AROUND = 8, 12


class JpegParts(NamedTuple):
    """Whether a JPEG goes on to its end mark, bool `[]`, and its EXIF tags, a string `[]`, empty if it has none."""

    is_whole: tf.Tensor
    tags: tf.Tensor


class PngParts(NamedTuple):
    """Whether a PNG tells of transparency for its colours, bool `[]`, and its EXIF tags, a string `[]`."""

    has_transparency: tf.Tensor
    tags: tf.Tensor


def holds(content: tf.Tensor, mark: bytes) -> tf.Tensor:
    """Whether the bytes of a mark are anywhere in a file, be they a mark there or not, `[]`."""
    return tf.size(tf.strings.split(content, mark)) > 1


def header(content: tf.Tensor, begin: int, count: int, kind: tf.DType, big: bool = False) -> list[tf.Tensor]:
    """`count` numbers of a type from a place within the first 128 bytes on, `[]` int64 each; 0 beyond the end.

    `big` if the first byte of each is the highest.
    """
    head = tf.strings.join([tf.strings.substr(content, 0, _HEAD), b"\0" * _HEAD])
    numbers = tf.io.decode_raw(tf.strings.substr(head, begin, count * kind.size), kind, little_endian=not big)
    unstacked: list[tf.Tensor] = tf.unstack(tf.cast(tf.ensure_shape(numbers, [count]), tf.int64))
    return unstacked


def jpeg_parts(content: tf.Tensor) -> JpegParts:
    """What the segments of a JPEG tell; each is looked at only where it is not plain without."""
    is_closed = _end(content, len(_END_OF_JPEG)) == _END_OF_JPEG
    must_look = ~is_closed | holds(content, EXIF)
    return JpegParts(*tf.cond(must_look, lambda: apart(_walk_jpeg)(content, is_closed), lambda: (True, "")))


def png_parts(content: tf.Tensor) -> PngParts:
    """What the chunks of a PNG tell; each is looked at only where it is not plain without."""
    must_look = holds(content, b"tRNS") | holds(content, b"eXIf")
    return PngParts(*tf.cond(must_look, lambda: apart(_walk_png)(content), lambda: (False, "")))


def has_png_end(content: tf.Tensor) -> tf.Tensor:
    """Whether the last chunk of a PNG is there, `[]`."""
    return holds(content, _END_OF_PNG)


def orientation(tags: tf.Tensor) -> tf.Tensor:
    """The orientation that EXIF tags tell, `[]` int64 from 1 to 8; 1, which is upright, where they tell none.

    It may be an integer of any type and byte order, as in `common.images.files`.

    Args:
        tags: a string `[]`: a TIFF header and what it points to.
    """
    padded = tf.strings.join([tf.strings.substr(tags, 0, _MOST_TAGS), b"\0" * _ENTRY])
    values = tf.cast(tf.io.decode_raw(padded, tf.uint8), tf.int64)
    length = tf.size(values, tf.int64) - _ENTRY
    big = values[:1] == ord("M")
    is_header = tf.reduce_any(tf.strings.substr(padded, 0, 4) == tf.constant([b"II*\0", b"MM\0*"]))

    def number(places: tf.Tensor, size: int) -> tf.Tensor:
        """The numbers of `size` bytes at places `[count]`; what lies beyond the end is 0."""
        at = tf.clip_by_value(places[:, None] + tf.range(size, dtype=tf.int64), 0, length + _ENTRY - 1)
        digits = tf.gather(values, at)
        digits = tf.where(big, digits, digits[:, ::-1])
        return tf.reduce_sum(digits * [256**place for place in reversed(range(size))], axis=1)

    directory = number(tf.constant([4], tf.int64), 4)
    most = tf.maximum((length - directory - 2) // _ENTRY, 0)
    places = directory + 2 + _ENTRY * tf.range(tf.minimum(number(directory, 2), most)[0])
    kinds, counts = number(places + 2, 2), number(places + 4, 4)
    readings = tf.zeros_like(places)
    for kind, size in _INTEGERS:
        at = tf.where(counts * size > 4, number(places + 8, 4), places + 8)
        readings = tf.where((kinds == kind) & (counts > 0), number(at, size), readings)
    # The last one holds.
    is_orientation = number(places, 2) == _ORIENTATION
    orientation = tf.concat([[0], tf.boolean_mask(readings, is_orientation)], axis=0)[-1]
    return tf.where(is_header & (orientation >= 1) & (orientation <= 8), orientation, 1)


def upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """An image `[height, width, channels]` of an EXIF orientation, as it is to be seen."""

    def is_among(*known: int) -> tf.Tensor:
        return tf.reduce_any(orientation == tf.constant(known, tf.int64))

    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    image = tf.where(is_among(2, 3, 6, 7), image[:, ::-1], image)
    return tf.where(is_among(3, 4, 7, 8), image[::-1], image)


def _walk_jpeg(content: tf.Tensor, is_closed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    length = tf.strings.length(content)
    window = 4 + len(EXIF)

    def goes_on(at: tf.Tensor, is_scan: tf.Tensor, tags_at: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        return ~is_scan & (at + window <= length) & ((tags_at == 0) | ~is_closed)

    def step(at: tf.Tensor, _: tf.Tensor, tags_at: tf.Tensor, tags_size: tf.Tensor) -> tuple[tf.Tensor, ...]:
        shown = tf.strings.substr(content, at, window)
        first, code, high, low = tf.unstack(_bytes(shown, 4))
        size = tf.maximum(256 * high + low, 2)
        is_marker = (first == _MARKER) & (code != _MARKER)
        # Those have no content.
        is_bare = (code <= 1) | ((code >= 0xD0) & (code <= 0xD9))
        is_exif = is_marker & (code == _APPLICATION_1) & (tf.strings.substr(shown, 4, window) == EXIF)
        is_exif &= tags_at == 0
        return (
            at + tf.where(is_marker, tf.where(is_bare, 2, 2 + size), 1),
            is_marker & (code == _SCAN),
            tf.where(is_exif, at + window, tags_at),
            tf.where(is_exif, size - 2 - len(EXIF), tags_size),
        )

    start = (2, False, 0, 0)
    at, is_scan, *tags = tf.while_loop(goes_on, step, start, maximum_iterations=_MOST_PARTS)
    rest = tf.strings.substr(content, tf.minimum(at, length), length)
    return is_closed | (is_scan & holds(rest, _END_OF_JPEG)), _part(content, *tags)


def _walk_png(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    length = tf.strings.length(content)

    def goes_on(at: tf.Tensor, kind: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        return (at + _PNG_AROUND <= length) & (kind != b"IEND")

    def step(
        at: tf.Tensor,
        _: tf.Tensor,
        is_before_data: tf.Tensor,
        has_transparency: tf.Tensor,
        tags_at: tf.Tensor,
        tags_size: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        shown = tf.strings.substr(content, at, 8)
        size = tf.reduce_sum(_bytes(shown, 4) * [2**24, 2**16, 2**8, 1])
        # One that cannot be is the last.
        size = tf.where((size < 0) | (size > length), length, size)
        kind = tf.strings.substr(shown, 4, 4)
        is_before_data &= kind != b"IDAT"
        is_exif = (kind == b"eXIf") & (tags_at == 0)
        return (
            tf.minimum(at, length - size) + size + _PNG_AROUND,
            kind,
            is_before_data,
            has_transparency | (is_before_data & (kind == b"tRNS")),
            tf.where(is_exif, at + 8, tags_at),
            tf.where(is_exif, size, tags_size),
        )

    start = (_PNG_SIGNATURE_BYTES, b"", True, False, 0, 0)
    _, _, _, has_transparency, *tags = tf.while_loop(goes_on, step, start, maximum_iterations=_MOST_PARTS)
    return has_transparency, _part(content, *tags)


def _part(content: tf.Tensor, at: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """The bytes from a place on, which may be the end."""
    return tf.strings.substr(content, at, tf.maximum(size, 0))


def _bytes(content: tf.Tensor, count: int) -> tf.Tensor:
    """The first bytes `[count]` int32 of a string that has as many."""
    return tf.cast(
        tf.ensure_shape(tf.io.decode_raw(tf.strings.substr(content, 0, count), tf.uint8), [count]), tf.int32
    )


def _end(content: tf.Tensor, count: int) -> tf.Tensor:
    return tf.strings.substr(content, tf.maximum(tf.strings.length(content) - count, 0), count)
