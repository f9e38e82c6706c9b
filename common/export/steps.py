"""The signature of models that hear a stream of sound step by step, their states going out and in again."""

from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from common.audio.wav import check_waveform
from common.errors import ROW_ERROR
from common.export.saved_model import Signature
from common.layers.streamed_model import step, zero_states
from common.row_errors import first_fault, neutral_where

Tensors = Mapping[str, tf.Tensor]
_EXPECTED = "expected the states of a step before"


def step_signature(
    model: keras.Model,
    frame: int,
    answer: Callable[[tf.Tensor, Tensors], Tensors],
    waveforms: np.ndarray,
    own_states: Mapping[str, int] | None = None,
) -> Signature:
    """The signature `step`: `audio` float32 `[batch, samples]`, whole frames, and the states `state_0`, ... of the step
    before (zeros at first) -> what `answer` makes of the logits, and the states after, zeros in a row with an error.

    Args:
        model: reads waveforms block by block, see `common.layers.streamed_model`.
        frame: samples of a frame, each of which makes one of logits.
        answer: from logits `[batch, frames, ...]` and the application's own states by name, to the outputs, its own
            states after them among these.
        waveforms: examples `[rows, samples]` of whole frames.
        own_states: the width of each of the application's own states, float32 `[batch, width]`, by its full name.
    """
    states = {f"state_{index}": state for index, state in enumerate(zero_states(model, len(waveforms)))}
    own = {name: tf.zeros([len(waveforms), width]) for name, width in (own_states or {}).items()}
    specs = {
        name: tf.TensorSpec([None, *state.shape[1:]], tf.float32) for name, state in {**states, **own}.items()
    }

    def stepped(audio: tf.Tensor, **before: tf.Tensor) -> Tensors:
        checked, audio_error = check_waveform(_whole_frames(audio, frame))
        faults = [
            (~_are_finite(before[name]), f"{name}: {_EXPECTED}, got NaN or an infinite number")
            for name in specs
        ]
        error = first_fault((audio_error != "", audio_error), *faults)
        finite = {name: neutral_where(error != "", before[name]) for name in specs}
        logits, after = step(model, at_least_a_frame(checked, frame), [finite[name] for name in states])
        logits = heard_frames(logits, checked, frame)
        overflows = ~tf.reduce_all([_are_finite(values) for values in (logits, *after)], axis=0)
        error = first_fault((error != "", error), (overflows, f"{_EXPECTED}, got too large numbers"))
        named = dict(zip(states, after, strict=True))
        states_after = {name: tf.ensure_shape(state, specs[name].shape) for name, state in named.items()}
        outputs = answer(neutral_where(overflows, logits), {name: finite[name] for name in own})
        return {**outputs, ROW_ERROR: error, **states_after}

    audio = tf.TensorSpec([None, None], tf.float32)
    examples = {name: state.numpy() for name, state in {**states, **own}.items()}
    return Signature("step", stepped, {"audio": audio, **specs}, {"audio": waveforms, **examples})


def at_least_a_frame(audio: tf.Tensor, frame: int) -> tf.Tensor:
    """The samples `[batch, samples]`, followed by zeros if they are fewer than a frame, which no layer can hear."""
    return tf.pad(audio, [[0, 0], [0, tf.maximum(frame - tf.shape(audio)[1], 0)]])


def heard_frames(logits: tf.Tensor, audio: tf.Tensor, frame: int) -> tf.Tensor:
    """The logits `[batch, frames, classes]`, none of samples that are fewer than a frame."""
    return logits[:, : tf.where(tf.shape(audio)[1] < frame, 0, tf.shape(logits)[1])]


def _whole_frames(audio: tf.Tensor, frame: int) -> tf.Tensor:
    """The samples `[batch, samples]` of a step as they are.

    Raises:
        tf.errors.InvalidArgumentError: they are no whole number of frames, which concerns every row of the request.
    """
    samples = tf.shape(audio)[1]
    message = tf.strings.join(
        [f"audio: expected a multiple of {frame} samples, got ", tf.strings.as_string(samples)]
    )
    with tf.control_dependencies([tf.debugging.Assert(samples % frame == 0, [message])]):
        return tf.identity(audio)


def _are_finite(values: tf.Tensor) -> tf.Tensor:
    """Whether all numbers of each row of `[batch, ...]` are finite: `[batch]`."""
    return tf.reduce_all(tf.math.is_finite(values), axis=list(range(1, values.shape.rank)))
