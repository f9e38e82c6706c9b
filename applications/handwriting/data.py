"""Where ink and what is written in it come from, and how they become batches of features and labels."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from applications.handwriting import sample
from applications.handwriting.augmentation import augment
from applications.handwriting.config import SYMBOLS, Config
from applications.handwriting.ink import Writings, points_of
from applications.handwriting.ink_sources import InkSource, load_evaluation, load_training
from applications.handwriting.model import frames_of
from applications.handwriting.picture_preprocessing import HEIGHT, MOST_COLUMNS, columns_of
from applications.handwriting.preprocessing import MOST_STEPS, steps_of
from applications.handwriting.rendering import aspect_of, render
from applications.handwriting.strings import (
    joined,
    plans_of,
    points_of_plan,
    require_single_characters,
    text_of_plan,
)
from common.data import sources
from common.data.batching import generated, pad, plan_batches
from common.data.strings import Plan
from common.text.symbols import Symbols, choose_symbols
from common.training.ctc_examples import alignable, of_known_symbols, require_known, targets_of

_VALIDATION_SEED = 0
_COUNTED_AT_ONCE = 512
_WIDENING = 1.5
_POINTS, _LENGTHS = tf.TensorSpec([None, None, 3], tf.float32), tf.TensorSpec([None], tf.int32)
_PICTURES, _SIZES = tf.TensorSpec([None, None, None], tf.uint8), tf.TensorSpec([None, 2], tf.int32)
_LABELS = tf.TensorSpec([None, None], tf.int32)


class Examples(NamedTuple):
    """What a training reads.

    Attributes:
        training: ink to train on.
        validation: ink to validate on, single characters joined as the configuration has it.
        symbols: those of the training texts.
    """

    training: Writings
    validation: Writings
    symbols: Symbols


def training_examples(config: Config, known: Sequence[str] = ()) -> Examples:
    """Training and validation ink, and the symbols of what is written.

    Ink with more symbols than frames, or of more steps than a model reads, is left out, and that which was held out by
    chance and has symbols that no other has.

    Args:
        config: where from.
        known: symbols that stand before those that the training texts have beside them.

    Raises:
        UserError: a validation text has symbols that training lacks, or nothing is left.
    """
    sides = [
        load_training(
            replace(config.source, data=data), sample.sample, config.validation, config.validation_fraction
        )
        for data in (config.source.data, *map(str, config.also))
    ]
    training = _together([of_data for of_data, _ in sides])
    # What is given to validate on is the same beside all of them.
    validation = _together([held for _, held in sides][: None if config.validation is None else 1])
    symbols = choose_symbols(training.texts, SYMBOLS, known)
    require_single_characters(training, config.join)
    validation = joined(validation, config.join, config.widest_gap, _VALIDATION_SEED)
    if config.validation is None:
        validation = of_known_symbols(validation, symbols, "ink")
    require_known(validation, symbols, "text")
    training, validation = (_usable(writings, symbols, config) for writings in (training, validation))
    return Examples(training, validation, symbols)


def evaluation_examples(source: InkSource) -> Writings:
    """The ink that `evaluate` measures on."""
    return load_evaluation(source, sample.sample)


def _together(parts: Sequence[Writings]) -> Writings:
    """The ink of several files as one."""
    if len(parts) == 1:
        return parts[0]
    names = ("inks", "texts", "writers", "origins")
    columns = {name: [one for part in parts for one in getattr(part, name)] for name in names}
    left_out: dict[str, int] = {}
    for part in parts:
        for reason, count in part.left_out.items():
            left_out[reason] = left_out.get(reason, 0) + count
    return Writings(" and ".join(part.name for part in parts), left_out=left_out, **columns)


def _usable(writings: Writings, symbols: Symbols, config: Config) -> Writings:
    """Those whose labels fit into their frames, be these fewer once the ink is changed; the others are counted."""
    if config.render:
        return _usable_pictures(writings, symbols, config)
    steps = count_steps([points_of(ink) for ink in writings.inks])
    too_long = ["more steps than a model reads" if count >= MOST_STEPS else "" for count in steps]
    fitting = sources.leave_out(writings, too_long, "ink")
    frames = frames_of(config, steps[steps < MOST_STEPS])
    return alignable(fitting, symbols, np.maximum(frames // 2, 1), "ink")


def _usable_pictures(writings: Writings, symbols: Symbols, config: Config) -> Writings:
    columns = np.array([count_columns(points_of(ink)) for ink in writings.inks])
    is_narrow = columns * _WIDENING <= MOST_COLUMNS
    reasons = ["" if narrow else "wider than a model reads" for narrow in is_narrow]
    fitting = sources.leave_out(writings, reasons, "ink")
    frames = frames_of(config, (columns[is_narrow] / _WIDENING).astype(np.int32))
    return alignable(fitting, symbols, frames, "ink")


def count_columns(points: np.ndarray) -> int:
    """How many columns a picture of ink `[points, 3]` has, or a few more."""
    return round(HEIGHT * aspect_of(points)) + HEIGHT // 4


def count_steps(inks: Sequence[np.ndarray]) -> np.ndarray:
    """How many steps each ink `[points, 3]` has: `[inks]` int32."""
    lengths = np.array([len(points) for points in inks], np.int32)
    counts = np.zeros(len(inks), np.int32)
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), _COUNTED_AT_ONCE):
        indices = order[start : start + _COUNTED_AT_ONCE]
        counts[indices] = _counts(pad([inks[index] for index in indices]), lengths[indices])
    return counts


@tf.function(input_signature=[_POINTS, _LENGTHS], autograph=False)
def _counts(points: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    return steps_of(points, lengths).count


def training_batches(examples: Examples, config: Config, epochs: range) -> tuple[tf.data.Dataset, int]:
    """Augmented batches of the given epochs: the model's inputs, targets `[batch, 2 + labels]`; and how many an epoch
    has.

    Rows of targets are as `common.training.ctc_examples.targets_of` has them. Their order, the characters that are
    joined and the augmentation depend on the seed and the epoch alone. The first epoch goes from short ink to long ink,
    from which an alignment is learnt sooner (Amodei et al. 2016, SortaGrad).
    """
    writings, size, seed = examples.training, config.training.batch_size, config.training.seed
    inks = [points_of(ink) for ink in writings.inks]
    sizes = _sizes(inks, config)

    def planned(epoch: int) -> list[Plan]:
        rng = np.random.default_rng((seed, epoch))
        return plans_of(writings, config.join, config.joined_share, config.widest_gap, rng)

    def generate() -> Iterator[tuple[Any, ...]]:
        for epoch in epochs:
            plans, rng = planned(epoch), np.random.default_rng((seed, epoch, 1))
            lengths = np.array([sum(sizes[index] for index in plan.members) for plan in plans])
            for batch in plan_batches(lengths, size, rng if epoch else None):
                chosen = [plans[index] for index in batch]
                drawn = [points_of_plan(inks, writings.texts, plan) for plan in chosen]
                rows = [augment(points, config.augmentation, rng) for points in drawn]
                if config.render:
                    rows = [render(points, rng) for points in rows]
                yield _batch(rows, [text_of_plan(writings, plan) for plan in chosen], examples.symbols)

    return _with_features(config, generate), -(-len(planned(0)) // size)


def validation_batches(examples: Examples, config: Config) -> tuple[tf.data.Dataset, list[str]]:
    """The validation ink as batches, from short ones to long ones, and the texts in that order."""
    writings = examples.validation
    inks = [points_of(ink) for ink in writings.inks]
    plan = plan_batches(_sizes(inks, config), config.training.batch_size, None)
    if config.render:
        inks = rendered(inks)

    def generate() -> Iterator[tuple[Any, ...]]:
        for indices in plan:
            rows, texts = ([every[index] for index in indices] for every in (inks, writings.texts))
            yield _batch(rows, texts, examples.symbols)

    return _with_features(config, generate, len(plan)), [
        writings.texts[index] for index in np.concatenate(plan)
    ]


def rendered(inks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Pictures of inks `[points, 3]`, always the same ones, to measure on: grey, `[height, width]` uint8 each."""
    return [render(points, np.random.default_rng((_VALIDATION_SEED, row))) for row, points in enumerate(inks)]


def _sizes(inks: Sequence[np.ndarray], config: Config) -> np.ndarray:
    """How much there is to read of each: `[inks]`."""
    return np.array([count_columns(points) if config.render else len(points) for points in inks])


def _batch(inks: Sequence[np.ndarray], texts: Sequence[str], symbols: Symbols) -> tuple[Any, ...]:
    """Points or pictures, how much of each row is real, and targets whose frames are not known yet."""
    labels = [symbols.encode(text) for text in texts]
    targets = targets_of(labels, np.zeros(len(inks), np.int32))
    if inks[0].dtype == np.uint8:
        sizes = np.array([picture.shape for picture in inks], np.int32)
        return _padded_pictures(inks, sizes), sizes, targets
    return pad(inks), np.array([len(points) for points in inks], np.int32), targets


def _padded_pictures(pictures: Sequence[np.ndarray], sizes: np.ndarray) -> np.ndarray:
    """`[batch, height, width]`, as high and as wide as the highest and the widest."""
    padded = np.zeros((len(pictures), *sizes.max(axis=0)), np.uint8)
    for row, picture in zip(padded, pictures, strict=True):
        row[: picture.shape[0], : picture.shape[1]] = picture
    return padded


def _with_features(
    config: Config, generate: Callable[[], Iterator[Any]], count: int | None = None
) -> tf.data.Dataset:
    """The batches with the features of the points or pictures, and the targets with their frames."""
    preprocess = columns_of if config.render else steps_of

    def measured(inks: tf.Tensor, sizes: tf.Tensor, targets: tf.Tensor) -> tuple[Any, tf.Tensor]:
        steps = preprocess(inks, sizes)
        frames = frames_of(config, steps.count)[:, None]
        return (steps.features, steps.count), tf.concat([frames, targets[:, 1:]], axis=1)

    given = (_PICTURES, _SIZES) if config.render else (_POINTS, _LENGTHS)
    batches = generated(generate, (*given, _LABELS), count)
    return batches.map(measured, num_parallel_calls=1).prefetch(tf.data.AUTOTUNE)
