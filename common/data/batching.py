"""Batches of sequences of like length, right-padded, in an order that the seed and the epoch fix."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

_POOL_BATCHES = 50


@dataclass(frozen=True)
class Sequences:
    """Examples held in memory: one array each, `[time, features]` or a waveform `[samples]`, and a target each."""

    features: Sequence[np.ndarray]
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.features)

    @property
    def lengths(self) -> np.ndarray:
        return np.array([len(feature) for feature in self.features])


def plan_batches(lengths: np.ndarray, batch_size: int, rng: np.random.Generator | None) -> list[np.ndarray]:
    """Which examples form which batch.

    Shuffled examples are sorted by length within pools of 50 batches, cut into batches, and the batches shuffled, so
    that padding is small and the order still random. Without `rng`, all examples are sorted by length. Each example
    occurs exactly once; the number of batches depends on the sizes alone.
    """
    order = np.arange(len(lengths)) if rng is None else rng.permutation(len(lengths))
    pool = len(order) if rng is None else batch_size * _POOL_BATCHES
    batches = []
    for start in range(0, len(order), max(pool, 1)):
        chunk = order[start : start + pool]
        chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
        batches += [chunk[first : first + batch_size] for first in range(0, len(chunk), batch_size)]
    if rng is not None:
        rng.shuffle(batches)
    return batches


def plan_token_batches(
    lengths: np.ndarray, tokens_per_batch: int, rng: np.random.Generator | None
) -> list[np.ndarray]:
    """Which examples form which batch, where a batch is as many as its longest leave room for.

    Examples are put into buckets of lengths that differ by 10 % at most, shuffled there, cut into batches, and the
    batches shuffled; without `rng` nothing is shuffled, and the batches ascend in length. Each example occurs exactly
    once. Only one longer than `tokens_per_batch` exceeds it, alone in its batch. The number of batches depends on the
    lengths alone.
    """
    bounds = [1]
    while len(lengths) and bounds[-1] < lengths.max():
        bounds.append(bounds[-1] + max(1, bounds[-1] // 10))
    bucket_of = np.searchsorted(bounds, lengths)
    batches = []
    for bucket, bound in enumerate(bounds):
        members = np.flatnonzero(bucket_of == bucket)
        members = members if rng is None else rng.permutation(members)
        rows = max(1, tokens_per_batch // bound)
        batches += [members[first : first + rows] for first in range(0, len(members), rows)]
    if rng is not None:
        rng.shuffle(batches)
    return batches


def pad(features: Sequence[np.ndarray]) -> np.ndarray:
    """`[time_i, features]` each -> `[batch, longest time, features]`, zeros on the right."""
    longest = max(len(feature) for feature in features)
    padded = np.zeros((len(features), longest, *features[0].shape[1:]), features[0].dtype)
    for row, feature in zip(padded, features, strict=True):
        row[: len(feature)] = feature
    return padded


def teacher_forced(sequences: Sequence[np.ndarray], start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """What a decoder is fed and what it is to write, ids `[batch, longest time]` each, zeros on the right.

    Args:
        sequences: ids `[time]` each that end with `end`, none of them 0; an empty one stays empty.
        start: what is fed first, in the place of the end.
        end: what is written last.

    >>> fed, labels = teacher_forced([np.array([5, 6, 2]), np.array([7, 2])], start=1, end=2)
    >>> fed.tolist(), labels.tolist()
    ([[1, 5, 6], [1, 7, 0]], [[5, 6, 2], [7, 2, 0]])
    """
    labels = pad(sequences)
    starts = np.where(labels[:, :1] > 0, start, 0).astype(labels.dtype)
    return np.concatenate([starts, np.where(labels == end, 0, labels)[:, :-1]], axis=1), labels


def generated(generate: Callable[[], Iterator[Any]], batch: Any, count: int | None = None) -> tf.data.Dataset:
    """A dataset of batches that a function makes anew at each pass, ahead of their use.

    Args:
        generate: iterates over the batches.
        batch: a `tf.TensorSpec` for each array of a batch.
        count: of the batches, where it is known.
    """
    dataset = tf.data.Dataset.from_generator(generate, output_signature=batch)
    if count is not None:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(count))
    return dataset.prefetch(tf.data.AUTOTUNE)


def crop(feature: np.ndarray, max_length: int, rng: np.random.Generator) -> np.ndarray:
    """A window of at most `max_length` steps: the first, the last, or one at random, each a third of the time."""
    last_start = max(len(feature) - max_length, 0)
    start = (0, last_start, rng.integers(0, last_start + 1))[rng.integers(3)]
    return feature[start : start + max_length]


def windows(sequences: Sequences, length: int) -> Sequences:
    """All sequences cut into consecutive windows of at most `length` steps; a single last step is left out."""
    pieces, targets = [], []
    for feature, target in zip(sequences.features, sequences.targets, strict=True):
        for start in range(0, len(feature) - 1, length):
            pieces.append(feature[start : start + length])
            targets.append(target)
    return Sequences(pieces, np.array(targets, sequences.targets.dtype))


def training_batches(
    sequences: Sequences, batch_size: int, *, epochs: range, seed: int, max_length: int | None = None
) -> tuple[tf.data.Dataset, int]:
    """Shuffled batches (`[batch, time, features]`, targets `[batch]`) of the given epochs, one after another.

    The order, and the window cut from a sequence longer than `max_length`, depend on (seed, epoch) alone: a run that
    resumes at an epoch sees what an uninterrupted one would have seen.

    Returns:
        The data set, and its number of batches per epoch.
    """
    shortened = np.minimum(sequences.lengths, max_length or np.iinfo(np.int64).max)

    def generate() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for epoch in epochs:
            rng = np.random.default_rng((seed, epoch))
            for batch in plan_batches(shortened, batch_size, rng):
                features = [sequences.features[index] for index in batch]
                if max_length is not None:
                    features = [crop(feature, max_length, rng) for feature in features]
                yield pad(features), sequences.targets[batch]

    return generated(generate, _spec(sequences)), len(
        plan_batches(shortened, batch_size, np.random.default_rng(0))
    )


def evaluation_batches(sequences: Sequences, batch_size: int) -> tuple[tf.data.Dataset, np.ndarray]:
    """All examples, sorted by length so that little is padded.

    Returns:
        The data set, and the index of the example behind each of its rows.
    """
    plan = plan_batches(sequences.lengths, batch_size, None)

    def generate() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for batch in plan:
            yield pad([sequences.features[index] for index in batch]), sequences.targets[batch]

    dataset = generated(generate, _spec(sequences), len(plan))
    return dataset, np.concatenate(plan)


def _spec(sequences: Sequences) -> tuple[tf.TensorSpec, tf.TensorSpec]:
    feature, targets = sequences.features[0], sequences.targets
    return (
        tf.TensorSpec([None, None, *feature.shape[1:]], feature.dtype),
        tf.TensorSpec([None, *targets.shape[1:]], targets.dtype),
    )
