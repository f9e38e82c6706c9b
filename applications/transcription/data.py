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
    joined,
    plans_of,
    require_single_words,
    samples_of,
    text_of,
    waveform_of,
)
from common.audio.augmentation import Augmentation, Waveform, change_voice, gain, mix_noise
from common.audio.files import SAMPLE_RATE
from common.audio.labelled import read_noises
from common.audio.transcripts import TranscriptSource, load_evaluation, load_training
from common.audio.utterances import Utterances
from common.data.batching import generated, pad, plan_batches
from common.data.sources import SAMPLE
from common.data.strings import Plan
from common.text.symbols import Symbols, choose_symbols
from common.training.ctc_examples import alignable, fits, of_known_symbols, require_known, targets_of

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
        validation = of_known_symbols(validation, symbols, "recording")
    require_known(validation, symbols, "transcript")
    training, validation = (
        alignable(utterances, symbols, _frames(utterances.waveforms, config), "recording")
        for utterances in (training, validation)
    )
    return Examples(training, validation, symbols, noises)


def background(source: TranscriptSource, noises: Path | None, part: str) -> Sequence[Waveform]:
    """Background recordings: those that are given, or else the sample's own of a part, and none for other data."""
    if noises is not None:
        return read_noises(noises)
    return sample.noises(part) if source.data == SAMPLE else []


def evaluation_examples(source: TranscriptSource) -> Utterances:
    """The recordings that `evaluate` measures on."""
    return load_evaluation(source, sample.sample)


def training_batches(examples: Examples, config: Config, epochs: range) -> tuple[tf.data.Dataset, int]:
    """Augmented batches of the given epochs: the model's inputs, targets `[batch, 2 + labels]`; and how many an epoch
    has.

    Rows of targets are as `common.training.ctc_examples.targets_of` has them. Their order, the words that are joined
    and the augmentation depend on the seed and the epoch alone. The first epoch goes from short recordings to long
    ones, from which an alignment is learnt sooner (Amodei et al. 2016, SortaGrad).
    """
    utterances, size, seed = examples.training, config.training.batch_size, config.training.seed

    def planned(epoch: int) -> list[Plan]:
        rng = np.random.default_rng((seed, epoch))
        return plans_of(utterances, config.join, config.joined_share, config.longest_gap, rng)

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


def _frames(waveforms: Sequence[Waveform], config: Config) -> np.ndarray:
    """How many frames of logits each waveform has."""
    return np.array(
        frames_of(config, np.array([len(waveform) for waveform in waveforms], np.int32)), np.int32
    )


def _batch(
    waveforms: Sequence[Waveform], texts: Sequence[str], examples: Examples, config: Config
) -> tuple[Any, np.ndarray]:
    samples = np.array([len(waveform) for waveform in waveforms], np.int32)
    labels = [examples.symbols.encode(text) for text in texts]
    return inputs_of(config, pad(waveforms), samples), targets_of(labels, _frames(waveforms, config))


def _augmented(examples: Examples, plan: Plan, config: Config, rng: np.random.Generator) -> Waveform:
    """A recording as it might have sounded; unchanged in its speed where the label would not fit otherwise."""
    utterances, augmentation = examples.training, config.augmentation
    voice = replace(augmentation, speed=(speed := rng.uniform(*augmentation.speed), speed))
    waveform = waveform_of(utterances, plan, lambda spoken: change_voice(spoken, voice, rng))
    label = examples.symbols.encode(text_of(utterances, plan))
    if not fits(label, int(frames_of(config, len(waveform)))):
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
