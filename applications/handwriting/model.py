"""The reader of handwriting: steps along the pen's path -> convolution -> recurrence -> logits of each frame."""

from typing import Any

import keras

from applications.handwriting.config import Config
from applications.handwriting.preprocessing import FEATURES
from common.layers.sequence_mask import RealSteps, ZeroPaddedSteps
from common.layers.stack import RecurrentStack

STRIDE = 2
"""Steps from one frame of the logits to the next."""
_KERNEL = 5
_MOMENTUM = 0.9


def frames_of(steps: Any) -> Any:
    """How many frames of logits ink of so many steps has: whole numbers, or a tensor of them."""
    return -(-steps // STRIDE)


def build(config: Config, symbols: int, precision: str = "float32") -> keras.Model:
    """Features `[batch, steps, 8]` and how many steps of each row are real, `[batch]`
    int32 -> logits `[batch, frames, symbols]`, a frame each second step; `frames_of` tells how many of each row are
    real. A row's logits do not depend on its padding.

    Args:
        config: sizes and dropout.
        symbols: how many there are, the blank among them.
        precision: Keras dtype policy of all layers; logits are float32 always.
    """
    features = keras.Input((None, FEATURES), name="features")
    counts = keras.Input((), dtype="int32", name="counts")
    real = RealSteps(name="real_steps")(features, counts)
    vectors = ZeroPaddedSteps(dtype=precision)(features, real)
    # What "same" pads before the first step depends on how many follow the last one.
    vectors = keras.layers.ZeroPadding1D(_KERNEL // 2, dtype=precision)(vectors)
    vectors = keras.layers.Conv1D(
        config.channels, _KERNEL, strides=STRIDE, use_bias=False, dtype=precision, name="convolution"
    )(vectors)
    vectors = keras.layers.BatchNormalization(momentum=_MOMENTUM, dtype=precision)(vectors)
    vectors = keras.layers.ReLU(dtype=precision)(vectors)
    real = RealSteps(name="real_frames")(vectors, frames_of(counts))
    vectors = _recurrent(vectors, real, config, precision)
    vectors = keras.layers.SpatialDropout1D(config.dropout, dtype=precision)(vectors)
    logits = keras.layers.Dense(symbols, dtype="float32", name="logits")(vectors)
    return keras.Model((features, counts), logits, name="handwriting")


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
