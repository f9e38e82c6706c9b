"""The part of a model of sound that other runtimes get: from log-mel frames on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common.audio.features import QUIETEST, LogMel
from common.export.runtimes.core import Core, Example, Graph
from common.export.runtimes.examples import as_raw, sounds
from common.layers.streamed_model import step_through, zero_states_of

Tensors = Mapping[str, tf.Tensor]
_SCALE = 32_768
_STREAM_SAMPLES, _CLIP_SAMPLES = 4_800, 4_000


def log_mel_frontend(log_mel: LogMel, **more: Any) -> dict[str, Any]:
    """What makes log-mel frames of sound: log(quietest + power under a Hann window, weighted by each bin's triangle).

    `weights` holds of each bin the first frequency of the spectrum that counts, and the weights from there on.
    """
    weights = []
    for column in log_mel.mel_weights().T:
        places = np.flatnonzero(column)
        first, last = (int(places[0]), int(places[-1])) if len(places) else (0, -1)
        weights.append({"first": first, "weights": column[first : last + 1].astype(float).round(7).tolist()})
    return {
        "kind": "log-mel",
        "sample_rate": log_mel.sample_rate,
        "scale": _SCALE,
        "window": log_mel.window,
        "hop": log_mel.hop,
        "fft": log_mel.fft_length,
        "context": log_mel.context if log_mel.causal else 0,
        "quietest": QUIETEST,
        "weights": weights,
        **more,
    }


def stream_core(
    model: keras.Model,
    frame: int,
    answer: Callable[[tf.Tensor], Tensors],
    scores: tuple[str, ...],
    labels: Sequence[str],
    usage: str,
) -> Core:
    """`step`: `frames` `[1, n, mel bins]`, those of one step of sound, and the states `state_0`, ... -> the answer,
    and the states.

    Args:
        model: reads waveforms block by block, its second layer a causal `LogMel`.
        frame: samples of a step.
        answer: from logits `[1, classes]` to the outputs.
        scores: see `Core`, as for `labels` and `usage`.
        labels: what the scores are of.
        usage: what the host does.
    """
    log_mel, *layers = model.layers[1:]
    count = frame // log_mel.hop
    zeros = {f"state_{index}": state for index, state in enumerate(zero_states_of(layers, 1))}

    def step(frames: tf.Tensor, **states: tf.Tensor) -> Tensors:
        logits, after = step_through(layers, frames, [states[name] for name in zeros])
        return {**answer(logits[:, 0]), **dict(zip(zeros, after, strict=True))}

    specs = {name: tf.TensorSpec(state.shape, tf.float32) for name, state in zeros.items()}
    frames = tf.TensorSpec([1, count, log_mel.mel_bins], tf.float32)
    return Core(
        Graph("step", step, {"frames": frames, **specs}, states=tuple(zeros)),
        log_mel_frontend(log_mel, frames_per_step=count),
        [_heard(pcm, log_mel, count) for pcm in sounds(_STREAM_SAMPLES)],
        scores=scores,
        labels=tuple(labels),
        usage=usage,
    )


def clip_core(
    samples: int,
    log_mel: LogMel,
    function: Callable[[tf.Tensor], Tensors],
    scores: tuple[str, ...],
    labels: Sequence[str],
    usage: str,
) -> Core:
    """`encode`: `frames` `[1, time, mel bins]` of a clip of fixed length -> the outputs of the function.

    Args:
        samples: of a clip.
        log_mel: makes its frames.
        function: from the frames to the outputs.
        scores: see `Core`, as for `labels` and `usage`.
        labels: what the scores are of.
        usage: what the host does.
    """
    time = log_mel.frames(samples)
    frames = {"frames": tf.TensorSpec([1, time, log_mel.mel_bins], tf.float32)}
    return Core(
        Graph("encode", lambda frames: function(frames), frames),
        log_mel_frontend(log_mel, clip_samples=samples, frames_per_step=time),
        [_heard(pcm, log_mel, time, samples) for pcm in sounds(min(samples, _CLIP_SAMPLES))],
        scores=scores,
        labels=tuple(labels),
        usage=usage,
    )


def _heard(pcm: np.ndarray, log_mel: LogMel, frames_per_step: int, samples: int = 0) -> Example:
    waveform = np.pad(pcm.astype(np.float32) / _SCALE, (0, max(samples - len(pcm), 0)))
    frames = log_mel(waveform[None]).numpy()[0]
    steps = frames[: len(frames) // frames_per_step * frames_per_step]
    return Example(as_raw(pcm), {"frames": steps.reshape(-1, 1, frames_per_step, log_mel.mel_bins)})
