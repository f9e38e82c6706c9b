"""Trains a transcriber, or goes on with one: recordings and transcripts -> runs/transcription/<name>.

python -m applications.transcription.train base --data recordings/ --name mine
"""

from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import keras

from applications.transcription.config import INHERITANCE, NAME, PRESET_DESCRIPTIONS, PRESETS, Config
from applications.transcription.data import (
    Examples,
    training_batches,
    training_examples,
    validation_batches,
)
from applications.transcription.model import build
from common import cli
from common.decoding.ctc import greedy
from common.decoding.label_words import Words, words_of
from common.evaluation.transcription import transcription_metrics, words_right
from common.training.callbacks import History
from common.training.confidence import fit_confidence
from common.training.ctc_examples import FRAMES, loss_per_symbol
from common.training.init_from import begin_from
from common.training.loop import fit
from common.training.run_folder import write_preprocessing
from common.training.runtime import set_up
from common.training.script import begin_run, discarding_unbegun, finish_run


class Heard(NamedTuple):
    """What is heard in a batch.

    Attributes:
        references: what was said.
        words: of a greedy reading, their confidence not calibrated.
    """

    references: list[str]
    words: Words


def train(config: Config) -> Path:
    """Trains as configured. Returns the run's folder, which `export` turns into a SavedModel."""
    console = cli.console()
    set_up(config.training)
    config, origin = begin_from(config, INHERITANCE, PRESETS)
    known = () if origin is None else tuple(origin.run.preprocessing["symbols"])
    examples = training_examples(config, known)
    folder = begin_run(NAME, config, examples.training, examples.validation)
    write_preprocessing(folder, {"symbols": list(examples.symbols.names)})
    model = build(config, examples.symbols.count, config.training.precision)
    if origin is not None:
        origin.copy_weights_of_symbols(build(origin.run.config, len(known) + 1), model)
    console.print(
        f"symbols: {len(examples.symbols.names)} {config.symbols}; background recordings: {len(examples.noises)}; "
        f"weights: {model.count_params():,}"
    )
    epochs = learn(model, examples, config, folder)
    heard = transcribed(model, examples, config)
    figures = {f"validation_{name}": value for name, value in error_rates(heard).items()}
    temperature, is_calibrated = calibrate(heard)
    kept = {"temperature": temperature}
    return finish_run(
        folder,
        NAME,
        len(examples.training),
        epochs,
        figures,
        is_calibrated=is_calibrated,
        judged="words",
        kept=kept,
    )


def learn(model: keras.Model, examples: Examples, config: Config, folder: Path) -> History:
    """Trains, and keeps the epoch whose greedy transcripts have the fewest wrong characters."""
    return fit(
        model,
        partial(training_batches, examples, config),
        validation_batches(examples, config)[0],
        config.training,
        folder,
        loss=loss_per_symbol,
        scores=lambda: error_rates(transcribed(model, examples, config)),
        monitor="val_character_error_rate",
        title="training",
    )


def error_rates(heard: Sequence[Heard]) -> dict[str, float]:
    """Of greedy transcripts of the validation recordings."""
    references = [reference for texts, _ in heard for reference in texts]
    texts = [text.decode() for _, words in heard for text in words.texts().numpy()]
    metrics = transcription_metrics(references, texts)
    return {name: metrics[name] for name in ("character_error_rate", "word_error_rate")}


def calibrate(heard: Sequence[Heard]) -> tuple[float, bool]:
    """The temperature that makes the confidence of words honest (Guo et al. 2017), and whether one could be fitted."""
    confidences: list[float] = []
    is_right: list[bool] = []
    for references, words in heard:
        for reference, spelt, confidence in zip(references, words.words, words.confidence, strict=True):
            texts = [word.decode() for word in spelt.numpy() if word]
            confidences += confidence[: len(texts)].numpy().tolist()
            is_right += words_right(reference, " ".join(texts))
    return fit_confidence(confidences, is_right)


def transcribed(model: keras.Model, examples: Examples, config: Config) -> list[Heard]:
    """Greedy transcripts of the validation recordings, batch by batch."""
    heard = []
    batches, references = validation_batches(examples, config)
    truth = iter(references)
    for inputs, targets in batches:
        best = greedy(model.predict_on_batch(inputs), targets[:, FRAMES])
        times = (best.first_frames, best.last_frames, best.probabilities)
        words = words_of(examples.symbols, best.labels, *times, temperature=1.0)
        heard.append(Heard(list(islice(truth, len(targets))), words))
    return heard


def main(config: Config) -> None:
    """Trains a transcriber on recordings and transcripts, or goes on with an interrupted training (--resume)."""
    with discarding_unbegun(NAME, config.training):
        train(config)


if __name__ == "__main__":
    cli.run(main, PRESETS, descriptions=PRESET_DESCRIPTIONS, leaves_at_once=True)
