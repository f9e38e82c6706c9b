"""Trains a translator, or goes on with one: pairs of texts -> runs/translation/<name>.

python -m applications.translation.train base --source train.en.gz --target train.de.gz --validation val.en.gz val.de.gz
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import sacrebleu
import tensorflow as tf

from applications.translation import model as translator
from applications.translation.config import INHERITANCE, NAME, PRESET_DESCRIPTIONS, PRESETS, Config
from applications.translation.data import (
    EncodedPairs,
    encode_within,
    redrawn,
    subword_text,
    token_batches,
    training_examples,
    validation_batches,
)
from common import cli
from common.decoding.generate import generate
from common.decoding.samplers import greedy
from common.layers.sequence_decoder import sequence_decoder_of, without_attention
from common.text.parallel import Pairs, require_same_direction
from common.text.subwords import END, START, Subwords, SubwordText, learn_subwords
from common.training.callbacks import History
from common.training.init_from import begin_from
from common.training.loop import fit
from common.training.losses import count_nonzero, output_itself
from common.training.options import TrainingOptions
from common.training.run_folder import write_preprocessing
from common.training.runtime import set_up
from common.training.script import begin_run, discarding_unbegun, finish_run


@dataclass(frozen=True)
class Corpus:
    """The texts of a training, and their subwords.

    Attributes:
        redraw: from an epoch to the training texts in subwords drawn for it, if that is asked for.
    """

    training: Pairs
    training_ids: EncodedPairs
    validation: Pairs
    validation_ids: EncodedPairs
    subwords: Subwords
    redraw: Callable[[int], EncodedPairs] | None


def train(config: Config) -> Path:
    """Trains as configured. Returns the run's folder, which `export` turns into a SavedModel."""
    set_up(config.training)
    config, origin = begin_from(config, INHERITANCE, PRESETS)
    if origin is not None:
        theirs = origin.run.config.source
        require_same_direction(config.source, theirs.source, theirs.target)
    training, validation = training_examples(config)
    subwords = None
    if origin is not None:
        subwords = Subwords.from_json(origin.run.preprocessing["subwords"])
        unknown, characters = subwords.unknown_characters([*training.sources, *training.targets])
        origin.require_known(unknown, characters, "characters")
    folder = begin_run(NAME, config, training, validation)
    corpus = read_corpus(training, validation, config, subwords)
    write_preprocessing(folder, {"subwords": corpus.subwords.to_json()})
    model = translator.build(config, corpus.subwords.size, config.training.precision)
    if origin is not None:
        origin.copy_weights(translator.build(origin.run.config, corpus.subwords.size), model)
    cli.console().print(
        f"read in subwords: {corpus.training.describe()}\n"
        f"vocabulary: {len(corpus.subwords.pieces):,} subwords; {corpus.training_ids.lengths.mean():.0f} a text on "
        f"average; weights: {model.count_params():,}"
    )

    epochs = []
    if config.both_directions_epochs:
        epochs += learn_both_directions(model, corpus, config, folder / "both_directions")
    epochs += learn(model, corpus, config, folder)
    best = max(epochs, key=lambda epoch: epoch.get("val_bleu", -1.0))
    figures = {"validation_bleu": best["val_bleu"], "validation_loss": best["val_loss"]}
    return finish_run(folder, NAME, len(corpus.training), epochs, figures)


def read_corpus(
    training: Pairs, validation: Pairs, config: Config, subwords: Subwords | None = None
) -> Corpus:
    """Learns the subwords of both languages together, unless they are given, and turns all texts into them."""
    subwords = subwords or learn_subwords([*training.sources, *training.targets], config.subwords)
    training, training_ids = encode_within(training, subwords, subwords, config.max_tokens)
    validation, validation_ids = encode_within(validation, subwords, subwords, config.max_tokens)
    redraw = None
    if config.subword_sharpness is not None:
        how = (config.max_tokens, config.subword_sharpness, config.training.seed)
        redraw = redrawn(training, subwords, subwords, *how)
    return Corpus(training, training_ids, validation, validation_ids, subwords, redraw)


def learn_both_directions(model: keras.Model, corpus: Corpus, config: Config, folder: Path) -> History:
    """Lets the model learn to translate in both directions, by the language it reads (Ding et al. 2021)."""
    options = dataclasses.replace(config.training, epochs=config.both_directions_epochs)
    redraw = corpus.redraw
    return _fit(
        model,
        _both_directions(corpus.training_ids),
        None if redraw is None else lambda epoch: _both_directions(redraw(epoch)),
        _both_directions(corpus.validation_ids),
        options,
        folder,
        title="both directions",
    )


def learn(model: keras.Model, corpus: Corpus, config: Config, folder: Path) -> History:
    """Trains the translator, and keeps the epoch whose greedy translations of the validation texts are best."""
    write = greedy_translator(model, subword_text(corpus.subwords, config.max_tokens))
    batches, order = validation_batches(
        corpus.validation_ids, _tokens_per_batch(corpus.training_ids, config.training)
    )
    references = [corpus.validation.targets[index] for index in order]

    def scores() -> Mapping[str, float]:
        written = [text.decode() for fed, _ in batches for text in write(fed[translator.SOURCE]).numpy()]
        return {"bleu": sacrebleu.corpus_bleu(written, [references]).score}

    return _fit(
        model,
        corpus.training_ids,
        corpus.redraw,
        corpus.validation_ids,
        config.training,
        folder,
        monitor="val_bleu",
        mode="max",
        scores=scores,
        title="training",
    )


def _fit(
    model: keras.Model,
    training: EncodedPairs,
    redraw: Callable[[int], EncodedPairs] | None,
    validation: EncodedPairs,
    options: TrainingOptions,
    folder: Path,
    **judged: Any,
) -> History:
    tokens = _tokens_per_batch(training, options)

    def batches(epochs: range) -> tuple[tf.data.Dataset, int]:
        dataset, steps = token_batches(training, tokens, epochs=epochs, seed=options.seed, redraw=redraw)
        return dataset.map(_with_labels), steps

    held_out = validation_batches(validation, tokens)[0].map(_with_labels)
    return fit(model, batches, held_out, options, folder, loss=output_itself, counts=count_nonzero, **judged)


def _tokens_per_batch(training: EncodedPairs, options: TrainingOptions) -> int:
    """Batches are made by tokens; --batch-size pairs is what they hold on average."""
    return round(options.batch_size * float(training.lengths.mean()))


def _both_directions(pairs: EncodedPairs) -> EncodedPairs:
    return EncodedPairs([*pairs.sources, *pairs.targets], [*pairs.targets, *pairs.sources])


def greedy_translator(model: keras.Model, subwords: SubwordText) -> Callable[[tf.Tensor], tf.Tensor]:
    """A graph that writes the likeliest next subword until the end: source ids `[batch, time]` -> strings `[batch]`."""

    def write(source: tf.Tensor) -> tf.Tensor:
        memory = translator.encode(model, source)
        decoder = sequence_decoder_of(model)
        step, states = without_attention(decoder.stepper(memory)), decoder.initial_states(memory)
        lengths = tf.reduce_sum(tf.cast(memory.mask, tf.int32), 1)
        start = tf.fill(tf.shape(lengths), START)
        written = generate(step, start, states, 2 * lengths + 10, greedy, end=END)
        return subwords.detokenize(written.tokens)

    graph: Callable[[tf.Tensor], tf.Tensor] = tf.function(
        write, input_signature=[tf.TensorSpec([None, None], tf.int32)]
    )
    return graph


def _with_labels(fed: dict[str, tf.Tensor], labels: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    return {**fed, translator.LABELS: labels}, labels


def main(config: Config) -> None:
    """Trains a translator on pairs of texts, or goes on with an interrupted training (--resume)."""
    with discarding_unbegun(NAME, config.training):
        train(config)


if __name__ == "__main__":
    cli.run(main, PRESETS, descriptions=PRESET_DESCRIPTIONS, leaves_at_once=True)
