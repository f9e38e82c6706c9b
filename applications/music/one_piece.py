"""The one piece of a file that a user hands over, on the grid that is asked for."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from applications.music.piece import Piece
from applications.music.piece_files import iterate_pieces
from applications.music.reading import PieceError, Reading
from common.errors import UserError
from common.predicting.script import hint


def piece_at(path: Path, steps_per_quarter: int, voices: int | None = None) -> Piece:
    """The piece of a file, for so many voices; what is left out for that is told on standard error.

    Args:
        path: a MIDI file, JSON or a table of notes.
        steps_per_quarter: of the grid that it is brought to.
        voices: as many as sound at once at most, unless given.

    Raises:
        UserError: it cannot be read, or holds another number of pieces.
    """
    found = list(islice(iterate_pieces(path, Reading(None, voices, usual=steps_per_quarter)), 2))
    if len(found) != 1:
        raise UserError(f"{path}: {'more than one piece' if found else 'no piece'}; expected one")
    (given,) = found
    if isinstance(given, PieceError):
        raise given
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in given.left_out.items())
    if left_out:
        hint(f"{path}: left out {left_out}")
    return regridded(given.piece, steps_per_quarter)


def regridded(piece: Piece, steps_per_quarter: int) -> Piece:
    """The piece with so many steps in a quarter note: each step repeated, or the first of several kept.

    >>> regridded(Piece("two", np.array([[60], [62]]), 1), 2).notes.tolist()
    [[60], [60], [62], [62]]
    >>> regridded(Piece("four", np.array([[60], [62], [64], [65]]), 4), 2).notes.tolist()
    [[60], [64]]

    Raises:
        UserError: neither grid divides the other.
    """
    own = piece.steps_per_quarter
    if own == steps_per_quarter:
        return piece
    if steps_per_quarter % own == 0:
        notes = np.repeat(piece.notes, steps_per_quarter // own, axis=0)
    elif own % steps_per_quarter == 0:
        notes = piece.notes[:: own // steps_per_quarter]
    else:
        raise UserError(
            f"{piece.name}: {own} steps per quarter note, which cannot be made {steps_per_quarter}"
        )
    return replace(piece, notes=notes, steps_per_quarter=steps_per_quarter)
