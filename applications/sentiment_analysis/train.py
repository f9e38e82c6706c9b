"""Trains a sentiment classifier, or goes on with one: raw texts -> runs/sentiment_analysis/<name>.

python -m applications.sentiment_analysis.train base --data reviews.csv --text-column review --label-column stars
"""

import dataclasses
from pathlib import Path

import keras
import tensorflow as tf

from applications.sentiment_analysis.config import INHERITANCE, NAME, PRESET_DESCRIPTIONS, PRESETS, Config
from applications.sentiment_analysis.data import encode, features_layer, make_features, training_examples
from applications.sentiment_analysis.model import build, build_language_model
from common import cli
from common.data.batching import Sequences, evaluation_batches, training_batches, windows
from common.evaluation.calibration import calibrated, can_calibrate
from common.text.word_features import PADDING
from common.training.callbacks import History
from common.training.classes import balanced_weights, tell_of_classes, weighted
from common.training.init_from import begin_from
from common.training.loop import fit
from common.training.losses import output_itself, smoothed_cross_entropy
from common.training.run_folder import write_preprocessing
from common.training.runtime import set_up
from common.training.script import begin_run, discarding_unbegun, finish_run


def train(config: Config) -> Path:
    """Trains as configured. Returns the run's folder, which `export` turns into a SavedModel."""
    set_up(config.training)
    config, origin = begin_from(config, INHERITANCE, PRESETS)
    train_examples, validation_examples, labels = training_examples(config)
    folder = begin_run(NAME, config, train_examples, validation_examples)
    tell_of_classes(train_examples.labels, validation_examples.labels, config.class_weights)
    features = (
        make_features(config, train_examples.texts)
        if origin is None
        else features_layer(config, origin.run.preprocessing["words"])
    )
    labels = labels if origin is None else origin.labels(labels)
    write_preprocessing(folder, {"labels": labels, "words": features.words})
    training, validation = (encode(part, labels, features) for part in (train_examples, validation_examples))
    cli.console().print(
        f"vocabulary: {len(features.words):,} words; {training.lengths.mean():.0f} tokens a text on average"
    )

    model = build(config, len(features.words), len(labels), config.training.precision)
    if origin is not None:
        known = origin.run.preprocessing["labels"]
        untrained = build(origin.run.config, len(features.words), len(known))
        origin.copy_weights(untrained, model, but="" if labels == known else "logits")
    epochs = []
    if config.pretraining_epochs:
        epochs += pretrain(model, training, validation, config, folder / "pretraining")
    epochs += classify(model, training, validation, config, folder)
    calibration = calibrate(model, validation, config.training.batch_size)
    is_calibrated = can_calibrate(validation.targets)
    return finish_run(folder, NAME, len(training), epochs, calibration, is_calibrated=is_calibrated)


def pretrain(
    model: keras.Model, training: Sequences, validation: Sequences, config: Config, folder: Path
) -> History:
    """Lets embedding and recurrence learn to predict neighbouring words before any label is seen."""
    options = dataclasses.replace(
        config.training,
        epochs=config.pretraining_epochs,
        learning_rate=config.pretraining_learning_rate,
        batch_size=config.pretraining_batch_size,
        weight_decay=0.0,
        averaging=0.0,
    )
    read, held_out = (windows(part, config.pretraining_window) for part in (training, validation))
    return fit(
        build_language_model(model, config, options.precision),
        lambda epochs: training_batches(read, options.batch_size, epochs=epochs, seed=options.seed),
        evaluation_batches(held_out, options.batch_size)[0],
        options,
        folder,
        loss=output_itself,
        counts=count_neighbours,
        title="pre-training",
    )


def count_neighbours(features: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """How many pairs of neighbouring words each row of features `[batch, time, features]` has, `[batch]`."""
    real = features[..., 0] != PADDING
    return tf.math.count_nonzero(real[:, 1:] & real[:, :-1], axis=1)


def classify(
    model: keras.Model, training: Sequences, validation: Sequences, config: Config, folder: Path
) -> History:
    """Trains the classifier on the labels."""
    size, seed = config.training.batch_size, config.training.seed
    loss = smoothed_cross_entropy(config.label_smoothing)
    if config.class_weights == "balanced":
        loss = weighted(loss, balanced_weights(training.targets, model.output_shape[-1]))
    return fit(
        model,
        lambda epochs: training_batches(
            training, size, epochs=epochs, seed=seed, max_length=config.training_tokens
        ),
        evaluation_batches(validation, size)[0],
        config.training,
        folder,
        loss=loss,
        metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
        monitor="val_accuracy",
        mode="max",
        title="training",
    )


def calibrate(model: keras.Model, validation: Sequences, batch_size: int) -> dict[str, float]:
    """The temperature that makes probabilities honest (Guo et al. 2017), and the accuracy, both on validation."""
    dataset, order = evaluation_batches(validation, batch_size)
    return calibrated(model.predict(dataset, verbose=0), validation.targets[order])


def main(config: Config) -> None:
    """Trains a sentiment classifier on labelled texts, or goes on with an interrupted training (--resume)."""
    with discarding_unbegun(NAME, config.training):
        train(config)


if __name__ == "__main__":
    cli.run(main, PRESETS, descriptions=PRESET_DESCRIPTIONS, leaves_at_once=True)
