"""Trains a model of remaining life on machines that ran until they failed."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from applications.anomaly_detection.config import INHERITANCE, LEVELS, NAME, PRESETS, Config
from applications.anomaly_detection.life_model import NETWORK, build_life
from applications.anomaly_detection.life_sensors import LifeFacts
from applications.anomaly_detection.parts import evaluation_part, require_same_sensors, training_parts
from applications.anomaly_detection.sample import sample_lives
from common import cli
from common.errors import UserError
from common.series.conformal import apply_correction, fit_correction
from common.series.reading_tables import ReadingSource
from common.series.readings import Readings, Recording
from common.training.init_from import Origin, begin_from
from common.training.loop import fit
from common.training.losses import count_values, output_itself, quantile_loss
from common.training.run_folder import write_preprocessing
from common.training.runtime import set_up
from common.training.script import begin_run, finish_run

MEDIAN = LEVELS.index(0.5)
_UNKNOWN = "machines whose remaining life is not known"


def training_lives(config: Config) -> tuple[Readings, Readings]:
    """The machines to train on, and others to validate on.

    Raises:
        UserError: the data cannot be read, or of too few machines the remaining life is known.
    """
    train, validation = training_parts(
        config, sample_lives, lambda whole: _divided(_known(whole, 2), config.validation_fraction)
    )
    train, validation = _known(train, 1), _known(validation, 1)
    require_same_sensors(train, validation)
    return train, validation


def evaluation_lives(source: ReadingSource) -> Readings:
    """The machines to measure on: the test part where there is one, or else all.

    Raises:
        UserError: the data cannot be read, or of no machine the remaining life is known.
    """
    return _known(evaluation_part(source, sample_lives), 1)


def _known(readings: Readings, least: int) -> Readings:
    """The machines whose remaining life is known."""
    known = [one for one in readings.recordings if one.remaining is not None]
    if len(known) < least:
        raise UserError(
            f"{readings.name}: the remaining life of {len(known):,} machines is known; expected {least} or more: a "
            "column rul of the rows that are left, or columns unit and cycle of machines that ran until they failed"
        )
    left_out = len(readings.recordings) - len(known)
    notes = [*readings.notes, *([f"left out {left_out:,} {_UNKNOWN}"] if left_out else [])]
    return dataclasses.replace(readings, recordings=known, notes=notes)


def _divided(readings: Readings, fraction: float) -> tuple[Readings, Readings]:
    """Most machines, and a share of them drawn at random."""
    machines = readings.recordings
    order = np.random.default_rng(0).permutation(len(machines))
    count = min(max(round(len(machines) * fraction), 1), len(machines) - 1)
    chosen = set(order[:count].tolist())
    parts = [
        [one for place, one in enumerate(machines) if (place in chosen) == is_in] for is_in in (False, True)
    ]
    train, validation = (dataclasses.replace(readings, recordings=part) for part in parts)
    return train, dataclasses.replace(validation, left_out={}, notes=())


# --- examples


@dataclass(frozen=True)
class Examples:
    """Lives, right-padded with NaN.

    Attributes:
        values: `[machines, rows, sensors]`.
        truth: rows that are left after each, up to the cap, in shares of it: `[machines, rows]`.
    """

    values: np.ndarray
    truth: np.ndarray

    def __len__(self) -> int:
        """How many machines there are."""
        return len(self.truth)


def remaining_rows(machine: Recording) -> np.ndarray:
    """The life that is left after each row of a machine, in rows, float `[rows]`.

    >>> remaining_rows(Recording("", np.arange(3), np.zeros((3, 1)), remaining=4.0)).tolist()
    [6.0, 5.0, 4.0]
    """
    return (machine.remaining or 0.0) + np.arange(len(machine) - 1, -1, -1.0)


def examples_of(machines: Sequence[Recording], cap: int) -> Examples:
    """The lives of machines."""
    rows = max(map(len, machines))
    values = np.full((len(machines), rows, machines[0].values.shape[1]), np.nan, np.float32)
    truth = np.full((len(machines), rows), np.nan, np.float32)
    for place, machine in enumerate(machines):
        values[place, : len(machine)] = machine.values
        truth[place, : len(machine)] = np.minimum(remaining_rows(machine), cap) / cap
    return Examples(values, truth)


def training_batches(examples: Examples, config: Config, epochs: range) -> tuple[tf.data.Dataset, int]:
    """Batches of whole lives of the given epochs, in an order drawn at random; they depend on (seed, epoch) alone.
    Returns the data set and its number of batches per epoch."""
    size = config.training.batch_size
    steps = -(-len(examples) // size)

    def generate() -> Iterator[dict[str, np.ndarray]]:
        for epoch in epochs:
            rng = np.random.default_rng((config.training.seed, epoch))
            order = rng.permutation(len(examples))
            for places in np.array_split(order, steps):
                yield {"values": examples.values[places], "truth": examples.truth[places]}

    return _dataset(generate, examples), steps


def validation_batches(examples: Examples) -> tf.data.Dataset:
    """All lives in one batch."""
    whole = {"values": examples.values, "truth": examples.truth}
    return _dataset(lambda: iter([whole]), examples).apply(tf.data.experimental.assert_cardinality(1))


def _dataset(generate: object, examples: Examples) -> tf.data.Dataset:
    signature = {
        "values": tf.TensorSpec([None, None, examples.values.shape[-1]], tf.float32),
        "truth": tf.TensorSpec([None, None], tf.float32),
    }
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    paired = dataset.map(lambda batch: (batch, tf.zeros(tf.shape(batch["truth"])[:1])))
    return paired.prefetch(tf.data.AUTOTUNE)


def training_model(model: keras.Model) -> keras.Model:
    """The model with what is true as an input `truth` `[batch, time]`, in shares of the cap and NaN where it does not
    count, and the quantile loss `[batch]` of each member by itself, in the mean, as the output."""
    truth = keras.Input((None,), name="truth")
    told = model.get_layer(NETWORK).output
    spread = keras.ops.repeat(truth[..., None], told.shape[-2], axis=-1)
    loss = quantile_loss(spread, told, LEVELS, np.ones(1, np.float32))
    return keras.Model({"values": model.inputs[0], "truth": truth}, loss, name="training")


def train_life(config: Config) -> Path:
    """Trains as configured. Returns the run's folder, which `export` turns into a SavedModel."""
    set_up(config.training)
    config, origin = begin_from(config, INHERITANCE, PRESETS)
    train, validation = training_lives(config)
    folder = begin_run(NAME, config, train, validation)
    facts = _facts_of(train, origin)
    write_preprocessing(folder, {"sensors": dataclasses.asdict(facts)})
    model = build_life(config, facts, config.training.precision)
    if origin is not None:
        origin.copy_weights(build_life(origin.run.config, facts), model)
    changing = sum(weight != 0 for weight in facts.weights)
    cli.console().print(
        f"sensors: {changing} that change, of {len(facts.sensors)}; weights: {model.count_params():,}"
    )
    examples, held_out = (examples_of(part.recordings, config.life_cap) for part in (train, validation))
    epochs = fit(
        training_model(model),
        partial(training_batches, examples, config),
        validation_batches(held_out),
        config.training,
        folder,
        loss=output_itself,
        counts=count_values(np.ones(1, np.float32)),
        title="training",
    )
    told = _told(model, held_out)
    loss = min(epoch["val_loss"] for epoch in epochs)
    figures = {"validation_quantile_loss": loss, **_figures(told, held_out.truth, config.life_cap)}
    correction = fitted_correction(told, held_out.truth).tolist()
    return finish_run(folder, NAME, len(train), epochs, figures, kept={"correction": correction})


def _facts_of(train: Readings, origin: Origin[Config] | None) -> LifeFacts:
    """The statistics of the training data, or those that the model to begin with was built from.

    Raises:
        UserError: no sensor changes, or that model has other sensors.
    """
    if origin is not None:
        facts = LifeFacts.from_json(origin.run.preprocessing["sensors"])
        if facts.sensors != train.sensors:
            raise origin.unfit(f"its sensors are {', '.join(facts.sensors)}, not {', '.join(train.sensors)}")
        return facts
    facts = LifeFacts.of(train.sensors, np.concatenate([one.values for one in train.recordings]))
    if not any(facts.weights):
        raise UserError(f"{train.name}: no sensor changes; expected one that tells of wear")
    return facts


# --- what validation says


def _told(model: keras.Model, examples: Examples) -> np.ndarray:
    """The quantiles before they are corrected and capped, in shares of the cap: `[machines, rows, levels]`."""
    network = keras.Model(model.inputs[0], model.get_layer(NETWORK).output)
    return np.asarray(network.predict_on_batch(examples.values).mean(axis=-2))


def fitted_correction(told: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """By how much quantiles are to be moved so that intervals cover as many true values as they mean to, `[levels]`.

    Intervals become wider or stay: the rows of a machine are wrong together, so that a few machines, which chose the
    epoch too, may by luck call for narrower ones. Rows at the cap do not count: an interval that is cut there covers
    them, be it wide or narrow.

    Args:
        told: of the network, `[machines, rows, levels]`.
        truth: `[machines, rows]`, in the same units, 1 being the cap; NaN where it is not known.
    """
    counts = truth < 1
    moves = fit_correction(truth[counts][:, None, None], told[counts][:, None, None], LEVELS)[0]
    outwards = np.sign(np.array(LEVELS) - 0.5)
    return np.asarray(outwards * np.maximum(outwards * moves, 0))


def _figures(told: np.ndarray, truth: np.ndarray, cap: int) -> dict[str, float]:
    """How far the median of rows is off, and how often the interval of 90 % holds what is true, corrected by every
    other machine and counted on those between."""
    is_there = ~np.isnan(truth)
    misses = (np.clip(told[..., MEDIAN], 0, 1) - truth)[is_there]
    fitted, counted = (slice(0, None, 2), slice(1, None, 2)) if len(told) > 1 else (slice(None), slice(None))
    moves = fitted_correction(told[fitted], truth[fitted])[None]
    counts = truth[counted] < 1
    ends = apply_correction(told[counted][counts][:, None, None], moves)[:, 0, 0]
    within = (ends[:, 0] <= truth[counted][counts]) & (truth[counted][counts] <= ends[:, -1])
    return {
        "validation_rmse": cap * float(np.sqrt(np.mean(misses**2))),
        "validation_coverage_90": float(within.mean()) if len(within) else float("nan"),
    }
