"""Trains a recogniser of spoken words, or goes on with one: labelled clips -> runs/speech_commands/<name>.

python -m applications.speech_commands.train base --data recordings/ --name mine
"""

from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from applications.speech_commands.config import INHERITANCE, NAME, PRESET_DESCRIPTIONS, PRESETS, Config
from applications.speech_commands.data import (
    Examples,
    clip_batches,
    epoch_targets,
    recording_batches,
    training_examples,
    validation_batches,
    validation_recordings,
)
from applications.speech_commands.model import build
from common import cli
from common.audio.labelled import SILENCE, UNKNOWN
from common.evaluation.calibration import calibrated, can_calibrate
from common.training.callbacks import History
from common.training.classes import balanced_weights, tell_of_classes, weighted
from common.training.init_from import begin_from
from common.training.loop import fit
from common.training.losses import smoothed_cross_entropy
from common.training.run_folder import write_preprocessing
from common.training.runtime import set_up
from common.training.script import begin_run, discarding_unbegun, finish_run


def train(config: Config) -> Path:
    """Trains as configured. Returns the run's folder, which `export` turns into a SavedModel."""
    console = cli.console()
    set_up(config.training)
    config, origin = begin_from(config, INHERITANCE, PRESETS)
    examples = training_examples(config)
    if origin is not None:
        examples = examples._replace(labels=origin.labels(examples.labels))
    folder = begin_run(NAME, config, examples.training, examples.validation)
    tell_of_classes(
        examples.training.labels,
        examples.validation.labels,
        config.class_weights,
        balanced=examples.labels if config.kind == "streaming" else (UNKNOWN, SILENCE),
    )
    write_preprocessing(folder, {"labels": examples.labels})
    model = build(config, len(examples.labels), config.training.precision)
    if origin is not None:
        known = origin.run.preprocessing["labels"]
        untrained = build(origin.run.config, len(known))
        origin.copy_weights(untrained, model, but="" if examples.labels == known else "logits")
    console.print(
        f"classes: {len(examples.labels)}; background recordings: {len(examples.noises)}; "
        f"weights: {model.count_params():,}"
    )
    epochs = learn(model, examples, config, folder)
    calibration, is_calibrated = calibrate(model, examples, config)
    return finish_run(folder, NAME, len(examples.training), epochs, calibration, is_calibrated=is_calibrated)


def learn(model: keras.Model, examples: Examples, config: Config, folder: Path) -> History:
    """Trains on clips, or a streaming model on recordings composed of them, and keeps the most accurate epoch."""
    options = config.training
    make = recording_batches if config.kind == "streaming" else clip_batches
    held_out = validation_recordings if config.kind == "streaming" else validation_batches
    loss = smoothed_cross_entropy(config.label_smoothing)
    if config.class_weights == "balanced":
        loss = weighted(loss, balanced_weights(epoch_targets(examples, config), len(examples.labels)))
    return fit(
        model,
        partial(make, examples, config),
        held_out(examples, config),
        options,
        folder,
        loss=loss,
        metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
        monitor="val_accuracy",
        mode="max",
        title="training",
    )


def calibrate(model: keras.Model, examples: Examples, config: Config) -> tuple[dict[str, float], bool]:
    """The temperature that makes probabilities honest (Guo et al. 2017), and the accuracy, both on validation: of its
    clips, or for a streaming model of the frames of recordings composed of them; and whether one could be fitted."""
    if config.kind == "streaming":
        logits, labels = _frames(model, validation_recordings(examples, config))
    else:
        dataset = validation_batches(examples, config)
        logits = model.predict(dataset, verbose=0)
        labels = np.concatenate([targets for _, targets in dataset.as_numpy_iterator()])
    return calibrated(logits, labels), can_calibrate(labels)


def _frames(model: keras.Model, recordings: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The logits and classes of all frames that count."""
    logits, labels = [], []
    for waveforms, targets, weights in recordings.as_numpy_iterator():
        counts = weights > 0
        logits.append(model.predict_on_batch(waveforms)[counts])
        labels.append(targets[counts])
    return np.concatenate(logits), np.concatenate(labels)


def main(config: Config) -> None:
    """Trains a recogniser on labelled clips, or goes on with an interrupted training (--resume)."""
    with discarding_unbegun(NAME, config.training):
        train(config)


if __name__ == "__main__":
    cli.run(main, PRESETS, descriptions=PRESET_DESCRIPTIONS, leaves_at_once=True)
