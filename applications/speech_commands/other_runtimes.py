"""The recognisers from log-mel frames on, for LiteRT and ONNX Runtime."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from applications.speech_commands.config import Config
from common.export.runtimes.core import Core
from common.export.runtimes.sound import clip_core, stream_core
from common.layers.portability import plain_loops

_OF_SOUND = "`frontend.js` of the project makes log-mel frames of 16-bit sound at 16 kHz by `frontend.json`. "
_STREAM = _OF_SOUND + (
    "Each 320 samples (20 ms) make two frames, which go into one step, with the states of the step before; "
    "`posteriors` are the probabilities of the labels in `labels.json` at that time. The mean over ten steps is what "
    "an alarm compares with a threshold."
)
_CLIP = _OF_SOUND + (
    "A clip has `clip_samples` samples: zeros follow a shorter one, and of a longer one the loudest stretch is heard. "
    "`probabilities` are those of the labels in `labels.json`."
)


def core(model: keras.Model, config: Config, labels: Sequence[str], temperature: float, frame: int) -> Core:
    """Of a streaming model its `step` with `posteriors` `[1, classes]`, of others `encode` with `probabilities`.

    They answer as the SavedModel's `step` and `waveform` do.

    Args:
        model: of `build`.
        config: its kind and the length of its clips.
        labels: of the classes.
        temperature: of the calibration.
        frame: samples of a step of a stream.
    """
    if config.kind == "streaming":
        return stream_core(
            model,
            frame,
            lambda logits: {"posteriors": tf.nn.softmax(logits / temperature)},
            ("posteriors",),
            labels,
            _STREAM,
        )
    log_mel = model.get_layer("log_mel")
    rest = keras.Model(log_mel.output, model.output)

    def encode(frames: tf.Tensor) -> dict[str, tf.Tensor]:
        with plain_loops(rest):
            return {"probabilities": tf.nn.softmax(rest(frames, training=False) / temperature)}

    return clip_core(config.clip_samples, log_mel, encode, ("probabilities",), labels, _CLIP)
