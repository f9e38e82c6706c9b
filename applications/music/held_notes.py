"""The notes of a piece as they are played: each with the step at which it begins and the one at which it ends."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from applications.music.piece import SILENCE, Piece


class HeldNote(NamedTuple):
    """A note that sounds from one step to another.

    Attributes:
        start_step: the first step at which it sounds.
        end_step: the first step at which it no longer does.
        note: its MIDI number.
        voice: its column in the piece, from 0.
    """

    start_step: int
    end_step: int
    note: int
    voice: int


def held_notes(piece: Piece, where: ArrayLike | None = None) -> list[HeldNote]:
    """The notes of a piece, by their first step and then by their voice.

    A note that stands in consecutive steps of the same voice is one held note: steps do not tell a held note from one
    that is struck again.

    >>> for held in held_notes(Piece("a third, then a second", np.array([[64, 60], [62, 60]]))):
    ...     print(*held)
    0 1 64 0
    0 2 60 1
    1 2 62 0

    Args:
        piece: notes `[steps, voices]`.
        where: bool `[steps, voices]`; notes elsewhere count as silence. None: all notes count.

    Raises:
        ValueError: `where` is of another shape than the notes.
    """
    notes = piece.notes if where is None else np.where(_mask(where, piece), piece.notes, SILENCE)
    silence: NDArray[np.integer] = np.full((1, piece.voices), SILENCE)
    changes = np.diff(np.concatenate([silence, notes, silence]), axis=0) != 0
    sounds = notes != SILENCE
    # Voice by voice, the first beginning belongs to the first end, and so on.
    voices, starts = np.nonzero((changes[:-1] & sounds).T)
    ends = np.nonzero((changes[1:] & sounds).T)[1] + 1
    order = np.lexsort((voices, starts))
    columns = (starts, ends, notes[starts, voices], voices)
    return [HeldNote(*row) for row in np.stack(columns, axis=1)[order].tolist()]


def _mask(where: ArrayLike, piece: Piece) -> NDArray[np.bool_]:
    mask = np.asarray(where, np.bool_)
    if mask.shape != piece.notes.shape:
        raise ValueError(f"expected a bool for each note, {list(piece.notes.shape)}; got {list(mask.shape)}")
    return mask
