"""Where text comes from, and how it becomes batches of a stream."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from applications.text_generation.config import Config
from applications.text_generation.sample import sample
from common.data.batching import generated
from common.errors import UserError
from common.text.characters import UNKNOWN, Characters, choose_characters
from common.text.running import Part, RawText, RawTextSource, load_evaluation, load_training

VALIDATION_ROWS = 16
_VALIDATED_AT_ONCE = 512
_CHARACTERS = tf.TensorSpec([None, None], tf.int32)
_PIECES = ({"characters": _CHARACTERS, "starts": tf.TensorSpec([None], tf.bool)}, _CHARACTERS)


def training_examples(config: Config) -> tuple[RawText, RawText]:
    """The text to train on and the text to validate on.

    Raises:
        UserError: there is less text than a batch holds, or less to validate on than a character for each row.
    """
    train, validation = load_training(config.source, sample, config.validation)
    needed = config.training.batch_size * (config.window + 1) + 1
    if len(train) < needed:
        raise UserError(
            f"{train.name}: {len(train):,} characters are fewer than one batch of {config.training.batch_size} rows of "
            f"{config.window} (--batch-size, --window); expected {needed:,} or more"
        )
    if len(validation) < VALIDATION_ROWS:
        raise UserError(
            f"{validation.name}: {len(validation)} characters are too few to validate on; expected {VALIDATION_ROWS} "
            "or more (--validation)"
        )
    return train, validation


def evaluation_examples(source: RawTextSource, part: Part | None = None) -> RawText:
    """The text that `evaluate` measures on: the given part, or as `load_evaluation` chooses."""
    return load_evaluation(source, sample, part)


def make_characters(config: Config, text: RawText) -> Characters:
    """The text front end, which knows the characters of the training text.

    Raises:
        UserError: no character is frequent enough to be known.
    """
    vocabulary = choose_characters(text.text, config.min_count)
    if not vocabulary:
        raise UserError(f"{text.name}: no character occurs {config.min_count:,} times or more (--min-count)")
    return Characters(vocabulary, name="characters")


def encode(text: RawText, characters: Characters) -> np.ndarray:
    """The text as one stream of numbers `[characters]`."""
    numbers: np.ndarray = characters(tf.constant([text.text])).flat_values.numpy()
    return numbers


def steps_per_epoch(stream: np.ndarray, rows: int, window: int) -> int:
    """Batches in each epoch."""
    return len(stream) // (rows * window)


def training_batches(
    stream: np.ndarray, rows: int, window: int, *, epochs: range, seed: int
) -> tf.data.Dataset:
    """Batches of consecutive windows: `{"characters": [rows, window], "starts": [rows]}` and targets `[rows, window]`.

    In each epoch the text, taken as a ring that begins at a random place, is cut into as many rows as a batch has, and
    batch k holds the k-th window of every row. The input at a step is the character before the target, 0 at the
    beginning of a row. The order depends on (seed, epoch) alone.
    """
    steps = steps_per_epoch(stream, rows, window)

    def generate() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        for epoch in epochs:
            turn = np.random.default_rng((seed, epoch)).integers(len(stream))
            targets = np.roll(stream, -turn)[: rows * steps * window].reshape(rows, steps * window)
            yield from _windows(targets, window)

    return generated(generate, _PIECES)


def validation_batches(stream: np.ndarray, rows: int) -> tf.data.Dataset:
    """The text cut into `rows` rows that are read side by side, in windows of like length; a last few are left out."""
    length = len(stream) // rows
    count = -(-length // _VALIDATED_AT_ONCE)

    def generate() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        yield from _windows(stream[: rows * length].reshape(rows, length), -(-length // count))

    return generated(generate, _PIECES, count)


def _windows(targets: np.ndarray, window: int) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    inputs = np.pad(targets[:, :-1], ((0, 0), (1, 0)), constant_values=UNKNOWN)
    for start in range(0, targets.shape[1], window):
        piece = slice(start, start + window)
        starts = np.full(len(targets), start == 0)
        yield {"characters": inputs[:, piece], "starts": starts}, targets[:, piece]
