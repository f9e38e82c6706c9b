"""Trains a character language model, or goes on with one: text -> runs/text_generation/<name>.

python -m applications.text_generation.train base --data novel.txt
"""

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from applications.text_generation.config import INHERITANCE, NAME, PRESET_DESCRIPTIONS, PRESETS, Config
from applications.text_generation.data import (
    VALIDATION_ROWS,
    encode,
    make_characters,
    steps_per_epoch,
    training_batches,
    training_examples,
    validation_batches,
)
from applications.text_generation.model import build, read
from common import cli
from common.text.characters import UNKNOWN, Characters
from common.training.init_from import begin_from
from common.training.loop import fit
from common.training.run_folder import write_preprocessing
from common.training.runtime import set_up
from common.training.script import begin_run, discarding_unbegun, finish_run

_READ_AT_ONCE = 2048


def train(config: Config) -> Path:
    """Trains as configured. Returns the run's folder, which `export` turns into a SavedModel."""
    console = cli.console()
    options = config.training
    set_up(options)
    config, origin = begin_from(config, INHERITANCE, PRESETS)
    train_text, validation_text = training_examples(config)
    characters = (
        make_characters(config, train_text)
        if origin is None
        else Characters(origin.run.preprocessing["characters"], name="characters")
    )
    if origin is not None:
        known = set(characters.vocabulary)
        unknown = sum(character not in known for character in train_text.text)
        origin.require_known(unknown, len(train_text), "characters")
    folder = begin_run(NAME, config, train_text, validation_text)
    write_preprocessing(folder, {"characters": characters.vocabulary})
    training, validation = (encode(text, characters) for text in (train_text, validation_text))

    model = build(config, characters.size, options.precision)
    if origin is not None:
        origin.copy_weights(build(origin.run.config, characters.size), model)
    weights = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    console.print(f"{len(characters.vocabulary)} characters; {weights:,} weights")
    steps = steps_per_epoch(training, options.batch_size, config.window)

    def batches(epochs: range) -> tuple[tf.data.Dataset, int]:
        size, seed = options.batch_size, options.seed
        return training_batches(training, size, config.window, epochs=epochs, seed=seed), steps

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    held_out = validation_batches(validation, VALIDATION_ROWS)
    history = fit(model, batches, held_out, options, folder, loss=loss, title="training")
    nats = nats_per_character(model, validation)
    figures = {"validation_nats_per_character": nats}
    return finish_run(folder, NAME, len(training), history, figures)


def nats_per_character(model: keras.Model, stream: np.ndarray) -> float:
    """The mean of -log p over the characters of one long stream `[characters]`, its states carried from end to end."""
    states = model.get_layer("states").stack.zero_states(1)
    inputs, total = np.pad(stream[:-1], (1, 0), constant_values=UNKNOWN), 0.0
    reader = tf.function(
        lambda numbers, targets, *states: _nats(read(model, numbers, states), targets),
        autograph=False,
        reduce_retracing=True,
    )
    for start in range(0, len(stream), _READ_AT_ONCE):
        piece = slice(start, start + _READ_AT_ONCE)
        nats, *states = reader(inputs[None, piece], stream[None, piece], *states)
        total += float(nats)
    return total / len(stream)


def _nats(logits_and_states: tuple[Any, list[Any]], targets: Any) -> list[Any]:
    logits, states = logits_and_states
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    return [tf.reduce_sum(nats), *states]


def main(config: Config) -> None:
    """Trains a character language model on a text, or goes on with an interrupted training (--resume)."""
    with discarding_unbegun(NAME, config.training):
        train(config)


if __name__ == "__main__":
    cli.run(main, PRESETS, descriptions=PRESET_DESCRIPTIONS, leaves_at_once=True)
