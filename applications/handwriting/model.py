"""The reader of handwriting: steps along the pen's path -> convolution -> recurrence -> logits of each frame."""

from typing import Any

import keras

from applications.handwriting.config import Config
from applications.handwriting.preprocessing import FEATURES
from common.layers.sequence_mask import RealSteps, ZeroPaddedSteps
from common.layers.stack import RecurrentStack

_STRIDE = 2
_KERNEL = 5
_MOMENTUM = 0.9


def steps_per_frame(config: Config) -> int:
    """How many steps lie between a frame of the logits and the next."""
    return int(_STRIDE**config.convolutions)


def frames_of(config: Config, steps: Any) -> Any:
    """How many frames of logits ink of so many steps has: whole numbers, or a tensor of them."""
    return -(-steps // steps_per_frame(config))


def build(config: Config, symbols: int, precision: str = "float32") -> keras.Model:
    """Features `[batch, steps, 8]` and how many steps of each row are real, `[batch]` int32 -> logits `[batch, frames,
    symbols]`; `frames_of` tells how many frames of each row are real. A row's logits do not depend on its padding.

    Args:
        config: sizes and dropout.
        symbols: how many there are, the blank among them.
        precision: Keras dtype policy of all layers; logits are float32 always.
    """
    features = keras.Input((None, FEATURES), name="features")
    given = keras.Input((), dtype="int32", name="counts")
    counts = given
    vectors = features
    real = RealSteps(name="real_0")(features, counts)
    for index in range(config.convolutions):
        vectors = _convolution(ZeroPaddedSteps(dtype=precision)(vectors, real), config, index, precision)
        counts = -(-counts // _STRIDE)
        real = RealSteps(name=f"real_{index + 1}")(vectors, counts)
    vectors = _recurrent(vectors, real, config, precision)
    vectors = keras.layers.SpatialDropout1D(config.dropout, dtype=precision)(vectors)
    logits = keras.layers.Dense(symbols, dtype="float32", name="logits")(vectors)
    return keras.Model((features, given), logits, name="handwriting")


def _convolution(vectors: Any, config: Config, index: int, precision: str) -> Any:
    # What "same" pads before the first step depends on how many follow the last one.
    padded = keras.layers.ZeroPadding1D(_KERNEL // 2, dtype=precision)(vectors)
    vectors = keras.layers.Conv1D(
        config.channels,
        _KERNEL,
        strides=_STRIDE,
        use_bias=False,
        dtype=precision,
        name=f"convolution_{index}",
    )(padded)
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
