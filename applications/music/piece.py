"""A piece of music as the model reads and writes it: which notes sound at each step."""

from dataclasses import dataclass

import numpy as np

LOWEST, HIGHEST = 21, 108
"""MIDI numbers of a piano's keys, A0 to C8."""
KEYS = HIGHEST - LOWEST + 1
"""Keys of a piano."""
SILENCE = 0
"""What stands where a voice has no note."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece, or a passage of one.

    >>> chord = Piece("C major", np.array([[72, 67, 64, 48]]))
    >>> chord.steps, chord.voices
    (1, 4)

    Attributes:
        name: of its file, with its number where a file holds several.
        notes: `[steps, voices]` int32, MIDI numbers; in each step the highest note first, and `SILENCE` after the last
            where fewer notes sound than there are voices. Two voices that share a note both hold it, where the data
            tell voices apart.
        steps_per_quarter: how many steps a quarter note lasts.
        tempo: quarter notes per minute.
    """

    name: str
    notes: np.ndarray
    steps_per_quarter: int = 4
    tempo: float = 90.0

    @property
    def steps(self) -> int:
        """How many steps it has."""
        return len(self.notes)

    @property
    def voices(self) -> int:
        """How many notes may sound at once."""
        return int(self.notes.shape[1])


def ordered(notes: np.ndarray) -> np.ndarray:
    """The notes of each step, the highest first and silence last: `[..., voices]` -> `[..., voices]`."""
    return -np.sort(-notes, axis=-1)
