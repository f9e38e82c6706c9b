"""The recognisers: waveform -> log-mel spectrum -> convolutions -> recurrence -> logits of the clip or each frame."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from applications.speech_commands.config import Config
from common.audio.features import LogMel, MeanNormalization, SpecAugment
from common.layers.attention import AttentionPooling
from common.layers.causal_convolution import CausalConvolution
from common.layers.running_mean import RunningNormalization
from common.layers.stack import RecurrentStack

_RUNNING_DECAY = 0.995
_CAUSAL_LAYERS = 3
_CAUSAL_KERNEL = 5


def build(config: Config, classes: int, precision: str = "float32") -> keras.Model:
    """The network of `config.kind`.

    - `clip` and `convolutional`: waveforms `[batch, config.clip_samples]` -> logits `[batch, classes]`.
    - `streaming`: waveforms `[batch, samples]` -> logits `[batch, frames, classes]`, a frame each 20 ms; what follows a
      frame has no part in it.

    Args:
        config: kind, sizes, dropout and masks.
        classes: number of labels.
        precision: Keras dtype policy of all layers; spectra and logits are float32 always.
    """
    networks = {"clip": _clip, "convolutional": _convolutional, "streaming": _streaming}
    samples = None if config.kind == "streaming" else config.clip_samples
    waveform = keras.Input((samples,), name="waveform")
    logits = networks[config.kind](waveform, config, classes, precision)
    return keras.Model(waveform, logits, name=f"speech_commands_{config.kind}")


def _clip(waveform: Any, config: Config, classes: int, precision: str) -> Any:
    maps = _residual_blocks(
        _spectrum(waveform, config), config, (1, 2, 2), ((1, 1), (1, 2), (1, 2)), precision
    )
    frames = keras.layers.Reshape((-1, maps.shape[2] * maps.shape[3]), dtype=precision)(maps)
    frames = keras.layers.Dense(config.projection_units, dtype=precision, name="projection")(frames)
    frames = keras.layers.Dropout(config.dropout, dtype=precision)(frames)
    states = RecurrentStack(
        config.cell,
        config.units,
        layers=config.layers,
        bidirectional=True,
        dropout=config.dropout,
        dtype=precision,
        name="states",
    )(frames)
    pooled = AttentionPooling(dtype=precision, name="attention")(states)
    return _logits(pooled, config, classes, precision)


def _convolutional(waveform: Any, config: Config, classes: int, precision: str) -> Any:
    widths, strides = (1, 2, 2, 4, 4), ((1, 1), (1, 2), (2, 2), (2, 2), (1, 1))
    maps = _residual_blocks(_spectrum(waveform, config), config, widths, strides, precision)
    pooled = keras.layers.GlobalAveragePooling2D(dtype=precision)(maps)
    return _logits(pooled, config, classes, precision)


def _streaming(waveform: Any, config: Config, classes: int, precision: str) -> Any:
    frames = LogMel(config.mel_bins, causal=True, name="log_mel")(waveform)
    frames = RunningNormalization(_RUNNING_DECAY, name="normalization")(frames)
    frames = _masks(config)(frames)
    for index in range(_CAUSAL_LAYERS):
        stride = 1 if index else 2
        frames = CausalConvolution(
            config.channels,
            _CAUSAL_KERNEL,
            stride,
            use_bias=False,
            dtype=precision,
            name=f"convolution_{index}",
        )(frames)
        frames = keras.layers.BatchNormalization(dtype=precision, name=f"batch_normalization_{index}")(frames)
        frames = keras.layers.ReLU(dtype=precision)(frames)
    frames = keras.layers.Dense(config.projection_units, dtype=precision, name="projection")(frames)
    frames = keras.layers.SpatialDropout1D(config.dropout, dtype=precision)(frames)
    states = RecurrentStack(
        config.cell,
        config.units,
        layers=config.layers,
        dropout=config.dropout,
        dtype=precision,
        name="states",
    )(frames)
    return _logits(states, config, classes, precision)


def _spectrum(waveform: Any, config: Config) -> Any:
    """`[batch, samples]` -> `[batch, frames, mel bins, 1]`."""
    frames = LogMel(config.mel_bins, name="log_mel")(waveform)
    frames = _masks(config)(MeanNormalization(name="normalization")(frames))
    return keras.layers.Reshape((-1, config.mel_bins, 1), dtype="float32")(frames)


def _masks(config: Config) -> SpecAugment:
    return SpecAugment(
        config.time_masks,
        config.time_mask_frames,
        config.frequency_masks,
        config.frequency_mask_bins,
        name="spec_augment",
    )


def _residual_blocks(
    spectrum: Any,
    config: Config,
    widths: Sequence[int],
    strides: Sequence[tuple[int, int]],
    precision: str,
) -> Any:
    """A convolution that halves time and frequency, then residual blocks (He et al. 2016) of multiples of its width."""
    maps = _activated(_convolution(spectrum, config.channels, 5, (2, 2), precision), precision)
    for width, stride in zip(widths, strides, strict=True):
        maps = _residual_block(maps, width * config.channels, stride, config.convolution_dropout, precision)
    return maps


def _residual_block(
    maps: Any, channels: int, strides: tuple[int, int], dropout: float, precision: str
) -> Any:
    inner = _activated(_convolution(maps, channels, 3, strides, precision), precision)
    inner = keras.layers.SpatialDropout2D(dropout, dtype=precision)(inner)
    inner = _convolution(inner, channels, 3, (1, 1), precision)
    # TensorFlow 2.21 writes beyond its memory in the gradient of a 1x1 convolution with strides in float32 (oneDNN).
    maps = maps[:, :: strides[0], :: strides[1]]
    if strides != (1, 1) or maps.shape[-1] != channels:
        maps = _convolution(maps, channels, 1, (1, 1), precision)
    return _activated(keras.layers.Add(dtype=precision)([maps, inner]), precision)


def _convolution(maps: Any, channels: int, kernel: int, strides: tuple[int, int], precision: str) -> Any:
    maps = keras.layers.Conv2D(
        channels, kernel, strides=strides, padding="same", use_bias=False, dtype=precision
    )(maps)
    return keras.layers.BatchNormalization(dtype=precision)(maps)


def _activated(maps: Any, precision: str) -> Any:
    return keras.layers.ReLU(dtype=precision)(maps)


def _logits(vectors: Any, config: Config, classes: int, precision: str) -> Any:
    vectors = keras.layers.Dropout(config.pooled_dropout, dtype=precision)(vectors)
    return keras.layers.Dense(classes, dtype="float32", name="logits")(vectors)


def attention(model: keras.Model, waveforms: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """What a `clip` model listened to.

    Returns:
        The logits `[batch, classes]`, the attention weights `[batch, time]`, a step each 20 ms, and the log-mel
        spectrum `[batch, frames, mel bins]`, a frame each 10 ms.
    """
    layers = [model.get_layer(name).output for name in ("log_mel", "states", "logits")]
    spectrum, states, logits = keras.Model(model.input, layers)(waveforms, training=False)
    _, weights = model.get_layer("attention")(states, return_attention_scores=True)
    return logits, weights, spectrum
