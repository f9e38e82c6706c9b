"""Turns a training run into a SavedModel: a recording's bytes in, what is said out.

python -m applications.transcription.export --run runs/transcription/base
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from applications.transcription.config import FRAME_SECONDS, INHERITANCE, NAME, Config
from applications.transcription.data import inputs_of
from applications.transcription.model import FRAME, SETTLING, build, frames_of, spectrum_and_logits
from applications.transcription.other_runtimes import core
from applications.transcription.predict import DESCRIPTION_FILE
from common import cli
from common.audio.files import SAMPLE_RATE, encode_wav
from common.audio.transcript_text import normalised_transcript
from common.audio.wav import check_waveform, decode_wav
from common.decoding.label_words import words_of
from common.errors import ROW_ERROR
from common.export.label_answers import Tensors, n_best_answer, text_answer
from common.export.label_search import Labels, Search, SearchOptions, make_search
from common.export.saved_model import Signature
from common.export.script import card_of, publish, report, require_format
from common.export.steps import step_signature
from common.layers.masks import without_masked
from common.layers.portability import make_portable
from common.row_errors import first_error, first_fault, neutral_where
from common.text.symbols import Symbols
from common.training.run_folder import FinishedRun, load_finished

TASK = "A recording of speech in; what is said, with the times and the confidence of each word, out."
VALIDATION = (
    "validation word error rate",
    "validation_word_error_rate",
    "held-out recordings, of other speakers where they are known, read greedily; they chose the epoch",
)
ALSO_VALIDATED = (
    ("validation character error rate", "validation_character_error_rate", "the same recordings"),
)
LIMITS = (
    "It understands what its training recordings say, and little else: other words are written as they sound to it, "
    "in its alphabet, or as the likeliest of its own words where its symbols are words.",
    "It knows the voices, the accents, the microphones and the rooms of its training recordings; others were not "
    "measured.",
    "It writes no punctuation, no capitals and no numerals unless the training transcripts have them.",
    "Do not let it start or stop anything that can do harm.",
)
LONGEST_SECONDS = 60.0
_HOP = FRAME // 2
_WAVEFORMS = [tf.TensorSpec([None, None], tf.float32), tf.TensorSpec([None], tf.int32)]


@dataclass(frozen=True)
class Trained:
    """A finished training with its model in float32."""

    run: FinishedRun[Config]
    model: keras.Model
    symbols: Symbols


def load_run(folder: Path) -> Trained:
    """Reads a finished training from its folder, or from a SavedModel that was exported from it.

    Raises:
        UserError: there is none, or it is not finished.
    """
    run = load_finished(folder, Config, INHERITANCE.preprocessing)
    symbols = Symbols(run.config.symbols, tuple(run.preprocessing["symbols"]))
    model = build(run.config, symbols.count)
    run.load_weights(model)
    make_portable(model)
    return Trained(run, model, symbols)


def signatures(trained: Trained, search: Search) -> list[Signature]:
    """What is served, for any batch size; a row that cannot be answered has its reason in the output `error`.

    - `serving_default`: `audio_bytes` strings `[batch]`, WAV files of 16-bit PCM at 16 kHz -> `text` strings `[batch]`
      and `confidence` `[batch]`, the mean of its words' (1 where there are none).
    - `waveform`: the same of `waveform` float32 `[batch, samples]` at 16 kHz, from -1 to 1, and `lengths` int32
      `[batch]`, how many samples of each row are real.
    - `words`: `audio_bytes` -> `words` strings, their `start` and `end` in seconds and `confidence`, `[batch, words]`
      each, right-padded with "" and 0, and their `count` `[batch]`.
    - `attend`: `audio_bytes` -> the symbols that were heard, `symbols` strings, with their `time` in seconds, `[batch,
      symbols]` each, and the `log_mel` spectrum `[batch, frames, mel bins]`, a frame each 10 ms.
    - `n_best` (unless the beam width is 1): `audio_bytes`, `lm_weight` and `length_bonus` `[batch]` -> `texts` and
      `scores` `[batch, beam width]`, the best first; the lowest float32 stands for the score of none.
    - `step` (streaming): `audio` float32 `[batch, samples]`, whole frames of 20 ms, and the states of the step before
      (zeros at first) -> `text`, what is written in this step, `log_probabilities` `[batch, frames, symbols]`, and the
      states after. After the end it wants 0.4 seconds of zeros.
    """
    hear, temperature = _listener(trained), trained.run.outcome["temperature"]

    @tf.function(input_signature=_WAVEFORMS, autograph=False)
    def found(waveforms: tf.Tensor, lengths: tf.Tensor) -> tuple[Labels, tf.Tensor]:
        logits, frames, spectrum = hear(waveforms, lengths)
        return search.best(logits, frames), spectrum

    def answer(waveforms: tf.Tensor, lengths: tf.Tensor, error: tf.Tensor) -> Tensors:
        labels, _ = found(waveforms, lengths)
        return text_answer(trained.symbols, labels, temperature, first_error(error, labels.error))

    def serve(audio_bytes: tf.Tensor) -> Tensors:
        return answer(*_recordings(audio_bytes))

    def waveform(waveform: tf.Tensor, lengths: tf.Tensor) -> Tensors:
        return answer(*_checked(waveform, lengths))

    def words(audio_bytes: tf.Tensor) -> Tensors:
        waveforms, lengths, error = _recordings(audio_bytes)
        labels, _ = found(waveforms, lengths)
        places = (labels.first_frames, labels.last_frames, labels.probabilities)
        located = words_of(trained.symbols, labels.numbers, *places, temperature, FRAME_SECONDS)
        return {**located._asdict(), ROW_ERROR: first_error(error, labels.error)}

    def attend(audio_bytes: tf.Tensor) -> Tensors:
        waveforms, lengths, error = _recordings(audio_bytes)
        labels, spectrum = found(waveforms, lengths)
        middle = tf.cast(labels.first_frames + labels.last_frames + 1, tf.float32) / 2 * FRAME_SECONDS
        time = tf.where(labels.numbers > 0, middle, 0.0)
        return {
            "symbols": trained.symbols.spelled(labels.numbers),
            "time": time,
            "log_mel": spectrum,
            ROW_ERROR: first_error(error, labels.error),
        }

    def n_best(audio_bytes: tf.Tensor, lm_weight: tf.Tensor, length_bonus: tf.Tensor) -> Tensors:
        waveforms, lengths, error = _recordings(audio_bytes)
        logits, frames, _ = hear(waveforms, lengths)
        return n_best_answer(search, logits, frames, lm_weight, length_bonus, error)

    recordings = _examples()
    files = {"audio_bytes": [encode_wav(recording) for recording in recordings]}
    shortest = min(map(len, recordings))
    cut = np.stack([recording[:shortest] for recording in recordings])
    strings = {"audio_bytes": tf.TensorSpec([None], tf.string)}
    audio = {"waveform": tf.TensorSpec([None, None], tf.float32), "lengths": tf.TensorSpec([None], tf.int32)}
    waveforms = {"waveform": cut, "lengths": [shortest, shortest // 2, shortest]}
    served = [
        Signature("serving_default", serve, strings, files),
        Signature("waveform", waveform, audio, waveforms),
        Signature("words", words, strings, files),
        Signature("attend", attend, strings, files),
    ]
    if search.options.beam_width > 1:
        weights = {name: tf.TensorSpec([None], tf.float32) for name in ("lm_weight", "length_bonus")}
        served.append(
            Signature(
                "n_best",
                n_best,
                {**strings, **weights},
                {**files, "lm_weight": [0.3, 0.0, 1.0], "length_bonus": [0.0, 0.5, 0.0]},
            )
        )
    if trained.run.config.kind == "streaming":
        answer_step = partial(written, trained.symbols)
        served.append(
            step_signature(trained.model, FRAME, answer_step, cut[:, : 10 * FRAME], {"state_symbol": 1})
        )
    return served


def _listener(trained: Trained) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """From waveforms and how many samples of each are real, to the logits, how many frames of each are, and the
    spectrum; traced once, so that the graph holds the model once."""
    config = trained.run.config

    def hear(waveforms: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        rows = tf.shape(waveforms)[0]
        # TensorFlow's convolutions fail on no row at all, and the front end on no samples.
        some = tf.pad(
            waveforms, [[0, tf.cast(rows == 0, tf.int32)], [0, tf.maximum(FRAME - tf.shape(waveforms)[1], 0)]]
        )
        real = tf.pad(lengths, [[0, tf.cast(rows == 0, tf.int32)]])
        spectrum, logits = spectrum_and_logits(trained.model, inputs_of(config, some, real))
        spectrum = without_masked(spectrum, tf.sequence_mask(-(-real // _HOP), tf.shape(spectrum)[1]))
        return logits[:rows], tf.where(lengths > 0, frames_of(config, lengths), 0), spectrum[:rows]

    graph: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]] = tf.function(
        hear, input_signature=_WAVEFORMS, autograph=False
    )
    return graph


def _recordings(audio_bytes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The waveforms of WAV files, their lengths, and what keeps them from being transcribed."""
    waveforms, lengths, error = decode_wav(audio_bytes)
    return _not_too_long(waveforms, lengths, error)


def _checked(waveform: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The real samples of waveforms, followed by zeros."""
    samples = tf.shape(waveform)[1]
    is_odd = (lengths < 1) | (lengths > samples)
    lengths = tf.where(is_odd, 0, lengths)
    real = tf.where(tf.sequence_mask(lengths, samples), waveform, 0.0)
    checked, error = check_waveform(real)
    expected = tf.strings.join(
        ["lengths: expected 1 to ", tf.strings.as_string(samples), ", the samples of a row"]
    )
    error = first_fault((samples == 0, error), (is_odd, expected), (error != "", error))
    return _not_too_long(checked, lengths, error)


def _not_too_long(
    waveforms: tf.Tensor, lengths: tf.Tensor, error: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    most = round(LONGEST_SECONDS * SAMPLE_RATE)
    seconds = tf.strings.as_string(tf.cast(lengths, tf.float32) / SAMPLE_RATE, precision=1)
    too_long = tf.strings.join(
        [f"expected at most {LONGEST_SECONDS:g} seconds, got ", seconds, " (cut it at pauses)"]
    )
    error = first_fault((error != "", error), (lengths > most, too_long))
    lengths = tf.where(error == "", lengths, 0)
    longest = tf.reduce_max(tf.concat([lengths, [0]], axis=0))
    return neutral_where(error != "", waveforms)[:, :longest], lengths, error


def written(symbols: Symbols, logits: tf.Tensor, states: Tensors) -> Tensors:
    """What a stream's new frames add to its text: the symbols that no frame before them has begun."""
    path = tf.argmax(logits, axis=-1, output_type=tf.int32)
    last = tf.cast(states["state_symbol"], tf.int32)
    before = tf.concat([last, path], axis=1)
    begins = (path > 0) & (path != before[:, :-1])
    pieces = symbols.spelled(tf.where(begins, path, 0))
    if symbols.kind == "words":
        pieces = tf.where(begins, tf.strings.join([pieces, " "]), "")
    return {
        "text": tf.strings.reduce_join(pieces, axis=1),
        "log_probabilities": tf.nn.log_softmax(logits),
        "state_symbol": tf.cast(before[:, -1:], tf.float32),
    }


def _examples() -> Sequence[np.ndarray]:
    """Three recordings to prove the export on and to warm a server up with: a rising tone, a noise, a short silence."""
    time = np.arange(2 * SAMPLE_RATE, dtype=np.float32) / SAMPLE_RATE
    noise = np.random.default_rng(0).normal(0, 0.05, SAMPLE_RATE)
    tone = 0.3 * np.sin(2 * np.pi * (300 + 400 * time) * time)
    return [tone.astype(np.float32), noise.astype(np.float32), np.zeros(SAMPLE_RATE // 2, np.float32)]


def description(trained: Trained, options: SearchOptions) -> dict[str, Any]:
    """What `predict` must know beside the graph."""
    return {
        "kind": trained.run.config.kind,
        "symbol_kind": trained.symbols.kind,
        "symbols": list(trained.symbols.names),
        "sample_rate": SAMPLE_RATE,
        "frame_seconds": FRAME_SECONDS,
        "longest_seconds": LONGEST_SECONDS,
        "settling_seconds": SETTLING * FRAME_SECONDS,
        "lm_weight": options.lm_weight,
        "length_bonus": options.length_bonus,
    }


def export(options: SearchOptions) -> Path:
    """Writes, checks and publishes the run's model. Returns the new version's folder."""
    require_format(options.export, NAME, has_core=True)
    trained = load_run(options.export.run)
    card = card_of(
        NAME,
        trained,
        options.export,
        task=TASK,
        limits=LIMITS,
        validation=VALIDATION,
        also_validated=ALSO_VALIDATED,
        vocabulary=trained.symbols.names,
        data=trained.run.config.source.data,
    )
    search = make_search(trained.symbols, options, normalised_transcript)
    return publish(
        card,
        trained,
        partial(signatures, trained, search),
        options.export,
        {DESCRIPTION_FILE.name: description(trained, options)},
        resources=search.resources,
        tolerance=1e-4,
        core=partial(core, trained.model, trained.run.config, trained.symbols),
    )


def main(options: SearchOptions) -> None:
    """Exports a trained transcriber as a SavedModel for TensorFlow Serving, checked before it is published."""
    report(export(options))


if __name__ == "__main__":
    cli.run(main, SearchOptions)
