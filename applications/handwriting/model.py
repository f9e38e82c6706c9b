"""The reader of handwriting: steps along the pen's path, or the columns of a picture -> convolution -> recurrence ->
logits of each frame."""

from typing import Any

import keras

from applications.handwriting.config import Config
from applications.handwriting.picture_preprocessing import HEIGHT
from applications.handwriting.preprocessing import FEATURES
from common.layers.sequence_mask import RealSteps, ZeroPaddedSteps
from common.layers.stack import RecurrentStack

_STRIDE = 2
_KERNEL = 5
_PICTURE_KERNEL = 3
_PICTURE_CONVOLUTIONS = 4
_MOST_WIDENING = 4
_MOMENTUM = 0.9


def steps_per_frame(config: Config) -> int:
    """How many steps, or columns of a picture, lie between a frame of the logits and the next."""
    return int(_STRIDE**config.convolutions)


def frames_of(config: Config, steps: Any) -> Any:
    """How many frames of logits ink of so many steps or columns has: whole numbers, or a tensor of them."""
    return -(-steps // steps_per_frame(config))


def build(config: Config, symbols: int, precision: str = "float32") -> keras.Model:
    """Features `[batch, steps, 8]`, or of pictures columns `[batch, columns, 48]`, and how many of each row are real,
    `[batch]` int32 -> logits `[batch, frames, symbols]`; `frames_of` tells how many frames of each row are real. A
    row's logits do not depend on its padding.

    Args:
        config: sizes and dropout.
        symbols: how many there are, the blank among them.
        precision: Keras dtype policy of all layers; logits are float32 always.
    """
    features = keras.Input((None, HEIGHT if config.render else FEATURES), name="features")
    given = keras.Input((), dtype="int32", name="counts")
    counts = given
    real = RealSteps(name="real_0")(features, counts)
    # Time is the first of a picture's two dimensions.
    vectors = keras.layers.Reshape((-1, HEIGHT, 1))(features) if config.render else features
    convolution = _picture_convolution if config.render else _convolution
    for index, stride in enumerate(_strides(config)):
        vectors = ZeroPaddedSteps(dtype=precision)(vectors, real)
        vectors = convolution(vectors, config, index, stride, precision)
        counts = -(-counts // stride)
        real = RealSteps(name=f"real_{index + 1}")(vectors, counts)
    if config.render:
        vectors = keras.layers.Reshape((-1, vectors.shape[2] * vectors.shape[3]), dtype=precision)(vectors)
    vectors = _recurrent(vectors, real, config, precision)
    vectors = keras.layers.SpatialDropout1D(config.dropout, dtype=precision)(vectors)
    logits = keras.layers.Dense(symbols, dtype="float32", name="logits")(vectors)
    return keras.Model((features, given), logits, name="handwriting")


def _strides(config: Config) -> list[int]:
    """By how many each convolution divides the steps."""
    others = _PICTURE_CONVOLUTIONS - config.convolutions if config.render else 0
    return [_STRIDE] * config.convolutions + [1] * others


def _convolution(vectors: Any, config: Config, index: int, stride: int, precision: str) -> Any:
    # What "same" pads before the first step depends on how many follow the last one.
    padded = keras.layers.ZeroPadding1D(_KERNEL // 2, dtype=precision)(vectors)
    vectors = keras.layers.Conv1D(
        config.channels,
        _KERNEL,
        strides=stride,
        use_bias=False,
        dtype=precision,
        name=f"convolution_{index}",
    )(padded)
    return _normalised(vectors, precision)


def _picture_convolution(vectors: Any, config: Config, index: int, stride: int, precision: str) -> Any:
    """Over columns and their pixels, `[batch, columns, pixels, channels]`; each one halves the pixels."""
    kernel = _PICTURE_KERNEL if index else _KERNEL
    padded = keras.layers.ZeroPadding2D(kernel // 2, dtype=precision)(vectors)
    vectors = keras.layers.Conv2D(
        config.channels * min(2**index, _MOST_WIDENING),
        kernel,
        strides=(stride, _STRIDE),
        use_bias=False,
        dtype=precision,
        name=f"convolution_{index}",
    )(padded)
    return _normalised(vectors, precision)


def _normalised(vectors: Any, precision: str) -> Any:
    vectors = keras.layers.BatchNormalization(momentum=_MOMENTUM, dtype=precision)(vectors)
    return keras.layers.ReLU(dtype=precision)(vectors)


def _recurrent(vectors: Any, real: Any, config: Config, precision: str) -> Any:
    stack = RecurrentStack(
        config.cell,
        config.units,
        layers=config.layers,
        bidirectional=True,
        dropout=config.dropout,
        dtype=precision,
        name="states",
    )
    return ZeroPaddedSteps(dtype=precision)(stack(vectors, mask=real), real)
