"""Where recordings and transcripts come from, and how they become batches of waveforms and labels."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from applications.transcription import sample
from applications.transcription.config import Config
from applications.transcription.model import frames_of
from applications.transcription.strings import (
    Plan,
    joined,
    plan_strings,
    require_single_words,
    samples_of,
    text_of,
    waveform_of,
)
from applications.transcription.symbols import Symbols, choose_symbols
from common.audio.augmentation import Augmentation, Waveform, change_voice, gain, mix_noise
from common.audio.files import SAMPLE_RATE
from common.audio.labelled import read_noises
from common.audio.transcripts import TranscriptSource, load_evaluation, load_training
from common.audio.utterances import Utterances
from common.data.batching import generated, pad, plan_batches
from common.data.sources import SAMPLE, leave_out
from common.errors import UserError
from common.training.ctc import frames_needed

FRAMES, LENGTH, LABELS = 0, 1, 2
"""Places in a row of targets: how many frames are real, how many symbols the label has, and where those begin."""
_VALIDATION_SEED = 0
_WAVEFORMS, _SAMPLES = tf.TensorSpec([None, None], tf.float32), tf.TensorSpec([None], tf.int32)
_TARGETS = tf.TensorSpec([None, None], tf.int32)


class Examples(NamedTuple):
    """What a training reads.

    Attributes:
        training: recordings to train on.
        validation: recordings to validate on, single words joined as the configuration has it.
        symbols: those of the training transcripts.
        noises: background recordings, each `[any]`.
    """

    training: Utterances
    validation: Utterances
    symbols: Symbols
    noises: Sequence[Waveform]


def training_examples(config: Config, known: Sequence[str] = ()) -> Examples:
    """Training and validation recordings, the symbols of their transcripts, and background recordings.

    Recordings whose transcript has more symbols than they have frames are left out, and those that were held out by
    chance and have symbols that no other has.

    Args:
        config: where from.
        known: symbols that stand before those that the training transcripts have beside them.

    Raises:
        UserError: a validation transcript has symbols that training lacks, or nothing is left.
    """
    training, validation = load_training(
        config.source, sample.sample, config.validation, config.validation_fraction
    )
    noises = background(config.source, config.noises, "train")
    # What stands between joined words may be in no transcript.
    between = [" "] if config.join != (0, 0) else []
    symbols = choose_symbols([*training.texts, *between], config.symbols, known)
    require_single_words(training, config.join)
    validation = joined(validation, config.join, config.longest_gap, _VALIDATION_SEED)
    if config.validation is None:
        validation = _known(validation, symbols)
    require_known(validation, symbols)
    training, validation = (_alignable(utterances, symbols, config) for utterances in (training, validation))
    return Examples(training, validation, symbols, noises)


def background(source: TranscriptSource, noises: Path | None, part: str) -> Sequence[Waveform]:
    """Background recordings: those that are given, or else the sample's own of a part, and none for other data."""
    if noises is not None:
        return read_noises(noises)
    return sample.noises(part) if source.data == SAMPLE else []


def evaluation_examples(source: TranscriptSource) -> Utterances:
    """The recordings that `evaluate` measures on."""
    return load_evaluation(source, sample.sample)


def require_known(utterances: Utterances, symbols: Symbols) -> None:
    """Refuses transcripts with symbols that the model lacks.

    Raises:
        UserError: naming the first such recording and symbol.
    """
    for text, origin in zip(utterances.texts, utterances.origins, strict=True):
        if lacking := symbols.lacks(text):
            shown = ", ".join(map(repr, lacking[:5]))
            raise UserError(
                f"{utterances.name}, {origin}: the transcript {text!r} has {shown}, which no training transcript has; "
                f"expected their {symbols.kind} only, or such recordings in training too"
            )


def _known(utterances: Utterances, symbols: Symbols) -> Utterances:
    """Those of chance that a model of these symbols can write; the others are counted."""
    reasons = ["symbols that training lacks" if symbols.lacks(text) else "" for text in utterances.texts]
    return leave_out(utterances, reasons, "recording")


def _alignable(utterances: Utterances, symbols: Symbols, config: Config) -> Utterances:
    """Those whose labels fit into their frames; the others are counted."""
    reasons = [
        "" if _fits(symbols.encode(text), len(waveform), config) else "more symbols than frames"
        for text, waveform in zip(utterances.texts, utterances.waveforms, strict=True)
    ]
    return leave_out(utterances, reasons, "recording")


def _fits(label: np.ndarray, samples: int, config: Config) -> bool:
    return frames_needed(label) <= int(frames_of(config, samples))


def training_batches(examples: Examples, config: Config, epochs: range) -> tuple[tf.data.Dataset, int]:
    """Augmented batches of the given epochs: the model's inputs, targets `[batch, 2 + labels]`; and how many an epoch
    has.

    A row of targets holds the frames that are real, the length of the label, and the label, right-padded with 0. Their
    order, the words that are joined and the augmentation depend on the seed and the epoch alone. The first epoch goes
    from short recordings to long ones, from which an alignment is learnt sooner (Amodei et al. 2016, SortaGrad).
    """
    utterances, size, seed = examples.training, config.training.batch_size, config.training.seed

    def planned(epoch: int) -> list[Plan]:
        rng = np.random.default_rng((seed, epoch))
        return plan_strings(utterances, config.join, config.joined_share, config.longest_gap, rng)

    def generate() -> Iterator[tuple[Any, np.ndarray]]:
        for epoch in epochs:
            plans, rng = planned(epoch), np.random.default_rng((seed, epoch, 1))
            lengths = np.array([samples_of(utterances, plan) for plan in plans])
            for batch in plan_batches(lengths, size, rng if epoch else None):
                rows = [_augmented(examples, plans[index], config, rng) for index in batch]
                yield _batch(rows, [text_of(utterances, plans[index]) for index in batch], examples, config)

    return generated(generate, _spec(config)), -(-len(planned(0)) // size)


def validation_batches(examples: Examples, config: Config) -> tuple[tf.data.Dataset, list[str]]:
    """The validation recordings as batches, from short ones to long ones, and the transcripts in that order."""
    utterances = examples.validation
    lengths = np.array([len(waveform) for waveform in utterances.waveforms])
    plan = plan_batches(lengths, config.training.batch_size, None)

    def generate() -> Iterator[tuple[Any, np.ndarray]]:
        for indices in plan:
            waveforms = [utterances.waveforms[index] for index in indices]
            yield _batch(waveforms, [utterances.texts[index] for index in indices], examples, config)

    return generated(generate, _spec(config), len(plan)), [
        utterances.texts[index] for index in np.concatenate(plan)
    ]


def _spec(config: Config) -> Any:
    return inputs_of(config, _WAVEFORMS, _SAMPLES), _TARGETS


def inputs_of(config: Config, waveforms: Any, samples: Any) -> Any:
    """What the model takes of waveforms `[batch, samples]` and how many samples of each are real `[batch]`."""
    return waveforms if config.kind == "streaming" else (waveforms, samples)


def _batch(
    waveforms: Sequence[Waveform], texts: Sequence[str], examples: Examples, config: Config
) -> tuple[Any, np.ndarray]:
    samples = np.array([len(waveform) for waveform in waveforms], np.int32)
    labels = [examples.symbols.encode(text) for text in texts]
    lengths = np.array([len(label) for label in labels], np.int32)
    frames = np.array(frames_of(config, samples), np.int32)
    targets = np.concatenate([frames[:, None], lengths[:, None], pad(labels)], axis=1)
    return inputs_of(config, pad(waveforms), samples), targets


def _augmented(examples: Examples, plan: Plan, config: Config, rng: np.random.Generator) -> Waveform:
    """A recording as it might have sounded; unchanged in its speed where the label would not fit otherwise."""
    utterances, augmentation = examples.training, config.augmentation
    voice = replace(augmentation, speed=(speed := rng.uniform(*augmentation.speed), speed))
    waveform = waveform_of(utterances, plan, lambda spoken: change_voice(spoken, voice, rng))
    if not _fits(examples.symbols.encode(text_of(utterances, plan)), len(waveform), config):
        waveform = waveform_of(utterances, plan)
    return in_surroundings(waveform, examples.noises, augmentation, rng)


def in_surroundings(
    waveform: Waveform, noises: Sequence[Waveform], augmentation: Augmentation, rng: np.random.Generator
) -> Waveform:
    """The waveform between short silences, over noise, louder or softer."""
    silences = rng.uniform(0, max(augmentation.shift, 1e-9), 2) * SAMPLE_RATE
    waveform = np.pad(waveform, (int(silences[0]), int(silences[1])))
    if len(noises) and rng.random() < augmentation.noise_share:
        noise = noises[int(rng.integers(len(noises)))]
        waveform = mix_noise(waveform, noise, rng.uniform(*augmentation.noise_ratio), rng)
    return np.clip(gain(waveform, rng.uniform(*augmentation.gain)), -1, 1).astype(np.float32)
