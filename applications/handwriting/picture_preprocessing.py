"""From a picture of a line of writing to what the network reads, in the graph: training and every signature use this
one implementation.

What is read depends neither on how large the picture is and how much paper is around the writing, nor on how dark paper
and ink are: the writing is cut out, brought to one height, and told in shares of the way from paper to ink.
"""

from typing import NamedTuple

import tensorflow as tf

from common.attempt import apart
from common.images.decoding import decode_each
from common.row_errors import first_fault

HEIGHT = 48
"""Pixels of each column that is read."""
MOST_COLUMNS = 2048
"""Columns that are read of one picture: some 100 letters."""

_MARGIN = 2
_INSIDE = HEIGHT - 2 * _MARGIN
_GREYS = 256
_LUMA = (0.299, 0.587, 0.114)
_RARE = 0.001
_LEAST_CONTRAST = 24.0
_IS_INK = 0.5
_BLANK = "a blank picture; expected writing that stands out from the paper"


class Columns(NamedTuple):
    """Pictures of lines of writing.

    Attributes:
        features: `[batch, columns, 48]` float32, each column from top to bottom, from 0 for paper to 1 for ink; 0 after
            a row's last column.
        count: `[batch]` int32, how many columns of each row are real: at least 1, and `MOST_COLUMNS` at most.
        error: strings `[batch]`, why there is nothing to be read.
    """

    features: tf.Tensor
    count: tf.Tensor
    error: tf.Tensor


_OUTPUTS = Columns(
    tf.TensorSpec([MOST_COLUMNS, HEIGHT], tf.float32),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([], tf.string),
)


def decode_columns(image_bytes: tf.Tensor) -> Columns:
    """Reads the files of pictures, strings `[batch]`: each a whole JPEG, PNG, GIF or BMP, as of `decode_each`."""

    def line(pixels: tf.Tensor, error: tf.Tensor) -> Columns:
        luma = tf.tensordot(tf.cast(pixels, tf.float32), tf.constant(_LUMA), 1)
        return _line(tf.cast(tf.round(luma), tf.uint8), error)

    return _cut(decode_each(image_bytes, line, _OUTPUTS))


def columns_of(pictures: tf.Tensor, sizes: tf.Tensor) -> Columns:
    """Reads pictures that are held in memory as it does files of them.

    Args:
        pictures: `[batch, height, width]` uint8, grey.
        sizes: `[batch, 2]` int32, how many rows and columns of pixels of each are real, from the first on.
    """

    def line(given: tuple[tf.Tensor, tf.Tensor]) -> Columns:
        picture, size = given
        return _line(picture[: size[0], : size[1]], tf.constant(""))

    return _cut(tf.map_fn(line, (pictures, sizes), fn_output_signature=_OUTPUTS))


def _cut(columns: Columns) -> Columns:
    """Without the columns that no row has."""
    longest = tf.reduce_max(tf.concat([columns.count, [1]], axis=0))
    features = tf.ensure_shape(columns.features[:, :longest], [None, None, HEIGHT])
    return Columns(features, columns.count, columns.error)


def _line(grey: tf.Tensor, error: tf.Tensor) -> Columns:
    """What is read of pixels `[height, width]` uint8, padded to `MOST_COLUMNS`."""
    line: Columns = apart(_line_of)(grey, error)
    return line


def _line_of(grey: tf.Tensor, error: tf.Tensor) -> Columns:
    paper, ink = _levels(grey)
    contrast = tf.abs(paper - ink)
    darkness = tf.math.divide_no_nan(paper - tf.cast(grey, tf.float32), paper - ink)
    darkness = _inked_part(tf.clip_by_value(darkness, 0.0, 1.0))
    height, width = tf.unstack(tf.cast(tf.shape(darkness), tf.float32))
    wanted = tf.cast(tf.maximum(tf.round(_INSIDE * width / height), 1.0), tf.int32)
    got = tf.strings.as_string(tf.shape(darkness))
    too_wide = tf.strings.join(
        [
            f"expected writing of at most {MOST_COLUMNS // HEIGHT} times its height, got ",
            *(got[1], " x ", got[0], " pixels (cut it at blanks)"),
        ]
    )
    most = MOST_COLUMNS - 2 * _MARGIN
    error = first_fault(
        (error != "", error), (contrast < _LEAST_CONTRAST, tf.constant(_BLANK)), (wanted > most, too_wide)
    )
    wanted = tf.minimum(wanted, most)
    line = tf.image.resize(darkness[:, :, None], tf.stack([_INSIDE, wanted]), antialias=True)[:, :, 0]
    line = tf.pad(tf.transpose(line), [[_MARGIN, most + _MARGIN - wanted], [_MARGIN, _MARGIN]])
    line = tf.ensure_shape(tf.where(error == "", line, 0.0), [MOST_COLUMNS, HEIGHT])
    return Columns(line, tf.where(error == "", wanted + 2 * _MARGIN, 1), error)


def _levels(grey: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The grey of the paper, which most pixels have, and that of the ink, which is furthest from it; be it darker or
    lighter. A thousandth of the pixels may be further still, as specks are."""
    counts = tf.math.bincount(tf.cast(tf.reshape(grey, [-1]), tf.int32), minlength=_GREYS, maxlength=_GREYS)
    total = tf.cast(tf.size(grey), tf.float32)
    below, above = (tf.cast(tf.cumsum(counts, reverse=turned), tf.float32) for turned in (False, True))

    def darkest(share: float) -> tf.Tensor:
        return tf.cast(tf.math.count_nonzero(below < share * total), tf.float32)

    def lightest(share: float) -> tf.Tensor:
        return _GREYS - 1 - tf.cast(tf.math.count_nonzero(above < share * total), tf.float32)

    paper = (darkest(0.5) + lightest(0.5)) / 2
    dark, light = darkest(_RARE), lightest(_RARE)
    return paper, tf.where(light - paper > paper - dark, light, dark)


def _inked_part(darkness: tf.Tensor) -> tf.Tensor:
    """The smallest rectangle of `[height, width]` that holds all ink."""
    is_ink = darkness > _IS_INK
    bounds = []
    for axis in (1, 0):
        has_ink = tf.cast(tf.reduce_any(is_ink, axis=axis), tf.int32)
        first = tf.argmax(has_ink, output_type=tf.int32)
        bounds.append((first, tf.size(has_ink) - tf.argmax(has_ink[::-1], output_type=tf.int32)))
    (top, bottom), (left, right) = bounds
    return darkness[top:bottom, left:right]
