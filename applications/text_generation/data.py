"""Where text comes from, and how it becomes batches of a stream."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from applications.text_generation.config import Config
from applications.text_generation.sample import sample
from common.data.batching import generated
from common.data.streams import ring, side_by_side, windows
from common.data.streams import steps_per_epoch as steps_of_stream
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
    return steps_of_stream(len(stream), rows, window)


def training_batches(
    stream: np.ndarray, rows: int, window: int, *, epochs: range, seed: int
) -> tf.data.Dataset:
    """Batches of consecutive windows: `{"characters": [rows, window], "starts": [rows]}` and targets `[rows, window]`.

    In each epoch the text, taken as a ring that begins at a random place, is cut into as many rows as a batch has, and
    batch k holds the k-th window of every row. The input at a step is the character before the target, 0 at the
    beginning of a row. The order depends on (seed, epoch) alone.
    """

    def generate() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        for epoch in epochs:
            yield from _pieces(ring(stream, rows, window, epoch=epoch, seed=seed), window)

    return generated(generate, _PIECES)


def validation_batches(stream: np.ndarray, rows: int) -> tf.data.Dataset:
    """The text cut into `rows` rows that are read side by side, in windows of like length; a last few are left out."""
    held_out = side_by_side(stream, rows)
    count = -(-held_out.shape[1] // _VALIDATED_AT_ONCE)

    def generate() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        yield from _pieces(held_out, -(-held_out.shape[1] // count))

    return generated(generate, _PIECES, count)


def _pieces(rows: np.ndarray, window: int) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    for piece in windows(rows, window, UNKNOWN):
        yield {"characters": piece.fed, "starts": piece.starts}, piece.targets
