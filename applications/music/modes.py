"""The six church modes in all keys, and how they spell the notes of a piano."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SCALES = {
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "ionian": (0, 2, 4, 5, 7, 9, 11),
}
"""The notes of each church mode, in semitones above its final."""
RAISING = ("dorian", "mixolydian", "aeolian")
"""Modes whose seventh is raised to a leading tone at the cadence. Phrygian's is not: its second is the semitone."""
LEADING_TONE = 11
"""Of the raised seventh, in semitones above the final."""


@dataclass(frozen=True)
class Mode:
    """A church mode in a key.

    >>> Mode("dorian", 2).notes
    (2, 4, 5, 7, 9, 11, 0)

    Attributes:
        name: one of `SCALES`.
        final: pitch class of the note it ends on, 0 (C) to 11 (B).
    """

    name: str
    final: int

    def __post_init__(self) -> None:
        if self.name not in SCALES:
            raise ValueError(f"name is {self.name!r}, expected one of {', '.join(SCALES)}")
        if not 0 <= self.final < 12:
            raise ValueError(f"final is {self.final}, expected a pitch class from 0 to 11")

    @property
    def notes(self) -> tuple[int, ...]:
        """Pitch classes, the final first, without the raised seventh."""
        return tuple((self.final + semitones) % 12 for semitones in SCALES[self.name])


MODES = tuple(Mode(name, final) for name in SCALES for final in range(12))
"""All modes in all keys."""


@dataclass(frozen=True, eq=False)
class Spelling:
    """How modes spell notes; arrays are `[modes, ...]`, as the notes are.

    Attributes:
        letters: places of the notes' names on the staff, 7 to an octave; those of the final are multiples of 7.
        is_of_mode: whether the mode has the note; if not, its letter means nothing.
        is_raised: whether it is the raised seventh.
    """

    letters: NDArray[np.int_]
    is_of_mode: NDArray[np.bool_]
    is_raised: NDArray[np.bool_]


def spelled(notes: NDArray[np.int_], modes: tuple[Mode, ...]) -> Spelling:
    """How each of the modes spells notes: `[...]` -> arrays of `[modes, ...]`.

    >>> spelled(np.array([62, 65, 72]), (Mode("dorian", 2), Mode("ionian", 0))).letters.tolist()
    [[35, 37, 41], [36, 38, 42]]
    """
    shape = (len(modes),) + (1,) * np.ndim(notes)
    finals = np.array([mode.final for mode in modes]).reshape(shape)
    scales = np.array([_NAMES.index(mode.name) for mode in modes]).reshape(shape)
    octaves, semitones = np.divmod(notes - finals, 12)
    degrees = _DEGREES[scales, semitones]
    is_raised = np.isin(scales, _RAISING) & (semitones == LEADING_TONE)
    return Spelling(7 * octaves + degrees, degrees >= 0, is_raised)


def _degrees(name: str) -> list[int]:
    """Which note of the scale stands so many semitones above the final, from 0; -1: none."""
    scale = SCALES[name]
    degrees = [scale.index(semitones) if semitones in scale else -1 for semitones in range(12)]
    if name in RAISING:
        degrees[LEADING_TONE] = 6
    return degrees


_NAMES = tuple(SCALES)
_RAISING = [_NAMES.index(name) for name in RAISING]
_DEGREES = np.array([_degrees(name) for name in _NAMES])
