"""Trains a reader of handwriting, or goes on with one: ink and what is written -> runs/handwriting/<name>.

python -m applications.handwriting.train base --data ink/ --name mine
"""

from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import keras

from applications.handwriting.config import INHERITANCE, NAME, PRESET_DESCRIPTIONS, PRESETS, SYMBOLS, Config
from applications.handwriting.data import (
    Examples,
    training_batches,
    training_examples,
    validation_batches,
)
from applications.handwriting.model import build
from common import cli
from common.decoding.ctc import GreedyLabels, greedy
from common.decoding.label_words import words_of
from common.evaluation.transcription import characters_right, transcription_metrics, words_right
from common.text.symbols import Symbols
from common.training.callbacks import History
from common.training.confidence import fit_confidence
from common.training.ctc_examples import FRAMES, loss_per_symbol
from common.training.init_from import begin_from
from common.training.loop import fit
from common.training.run_folder import write_preprocessing
from common.training.runtime import set_up
from common.training.script import begin_run, discarding_unbegun, finish_run


class Read(NamedTuple):
    """What is read in a batch.

    Attributes:
        references: what was written.
        labels: a greedy reading.
    """

    references: list[str]
    labels: GreedyLabels


def train(config: Config) -> Path:
    """Trains as configured. Returns the run's folder, which `export` turns into a SavedModel."""
    set_up(config.training)
    config, origin = begin_from(config, INHERITANCE, PRESETS)
    known = () if origin is None else tuple(origin.run.preprocessing["written_symbols"])
    examples = training_examples(config, known)
    folder = begin_run(NAME, config, examples.training, examples.validation)
    write_preprocessing(folder, {"written_symbols": list(examples.symbols.names)})
    model = build(config, examples.symbols.count, config.training.precision)
    if origin is not None:
        origin.copy_weights_of_symbols(build(origin.run.config, len(known) + 1), model)
    cli.console().print(
        f"symbols: {len(examples.symbols.names)} {SYMBOLS}; weights: {model.count_params():,}"
    )
    epochs = learn(model, examples, config, folder)
    read = transcribed(model, examples, config)
    figures = {f"validation_{name}": value for name, value in error_rates(read, examples.symbols).items()}
    kept, unfitted = calibrate(read, examples.symbols)
    return finish_run(
        folder,
        NAME,
        len(examples.training),
        epochs,
        figures,
        is_calibrated=not unfitted,
        judged=" and ".join(unfitted),
        kept=kept,
    )


def learn(model: keras.Model, examples: Examples, config: Config, folder: Path) -> History:
    """Trains, and keeps the epoch whose greedy reading has the fewest wrong characters."""
    return fit(
        model,
        partial(training_batches, examples, config),
        validation_batches(examples, config)[0],
        config.training,
        folder,
        loss=loss_per_symbol,
        scores=lambda: error_rates(transcribed(model, examples, config), examples.symbols),
        monitor="val_character_error_rate",
        title="training",
    )


def texts_of(read: Sequence[Read], symbols: Symbols) -> tuple[list[str], list[str]]:
    """What was written, and what was read."""
    references = [reference for batch in read for reference in batch.references]
    texts = [symbols.decode(row) for batch in read for row in batch.labels.labels.numpy()]
    return references, texts


def error_rates(read: Sequence[Read], symbols: Symbols) -> dict[str, float]:
    """Of a greedy reading of the validation ink."""
    metrics = transcription_metrics(*texts_of(read, symbols))
    return {name: metrics[name] for name in ("character_error_rate", "word_error_rate")}


def calibrate(read: Sequence[Read], symbols: Symbols) -> tuple[dict[str, float], list[str]]:
    """The temperatures that make the confidence of words and of letters honest, and of which none could be fitted."""
    of_words: list[tuple[float, bool]] = []
    of_letters: list[tuple[float, bool]] = []
    for references, labels in read:
        frames = (labels.first_frames, labels.last_frames, labels.probabilities)
        words = words_of(symbols, labels.labels, *frames, temperature=1.0).confidence.numpy()
        rows = (labels.labels.numpy(), labels.probabilities.numpy(), words)
        for reference, numbers, probabilities, confidences in zip(references, *rows, strict=True):
            text = symbols.decode(numbers)
            letters = [
                probability for probability, one in zip(probabilities, text, strict=False) if one != " "
            ]
            # Padding follows the last word.
            of_words += zip(confidences, words_right(reference, text), strict=False)
            of_letters += zip(letters, characters_right(reference, text), strict=True)
    temperatures = {}
    unfitted = []
    for judged, name, pairs in (
        ("words", "temperature", of_words),
        ("letters", "letter_temperature", of_letters),
    ):
        confidences, are_right = ([pair[place] for pair in pairs] for place in (0, 1))
        temperatures[name], is_fitted = fit_confidence(confidences, are_right)
        unfitted += [] if is_fitted else [judged]
    return temperatures, unfitted


def transcribed(model: keras.Model, examples: Examples, config: Config) -> list[Read]:
    """A greedy reading of the validation ink, batch by batch."""
    batches, references = validation_batches(examples, config)
    truth = iter(references)
    return [
        Read(
            list(islice(truth, len(targets))),
            greedy(model.predict_on_batch(inputs), targets[:, FRAMES]),
        )
        for inputs, targets in batches
    ]


def main(config: Config) -> None:
    """Trains a reader of handwriting, or goes on with an interrupted training (--resume)."""
    with discarding_unbegun(NAME, config.training):
        train(config)


if __name__ == "__main__":
    cli.run(main, PRESETS, descriptions=PRESET_DESCRIPTIONS, leaves_at_once=True)
