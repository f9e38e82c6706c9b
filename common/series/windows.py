"""Windows of series: a look back and a horizon around an origin, in batches whose order the seed and the epoch fix."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from common.series.collection import Series, SeriesCollection

Batch = dict[str, np.ndarray]


@dataclass(frozen=True)
class Windows:
    """The windows of a collection, one for each origin.

    Attributes:
        collection: whose series they are cut from.
        numbers: the number of each series to a model, from 1; 0 for one that the model does not know.
        lookback: steps before an origin; before the first step of a series, values are NaN.
        horizon: steps from an origin on; behind the last step of a series, values are NaN.
        origins: of each window: the place of its series in the collection, and the step that is forecast first, int
            `[windows, 2]`.
    """

    collection: SeriesCollection
    numbers: Sequence[int]
    lookback: int
    horizon: int
    origins: np.ndarray

    def __len__(self) -> int:
        """How many windows there are."""
        return len(self.origins)

    def batch(self, rows: Sequence[int] | np.ndarray) -> Batch:
        """Some windows: what a model reads, by name, and the true values `truth` `[rows, horizon, targets]`."""
        parts = [self._window(place, origin) for place, origin in self.origins[rows]]
        batch = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
        columns = self.collection.columns
        unused = [name for name in ("past", "known") if not getattr(columns, name)]
        return {name: values for name, values in batch.items() if name not in unused}

    def chunks(self, size: int) -> list[np.ndarray]:
        """The rows of all windows in their order, `size` at a time."""
        firsts = range(0, len(self), size)
        return [np.arange(first, min(first + size, len(self))) for first in firsts]

    def names(self, rows: Sequence[int] | np.ndarray) -> list[str]:
        """The series of some windows."""
        return [self.collection.series[place].name for place in self.origins[rows, 0]]

    def _window(self, place: int, origin: int) -> Batch:
        series = self.collection.series[place]
        steps = np.arange(origin - self.lookback, origin + self.horizon)
        before, after = steps[: self.lookback], steps[self.lookback :]
        return {
            "values": _taken(series.targets, before),
            "past": _taken(series.past, before),
            "known": _taken(series.known, steps),
            "times": _times(series, self.collection, steps),
            "series": np.array(self.numbers[place], np.int32),
            "truth": _taken(series.targets, after),
        }


def origins_of(collection: SeriesCollection, lookback: int, horizon: int, stride: int = 1) -> np.ndarray:
    """The origins, int `[windows, 2]`, of all windows that lie within their series; of a series that is too short for
    any, of the one with its last `horizon` steps ahead.

    Args:
        collection: of the series.
        lookback: steps before an origin.
        horizon: steps from an origin on.
        stride: from one origin to the next.
    """
    origins = []
    for place, series in enumerate(collection.series):
        last = len(series) - horizon
        steps = np.arange(min(lookback, max(last, 1)), last + 1, stride)
        origins.append(np.stack([np.full(len(steps), place), steps], axis=1))
    return np.concatenate(origins).astype(np.int64)


def thinned(windows: Windows, count: int) -> Windows:
    """At most `count` of the windows, at equal distances."""
    rows = np.unique(np.linspace(0, len(windows) - 1, min(count, len(windows))).round().astype(int))
    return Windows(
        windows.collection, windows.numbers, windows.lookback, windows.horizon, windows.origins[rows]
    )


def training_windows(
    windows: Windows, batch_size: int, count: int, unknown: float, *, epochs: range, seed: int
) -> tuple[tf.data.Dataset, int]:
    """Batches of windows drawn at random, those of the given epochs one after another.

    The windows depend on (seed, epoch) alone: a run that resumes at an epoch sees what an uninterrupted one would have
    seen.

    Args:
        windows: from which `count` are drawn for each epoch, none twice.
        batch_size: of the batches.
        count: windows of an epoch, at most.
        unknown: share of the windows whose series is given as unknown.
        epochs: whose batches are wanted.
        seed: of the order.

    Returns:
        The data set of pairs (inputs, zeros), and its number of batches per epoch.
    """
    drawn = min(count, len(windows))
    steps = -(-drawn // batch_size)

    def generate() -> Iterator[Batch]:
        for epoch in epochs:
            rng = np.random.default_rng((seed, epoch))
            order = rng.permutation(len(windows))[:drawn]
            for step in range(steps):
                batch = windows.batch(order[step * batch_size : (step + 1) * batch_size])
                is_hidden = rng.random(len(batch["series"])) < unknown
                yield {**batch, "series": np.where(is_hidden, 0, batch["series"]).astype(np.int32)}

    return _dataset(generate, windows), steps


def evaluation_windows(windows: Windows, batch_size: int) -> tf.data.Dataset:
    """All windows in their order, in batches of pairs (inputs, zeros)."""
    chunks = windows.chunks(batch_size)

    def generate() -> Iterator[Batch]:
        return map(windows.batch, chunks)

    return _dataset(generate, windows).apply(tf.data.experimental.assert_cardinality(len(chunks)))


def _dataset(generate: object, windows: Windows) -> tf.data.Dataset:
    example = windows.batch([0])
    signature = {
        name: tf.TensorSpec([None, *values.shape[1:]], values.dtype) for name, values in example.items()
    }
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    paired = dataset.map(lambda batch: (batch, tf.zeros(tf.shape(batch["series"]))))
    return paired.prefetch(tf.data.AUTOTUNE)


def _taken(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    is_outside = (steps < 0) | (steps >= len(values))
    taken = values[np.clip(steps, 0, len(values) - 1)]
    return np.where(is_outside[:, None], np.float32(np.nan), taken)


def _times(series: Series, collection: SeriesCollection, steps: np.ndarray) -> np.ndarray:
    """Times of steps, some of which may lie before the first or behind the last of the series."""
    if steps[0] >= 0 and steps[-1] < len(series):
        times: np.ndarray = series.times[steps]
        return times
    return collection.frequency.after(int(series.times[0]), steps)
