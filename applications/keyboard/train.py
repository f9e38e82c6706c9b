"""Trains the keyboard's language model, or goes on with one: text -> runs/keyboard/<name>.

python -m applications.keyboard.train sample --data letters.txt
"""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from applications.keyboard.config import INHERITANCE, NAME, PRESET_DESCRIPTIONS, PRESETS, Config
from applications.keyboard.data import (
    Stream,
    encode,
    inputs_at,
    make_vocabulary,
    require_a_batch,
    segmented,
    training_batches,
    training_examples,
    validation_batches,
)
from applications.keyboard.mixture import Mixture
from applications.keyboard.model import build, read
from applications.keyboard.vocabulary import Vocabulary, Words
from applications.keyboard.word_numbers import UNKNOWN
from common import cli
from common.training.init_from import begin_from
from common.training.loop import fit
from common.training.losses import output_itself
from common.training.run_folder import write_preprocessing
from common.training.runtime import set_up
from common.training.script import begin_run, discarding_unbegun, finish_run

_READ_AT_ONCE = 512


def train(config: Config) -> Path:
    """Trains as configured. Returns the run's folder, which `export` turns into a SavedModel."""
    console = cli.console()
    options = config.training
    set_up(options)
    config, origin = begin_from(config, INHERITANCE, PRESETS)
    texts = training_examples(config)
    spelled = [segmented(text, config.split_at_blanks) for text in texts]
    if origin is None:
        vocabulary = make_vocabulary(config, texts[0], spelled[0])
    else:
        require_a_batch(config, texts[0], len(spelled[0]))
        vocabulary = Vocabulary.from_json(origin.run.preprocessing["vocabulary"])
    words = Words(vocabulary, config.ngram_buckets)
    training, validation = (
        encode(text, spellings, words) for text, spellings in zip(texts, spelled, strict=True)
    )
    unknown = int((training.numbers == UNKNOWN).sum())
    if origin is not None:
        origin.require_known(unknown, len(training), "words")
    folder = begin_run(NAME, config, *texts)
    mixture = asdict(Mixture()) if origin is None else origin.run.preprocessing["mixture"]
    write_preprocessing(folder, {"vocabulary": vocabulary.to_json(), "mixture": mixture})

    model = build(config, vocabulary.size, options.precision)
    if origin is not None:
        origin.copy_weights(build(origin.run.config, vocabulary.size), model)
    weights = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    console.print(
        f"{len(vocabulary.words):,} words, which leave {unknown / len(training):.1%} of the text unknown; "
        f"{weights:,} weights"
    )

    def batches(epochs: range) -> tuple[tf.data.Dataset, int]:
        return training_batches(training, config, epochs=epochs)

    held_out = validation_batches(validation)
    history = fit(model, batches, held_out, options, folder, loss=output_itself, title="training")
    return finish_run(folder, NAME, len(training), history, likelihood(model, validation))


def likelihood(model: keras.Model, stream: Stream) -> dict[str, float]:
    """What a text costs that is read as one stream, its states carried from end to end.

    Returns:
        `validation_bits_per_character`, in which an unknown word or a number is spelled out, and
        `validation_perplexity` of the words, in which all unknown ones are one and all numbers another.
    """
    states = model.get_layer("states").stack.zero_states(1)
    reader = tf.function(
        lambda numbers, ngrams, targets, *states: _nats(
            model, targets, *read(model, numbers, ngrams, states)
        ),
        autograph=False,
        reduce_retracing=True,
    )
    nats = 0.0
    for start in range(0, len(stream), _READ_AT_ONCE):
        places = np.arange(start, min(start + _READ_AT_ONCE, len(stream)))
        numbers, ngrams = inputs_at(stream, places - 1, np.zeros(places.shape, bool))
        piece, *states = reader(numbers[None], ngrams[None], stream.numbers[None, places], *states)
        nats += float(piece)
    spelling = float(stream.spelling_nats[stream.spelled].sum(dtype=np.float64))
    return {
        "validation_bits_per_character": (nats + spelling) / math.log(2) / stream.characters,
        "validation_perplexity": math.exp(nats / len(stream)),
    }


def _nats(model: keras.Model, targets: Any, queries: Any, states: list[Any]) -> list[Any]:
    logits = model.get_layer("vectors").logits(queries)
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    return [tf.reduce_sum(nats), *states]


def main(config: Config) -> None:
    """Trains the language model of a keyboard on a text, or goes on with an interrupted training (--resume)."""
    with discarding_unbegun(NAME, config.training):
        train(config)


if __name__ == "__main__":
    cli.run(main, PRESETS, descriptions=PRESET_DESCRIPTIONS, leaves_at_once=True)
