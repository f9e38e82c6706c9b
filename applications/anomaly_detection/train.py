"""Trains a detector, or goes on with one: readings of sensors -> runs/anomaly_detection/<name>.

python -m applications.anomaly_detection.train base --data readings.csv --name mine
"""

import dataclasses
from functools import partial
from pathlib import Path

import keras
import numpy as np

from applications.anomaly_detection.config import (
    HORIZONS,
    INHERITANCE,
    LEVELS,
    NAME,
    PRESET_DESCRIPTIONS,
    PRESETS,
    Config,
)
from applications.anomaly_detection.data import (
    examples_of,
    tail_streams,
    training_batches,
    training_examples,
    training_streams,
    validation_batches,
    validation_streams,
)
from applications.anomaly_detection.life_training import train_life
from applications.anomaly_detection.model import FORECASTER, build
from applications.anomaly_detection.severity_tail import fitted_tail
from common import cli
from common.training.init_from import begin_from
from common.training.loop import fit
from common.training.losses import count_values, output_itself, quantile_loss
from common.training.run_folder import write_preprocessing
from common.training.runtime import set_up
from common.training.script import begin_run, discarding_unbegun, finish_run


def train(config: Config) -> Path:
    """Trains as configured. Returns the run's folder, which `export` turns into a SavedModel."""
    if config.task == "remaining_life":
        return train_life(config)
    set_up(config.training)
    config, origin = begin_from(config, INHERITANCE, PRESETS)
    train_readings, validation_readings = training_examples(config)
    folder = begin_run(NAME, config, train_readings, validation_readings)
    write_preprocessing(folder, {"sensors": list(train_readings.sensors)})
    own, random = training_streams(config, train_readings)
    own_examples, random_examples = examples_of(own), examples_of(random) if random else None
    validation = examples_of(validation_streams(config, validation_readings))
    model = build(config, config.training.precision)
    if origin is not None:
        origin.copy_weights(build(origin.run.config), model)
    cli.console().print(
        f"streams: {len(own):,} of the data, {len(random):,} random; weights: {model.count_params():,}"
    )
    epochs = fit(
        training_model(model, config),
        partial(training_batches, own_examples, random_examples, config),
        validation_batches(validation, config),
        config.training,
        folder,
        loss=output_itself,
        counts=count_values(np.ones(config.window, np.float32)),
        title="training",
    )
    figures = {"validation_quantile_loss": min(epoch["val_loss"] for epoch in epochs)}
    tail = fitted_tail(model.get_layer(FORECASTER), tail_streams(config, validation_readings))
    cli.console().print(f"severity of normal rows: {tail.start:.2f} in one of ten episodes")
    kept = {"tail": dataclasses.asdict(tail)}
    return finish_run(folder, NAME, len(train_readings), epochs, figures, kept=kept)


def training_model(model: keras.Model, config: Config) -> keras.Model:
    """The model with the true values as an input `truth` `[batch, time, horizons]`, and its quantile loss `[batch]` as
    the output."""
    truth = keras.Input((config.window, len(HORIZONS)), name="truth")
    loss = quantile_loss(truth, model.output, LEVELS, np.ones(config.window, np.float32))
    return keras.Model({**model.input, "truth": truth}, loss, name="training")


def main(config: Config) -> None:
    """Trains a detector on readings of sensors, or a model of the life that machines have left (--task remaining_life),
    or goes on with an interrupted training (--resume)."""
    with discarding_unbegun(NAME, config.training):
        train(config)


if __name__ == "__main__":
    cli.run(main, PRESETS, descriptions=PRESET_DESCRIPTIONS, leaves_at_once=True)
