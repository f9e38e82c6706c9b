"""Trains a composer, or goes on with one: music -> runs/music/<name>.

python -m applications.music.train chorales --data midi/ --name mine
"""

from functools import partial
from pathlib import Path

import keras
import tensorflow as tf

from applications.music.config import INHERITANCE, NAME, PRESET_DESCRIPTIONS, PRESETS, Config
from applications.music.data import Examples, training_batches, training_examples, validation_batches
from applications.music.kinds import kinds_from
from applications.music.model import build
from common import cli
from common.training.init_from import begin_from
from common.training.loop import fit
from common.training.losses import count_nonzero
from common.training.run_folder import write_preprocessing
from common.training.runtime import set_up
from common.training.script import begin_run, discarding_unbegun, finish_run


def train(config: Config) -> Path:
    """Trains as configured. Returns the run's folder, which `export` turns into a SavedModel."""
    set_up(config.training)
    config, origin = begin_from(config, INHERITANCE, PRESETS)
    made = None if origin is None else origin.run.preprocessing
    known = () if made is None else kinds_from(made["kinds"])
    examples = training_examples(config, known, None if made is None else made["voices"])
    voices = examples.training.voices
    folder = begin_run(NAME, config, examples.training, examples.validation)
    write_preprocessing(folder, {"kinds": [kind._asdict() for kind in examples.kinds], "voices": voices})
    model = build(config, voices, config.training.precision)
    if origin is not None:
        origin.copy_weights(build(origin.run.config, voices), model)
    grids = ", ".join(str(kind.steps_per_quarter) for kind in examples.kinds)
    cli.console().print(f"voices: {voices}; steps per quarter: {grids}; weights: {model.count_params():,}")
    epochs = fit(
        model,
        partial(training_batches, examples, config),
        validation_batches(examples, config)[0],
        config.training,
        folder,
        loss=mean_of_steps,
        counts=count_nonzero,
        scores=lambda: {"nats_per_step": nats_per_step(model, examples, config)},
        monitor="val_nats_per_step",
        title="training",
    )
    figures = {"validation_nats_per_step": nats_per_step(model, examples, config)}
    return finish_run(folder, NAME, len(examples.training), epochs, figures)


def mean_of_steps(real: tf.Tensor, nats: tf.Tensor) -> tf.Tensor:
    """The mean cost of the steps that are real, of `[batch, time]` each."""
    return tf.reduce_sum(nats * real) / tf.reduce_sum(real)


def nats_per_step(model: keras.Model, examples: Examples, config: Config) -> float:
    """The mean of -log p over the steps of the whole validation pieces, of which nothing is told beforehand."""
    batches, steps = validation_batches(examples, config)
    return float(sum(model.predict_on_batch(inputs).sum(dtype="float64") for inputs, _ in batches)) / steps


def main(config: Config) -> None:
    """Trains a composer, or goes on with an interrupted training (--resume)."""
    with discarding_unbegun(NAME, config.training):
        train(config)


if __name__ == "__main__":
    cli.run(main, PRESETS, descriptions=PRESET_DESCRIPTIONS, leaves_at_once=True)
