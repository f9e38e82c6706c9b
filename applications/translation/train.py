"""Trains a translator, or goes on with one: pairs of texts -> runs/translation/<name>.

python -m applications.translation.train base --source train.en.gz --target train.de.gz --validation val.en.gz val.de.gz
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import sacrebleu
import tensorflow as tf

from applications.translation import model as translator
from applications.translation.config import NAME, PRESET_DESCRIPTIONS, PRESETS, Config
from applications.translation.data import (
    EncodedPairs,
    encode,
    encode_within,
    subword_text,
    token_batches,
    training_examples,
    validation_batches,
)
from common import cli
from common.data.parallel_text import Pairs
from common.decoding.generate import generate
from common.decoding.samplers import greedy
from common.export.model_card import hardware
from common.files import atomic_write
from common.layers.subwords import END, START, Subwords, SubwordText, learn_subwords
from common.training.callbacks import History
from common.training.loop import fit
from common.training.optimizer import make_optimizer
from common.training.run_folder import open_run
from common.training.runtime import set_up

PREPROCESSING, OUTCOME = "preprocessing.json", "outcome.json"


def train(config: Config) -> Path:
    """Trains as configured. Returns the run's folder, which `export` turns into a SavedModel."""
    console = cli.console()
    set_up(config.training)
    training, validation = training_examples(config)
    folder = open_run(NAME, config, config.training)
    subwords = learn_subwords([*training.sources, *training.targets], config.subwords)
    atomic_write(folder / PREPROCESSING, json.dumps({"subwords": subwords.to_json()}, ensure_ascii=False))
    (training, ids), (validation, validation_ids) = (
        encode_within(pairs, subwords, subwords, config.max_tokens) for pairs in (training, validation)
    )
    for part, pairs in (("training", training), ("validation", validation)):
        console.print(f"{part}: {pairs.describe()}")
    model = translator.build(config, subwords.size, config.training.precision)
    console.print(
        f"vocabulary: {len(subwords.pieces):,} subwords; {ids.lengths.mean():.0f} a text on average; "
        f"weights: {model.count_params():,}"
    )

    epochs = learn(model, training, ids, validation, validation_ids, subwords, config, folder)
    best = max(epochs, key=lambda epoch: epoch["val_bleu"])
    outcome = {
        "validation_bleu": best["val_bleu"],
        "validation_loss": best["val_loss"],
        "training_examples": len(training),
        "training_seconds": round(sum(epoch["seconds"] for epoch in epochs)),
        "hardware": dataclasses.asdict(hardware()),
    }
    atomic_write(folder / OUTCOME, json.dumps(outcome, indent=2) + "\n")
    console.print(f"validation: BLEU {best['val_bleu']:.2f} (greedy)  loss {best['val_loss']:.4f}")
    console.print(f"kept in {folder}; export it with: python -m applications.{NAME}.export --run {folder}")
    return folder


def learn(
    model: keras.Model,
    training: Pairs,
    ids: EncodedPairs,
    validation: Pairs,
    validation_ids: EncodedPairs,
    subwords: Subwords,
    config: Config,
    folder: Path,
) -> History:
    """Trains the translator on the pairs, and keeps the epoch whose greedy translations of `validation` are best."""
    options = config.training
    # Batches are made by tokens; --batch-size pairs is what they hold on average.
    tokens_per_batch = round(options.batch_size * float(ids.lengths.mean()))
    # A drawn segmentation has more subwords than the most probable one.
    drawing = subword_text(subwords, 2 * config.max_tokens)

    def redraw(epoch: int) -> EncodedPairs:
        return encode(training, drawing, drawing, config.subword_sharpness, (options.seed, epoch))

    def batches(epochs: range) -> tf.data.Dataset:
        drawn = None if config.subword_sharpness is None else redraw
        dataset, _ = token_batches(ids, tokens_per_batch, epochs=epochs, seed=options.seed, redraw=drawn)
        return dataset.map(_with_labels)

    _, steps = token_batches(ids, tokens_per_batch, epochs=range(1), seed=options.seed)
    held_out, order = validation_batches(validation_ids, tokens_per_batch)
    references = [validation.targets[index] for index in order]
    write = greedy_translator(model, subword_text(subwords, config.max_tokens))

    def scores() -> Mapping[str, float]:
        written = [text.decode() for fed, _ in held_out for text in write(fed[translator.SOURCE]).numpy()]
        return {"bleu": sacrebleu.corpus_bleu(written, [references]).score}

    # The model's output is its loss.
    model.compile(make_optimizer(options, steps), loss=lambda _, nats: nats, jit_compile=False)
    return fit(
        model,
        batches,
        steps,
        held_out.map(_with_labels),
        options,
        folder,
        monitor="val_bleu",
        mode="max",
        scores=scores,
        title="training",
    )


def greedy_translator(model: keras.Model, subwords: SubwordText) -> Callable[[tf.Tensor], tf.Tensor]:
    """A graph that writes the likeliest next subword until the end: source ids `[batch, time]` -> strings `[batch]`."""

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def write(source: tf.Tensor) -> tf.Tensor:
        memory = translator.encode(model, source)
        step = translator.without_attention(translator.decoder(model, memory))
        lengths = tf.reduce_sum(tf.cast(memory.mask, tf.int32), 1)
        start = tf.fill(tf.shape(lengths), START)
        states = translator.initial_states(model, memory)
        written = generate(step, start, states, 2 * lengths + 10, greedy, end=END)
        return subwords.detokenize(written.tokens)

    return write


def _with_labels(fed: dict[str, tf.Tensor], labels: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    return {**fed, translator.LABELS: labels}, labels


def main(config: Config) -> None:
    """Trains a translator on pairs of texts, or goes on with an interrupted training (--resume)."""
    train(config)


if __name__ == "__main__":
    cli.run(main, PRESETS, descriptions=PRESET_DESCRIPTIONS)
