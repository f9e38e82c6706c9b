"""Where readings come from, and how they become windows of streams to train on."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from applications.anomaly_detection.config import HORIZONS, Config
from applications.anomaly_detection.detector import read_streams
from applications.anomaly_detection.parts import evaluation_part, require_same_sensors, training_parts
from applications.anomaly_detection.random_streams import random_stream
from applications.anomaly_detection.sample import sample
from applications.anomaly_detection.sensor_memory import FEATURES, REFERENCES
from common.data.sources import SAMPLE
from common.errors import UserError
from common.series.reading_tables import ReadingSource
from common.series.readings import Readings, Recording, stacked

LEAST_ROWS, LEAST_VALIDATION_ROWS = 300, 100
"""Normal rows that a series needs at least, to train on and to validate on."""

_TRAINING_SEED, _VALIDATION_SEED, _TAIL_SEED = 1, 2, 3
_VALIDATION_STREAMS, _TAIL_STREAMS = 0.05, 0.2
_READ_TOGETHER, _TAIL_ROWS = 256, 20_000
_LARGEST = 50.0

Batch = dict[str, np.ndarray]


def training_examples(config: Config) -> tuple[Readings, Readings]:
    """The readings to train on, and those that follow, to validate on.

    Raises:
        UserError: the data cannot be read, or has too few normal rows.
    """
    train, validation = training_parts(
        config, sample, lambda whole: _divided(whole, config.validation_fraction)
    )
    _require_normal_rows(train, LEAST_ROWS)
    _require_normal_rows(validation, LEAST_VALIDATION_ROWS)
    require_same_sensors(train, validation)
    return train, validation


def evaluation_examples(source: ReadingSource) -> Readings:
    """The readings to measure on: the test part where there is one, or else all.

    Raises:
        UserError: the data cannot be read.
    """
    return evaluation_part(source, sample)


def _divided(readings: Readings, fraction: float) -> tuple[Readings, Readings]:
    """The first rows of each series, and the last."""
    first, last = [], []
    for one in readings.recordings:
        middle = len(one) - round(len(one) * fraction)
        first.append(one.between(0, middle))
        last.append(one.between(middle, len(one)))
    return (
        dataclasses.replace(readings, recordings=first),
        dataclasses.replace(readings, recordings=last, left_out={}, notes=()),
    )


def _require_normal_rows(readings: Readings, least: int) -> None:
    for one in readings.recordings:
        normal = int((~one.is_anomalous & ~np.isnan(one.values).all(axis=1)).sum())
        if normal < least:
            label = f", series {one.name!r}" if one.name else ""
            raise UserError(
                f"{readings.name}{label}: {normal:,} normal rows; expected at least {least} in each series to "
                "learn what is normal"
            )


# --- streams of single sensors


def sensor_streams(readings: Readings) -> list[Recording]:
    """Each sensor of each series by itself."""
    return [
        dataclasses.replace(one, values=one.values[:, place : place + 1])
        for one in readings.recordings
        for place in range(len(readings.sensors))
    ]


def training_streams(config: Config, train: Readings) -> tuple[list[Recording], list[Recording]]:
    """The streams of the data, and the random ones."""
    return sensor_streams(train), _random(config, _TRAINING_SEED, config.random_streams)


def validation_streams(config: Config, validation: Readings) -> list[Recording]:
    """Streams to validate on: those of the data, and others of the random kinds."""
    count = round(config.random_streams * _VALIDATION_STREAMS)
    return [*sensor_streams(validation), *_random(config, _VALIDATION_SEED, count)]


def tail_streams(config: Config, validation: Readings) -> list[Recording]:
    """Streams on which it is measured how severe normal rows may be: those of one's own data if they have enough rows,
    and others of the random kinds too if not, or if the data is the sample."""
    own = sensor_streams(validation)
    if config.source.data != SAMPLE and sum(map(len, own)) >= _TAIL_ROWS:
        return own
    return [*own, *_random(config, _TAIL_SEED, round(config.random_streams * _TAIL_STREAMS))]


def _random(config: Config, seed: int, count: int) -> list[Recording]:
    return [random_stream(number, seed, config.random_rows) for number in range(count)]


@dataclass(frozen=True)
class Examples:
    """What the rows of streams say and what follows them, one stream after another.

    Attributes:
        features: `[rows, 9]`.
        references: `[rows, horizons, 9]`.
        truth: standardised values that are to be forecast, `[rows, horizons]`; NaN where there is none, or a faulty
            one.
        starts: the first row of each stream, and behind the last.
    """

    features: np.ndarray
    references: np.ndarray
    truth: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        """How many streams there are."""
        return len(self.starts) - 1


def examples_of(streams: Sequence[Recording]) -> Examples:
    """Reads streams of one sensor each as the detector does."""
    read = tf.function(
        read_streams,
        input_signature=[tf.TensorSpec([None, None], tf.int64), tf.TensorSpec([None, None], tf.float32)],
    )
    parts = []
    for first in range(0, len(streams), _READ_TOGETHER):
        chunk = streams[first : first + _READ_TOGETHER]
        times, values = stacked(chunk)
        said = {name: told.numpy() for name, told in read(times, values[..., 0]).items()}
        for row, stream in enumerate(chunk):
            of_stream = {name: told[row, : len(stream)] for name, told in said.items()}
            parts.append((of_stream["features"], of_stream["references"], _truth(stream, of_stream)))
    features, references, truth = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Examples(features, references, truth, np.cumsum([0, *(len(one) for one in streams)]))


def _truth(stream: Recording, said: Batch) -> np.ndarray:
    """The values of each horizon `[rows, horizons]`, by mean and deviation of the row that they are forecast from."""
    values = np.where(stream.is_anomalous, np.nan, stream.values[:, 0])
    truth = np.full((len(stream), len(HORIZONS)), np.nan, np.float32)
    for place, horizon in enumerate(HORIZONS):
        ahead, rows = values[horizon:], slice(0, max(len(stream) - horizon, 0))
        apart = (ahead - said["mean"][rows]) / said["deviation"][rows]
        truth[rows, place] = np.arcsinh(np.clip(apart, -_LARGEST, _LARGEST))
    return truth


def training_batches(
    own: Examples, random: Examples | None, config: Config, epochs: range
) -> tuple[tf.data.Dataset, int]:
    """Batches of windows of the given epochs, drawn at random; they depend on (seed, epoch) alone.

    Args:
        own: of the data.
        random: of random streams.
        config: says how many windows are of which.
        epochs: whose batches are wanted.

    Returns:
        The data set and its number of batches per epoch.
    """
    size, steps = config.training.batch_size, -(-config.windows_per_epoch // config.training.batch_size)

    def generate() -> Iterator[Batch]:
        for epoch in epochs:
            rng = np.random.default_rng((config.training.seed, epoch))
            for _ in range(steps):
                is_random = rng.random(size) < config.random_share
                parts = [random if one and random is not None else own for one in is_random]
                yield _batch([_window(part, config.window, rng) for part in parts])

    return _dataset(generate, config.window), steps


def validation_batches(examples: Examples, config: Config) -> tf.data.Dataset:
    """Windows, always the same."""
    rng = np.random.default_rng(0)
    windows = [_window(examples, config.window, rng) for _ in range(config.validation_windows)]
    size = config.training.batch_size
    batches = [_batch(windows[first : first + size]) for first in range(0, len(windows), size)]
    dataset = _dataset(lambda: iter(batches), config.window)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))


def _window(examples: Examples, rows: int, rng: np.random.Generator) -> Batch:
    """The rows of a window somewhere in a stream; where the stream is shorter, zeros follow that count for nothing."""
    stream = int(rng.integers(len(examples)))
    first, last = examples.starts[stream], examples.starts[stream + 1]
    first = int(rng.integers(first, max(last - rows, first) + 1))
    chosen = slice(first, min(first + rows, last))
    lacking = rows - (chosen.stop - chosen.start)
    return {
        "features": _filled(examples.features[chosen], lacking, 0),
        "references": _filled(examples.references[chosen], lacking, 0),
        "truth": _filled(examples.truth[chosen], lacking, np.nan),
    }


def _filled(values: np.ndarray, lacking: int, filling: float) -> np.ndarray:
    if not lacking:
        return values
    return np.pad(values, [(0, lacking), *[(0, 0)] * (values.ndim - 1)], constant_values=filling)


def _batch(windows: Sequence[Batch]) -> Batch:
    return {name: np.stack([window[name] for window in windows]) for name in windows[0]}


def _dataset(generate: object, rows: int) -> tf.data.Dataset:
    shapes = {
        "features": [None, rows, FEATURES],
        "references": [None, rows, len(HORIZONS), REFERENCES],
        "truth": [None, rows, len(HORIZONS)],
    }
    signature = {name: tf.TensorSpec(shape, tf.float32) for name, shape in shapes.items()}
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    paired = dataset.map(lambda batch: (batch, tf.zeros(tf.shape(batch["truth"])[:1])))
    return paired.prefetch(tf.data.AUTOTUNE)
