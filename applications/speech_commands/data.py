"""Where clips come from, and how they become batches of waveforms or of composed recordings."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from applications.speech_commands import sample
from applications.speech_commands.config import HOP_SECONDS, Config
from applications.speech_commands.streams import compose, frame_targets
from common.audio.augmentation import Waveform
from common.audio.batching import Balance, audio_batches, evaluation_audio_batches, plan_epoch
from common.audio.files import SAMPLE_RATE
from common.audio.labelled import (
    SILENCE,
    UNKNOWN,
    AudioSource,
    Clips,
    load_evaluation,
    load_noises,
    load_training,
)
from common.data.batching import Sequences, generated
from common.data.labels import classes_of, label_indices
from common.data.sources import SAMPLE
from common.errors import UserError

_RECORDINGS = (
    tf.TensorSpec([None, None], tf.float32),
    tf.TensorSpec([None, None], tf.int32),
    tf.TensorSpec([None, None], tf.float32),
)


class Examples(NamedTuple):
    """What a training reads.

    Attributes:
        training: clips to train on.
        validation: clips to validate on.
        labels: the classes: those of the training clips, and silence where there are background recordings.
        noises: background recordings, each `[any]`.
    """

    training: Clips
    validation: Clips
    labels: list[str]
    noises: Sequence[Waveform]


def training_examples(config: Config) -> Examples:
    """Training and validation clips, the classes, and background recordings.

    Raises:
        UserError: fewer than two classes, a validation label that training lacks, or no silence for a streaming model.
    """
    training, validation = load_training(
        config.source, sample.sample, config.validation, config.validation_fraction
    )
    is_sample = config.source.data == SAMPLE and config.noises is None
    noises = sample.noises("train") if is_sample else load_noises(config.source, config.noises)
    labels = classes_of(training.name, [*training.labels, *([SILENCE] if noises else [])])
    if config.kind == "streaming" and SILENCE not in labels:
        raise UserError(
            f"--kind streaming: {training.name} has no {SILENCE}, which is the answer between words; expected "
            f"background recordings (--noises, or _background_noise_ in the data), or clips labelled {SILENCE}"
        )
    label_indices(validation, labels)
    return Examples(training, validation, labels, noises)


def evaluation_examples(source: AudioSource) -> Clips:
    """The clips that `evaluate` measures on."""
    return load_evaluation(source, sample.sample)


def encode(clips: Clips, labels: Sequence[str]) -> Sequences:
    """Waveforms, and the index of each one's class."""
    return Sequences(clips.waveforms, np.array(label_indices(clips, labels), np.int32))


def clip_batches(examples: Examples, config: Config, epochs: range) -> tuple[tf.data.Dataset, int]:
    """Augmented training batches: waveforms `[batch, samples]`, labels `[batch]`; and how many an epoch has.

    Unknown words and silence are drawn about as often as a word, silence from the background recordings too.
    """
    return audio_batches(
        encode(examples.training, examples.labels),
        config.training.batch_size,
        samples=config.clip_samples,
        epochs=epochs,
        seed=config.training.seed,
        augmentation=config.augmentation,
        noises=examples.noises,
        balance=_balance(examples.labels),
    )


def epoch_targets(examples: Examples, config: Config) -> np.ndarray:
    """The classes of the clips in the first epoch, `[clips]`; each class has as many in every other."""
    targets = encode(examples.training, examples.labels).targets
    rng = np.random.default_rng((config.training.seed, 0))
    return plan_epoch(targets, _balance(examples.labels), len(examples.noises) > 0, rng)[1]


def _balance(labels: Sequence[str]) -> Balance:
    drawn = tuple(labels.index(label) for label in (UNKNOWN, SILENCE) if label in labels)
    return Balance(drawn, labels.index(SILENCE) if SILENCE in labels else None)


def validation_batches(examples: Examples, config: Config) -> tf.data.Dataset:
    """The validation clips in their order, each brought to the length of a clip."""
    validation = encode(examples.validation, examples.labels)
    return evaluation_audio_batches(validation, config.training.batch_size, config.clip_samples)


def recording_batches(examples: Examples, config: Config, epochs: range) -> tuple[tf.data.Dataset, int]:
    """Recordings composed anew for each epoch: waveforms `[batch, samples]`, classes and weights `[batch, frames]`."""
    count, size = config.recordings, config.training.batch_size

    def generate() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for epoch in epochs:
            for first in range(0, count, size):
                seeds = [(config.training.seed, epoch, row) for row in range(first, min(first + size, count))]
                yield _recordings(examples.training, examples, config, seeds, is_augmented=True)

    return generated(generate, _RECORDINGS), -(-count // size)


def validation_recordings(examples: Examples, config: Config) -> tf.data.Dataset:
    """Recordings composed from the validation clips, the same at each call."""
    size = config.training.batch_size
    count = max(len(examples.validation) // 2, 1)
    batches = [
        _recordings(
            examples.validation,
            examples,
            config,
            [(0, row) for row in range(first, min(first + size, count))],
            is_augmented=False,
        )
        for first in range(0, count, size)
    ]
    return generated(lambda: iter(batches), _RECORDINGS, len(batches))


def _recordings(
    clips: Clips, examples: Examples, config: Config, seeds: Sequence[tuple[int, ...]], is_augmented: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    augmentation = config.augmentation if is_augmented else None
    waveforms, targets, weights = [], [], []
    for seed in seeds:
        recording = compose(clips, examples.noises, config.recording_seconds, seed, augmentation=augmentation)
        classes, weight = frame_targets(recording, examples.labels, HOP_SECONDS)
        waveforms.append(recording.waveform)
        targets.append(classes)
        weights.append(weight)
    return np.stack(waveforms), np.stack(targets), np.stack(weights)


def duration(clips: Clips) -> float:
    """Seconds of all clips together."""
    return sum(map(len, clips.waveforms)) / SAMPLE_RATE
