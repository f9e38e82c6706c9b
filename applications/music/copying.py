"""Finds what a piece copies: its longest run of steps that also stands in the training pieces, in any key.

A run is some successive steps of a piece, the first of which sounds. It is copied if a passage of a training piece,
with all notes moved by the same number of semitones, equals it note for note and step for step.

Held chords make runs long without copying, so runs are also measured by their changes: the chords in them, one that is
held or repeated counted once, and a silence as a chord.

The training pieces are those of the training part of the data, which the evaluation reads. Where only a model is at
hand, it can carry them: `packed` needs about a byte for five notes of chorales in sixteenths.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from applications.music.piece import SILENCE

_Ints = NDArray[np.int_]


@dataclass(frozen=True)
class Run:
    """A run of a piece that stands in a training piece.

    Attributes:
        steps: its length; 0 if nothing is copied, and then all else means nothing.
        changes: how many of its steps are other chords than the step before them; the first one counts.
        start: its first step in the piece.
        piece: place of the training piece, from 0.
        piece_start: its first step there.
        transposition: semitones by which the training piece is moved to have these notes.
    """

    steps: int
    changes: int
    start: int
    piece: int
    piece_start: int
    transposition: int


NOTHING = Run(0, 0, 0, 0, 0, 0)
"""What is copied of a piece of which nothing is."""


@dataclass(frozen=True)
class Copied:
    """The longest runs of a piece that stand in training pieces.

    Attributes:
        by_steps: with the most steps.
        by_changes: with the most changes.
    """

    by_steps: Run
    by_changes: Run


def longest_copies(pieces: Sequence[_Ints], training: Sequence[_Ints]) -> list[Copied]:
    """What each piece copies most of; of several runs of the same length, the first in the piece.

    >>> theme = np.array([[72, 64], [72, 64], [74, 65], [76, 67]])
    >>> (copied,) = longest_copies([np.concatenate([[[60, 50]], theme[1:] + 3])], [theme])
    >>> copied.by_steps
    Run(steps=3, changes=3, start=1, piece=0, piece_start=1, transposition=3)

    Args:
        pieces: `[steps, voices]` each, MIDI numbers, 0 where a voice is silent.
        training: the same, of the training pieces. Not all need as many voices: those that lack some are silent there.

    Method: all steps of all pieces are sorted by what follows them, doubling the number of steps that are compared, as
    suffix arrays are made (Manber and Myers, 1993). The longest match of a step is then with the nearest training step
    before or after it. Needs O(steps log(steps)²) operations.
    """
    if not sum(map(len, pieces)) or not sum(map(len, training)):
        return [Copied(NOTHING, NOTHING) for _ in pieces]
    steps = _concatenated([*training, *pieces])
    starts, partners, lengths = _longest_matches(steps, steps.piece < len(training))
    places = range(len(training), len(training) + len(pieces))
    masks = [steps.piece[starts] == place for place in places]
    return [_copied(steps, starts[mask], partners[mask], lengths[mask]) for mask in masks]


def packed(pieces: Sequence[_Ints]) -> bytes:
    """Pieces in few bytes, in NumPy's compressed format: their notes, voice by voice, and their numbers of steps."""
    buffer = io.BytesIO()
    notes = np.concatenate(_of_as_many_voices(pieces)).astype(np.uint8)
    np.savez_compressed(buffer, notes=notes.T, steps=np.array([len(piece) for piece in pieces]))
    return buffer.getvalue()


def unpacked(data: bytes) -> list[_Ints]:
    """The pieces that `packed` was given, all of as many voices.

    >>> unpacked(packed([np.array([[72, 48]]), np.array([[60]])]))
    [array([[72, 48]], dtype=int32), array([[60,  0]], dtype=int32)]
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        notes, steps = arrays["notes"].T.astype(np.int32), arrays["steps"]
    return np.split(notes, np.cumsum(steps)[:-1])


def _of_as_many_voices(pieces: Sequence[_Ints]) -> list[_Ints]:
    voices = max(notes.shape[1] for notes in pieces)
    return [np.pad(notes, ((0, 0), (0, voices - notes.shape[1]))) for notes in pieces]


@dataclass(frozen=True, eq=False)
class _Steps:
    """The steps of all pieces one after another, and after each piece a separator; arrays are `[steps]`.

    Attributes:
        shape: number of the chord, whatever its key; each separator has its own.
        pitch: highest note, or the last one before where all is silent.
        sounds: whether there is a note.
        changes: how many changes there were up to here.
        piece: place of the piece.
        step: place in the piece.
    """

    shape: _Ints
    pitch: _Ints
    sounds: NDArray[np.bool_]
    changes: _Ints
    piece: _Ints
    step: _Ints


def _concatenated(pieces: Sequence[_Ints]) -> _Steps:
    notes = np.concatenate([np.pad(piece, ((0, 1), (0, 0))) for piece in _of_as_many_voices(pieces)]).astype(
        int
    )
    lengths = np.array([len(piece) + 1 for piece in pieces])
    ends = np.cumsum(lengths)
    places = np.arange(len(notes))
    sounds = (notes != SILENCE).any(axis=1)
    last_sounding = np.maximum.accumulate(np.where(sounds, places, 0))
    pitch = notes.max(axis=1)[last_sounding]
    chords = np.where(notes == SILENCE, 1, notes - pitch[:, None])
    shape = np.unique(chords, axis=0, return_inverse=True)[1].ravel()
    shape[ends - 1] = shape.max() + 1 + np.arange(len(pieces))
    is_change = np.append(True, (notes[1:] != notes[:-1]).any(axis=1))
    return _Steps(
        shape,
        pitch,
        sounds,
        np.cumsum(is_change),
        np.repeat(np.arange(len(pieces)), lengths),
        places - np.repeat(ends - lengths, lengths),
    )


def _ranks(steps: _Steps) -> list[_Ints]:
    """Of 1, 2, 4 and more steps from each step on, their place in the order of all such runs, the same for equal ones.

    The last ranks are all different, as every run has reached a separator.
    """
    count = len(steps.shape)
    ranks = [steps.shape]
    while ranks[-1].max() + 1 < count:
        half = np.minimum(np.arange(count) + 2 ** (len(ranks) - 1), count - 1)
        # Pitches are below 128, and so are their differences.
        moves = steps.pitch[half] - steps.pitch + 128
        keys = (ranks[-1] * 256 + moves) * count + ranks[-1][half]
        ranks.append(np.unique(keys, return_inverse=True)[1])
    return ranks


def _longest_matches(steps: _Steps, is_training: NDArray[np.bool_]) -> tuple[_Ints, _Ints, _Ints]:
    """Each sounding step of no training piece, the training step whose run from it on is the longest of equal ones, and
    how many steps these have.
    """
    ranks = _ranks(steps)
    order = np.argsort(ranks[-1])
    places = np.arange(len(order))
    before = np.maximum.accumulate(np.where(is_training[order], places, 0))
    after = np.minimum.accumulate(np.where(is_training[order], places, places[-1])[::-1])[::-1]
    starts = np.flatnonzero(~is_training & steps.sounds)
    candidates = [order[near[ranks[-1][starts]]] for near in (before, after)]
    lengths = [
        np.where(is_training[partners], _common_steps(steps, ranks, starts, partners), 0)
        for partners in candidates
    ]
    is_first = lengths[0] >= lengths[1]
    return starts, np.where(is_first, *candidates), np.where(is_first, *lengths)


def _common_steps(steps: _Steps, ranks: list[_Ints], some: _Ints, others: _Ints) -> _Ints:
    """How many steps from some and from others on are equal in some key."""
    lengths, last = np.zeros_like(some), len(steps.shape) - 1
    for power in reversed(range(len(ranks))):
        here, there = np.minimum(some + lengths, last), np.minimum(others + lengths, last)
        moves = steps.pitch[here] - steps.pitch[some], steps.pitch[there] - steps.pitch[others]
        is_equal = (ranks[power][here] == ranks[power][there]) & (moves[0] == moves[1])
        lengths += is_equal * 2**power
    return lengths


def _copied(steps: _Steps, starts: _Ints, partners: _Ints, lengths: _Ints) -> Copied:
    if not lengths.any():
        return Copied(NOTHING, NOTHING)
    changes = np.where(lengths > 0, steps.changes[starts + lengths - 1] - steps.changes[starts] + 1, 0)
    best = [int(measure.argmax()) for measure in (lengths, changes)]
    runs = [
        Run(
            int(lengths[place]),
            int(changes[place]),
            int(steps.step[starts[place]]),
            int(steps.piece[partners[place]]),
            int(steps.step[partners[place]]),
            int(steps.pitch[starts[place]] - steps.pitch[partners[place]]),
        )
        for place in best
    ]
    return Copied(*runs)
