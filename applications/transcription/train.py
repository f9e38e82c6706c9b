"""Trains a transcriber, or goes on with one: recordings and transcripts -> runs/transcription/<name>.

python -m applications.transcription.train base --data recordings/ --name mine
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import keras
import tensorflow as tf
from common.evaluation.transcription import character_error_rate, word_error_rate

from applications.transcription.config import INHERITANCE, NAME, PRESET_DESCRIPTIONS, PRESETS, Config
from applications.transcription.data import (
    FRAMES,
    LABELS,
    LENGTH,
    Examples,
    training_batches,
    training_examples,
    validation_batches,
)
from applications.transcription.model import build
from applications.transcription.symbols import Symbols
from common import cli
from common.decoding.ctc import greedy
from common.training.callbacks import History
from common.training.ctc import ctc_loss
from common.training.init_from import begin_from
from common.training.loop import fit
from common.training.run_folder import write_preprocessing
from common.training.runtime import set_up
from common.training.script import begin_run, discarding_unbegun, finish_run


def train(config: Config) -> Path:
    """Trains as configured. Returns the run's folder, which `export` turns into a SavedModel."""
    console = cli.console()
    set_up(config.training)
    config, origin = begin_from(config, INHERITANCE, PRESETS)
    known = None if origin is None else Symbols(config.symbols, tuple(origin.run.preprocessing["symbols"]))
    examples = training_examples(config, known)
    folder = begin_run(NAME, config, examples.training, examples.validation)
    write_preprocessing(folder, {"symbols": list(examples.symbols.names)})
    model = build(config, examples.symbols.count, config.training.precision)
    if origin is not None:
        origin.copy_weights(build(origin.run.config, examples.symbols.count), model)
    console.print(
        f"symbols: {len(examples.symbols.names)} {config.symbols}; background recordings: {len(examples.noises)}; "
        f"weights: {model.count_params():,}"
    )
    epochs = learn(model, examples, config, folder)
    figures = {f"validation_{name}": value for name, value in error_rates(model, examples, config).items()}
    return finish_run(folder, NAME, len(examples.training), epochs, figures)


def learn(model: keras.Model, examples: Examples, config: Config, folder: Path) -> History:
    """Trains, and keeps the epoch whose greedy transcripts have the fewest wrong characters."""
    return fit(
        model,
        partial(training_batches, examples, config),
        validation_batches(examples, config)[0],
        config.training,
        folder,
        loss=loss_per_symbol,
        scores=partial(error_rates, model, examples, config),
        monitor="val_character_error_rate",
        title="training",
    )


def loss_per_symbol(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """CTC's loss of each row, over the length of its label: targets as of `training_batches` -> `[batch]`."""
    lengths = targets[:, LENGTH]
    losses = ctc_loss(logits, targets[:, LABELS:], targets[:, FRAMES], lengths)
    return losses / tf.cast(tf.maximum(lengths, 1), tf.float32)


def error_rates(model: keras.Model, examples: Examples, config: Config) -> dict[str, float]:
    """Of greedy transcripts of the validation recordings."""
    texts, references = transcribed(model, examples, config)
    return {
        "character_error_rate": character_error_rate(references, texts),
        "word_error_rate": word_error_rate(references, texts),
    }


def transcribed(model: keras.Model, examples: Examples, config: Config) -> tuple[list[str], Sequence[str]]:
    """Greedy transcripts of the validation recordings, and the true ones."""
    batches, references = validation_batches(examples, config)
    texts: list[str] = []
    for inputs, targets in batches:
        best = greedy(model(inputs, training=False), targets[:, FRAMES])
        texts += [text.decode() for text in examples.symbols.texts(best.labels).numpy()]
    return texts, references


def main(config: Config) -> None:
    """Trains a transcriber on recordings and transcripts, or goes on with an interrupted training (--resume)."""
    with discarding_unbegun(NAME, config.training):
        train(config)


if __name__ == "__main__":
    cli.run(main, PRESETS, descriptions=PRESET_DESCRIPTIONS, leaves_at_once=True)
