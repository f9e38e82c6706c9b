"""Batches of waveforms of one length, augmented and balanced, in an order that the seed and the epoch fix."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from common.audio.augmentation import Augmentation, Waveform, augment, excerpt, fit_length, gain
from common.data.batching import Sequences, generated

_SILENCE_GAIN = (-50.0, 0.0)
_FROM_NOISE = -1


@dataclass(frozen=True)
class Balance:
    """Which classes are drawn anew in each epoch, as often as the others on average."""

    drawn: tuple[int, ...] = ()
    """Class indices, such as those of unknown words and of silence."""
    silence: int | None = None
    """The one of them that excerpts of the noises belong to as well: every second example, or each if there is no
    clip of it."""


def audio_batches(
    clips: Sequences,
    batch_size: int,
    *,
    samples: int,
    epochs: range,
    seed: int,
    augmentation: Augmentation | None = None,
    noises: Sequence[Waveform] = (),
    balance: Balance | None = None,
) -> tuple[tf.data.Dataset, int]:
    """Shuffled batches (waveforms `[batch, samples]`, targets `[batch]`) of the given epochs, one after another.

    The order, the examples drawn and the augmentation depend on (seed, epoch) alone: a run that resumes at an epoch
    sees what an uninterrupted one would have seen.

    Args:
        clips: waveforms `[any]` and class indices.
        batch_size: clips per batch; the last of an epoch may have fewer.
        samples: length that every waveform is brought to.
        epochs: which.
        seed: of all that is random.
        augmentation: how the clips are changed; None for not at all.
        noises: background recordings, each `[any]`.
        balance: None for each clip exactly once per epoch.

    Returns:
        The data set, and its number of batches per epoch.
    """

    def generate() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for epoch in epochs:
            rng = np.random.default_rng((seed, epoch))
            indices, targets = plan_epoch(clips.targets, balance, len(noises) > 0, rng)
            for first in range(0, len(indices), batch_size):
                batch = slice(first, first + batch_size)
                rows = [
                    _waveform(clips, index, samples, augmentation, noises, rng) for index in indices[batch]
                ]
                yield np.stack(rows), targets[batch]

    planned, _ = plan_epoch(clips.targets, balance, len(noises) > 0, np.random.default_rng(0))
    return generated(generate, _spec(samples, clips.targets)), -(-len(planned) // batch_size)


def evaluation_audio_batches(clips: Sequences, batch_size: int, samples: int) -> tf.data.Dataset:
    """All clips in their order, each brought to `samples` by `fit_length` and else unchanged."""

    def generate() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for first in range(0, len(clips), batch_size):
            rows = [fit_length(waveform, samples) for waveform in clips.features[first : first + batch_size]]
            yield np.stack(rows), clips.targets[first : first + batch_size]

    steps = -(-len(clips) // batch_size)
    return generated(generate, _spec(samples, clips.targets), steps)


def plan_epoch(
    targets: NDArray[np.integer], balance: Balance | None, has_noises: bool, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.integer]]:
    """Which clips an epoch consists of, in which order.

    Each clip of the other classes occurs exactly once. Of a drawn class as many occur as of the others on average: each
    at most once if there are more, each about equally often if there are fewer. How many examples there are depends on
    the sizes alone.

    Args:
        targets: the class of each clip, `[clips]`.
        balance: None for each clip exactly once.
        has_noises: whether there is anything to draw silence from.
        rng: draws and shuffles.

    Returns:
        Indices of clips, -1 for an excerpt of a noise, and their classes.
    """
    balance = balance or Balance()
    is_drawn = np.isin(targets, balance.drawn)
    others = np.flatnonzero(~is_drawn)
    wanted = round(len(others) / max(len(np.unique(targets[others])), 1))
    indices, classes = [others], [targets[others]]
    for drawn in balance.drawn:
        members = np.flatnonzero(targets == drawn)
        is_silence = has_noises and drawn == balance.silence
        excerpts = (wanted if not len(members) else wanted // 2) if is_silence else 0
        repeats = -(-wanted // max(len(members), 1))
        chosen = np.concatenate([rng.permutation(members) for _ in range(repeats)] or [members])
        chosen = np.concatenate([chosen[: wanted - excerpts], np.full(excerpts, _FROM_NOISE)])
        indices.append(chosen)
        classes.append(np.full(len(chosen), drawn, targets.dtype))
    order = rng.permutation(sum(map(len, indices)))
    return np.concatenate(indices)[order], np.concatenate(classes)[order]


def _waveform(
    clips: Sequences,
    index: int,
    samples: int,
    augmentation: Augmentation | None,
    noises: Sequence[Waveform],
    rng: np.random.Generator,
) -> Waveform:
    if index == _FROM_NOISE:
        noise = noises[int(rng.integers(len(noises)))]
        waveform = gain(excerpt(noise, samples, rng), rng.uniform(*_SILENCE_GAIN))
    else:
        waveform = clips.features[index]
    if augmentation is None:
        return fit_length(waveform, samples)
    return augment(waveform, samples, noises, augmentation, rng)


def _spec(samples: int, targets: np.ndarray) -> tuple[tf.TensorSpec, tf.TensorSpec]:
    return (
        tf.TensorSpec([None, samples], tf.float32),
        tf.TensorSpec([None, *targets.shape[1:]], targets.dtype),
    )
