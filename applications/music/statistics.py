"""What a composer would look for in music of several voices, counted: of a model's pieces beside those of its data.

A passage is `[steps, voices]` MIDI numbers, each voice in a column, the highest first, 0 where a voice is silent. Where
the data do not tell voices apart, a column is the highest note, the next one and so on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from applications.music.piece import HIGHEST, LOWEST, SILENCE

WIDEST_MOVE = 12
"""Moves of the melody by more semitones are counted with those of so many."""
MELODIC_INTERVALS = tuple(move for move in range(-WIDEST_MOVE, WIDEST_MOVE + 1) if move)
"""The moves of `Statistics.melodic_intervals`, in semitones, falling ones below 0."""

_DISSONANCES = (1, 2, 6, 10, 11)
_FOURTH, _FIFTH = 5, 7

_Ints = NDArray[np.int_]
_Bools = NDArray[np.bool_]
_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Statistics:
    """Counts of passages, each as a share of what there could be; 0 where there could be none.

    A chord change is a step at which a voice has another note than at the step before it, or begins or ends to sound.

    Attributes:
        parallel_fifths: pairs of voices that move in the same direction from a perfect fifth to one, or to a fifth and
            octaves more, per 100 chord changes.
        parallel_octaves: the same from an octave or unison to one.
        crossings: share of steps at which a voice is above one that should be the higher.
        out_of_range: share of notes outside their voices' ranges.
        changes: share of steps that are chord changes, the first step of a passage left out.
        notes_per_step: how many voices sound, on average.
        leaps: `[voices]`, by how many semitones each voice moves when it moves from note to note, on average.
        dissonances: share of steps of two notes or more with a second, seventh or tritone between any two voices, or a
            perfect fourth above the lowest note; octaves are left out of an interval.
        pitch_classes: `[12]`, share of notes of each pitch class, from C.
        melodic_intervals: `[24]`, share of moves of the highest note by each of `MELODIC_INTERVALS`.
    """

    parallel_fifths: float
    parallel_octaves: float
    crossings: float
    out_of_range: float
    changes: float
    notes_per_step: float
    leaps: _Floats
    dissonances: float
    pitch_classes: _Floats
    melodic_intervals: _Floats


def ranges(passages: Sequence[_Ints]) -> _Ints:
    """The lowest and highest note of each voice, `[voices, 2]`; of a voice that never sounds, a range without a note.

    >>> ranges([np.array([[72, 48], [76, 0]])]).tolist()
    [[72, 76], [48, 48]]
    """
    notes = np.concatenate(passages)
    lowest = np.where(notes == SILENCE, HIGHEST + 1, notes).min(axis=0, initial=HIGHEST + 1)
    highest = np.where(notes == SILENCE, LOWEST - 1, notes).max(axis=0, initial=LOWEST - 1)
    return np.column_stack([lowest, highest])


def statistics(passages: Sequence[_Ints], voice_ranges: _Ints) -> Statistics:
    """What stands in passages, of the same number of voices.

    >>> chords = np.array([[67, 60], [69, 62], [69, 62], [72, 60]])
    >>> counts = statistics([chords], ranges([chords]))
    >>> counts.parallel_fifths, counts.leaps.tolist(), counts.notes_per_step
    (50.0, [2.5, 2.0], 2.0)

    Args:
        passages: `[steps, voices]` each, one at least.
        voice_ranges: `[voices, 2]`, the `ranges` of the training data.
    """
    notes = np.concatenate(passages)
    before, after = _moves(passages)
    is_change = (before != after).any(axis=-1)
    sounds = notes != SILENCE
    is_outside = sounds & ((notes < voice_ranges[:, 0]) | (notes > voice_ranges[:, 1]))
    return Statistics(
        parallel_fifths=100 * _share(_parallels(before, after, _FIFTH), is_change.sum()),
        parallel_octaves=100 * _share(_parallels(before, after, 0), is_change.sum()),
        crossings=_share(_is_crossed(notes).sum(), len(notes)),
        out_of_range=_share(is_outside.sum(), sounds.sum()),
        changes=_share(is_change.sum(), len(before)),
        notes_per_step=_share(sounds.sum(), len(notes)),
        leaps=_leaps(before, after),
        dissonances=_share(_is_dissonant(notes).sum(), (sounds.sum(axis=-1) > 1).sum()),
        pitch_classes=_histogram(notes[sounds] % 12, 12),
        melodic_intervals=_melodic_intervals(before, after),
    )


def histogram_distance(one: _Floats, other: _Floats) -> float:
    """The total variation distance of two histograms: what share of one must be moved to make it the other.

    Half the sum of the absolute differences of their shares: 0 for the same, 1 for those with nothing in common.

    >>> histogram_distance(np.array([0.5, 0.5, 0]), np.array([0.25, 0.5, 0.25]))
    0.25
    """
    return float(np.abs(one - other).sum() / 2)


def _moves(passages: Sequence[_Ints]) -> tuple[_Ints, _Ints]:
    """The notes before and after each move from step to step, `[moves, voices]` each."""
    return np.concatenate([notes[:-1] for notes in passages]), np.concatenate(
        [notes[1:] for notes in passages]
    )


def _pairs(notes: _Ints) -> tuple[_Ints, _Ints]:
    """The notes of each pair of voices, the first of which should be the higher: `[..., pairs]` each."""
    first, second = np.triu_indices(notes.shape[-1], 1)
    return notes[..., first], notes[..., second]


def _both_sound(notes: _Ints) -> _Bools:
    upper, lower = _pairs(notes)
    both: _Bools = (upper != SILENCE) & (lower != SILENCE)
    return both


def _parallels(before: _Ints, after: _Ints, interval: int) -> int:
    (upper_before, lower_before), (upper, lower) = _pairs(before), _pairs(after)
    is_similar = (upper - upper_before) * (lower - lower_before) > 0
    was = np.abs(upper_before - lower_before) % 12 == interval
    stays = np.abs(upper - lower) % 12 == interval
    return int((is_similar & was & stays & _both_sound(before) & _both_sound(after)).sum())


def _is_crossed(notes: _Ints) -> _Bools:
    upper, lower = _pairs(notes)
    return np.asarray(((upper < lower) & _both_sound(notes)).any(axis=-1))


def _is_dissonant(notes: _Ints) -> _Bools:
    upper, lower = _pairs(notes)
    intervals = np.abs(upper - lower) % 12
    sounding = np.where(notes == SILENCE, HIGHEST + 1, notes)
    is_above_lowest = np.minimum(upper, lower) == sounding.min(axis=-1, keepdims=True)
    dissonances = np.isin(intervals, _DISSONANCES) | ((intervals == _FOURTH) & is_above_lowest)
    return np.asarray((dissonances & _both_sound(notes)).any(axis=-1))


def _leaps(before: _Ints, after: _Ints) -> _Floats:
    sizes = np.abs(after - before) * (before != SILENCE) * (after != SILENCE)
    leaps: _Floats = sizes.sum(axis=0) / np.maximum((sizes > 0).sum(axis=0), 1)
    return leaps


def _melodic_intervals(before: _Ints, after: _Ints) -> _Floats:
    start, end = before.max(axis=-1), after.max(axis=-1)
    moves = (end - start)[(start != SILENCE) & (end != SILENCE) & (start != end)]
    places = np.clip(moves, -WIDEST_MOVE, WIDEST_MOVE) + WIDEST_MOVE
    return np.delete(_histogram(places, 2 * WIDEST_MOVE + 1), WIDEST_MOVE)


def _histogram(places: _Ints, bins: int) -> _Floats:
    counts: _Floats = np.bincount(places, minlength=bins) / max(len(places), 1)
    return counts


def _share(count: int, total: int) -> float:
    return float(count / max(total, 1))
