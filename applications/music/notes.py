"""Notes as numbers of keys, what is told of each step, and which notes may be written: traced into every graph.

A key's number is 1 for `LOWEST` to `KEYS` for `HIGHEST`; 0 is silence. A step is written from its highest note down, so
what stands below a silence is silent too.
"""

from typing import NamedTuple

import tensorflow as tf

from applications.music.piece import HIGHEST, KEYS, LOWEST
from applications.music.reading import GRIDS

SYMBOLS = KEYS + 1
"""The keys and silence."""
TONALITIES = 25
"""Unknown, the major keys from C upwards, and the minor keys from C upwards."""
UNKNOWN = -1
"""Of how much is left of a piece."""
_METRES = (12, 16)
_BARS = 4
_FAR = 16


class Passage(NamedTuple):
    """What is known of each step of a passage before its notes are.

    Attributes:
        place: `[batch, time]` int32, how many steps of the piece come before.
        remaining: `[batch, time]` int32, how many come after, or `UNKNOWN`.
        steps_per_quarter: `[batch]` int32, one of `GRIDS`.
        tonality: `[batch]` int32, one of `TONALITIES`.
    """

    place: tf.Tensor
    remaining: tf.Tensor
    steps_per_quarter: tf.Tensor
    tonality: tf.Tensor


def is_key(notes: tf.Tensor) -> tf.Tensor:
    """Whether each MIDI number is that of a key."""
    return (notes >= LOWEST) & (notes <= HIGHEST)


def numbers_of(notes: tf.Tensor) -> tf.Tensor:
    """MIDI numbers as numbers of keys; what is no key's MIDI number becomes 0."""
    return tf.where(is_key(notes), notes - (LOWEST - 1), 0)


def notes_of(numbers: tf.Tensor) -> tf.Tensor:
    """Numbers of keys as MIDI numbers; silence stays 0."""
    return tf.where(numbers > 0, numbers + (LOWEST - 1), 0)


def roll_of(numbers: tf.Tensor) -> tf.Tensor:
    """Which keys sound: numbers `[..., voices]` -> `[..., KEYS]`, zeros and ones in float32."""
    return tf.reduce_max(tf.one_hot(numbers - 1, KEYS), axis=-2)


def features_of(passage: Passage) -> tf.Tensor:
    """Where each step stands, as the model reads it: `[batch, time, features]`.

    The place within bars of several metres, how many quarters remain, the grid and the tonality.
    """
    place, time = passage.place, tf.shape(passage.place)[1]
    metres = [tf.one_hot(place % metre, metre) for metre in _METRES]
    bars = tf.one_hot(place // _METRES[-1] % _BARS, _BARS)
    quarters = tf.minimum(passage.remaining // passage.steps_per_quarter[:, None], _FAR)
    remaining = tf.one_hot(tf.where(passage.remaining < 0, _FAR + 1, quarters), _FAR + 2)
    grid = tf.cast(passage.steps_per_quarter[:, None] == tf.constant(GRIDS), tf.float32)
    of_piece = tf.concat([grid, tf.one_hot(passage.tonality, TONALITIES)], axis=1)
    is_first = tf.cast(place == 0, tf.float32)[..., None]
    return tf.concat(
        [*metres, bars, remaining, is_first, tf.repeat(of_piece[:, None], time, axis=1)], axis=-1
    )


FEATURES = sum(_METRES) + _BARS + _FAR + 2 + 1 + len(GRIDS) + TONALITIES


def given_features(numbers: tf.Tensor, given: tf.Tensor) -> tf.Tensor:
    """The given notes of each step, voice by voice: numbers and which of them are given, `[..., voices]` ->
    `[..., voices * SYMBOLS]`, zeros where nothing is given."""
    voices = numbers.shape[-1]
    known = tf.where(given, numbers, -1)
    return tf.reshape(
        tf.one_hot(known, SYMBOLS), tf.concat([tf.shape(numbers)[:-1], [voices * SYMBOLS]], axis=0)
    )


def floors_of(numbers: tf.Tensor, given: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """The lowest key that leaves room for the given notes below: `[..., voices]` int32, 0 where none is given below.

    Args:
        numbers: of keys, `[..., voices]`.
        given: which of them are given, `[..., voices]`.
        shares: whether two voices may share a key, `[...]`.
    """
    voices = numbers.shape[-1]
    between = tf.where(shares, 0, 1)
    floor = tf.zeros_like(between)
    floors = []
    for voice in reversed(range(voices)):
        floors.append(floor)
        sounds = given[..., voice] & (numbers[..., voice] > 0)
        below = tf.where(floor > 0, floor + between, 0)
        floor = tf.where(sounds, tf.maximum(numbers[..., voice] + between, below), below)
    return tf.stack(floors[::-1], axis=-1)


def is_possible(
    above: tf.Tensor,
    floor: tf.Tensor,
    shares: tf.Tensor,
    lowest: tf.Tensor | int = 1,
    highest: tf.Tensor | int = KEYS,
) -> tf.Tensor:
    """Which symbols may stand in a voice: `[..., SYMBOLS]` boolean, at least one of them.

    Args:
        above: the number of the next higher voice, `[...]`; more than `KEYS` where there is none.
        floor: as `floors_of` gives it, `[...]`; above 0 the voice is silent only where no key is left.
        shares: whether two voices may share a key, `[...]`.
        lowest: key of the voice's range, `[...]`.
        highest: likewise.
    """
    symbols = tf.range(SYMBOLS)
    ceiling = tf.minimum(tf.where(shares, above, above - 1), highest)
    bottom = tf.maximum(floor, tf.maximum(lowest, 1))
    may_sound = (symbols >= bottom[..., None]) & (symbols <= ceiling[..., None])
    needs_key = (floor > 0)[..., None] & tf.reduce_any(may_sound, axis=-1, keepdims=True)
    return may_sound | ((symbols == 0) & ~needs_key)


def neighbours_above(numbers: tf.Tensor) -> tf.Tensor:
    """The next higher voice of each: numbers `[..., voices]` -> `[..., voices]`, more than `KEYS` for the first."""
    top = tf.fill(tf.concat([tf.shape(numbers)[:-1], [1]], axis=0), KEYS + 1)
    return tf.concat([top, numbers[..., :-1]], axis=-1)
