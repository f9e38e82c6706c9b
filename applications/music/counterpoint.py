"""Judges counterpoint in two voices, note against note: which rules of the first species each step breaks.

Source: J. J. Fux, Gradus ad Parnassum (1725), on note against note in two parts: which intervals are consonances, that
perfect ones are reached by contrary or oblique motion only, how an exercise begins and ends. Textbooks of species
counterpoint add the limits of a melody and of the distance between the voices; where they differ, `Rule` says what
holds here.

A step is one note of each voice, of whatever length. MIDI numbers do not tell a minor third from an augmented second,
so intervals are read as the mode spells its notes; what is not of the mode is read by its semitones alone.
"""

from collections.abc import Iterable
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from applications.music.modes import MODES, Mode, Spelling, spelled
from applications.music.piece import SILENCE

WIDEST = 19
"""A twelfth, the greatest distance between the voices, in semitones."""

_CONSONANCES = (0, 3, 4, 7, 8, 9)
_PERFECT_CONSONANCES = (0, 7)
_MELODIC_DISSONANCES = (6, 10, 11)
# How many letters apart the notes of a perfect, major or minor interval are, by its semitones; a tritone is none.
_LETTERS = np.array([0, 1, 1, 2, 2, 3, -1, 4, 5, 5, 6, 6])

_Ints = NDArray[np.int_]
_Bools = NDArray[np.bool_]


class Rule(StrEnum):
    """What a step can break. What two or three steps break together is counted at the last of them."""

    TWO_VOICES = "two_voices"
    """Both voices sing, and no third."""
    CROSSING = "crossing"
    """The upper voice is not below the lower one."""
    DISTANCE = "distance"
    """The voices are at most a twelfth apart. (Stricter textbooks say a tenth.)"""
    DISSONANCE = "dissonance"
    """The interval is a unison, a third, a perfect fifth, a sixth, an octave, or one of these and octaves more. The
    perfect fourth is a dissonance."""
    UNISON = "unison"
    """The voices share a note at the first and last step only."""
    PARALLEL_FIFTHS = "parallel_fifths"
    """No fifth follows a fifth by similar motion."""
    PARALLEL_OCTAVES = "parallel_octaves"
    """No octave or unison follows one of them by similar motion."""
    DIRECT_FIFTHS = "direct_fifths"
    """No other interval goes to a fifth by similar motion, not even with the upper voice moving by step."""
    DIRECT_OCTAVES = "direct_octaves"
    """No other interval goes to an octave or unison by similar motion."""
    LEAP = "leap"
    """No voice leaps by more than a fifth, but for a minor sixth upwards and an octave."""
    MELODIC_DISSONANCE = "melodic_dissonance"
    """No voice moves by a tritone, a seventh, or any augmented or diminished interval."""
    REPETITION = "repetition"
    """No voice sings a note more than twice in a row."""
    MODE = "mode"
    """All notes are of the mode. Its raised seventh, where it has one, stands at the last step but one only."""
    BEGINNING = "beginning"
    """The first interval is a unison, fifth or octave, or one of these and octaves more, with the final below."""
    CADENCE = "cadence"
    """The last interval is a unison or octave on the final, and both voices come to it by step in contrary motion: one
    by a semitone, so with the raised seventh where the mode needs it, and one by a whole tone."""


RULES = tuple(Rule)
"""All rules, in the order of the last axis of `broken`."""


def judge(
    notes: ArrayLike, mode: Mode | None = None, *, begins: bool = True, ends: bool = True
) -> list[tuple[Rule, ...]]:
    """The rules that each step of a passage breaks.

    >>> passage = [[69, 62], [67, 64], [65, 69], [73, 64], [74, 62]]
    >>> [", ".join(rules) for rules in judge(passage, Mode("dorian", 2))]
    ['', '', 'crossing', 'melodic_dissonance', '']

    Args:
        notes: `[steps, voices]` MIDI numbers, the upper voice first, 0 where a voice is silent.
        mode: that it is in; if None, `best_mode`.
        begins: whether its first step is the first of a piece. If not, the rule of the beginning does not apply.
        ends: whether its last step is the last of a piece. If not, the rule of the cadence does not apply, and the last
            step may have the raised seventh, as the final may follow.

    Returns:
        Of each step, the rules it breaks.
    """
    mode = mode or best_mode(notes, begins=begins, ends=ends)
    table = broken(notes, mode, begins=begins, ends=ends)
    return [tuple(rule for rule, is_broken in zip(RULES, row, strict=True) if is_broken) for row in table]


def best_mode(notes: ArrayLike, *, begins: bool = True, ends: bool = True) -> Mode:
    """The mode in which a passage has the fewest steps that break a rule.

    If there are several, that in which it breaks the fewest rules, then the first of `MODES`. Arguments are those of
    `judge`.
    """
    table = _broken(_checked(notes), MODES, begins, ends)
    steps, rules = table.any(axis=-1).sum(axis=-1), table.sum(axis=(-1, -2))
    return MODES[int(np.lexsort((rules, steps))[0])]


def broken(notes: ArrayLike, mode: Mode, *, begins: bool = True, ends: bool = True) -> _Bools:
    """Whether each step breaks each of `RULES`: `[..., steps, voices]` -> `[..., steps, rules]`.

    Arguments are those of `judge`, of one passage or of many of the same length.
    """
    table: _Bools = _broken(_checked(notes), (mode,), begins, ends)[0]
    return table


def shares_of_broken_steps(
    passages: Iterable[ArrayLike], *, begins: bool = True, ends: bool = True
) -> dict[str, float]:
    """The share of all steps that break `any` rule, and each rule by its name; 0 if there are no steps.

    Each passage is judged in the mode that fits it best. Arguments are those of `judge`.
    """
    judged = [rules for notes in passages for rules in judge(notes, begins=begins, ends=ends)]
    counts = {rule.value: sum(rule in rules for rules in judged) for rule in RULES}
    return {
        name: count / max(len(judged), 1) for name, count in {"any": sum(map(bool, judged)), **counts}.items()
    }


def _checked(notes: ArrayLike) -> _Ints:
    array = np.asarray(notes, int)
    if array.ndim < 2 or array.shape[-1] < 2:
        raise ValueError(
            f"notes are of shape {list(array.shape)}, expected [steps, voices], two voices or more"
        )
    return array


def _broken(notes: _Ints, modes: tuple[Mode, ...], begins: bool, ends: bool) -> _Bools:
    """`broken` in each of several modes: `[modes, ..., steps, rules]`."""
    table = np.zeros((len(modes), *notes.shape[:-1], len(RULES)), bool)
    if notes.shape[-2] == 0:
        return table
    voices, spelling = notes[..., :2], spelled(notes[..., :2], modes)
    rules = {
        Rule.TWO_VOICES: (voices == SILENCE).any(axis=-1) | ((notes != SILENCE).sum(axis=-1) != 2),
        **_of_intervals(voices, spelling, begins, ends),
        **_of_motion(voices),
        **_of_melodies(voices, spelling),
        Rule.MODE: _is_out_of_mode(voices, spelling, ends),
    }
    for rule, is_broken in rules.items():
        table[..., RULES.index(rule)] = is_broken
    is_final = (voices != SILENCE) & spelling.is_of_mode & (spelling.letters % 7 == 0)
    if begins:
        table[..., 0, RULES.index(Rule.BEGINNING)] = ~_begins_well(voices, is_final)
    if ends:
        table[..., -1, RULES.index(Rule.CADENCE)] = ~_ends_well(voices, is_final)
    return table


def _of_intervals(voices: _Ints, spelling: Spelling, begins: bool, ends: bool) -> dict[Rule, _Bools]:
    both = (voices != SILENCE).all(axis=-1)
    size = np.abs(voices[..., 0] - voices[..., 1])
    letters = np.abs(spelling.letters[..., 0] - spelling.letters[..., 1])
    is_altered = spelling.is_of_mode.all(axis=-1) & _is_augmented_or_diminished(size, letters)
    is_inside = np.ones(size.shape[-1], bool)
    is_inside[0] &= not begins
    is_inside[-1] &= not ends
    return {
        Rule.CROSSING: both & (voices[..., 0] < voices[..., 1]),
        Rule.DISTANCE: both & (size > WIDEST),
        Rule.DISSONANCE: both & (~np.isin(size % 12, _CONSONANCES) | is_altered),
        Rule.UNISON: both & (size == 0) & is_inside,
    }


def _of_motion(voices: _Ints) -> dict[Rule, _Bools]:
    interval = np.abs(voices[..., 0] - voices[..., 1]) % 12
    is_similar = np.sign(_rises(voices)).prod(axis=-1) > 0
    is_same = np.zeros_like(is_similar)
    is_same[..., 1:] = interval[..., 1:] == interval[..., :-1]
    is_fifth, is_octave = is_similar & (interval == 7), is_similar & (interval == 0)
    return {
        Rule.PARALLEL_FIFTHS: is_fifth & is_same,
        Rule.PARALLEL_OCTAVES: is_octave & is_same,
        Rule.DIRECT_FIFTHS: is_fifth & ~is_same,
        Rule.DIRECT_OCTAVES: is_octave & ~is_same,
    }


def _of_melodies(voices: _Ints, spelling: Spelling) -> dict[Rule, _Bools]:
    rises = _rises(voices)
    sizes = np.abs(rises)
    letters = np.abs(np.diff(spelling.letters, axis=-2))
    is_spelled = spelling.is_of_mode[..., 1:, :] & spelling.is_of_mode[..., :-1, :]
    is_altered = np.zeros_like(spelling.is_of_mode)
    is_altered[..., 1:, :] = is_spelled & _is_augmented_or_diminished(sizes[..., 1:, :], letters)
    is_altered &= (rises != 0) & (sizes <= 12)
    is_held = np.zeros(voices.shape, bool)
    is_held[..., 1:, :] = voices[..., 1:, :] == voices[..., :-1, :]
    is_repeated = is_held & (voices != SILENCE)
    is_repeated[..., 1:, :] &= is_held[..., :-1, :]
    return {
        Rule.LEAP: ((sizes == 9) | (rises == -8) | (sizes > 12)).any(axis=-1),
        Rule.MELODIC_DISSONANCE: (np.isin(sizes, _MELODIC_DISSONANCES) | is_altered).any(axis=-1),
        Rule.REPETITION: is_repeated.any(axis=-1),
    }


def _rises(voices: _Ints) -> _Ints:
    """By how many semitones each voice comes to each step from the one before, 0 where it is silent at one of them."""
    rises = np.zeros_like(voices)
    sounds = voices != SILENCE
    rises[..., 1:, :] = np.diff(voices, axis=-2) * (sounds[..., 1:, :] & sounds[..., :-1, :])
    return rises


def _is_augmented_or_diminished(semitones: _Ints, letters: _Ints) -> _Bools:
    is_altered: _Bools = _LETTERS[semitones % 12] != letters % 7
    return is_altered


def _is_out_of_mode(voices: _Ints, spelling: Spelling, ends: bool) -> _Bools:
    steps = np.arange(voices.shape[-2])[:, None]
    may_be_raised = steps == len(steps) - (2 if ends else 1)
    is_foreign = ~spelling.is_of_mode | (spelling.is_raised & ~may_be_raised)
    is_broken: _Bools = (is_foreign & (voices != SILENCE)).any(axis=-1)
    return is_broken


def _begins_well(voices: _Ints, is_final: _Bools) -> _Bools:
    interval = np.abs(voices[..., 0, 0] - voices[..., 0, 1]) % 12
    both = (voices[..., 0, :] != SILENCE).all(axis=-1)
    is_well: _Bools = both & np.isin(interval, _PERFECT_CONSONANCES) & is_final[..., 0, 1]
    return is_well


def _ends_well(voices: _Ints, is_final: _Bools) -> _Bools:
    # Whole numbers whose product is -2 are a semitone and a whole tone in contrary motion.
    is_contrary_step = _rises(voices)[..., -1, :].prod(axis=-1) == -2
    is_well: _Bools = is_final[..., -1, :].all(axis=-1) & is_contrary_step
    return is_well
