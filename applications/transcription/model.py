"""The transcribers: waveforms -> log-mel spectrum -> convolutions -> recurrence -> logits of each frame's symbol."""

from typing import Any

import keras
import tensorflow as tf

from applications.transcription.config import FRAME_SECONDS, Config
from common.audio.features import LogMel, MeanNormalization, SpecAugment
from common.audio.files import SAMPLE_RATE
from common.layers.causal_convolution import CausalConvolution
from common.layers.running_mean import RunningNormalization
from common.layers.sequence_mask import RealSteps, ZeroPaddedSteps
from common.layers.stack import RecurrentStack

FRAME = round(FRAME_SECONDS * SAMPLE_RATE)
SETTLING = 20
"""Frames that a streaming model hears on after the end, in which it writes what it has heard last."""
_HOP = FRAME // 2
_WINDOW = 400
_RUNNING_DECAY = 0.995
_MOMENTUM = 0.9
_CAUSAL_LAYERS = 3
_CAUSAL_KERNEL = 5
_CONVOLUTIONS = ((1, 5, (2, 2)), (1, 3, (1, 2)), (2, 3, (1, 2)))
"""The width of each as a multiple of the first one's, its kernel, and its strides in time and frequency."""
_DILATIONS = (1, 2, 4, 8, 1, 2, 4, 8)


def frames_of(config: Config, samples: Any) -> Any:
    """How many frames of logits waveforms of so many samples have, at least one: whole numbers, or a tensor of them."""
    if config.kind == "streaming":
        return -(-samples // FRAME) + SETTLING
    return samples // _HOP // 2 + 1


def build(config: Config, symbols: int, precision: str = "float32") -> keras.Model:
    """The network of `config.kind`: waveforms `[batch, samples]`, right-padded with zeros, and how many samples of each
    are real, `[batch]` int32 -> logits `[batch, frames, symbols]`, a frame each 20 ms; `frames_of` tells how many of
    each row are real. A row's logits do not depend on its padding.

    Of a `streaming` model what follows a frame has no part in it; its input is the waveform alone, which is followed by
    silence in which it writes the end.

    Args:
        config: kind, sizes, dropout and masks.
        symbols: how many there are, the blank among them.
        precision: Keras dtype policy of all layers; spectra and logits are float32 always.
    """
    waveform = keras.Input((None,), name="waveform")
    if config.kind == "streaming":
        inputs, vectors = waveform, _streaming(waveform, config, precision)
    else:
        lengths = keras.Input((), dtype="int32", name="lengths")
        inputs, vectors = (waveform, lengths), _whole(waveform, lengths, config, precision)
    vectors = keras.layers.SpatialDropout1D(config.dropout, dtype=precision)(vectors)
    logits = keras.layers.Dense(symbols, dtype="float32", name="logits")(vectors)
    return keras.Model(inputs, logits, name=f"transcription_{config.kind}")


def _whole(waveform: Any, lengths: Any, config: Config, precision: str) -> Any:
    # So long a silence follows that the shortest recording has a frame.
    padded = keras.ops.pad(waveform, [[0, 0], [0, _WINDOW]])
    spectrum = LogMel(config.mel_bins, _WINDOW, _HOP, name="log_mel")(padded)
    frames = lengths // _HOP + 1
    spectrum = MeanNormalization(name="normalization")(spectrum, frames)
    spectrum = _masks(config)(spectrum)
    real = RealSteps(name="real_spectrum")(spectrum, frames)
    maps = keras.layers.Reshape((-1, config.mel_bins, 1), dtype="float32")(spectrum)
    maps = ZeroPaddedSteps(dtype=precision)(maps, real)
    for index, (width, kernel, strides) in enumerate(_CONVOLUTIONS):
        if index:
            maps = keras.layers.SpatialDropout2D(config.convolution_dropout, dtype=precision)(maps)
        maps = _convolution(maps, width * config.channels, kernel, strides, precision)
        if not index:
            real = RealSteps(name="real_frames")(maps, frames_of(config, lengths))
        maps = ZeroPaddedSteps(dtype=precision)(maps, real)
    vectors = keras.layers.Reshape((-1, maps.shape[2] * maps.shape[3]), dtype=precision)(maps)
    vectors = keras.layers.Dense(config.projection_units, dtype=precision, name="projection")(vectors)
    vectors = keras.layers.SpatialDropout1D(config.dropout, dtype=precision)(vectors)
    if config.kind == "convolutional":
        return _over_time(vectors, real, config, precision)
    states = _recurrent(config, True, precision)(vectors, mask=real)
    return ZeroPaddedSteps(dtype=precision)(states, real)


def _over_time(vectors: Any, real: Any, config: Config, precision: str) -> Any:
    """Residual blocks of dilated convolutions over time, which see 1.2 seconds around each frame (as in van den Oord et
    al. 2016, without causality)."""
    for dilation in _DILATIONS:
        inner = ZeroPaddedSteps(dtype=precision)(vectors, real)
        inner = keras.layers.Conv1D(
            2 * config.units, 3, dilation_rate=dilation, padding="same", use_bias=False, dtype=precision
        )(inner)
        inner = keras.layers.BatchNormalization(momentum=_MOMENTUM, dtype=precision)(inner)
        inner = keras.layers.ReLU(dtype=precision)(inner)
        inner = keras.layers.SpatialDropout1D(config.dropout, dtype=precision)(inner)
        inner = keras.layers.Dense(config.projection_units, dtype=precision)(inner)
        vectors = keras.layers.Add(dtype=precision)([vectors, inner])
    return keras.layers.LayerNormalization(dtype=precision)(vectors)


def _streaming(waveform: Any, config: Config, precision: str) -> Any:
    followed = keras.ops.pad(waveform, [[0, 0], [0, SETTLING * FRAME + FRAME - 1]])
    frames = LogMel(config.mel_bins, _WINDOW, _HOP, causal=True, name="log_mel")(followed)
    frames = RunningNormalization(_RUNNING_DECAY, name="normalization")(frames)
    frames = _masks(config)(frames)
    for index in range(_CAUSAL_LAYERS):
        frames = CausalConvolution(
            config.channels,
            _CAUSAL_KERNEL,
            1 if index else 2,
            use_bias=False,
            dtype=precision,
            name=f"convolution_{index}",
        )(frames)
        frames = keras.layers.BatchNormalization(
            momentum=_MOMENTUM, dtype=precision, name=f"batch_normalization_{index}"
        )(frames)
        frames = keras.layers.ReLU(dtype=precision)(frames)
    frames = keras.layers.Dense(config.projection_units, dtype=precision, name="projection")(frames)
    frames = keras.layers.SpatialDropout1D(config.dropout, dtype=precision)(frames)
    return _recurrent(config, False, precision)(frames)


def _recurrent(config: Config, bidirectional: bool, precision: str) -> RecurrentStack:
    return RecurrentStack(
        config.cell,
        config.units,
        layers=config.layers,
        bidirectional=bidirectional,
        dropout=config.dropout,
        dtype=precision,
        name="states",
    )


def _masks(config: Config) -> SpecAugment:
    return SpecAugment(
        config.time_masks,
        config.time_mask_frames,
        config.frequency_masks,
        config.frequency_mask_bins,
        name="spec_augment",
    )


def _convolution(maps: Any, channels: int, kernel: int, strides: tuple[int, int], precision: str) -> Any:
    # What "same" pads before the first step depends on how many follow the last one.
    padded = keras.layers.ZeroPadding2D(kernel // 2, dtype=precision)(maps)
    maps = keras.layers.Conv2D(channels, kernel, strides=strides, use_bias=False, dtype=precision)(padded)
    maps = keras.layers.BatchNormalization(momentum=_MOMENTUM, dtype=precision)(maps)
    return keras.layers.ReLU(dtype=precision)(maps)


def spectrum_and_logits(model: keras.Model, inputs: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """The log-mel spectrum `[batch, frames, mel bins]`, a frame each 10 ms, and the logits of a model's inputs."""
    outputs = [model.get_layer(name).output for name in ("log_mel", "logits")]
    spectrum, logits = keras.Model(model.input, outputs)(inputs, training=False)
    return spectrum, logits
