"""Turns a training run into a SavedModel: a recording's bytes in, calibrated answers out.

python -m applications.speech_commands.export --run runs/speech_commands/base
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from applications.speech_commands.config import HOP_SECONDS, INHERITANCE, NAME, Config
from applications.speech_commands.model import attention, build
from applications.speech_commands.other_runtimes import core
from applications.speech_commands.predict import DESCRIPTION_FILE
from common import cli
from common.audio.features import FitLength
from common.audio.files import SAMPLE_RATE, encode_wav
from common.audio.labelled import SILENCE
from common.audio.wav import check_waveform, decode_wav
from common.errors import ROW_ERROR
from common.export.saved_model import Signature
from common.export.script import ExportOptions, calibration_of, card_of, publish, report, require_format
from common.export.steps import at_least_a_frame, heard_frames, step_signature
from common.layers.portability import make_portable
from common.training.run_folder import FinishedRun, load_finished

TASK = "A recording in; the word in it ({labels}) and {probabilities} out."
VALIDATED = {
    "clip": "held-out clips, of other speakers where they are known; they chose {chosen}",
    "streaming": "frames of recordings composed of held-out clips",
}
LIMITS = (
    "It answers with one of its labels, whatever it hears: other words, other languages, music.",
    "It knows the words, the voices, the microphones and the rooms of its training clips; children, accents and far "
    "microphones that they lack were not measured.",
    "It hears one word at a time: of a longer recording the loudest stretch, unless it is read as a stream.",
    "Do not let it start or stop anything that can do harm.",
)
_FRAME = round(HOP_SECONDS * SAMPLE_RATE)
_SMOOTHED_FRAMES = 10
_SETTLING_FRAMES = 15
Tensors = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Trained:
    """A finished training with its model in float32."""

    run: FinishedRun[Config]
    model: keras.Model
    labels: list[str]


class _Prediction(NamedTuple):
    """What the signatures of clips share: from fitted waveforms `[batch, samples]` to `(probabilities [batch, classes],
    attention [batch, time], spectrum [batch, frames, mel bins])`, the last two empty where a model has none."""

    probabilities: tf.Tensor
    attention: tf.Tensor
    spectrum: tf.Tensor


def load_run(folder: Path) -> Trained:
    """Reads a finished training from its folder, or from a SavedModel that was exported from it.

    Raises:
        UserError: there is none, or it is not finished.
    """
    run = load_finished(folder, Config, INHERITANCE.preprocessing)
    labels = run.preprocessing["labels"]
    model = build(run.config, len(labels))
    run.load_weights(model)
    make_portable(model)
    return Trained(run, model, labels)


def signatures(trained: Trained) -> list[Signature]:
    """What is served, for any batch size; a row that cannot be answered has its reason in the output `error`.

    - `serving_default`: `audio_bytes` strings `[batch]`, WAV files of 16-bit PCM at 16 kHz -> `label` `[batch]` and
      calibrated `probabilities` `[batch, classes]`.
    - `waveform`: the same of `waveform` float32 `[batch, samples]` at 16 kHz, from -1 to 1.
    - `attention` (of a model of the kind `clip`): `audio_bytes` -> the same, with the `attention` weights `[batch,
      time]`, one each 20 ms, and the `log_mel` spectrum `[batch, frames, mel bins]`, a frame each 10 ms, of what was
      heard.
    - `recording` (streaming): `waveform` -> the `posteriors` `[batch, frames, classes]` of each 20 ms.
    - `step` (streaming): `audio` float32 `[batch, samples]`, whole frames of 20 ms, and the states `state_0`, ... of
      the step before (zeros at first) -> `posteriors` `[batch, frames, classes]` and the states after, which are zeros
      in a row with an error.
    """
    is_streaming = trained.run.config.kind == "streaming"
    names = tf.constant(trained.labels)
    fit = FitLength(trained.run.config.clip_samples)
    listen = _clip_listener(trained) if not is_streaming else _pooling_listener(trained)

    def answer(prediction: _Prediction, error: tf.Tensor) -> Tensors:
        label = tf.gather(names, tf.argmax(prediction.probabilities, axis=-1))
        return {"label": label, "probabilities": prediction.probabilities, ROW_ERROR: error}

    def serve(audio_bytes: tf.Tensor) -> Tensors:
        waveforms, lengths, error = decode_wav(audio_bytes)
        return answer(listen(fit(waveforms, lengths)), error)

    def waveform(waveform: tf.Tensor) -> Tensors:
        checked, error = check_waveform(waveform)
        return answer(listen(fit(checked)), error)

    def attend(audio_bytes: tf.Tensor) -> Tensors:
        waveforms, lengths, error = decode_wav(audio_bytes)
        prediction = listen(fit(waveforms, lengths))
        return answer(prediction, error) | {"attention": prediction.attention, "log_mel": prediction.spectrum}

    recordings = _examples(trained.run.config.clip_samples)
    files = {"audio_bytes": [encode_wav(recording) for recording in recordings]}
    waveforms = {"waveform": np.stack([recording[: _FRAME * 10] for recording in recordings])}
    strings, audio = tf.TensorSpec([None], tf.string), tf.TensorSpec([None, None], tf.float32)
    served = [
        Signature("serving_default", serve, {"audio_bytes": strings}, files),
        Signature("waveform", waveform, {"waveform": audio}, waveforms),
    ]
    if trained.run.config.kind == "clip":
        served.append(Signature("attention", attend, {"audio_bytes": strings}, files))
    return [*served, *_streaming_signatures(trained, waveforms["waveform"])] if is_streaming else served


def _clip_listener(trained: Trained) -> Callable[[tf.Tensor], _Prediction]:
    """For models that hear a whole clip; traced once, so that the graph holds the model once."""
    model, temperature = trained.model, trained.run.outcome["temperature"]
    has_attention = trained.run.config.kind == "clip"

    def listen(clips: tf.Tensor) -> _Prediction:
        rows = tf.shape(clips)[0]
        clips = _not_none(clips, 0)
        if has_attention:
            logits, weights, spectrum = attention(model, clips)
        else:
            logits = model(clips, training=False)
            weights, spectrum = tf.zeros([rows, 0]), tf.zeros([rows, 0, 0])
        return _Prediction(tf.nn.softmax(logits[:rows] / temperature), weights[:rows], spectrum[:rows])

    graph: Callable[[tf.Tensor], _Prediction] = tf.function(
        listen,
        input_signature=[tf.TensorSpec([None, trained.run.config.clip_samples], tf.float32)],
        autograph=False,
    )
    return graph


def _pooling_listener(trained: Trained) -> Callable[[tf.Tensor], _Prediction]:
    """For streaming models: a clip's word is the one whose posterior, averaged over 0.2 s, rises highest; it is silence
    as far as none does."""
    model, temperature = trained.model, trained.run.outcome["temperature"]
    is_silence = tf.constant([label == SILENCE for label in trained.labels])

    def listen(clips: tf.Tensor) -> _Prediction:
        # A word at the very end of a clip is answered after it.
        rows, padded = tf.shape(clips)[0], _not_none(clips, _SETTLING_FRAMES * _FRAME)
        posteriors = tf.nn.softmax(model(padded, training=False)[:rows] / temperature)
        averages = tf.nn.avg_pool1d(posteriors, _SMOOTHED_FRAMES, 1, "VALID")
        highest = tf.where(is_silence, 0.0, tf.reduce_max(averages, axis=1))
        silence = 1.0 - tf.reduce_max(highest, axis=-1, keepdims=True)
        scores = tf.where(is_silence, silence, highest)
        return _Prediction(
            scores / tf.reduce_sum(scores, axis=-1, keepdims=True),
            tf.zeros([rows, 0]),
            tf.zeros([rows, 0, 0]),
        )

    graph: Callable[[tf.Tensor], _Prediction] = tf.function(
        listen,
        input_signature=[tf.TensorSpec([None, trained.run.config.clip_samples], tf.float32)],
        autograph=False,
    )
    return graph


def _not_none(clips: tf.Tensor, zeros: int) -> tf.Tensor:
    """The clips, followed by zeros; of no clips at all, on which TensorFlow's convolutions fail, a silent one."""
    return tf.pad(clips, [[0, tf.cast(tf.shape(clips)[0] == 0, tf.int32)], [0, zeros]])


def _streaming_signatures(trained: Trained, waveforms: np.ndarray) -> list[Signature]:
    model, temperature = trained.model, trained.run.outcome["temperature"]

    def posteriors(logits: tf.Tensor) -> Tensors:
        return {"posteriors": tf.nn.softmax(logits / temperature)}

    def recording(waveform: tf.Tensor) -> Tensors:
        checked, error = check_waveform(waveform)
        logits = model(at_least_a_frame(checked, _FRAME), training=False)
        return {**posteriors(heard_frames(logits, checked, _FRAME)), ROW_ERROR: error}

    audio = tf.TensorSpec([None, None], tf.float32)
    return [
        Signature("recording", recording, {"waveform": audio}, {"waveform": waveforms}),
        step_signature(model, _FRAME, lambda logits, _: posteriors(logits), waveforms),
    ]


def _examples(samples: int) -> Sequence[np.ndarray]:
    """Three recordings to prove the export on and to warm a server up with: a rising tone, a noise, a short silence."""
    time = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
    noise = np.random.default_rng(0).normal(0, 0.05, 2 * samples)
    tone = 0.3 * np.sin(2 * np.pi * (300 + 400 * time) * time)
    return [tone.astype(np.float32), noise.astype(np.float32), np.zeros(samples // 2, np.float32)]


def description(trained: Trained) -> dict[str, Any]:
    """What `predict` must know beside the graph."""
    return {
        "labels": trained.labels,
        "kind": trained.run.config.kind,
        "sample_rate": SAMPLE_RATE,
        "clip_seconds": trained.run.config.clip_seconds,
        "hop_seconds": HOP_SECONDS,
    }


def export(options: ExportOptions) -> Path:
    """Writes, checks and publishes the run's model. Returns the new version's folder."""
    require_format(options, NAME, has_core=True)
    trained = load_run(options.run)
    calibration, measured_on = calibration_of(trained.run.outcome), VALIDATED[trained.run.config.kind]
    card = card_of(
        NAME,
        trained,
        options,
        task=TASK.format(labels=", ".join(trained.labels), probabilities=calibration.probabilities),
        limits=LIMITS,
        validation=(
            "validation accuracy",
            "validation_accuracy",
            measured_on.format(chosen=calibration.chosen),
        ),
        vocabulary=trained.labels,
        data=trained.run.config.source.data,
    )
    facts, served = {DESCRIPTION_FILE.name: description(trained)}, partial(signatures, trained)
    temperature = trained.run.outcome["temperature"]
    numeric = partial(core, trained.model, trained.run.config, trained.labels, temperature, _FRAME)
    return publish(card, trained, served, options, facts, tolerance=1e-4, core=numeric)


def main(options: ExportOptions) -> None:
    """Exports a trained recogniser as a SavedModel for TensorFlow Serving, checked before it is published."""
    report(export(options))


if __name__ == "__main__":
    cli.run(main, ExportOptions)
