"""Where music comes from, and how it becomes batches of passages of which some notes are given."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from applications.music import sample
from applications.music.config import Config
from applications.music.kinds import Kind
from applications.music.notes import UNKNOWN
from applications.music.piece import HIGHEST, LOWEST, Piece, ordered
from applications.music.piece_sources import PieceSource, load_evaluation, load_training
from applications.music.pieces import Pieces, for_voices
from applications.music.tonality import tonality_of, transposed_tonality
from common.data.batching import generated, pad, plan_batches
from common.text.running import Part

_NOTHING, _MELODY, _VOICES, _AROUND, _ANY = range(5)
_KINDS_OF_GIVEN = (_MELODY, _MELODY, _VOICES, _AROUND, _ANY)
_KNOWN_SHARE = 0.5


class Examples(NamedTuple):
    """What a training reads.

    Attributes:
        training: pieces to train on.
        validation: pieces to validate on.
        kinds: of the training pieces, that of the most steps first.
    """

    training: Pieces
    validation: Pieces
    kinds: tuple[Kind, ...]


class Row(NamedTuple):
    """A passage of a piece, as the model reads it.

    Attributes:
        numbers: of keys, `[steps + 1, voices]`, that of the step before the passage first.
        given: which notes of the passage are told beforehand, `[steps, voices]`.
        place: of its first step in the piece.
        remaining: steps of the piece after its first, or `UNKNOWN`.
        steps_per_quarter: of the piece.
        tonality: of the piece, 0 if it is not told.
        shares: whether two voices may share a key.
    """

    numbers: np.ndarray
    given: np.ndarray
    place: int
    remaining: int
    steps_per_quarter: int
    tonality: int
    shares: bool


def training_examples(config: Config, known: Sequence[Kind] = (), voices: int | None = None) -> Examples:
    """Training and validation pieces, and the kinds of these.

    Args:
        config: where from.
        known: kinds of an earlier training, which come first.
        voices: of an earlier training; those of the pieces unless given.
    """
    training, validation = load_training(
        config.source, sample.sample, config.validation, config.validation_fraction
    )
    if voices is not None:
        training, validation = for_voices(training, voices), for_voices(validation, voices)
    kinds = {kind.steps_per_quarter: kind for kind in (*known, *kinds_of(training.pieces))}
    return Examples(training, validation, tuple(kinds.values()))


def evaluation_examples(
    source: PieceSource, voices: int, steps_per_quarter: int, part: Part | None = None
) -> Pieces:
    """The pieces that `evaluate` measures on, for so many voices, on that grid where nothing tells another."""
    return for_voices(load_evaluation(source, sample.sample, part, steps_per_quarter), voices)


def kinds_of(pieces: Sequence[Piece]) -> list[Kind]:
    """What the pieces of each grid have in common; the grid of the most steps first."""
    grids: dict[int, list[np.ndarray]] = {}
    for piece in pieces:
        grids.setdefault(piece.steps_per_quarter, []).append(piece.notes)
    kinds = []
    for grid, notes in sorted(grids.items(), key=lambda one: -sum(map(len, one[1]))):
        steps = np.concatenate(notes)
        voices = [voice[voice > 0] for voice in steps.T]
        ranges = tuple((int(voice.min()), int(voice.max())) if len(voice) else (0, 0) for voice in voices)
        kinds.append(Kind(grid, shares_keys(steps), ranges))
    return kinds


def shares_keys(notes: np.ndarray) -> bool:
    """Whether two voices have the same note in some step of `[steps, voices]`."""
    return bool(np.any((notes[:, 1:] == notes[:, :-1]) & (notes[:, 1:] > 0)))


def numbers_of(notes: np.ndarray, shares: bool = True) -> np.ndarray:
    """MIDI numbers as numbers of keys, the highest first; a key that sounds twice counts once unless it is shared."""
    notes = ordered(notes)
    if not shares:
        repeated = notes[..., 1:] == notes[..., :-1]
        notes = ordered(np.concatenate([notes[..., :1], np.where(repeated, 0, notes[..., 1:])], axis=-1))
    return np.where(notes > 0, notes - (LOWEST - 1), 0).astype(np.int32)


def whole(piece: Piece, shares: bool) -> Row:
    """A piece of which nothing is told beforehand."""
    numbers = numbers_of(piece.notes, shares)
    before = np.zeros_like(numbers[:1])
    given = np.zeros(numbers.shape, bool)
    return Row(np.concatenate([before, numbers]), given, 0, UNKNOWN, piece.steps_per_quarter, 0, shares)


def passage(piece: Piece, shares: bool, start: int, config: Config, rng: np.random.Generator) -> Row:
    """A passage from `start` on: moved to another key and told of as chance has it."""
    row = whole(piece, shares)
    length = min(piece.steps - start, config.crop)
    semitones = _semitones(piece.notes, config, rng)
    numbers = row.numbers[start : start + length + 1]
    is_told, knows_tonality = rng.random(2) < _KNOWN_SHARE
    tonality = transposed_tonality(tonality_of(piece.notes), semitones)
    return row._replace(
        numbers=np.where(numbers > 0, numbers + semitones, 0).astype(np.int32),
        given=given_notes(length, piece.voices, config.given_share, rng),
        place=start,
        remaining=piece.steps - 1 - start if is_told else UNKNOWN,
        tonality=tonality if knows_tonality else 0,
    )


def given_notes(length: int, voices: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Which notes of a passage are told: none, the melody, some voices, all but a stretch, or any, as chance has it."""
    given = np.zeros((length, voices), bool)
    kind = rng.choice(_KINDS_OF_GIVEN) if rng.random() < share else _NOTHING
    if kind == _MELODY:
        given[:, 0] = True
    elif kind == _VOICES:
        given[:, rng.random(voices) < rng.random()] = True
    elif kind == _AROUND:
        first, steps = rng.integers(0, length), rng.integers(1, length + 1)
        given[:first] = True
        given[first + steps :] = True
    elif kind == _ANY:
        given[:] = rng.random(given.shape) < rng.random()
    return given


def _semitones(notes: np.ndarray, config: Config, rng: np.random.Generator) -> int:
    sounding = notes[notes > 0]
    if not len(sounding) or rng.random() >= config.transposed_share:
        return 0
    down = min(config.transposition, int(sounding.min()) - LOWEST)
    up = min(config.transposition, HIGHEST - int(sounding.max()))
    return int(rng.integers(-down, up + 1))


def training_batches(examples: Examples, config: Config, epochs: range) -> tuple[tf.data.Dataset, int]:
    """Batches of passages of the given epochs: the model's inputs, and which steps count `[batch, time]`; and how many
    an epoch has. What chance decides follows from the seed and the epoch alone."""
    pieces, size = examples.training.pieces, config.training.batch_size
    shares = {kind.steps_per_quarter: kind.shares for kind in examples.kinds}
    crops = [
        (index, crop)
        for _ in range(config.passes)
        for index, piece in enumerate(pieces)
        for crop in range(-(-piece.steps // config.crop))
    ]
    lengths = np.array([min(pieces[index].steps, config.crop) for index, _ in crops])

    def generate() -> Iterator[tuple[Any, ...]]:
        for epoch in epochs:
            rng = np.random.default_rng((config.training.seed, epoch))
            for batch in plan_batches(lengths, size, rng):
                rows = []
                for index, crop in (crops[one] for one in batch):
                    piece = pieces[index]
                    last = piece.steps - min(piece.steps, config.crop)
                    start = int(rng.integers(0, last + 1)) if crop else 0
                    rows.append(passage(piece, shares[piece.steps_per_quarter], start, config, rng))
                yield batch_of(rows)

    return _generated(generate, examples.training.voices), -(-len(crops) // size)


def validation_batches(examples: Examples, config: Config) -> tuple[tf.data.Dataset, int]:
    """The whole validation pieces as batches, from short ones to long ones; and how many steps there are."""
    shares = {kind.steps_per_quarter: kind.shares for kind in examples.kinds}
    pieces = examples.validation.pieces
    plan = plan_batches(np.array([piece.steps for piece in pieces]), config.training.batch_size, None)

    def generate() -> Iterator[tuple[Any, ...]]:
        for indices in plan:
            chosen = [pieces[index] for index in indices]
            yield batch_of(
                [
                    whole(piece, shares.get(piece.steps_per_quarter, shares_keys(piece.notes)))
                    for piece in chosen
                ]
            )

    return _generated(generate, examples.training.voices, len(plan)), sum(piece.steps for piece in pieces)


def batch_of(rows: Sequence[Row]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The model's inputs of passages, and 1 for each of their steps, 0 for padding."""
    lengths = np.array([len(row.given) for row in rows], np.int32)
    steps = np.arange(lengths.max(), dtype=np.int32)
    remaining = np.array([row.remaining for row in rows], np.int32)[:, None]
    place = np.array([row.place for row in rows], np.int32)[:, None] + steps
    inputs = {
        "notes": pad([row.numbers for row in rows]),
        "given": pad([row.given for row in rows]),
        "lengths": lengths,
        "shares": np.array([row.shares for row in rows]),
        "place": place,
        "remaining": np.where(remaining < 0, UNKNOWN, np.maximum(remaining - steps, 0)).astype(np.int32),
        "steps_per_quarter": np.array([row.steps_per_quarter for row in rows], np.int32),
        "tonality": np.array([row.tonality for row in rows], np.int32),
    }
    return inputs, (steps < lengths[:, None]).astype(np.float32)


def _generated(
    generate: Callable[[], Iterator[Any]], voices: int, count: int | None = None
) -> tf.data.Dataset:
    shapes: dict[str, tuple[list[int | None], tf.DType]] = {
        "notes": ([None, None, voices], tf.int32),
        "given": ([None, None, voices], tf.bool),
        "lengths": ([None], tf.int32),
        "shares": ([None], tf.bool),
        "place": ([None, None], tf.int32),
        "remaining": ([None, None], tf.int32),
        "steps_per_quarter": ([None], tf.int32),
        "tonality": ([None], tf.int32),
    }
    inputs = {name: tf.TensorSpec(shape, kind) for name, (shape, kind) in shapes.items()}
    return generated(generate, (inputs, tf.TensorSpec([None, None], tf.float32)), count)
