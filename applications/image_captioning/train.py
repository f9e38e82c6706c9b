"""Trains an image captioner, or goes on with one: captioned images -> runs/image_captioning/<name>.

python -m applications.image_captioning.train base --data photos/ --captions captions.tsv --name mine
"""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from applications.image_captioning.config import (
    IMAGE,
    INHERITANCE,
    NAME,
    PRESET_DESCRIPTIONS,
    PRESETS,
    Config,
)
from applications.image_captioning.data import (
    Encoded,
    caption_batches,
    caption_validation,
    content_words,
    encode,
    pretraining_batches,
    pretraining_validation,
    training_examples,
    with_grids,
    word_shares,
)
from applications.image_captioning.model import (
    attended,
    build,
    build_encoder,
    build_word_classifier,
)
from common import cli
from common.decoding.generate import generate
from common.decoding.samplers import greedy
from common.evaluation.captioning import cider_d
from common.images.captioned import CaptionedImages
from common.layers.sequence_decoder import sequence_decoder_of, without_attention
from common.text.subwords import END, START, UNKNOWN
from common.text.word_vocabulary import WordVocabulary
from common.training.callbacks import History
from common.training.init_from import begin_from
from common.training.loop import fit
from common.training.losses import count_nonzero, output_itself
from common.training.run_folder import write_preprocessing
from common.training.runtime import set_up
from common.training.script import begin_run, discarding_unbegun, finish_run


def train(config: Config) -> Path:
    """Trains as configured. Returns the run's folder, which `export` turns into a SavedModel."""
    console = cli.console()
    set_up(config.training)
    config, origin = begin_from(config, INHERITANCE, PRESETS)
    training, validation = training_examples(config)
    captions = [caption for captions in training.captions for caption in captions]
    if origin is None:
        vocabulary = WordVocabulary.choose(captions, config.min_count)
    else:
        vocabulary = WordVocabulary.from_json(origin.run.preprocessing)
        ids = np.concatenate(vocabulary.encode(captions))
        origin.require_known(int(np.sum(ids == UNKNOWN)), int(np.sum(ids != END)), "words")
    folder = begin_run(NAME, config, training, validation)
    write_preprocessing(folder, vocabulary.to_json())
    precision = config.training.precision
    encoder = build_encoder(config, precision, config.encoder_weights)
    model = build(config, encoder, vocabulary.size, precision)
    if origin is not None:
        theirs = build_encoder(origin.run.config)
        origin.copy_weights(build(origin.run.config, theirs, vocabulary.size), model)
    console.print(
        f"vocabulary: {len(vocabulary.words):,} words; weights: {encoder.count_params():,} of the encoder, "
        f"{model.count_params():,} of what is trained"
    )
    read, held_out = (encode(part, vocabulary, config.max_words) for part in (training, validation))
    epochs = []
    if config.encoder != "residual":
        console.print(f"computing what {config.encoder} sees in {len(read) + len(held_out):,} images")
        read, held_out = with_grids(read, encoder), with_grids(held_out, encoder)
    elif config.pretraining_epochs:
        epochs += pretrain(encoder, (training, validation), (read, held_out), config, folder / "pretraining")
    epochs += learn(model, encoder, read, held_out, validation, vocabulary, config, folder)
    best = max(epochs, key=lambda epoch: epoch.get("val_cider_d", -1.0))
    figures = {"validation_cider_d": best["val_cider_d"], "validation_loss": best["val_loss"]}
    return finish_run(folder, NAME, len(training), epochs, figures)


def pretrain(
    encoder: keras.Model,
    examples: tuple[CaptionedImages, CaptionedImages],
    encoded: tuple[Encoded, Encoded],
    config: Config,
    folder: Path,
) -> History:
    """Lets the encoder learn to predict which content words the captions of an image hold."""
    options = dataclasses.replace(
        config.training,
        epochs=config.pretraining_epochs,
        learning_rate=config.pretraining_learning_rate,
        batch_size=config.pretraining_batch_size,
        patience=config.pretraining_epochs,
    )
    words = content_words(examples[0], config.pretraining_words)
    training_shares, validation_shares = (word_shares(part, words) for part in examples)
    classifier = build_word_classifier(encoder, len(words), options.precision)
    return fit(
        classifier,
        partial(pretraining_batches, encoded[0], training_shares, config),
        pretraining_validation(encoded[1], validation_shares, config),
        options,
        folder,
        loss=_word_loss,
        title="pre-training",
    )


def _word_loss(shares: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Nats of all words of an image together: `[batch]`."""
    return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(shares, logits), axis=-1)


def learn(
    model: keras.Model,
    encoder: keras.Model,
    training: Encoded,
    validation: Encoded,
    validation_examples: CaptionedImages,
    vocabulary: WordVocabulary,
    config: Config,
    folder: Path,
) -> History:
    """Trains the captioner, and keeps the epoch whose greedy captions of the validation images are best by CIDEr-D."""
    options = config.training
    held_out = caption_validation(validation, config)
    write = greedy_captioner(model, encoder, vocabulary, config)

    def scores() -> Mapping[str, float]:
        written = [text.decode() for fed, _ in held_out for text in write(fed[IMAGE]).numpy()]
        return {"cider_d": cider_d(written, validation_examples.captions)}

    return fit(
        model,
        partial(caption_batches, training, config),
        held_out,
        options,
        folder,
        loss=output_itself,
        counts=count_nonzero,
        monitor="val_cider_d",
        mode="max",
        scores=scores,
        title="training",
    )


def greedy_captioner(
    model: keras.Model, encoder: keras.Model, vocabulary: WordVocabulary, config: Config
) -> Callable[[tf.Tensor], tf.Tensor]:
    """A graph that writes the likeliest next word until the end: what `build` reads of images -> strings `[batch]`."""
    is_pixels = config.encoder == "residual"

    def write(images: tf.Tensor) -> tf.Tensor:
        memory = attended(model, encoder(images, training=False) if is_pixels else images)
        decoder = sequence_decoder_of(model)
        start = tf.fill(tf.shape(images)[:1], START)
        lengths = tf.fill(tf.shape(images)[:1], config.max_words)
        states = decoder.initial_states(memory)
        written = generate(
            without_attention(decoder.stepper(memory)), start, states, lengths, greedy, end=END
        )
        return vocabulary.detokenize(written.tokens)

    graph: Callable[[tf.Tensor], tf.Tensor] = tf.function(write, reduce_retracing=True)
    return graph


def main(config: Config) -> None:
    """Trains a captioner on images and their captions, or goes on with an interrupted training (--resume)."""
    with discarding_unbegun(NAME, config.training):
        train(config)


if __name__ == "__main__":
    cli.run(main, PRESETS, descriptions=PRESET_DESCRIPTIONS, leaves_at_once=True)
