"""Seconds of audio trained on per second: the data pipeline alone, the application's models, and stock Keras layers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from applications.speech_commands.config import Config
from applications.speech_commands.data import Examples, clip_batches, recording_batches
from applications.speech_commands.model import build
from benchmarks.stock import with_stock_recurrence
from benchmarks.timing import in_turn, seconds
from common.audio.files import SAMPLE_RATE
from common.audio.labelled import Clips
from common.training.losses import smoothed_cross_entropy
from common.training.optimizer import make_optimizer
from common.training.options import Precision

PIPELINE, OURS, STOCK = "pipeline alone", "ours", "Keras layers"
_PRECISIONS: tuple[Precision, ...] = ("float32", "mixed_bfloat16")
_NOISE_SECONDS = 5


class Case(NamedTuple):
    """What learns, in which precision (of a pipeline: none), and by which layers."""

    kind: str
    precision: str
    contender: str


class Trainer(NamedTuple):
    """Works through as many seconds of audio as told, and returns what came of each batch."""

    run: Callable[[], list[Any]]
    audio_seconds: float


def trainers(config: Config, labels: Sequence[str], steps: int) -> dict[Case, Trainer]:
    """The pipeline of augmented clips or composed recordings, and contenders that train on batches of it that lie
    ready. Those of one precision begin with the same weights and read the same batches.

    Args:
        config: kind, sizes, dropout, augmentation and optimiser.
        labels: the classes.
        steps: batches that each works through at a time.
    """
    config = replace(config, recordings=steps * config.training.batch_size)
    examples = random_examples(config, labels, steps)
    batches = list(training_batches(examples, config).as_numpy_iterator())
    full = [batch for batch in batches if len(batch[0]) == config.training.batch_size]
    made = {
        Case(config.kind, "", PIPELINE): Trainer(partial(_read, examples, config), _audio_seconds(batches))
    }
    for precision in _PRECISIONS:
        ours = build(config, len(labels), precision)
        models = {OURS: ours, STOCK: with_stock_recurrence(ours)}
        for name, model in models.items():
            made[Case(config.kind, precision, name)] = _trainer(model, config, full, steps)
    return made


def training_speeds(trainers: dict[Case, Trainer], rounds: int) -> dict[Case, list[float]]:
    """Seconds of audio per second of each contender in each round; the contenders take turns."""

    def speed(trainer: Trainer) -> float:
        return trainer.audio_seconds / seconds(trainer.run)

    return in_turn({case: partial(speed, trainer) for case, trainer in trainers.items()}, rounds)


def random_examples(config: Config, labels: Sequence[str], steps: int) -> Examples:
    """Clips of noise, enough for `steps` batches, labelled in turn, and background recordings."""
    rng = np.random.default_rng(0)
    # As many of each class: what the pipeline draws anew then fills the batches exactly.
    count = -(-steps * config.training.batch_size // len(labels)) * len(labels)
    waveforms = rng.uniform(-0.3, 0.3, (count, config.clip_samples)).astype(np.float32)
    named = [labels[index % len(labels)] for index in range(count)]
    clips = Clips("noise", list(waveforms), named, [""] * count, [""] * count)
    noises = rng.uniform(-0.1, 0.1, (4, _NOISE_SECONDS * SAMPLE_RATE)).astype(np.float32)
    return Examples(clips, clips, list(labels), list(noises))


def training_batches(examples: Examples, config: Config) -> tf.data.Dataset:
    """An epoch as the application's training reads it."""
    make = recording_batches if config.kind == "streaming" else clip_batches
    return make(examples, config, range(1))[0]


def _read(examples: Examples, config: Config) -> list[Any]:
    return [len(batch[0]) for batch in training_batches(examples, config)]


def _trainer(model: keras.Model, config: Config, batches: Sequence[Any], steps: int) -> Trainer:
    loss = smoothed_cross_entropy(config.label_smoothing)
    model.compile(make_optimizer(config.training, 1_000), loss, jit_compile=False)
    # Made in the first step, its variables would let TensorFlow trace that twice.
    model.optimizer.build(model.trainable_variables)
    stream = cycle(batches)
    seconds_of_batch = _audio_seconds(batches[:1])
    return Trainer(
        lambda: [model.train_on_batch(*next(stream)) for _ in range(steps)], steps * seconds_of_batch
    )


def _audio_seconds(batches: Sequence[Any]) -> float:
    samples: int = sum(batch[0].size for batch in batches)
    return samples / SAMPLE_RATE
