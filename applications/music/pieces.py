"""Pieces of music by the dozen: what a part of the data holds, and what could not be used of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from applications.music.piece import SILENCE, Piece
from applications.music.rolls import beyond_voices, with_voices
from common.data import sources

_GRID_NAMES = {1: "quarters", 2: "eighths", 4: "sixteenths"}


@dataclass(frozen=True)
class Pieces:
    """Pieces of music for equally many voices; `left_out` counts, by reason, what could not be used.

    >>> Pieces("two", [Piece("a", np.array([[60, 0]])), Piece("b", np.array([[67, 60], [67, 0]]))]).describe()
    'two: 2 pieces, 3 steps of sixteenths, 4 notes'
    """

    name: str
    pieces: Sequence[Piece]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pieces)

    @property
    def voices(self) -> int:
        """How many notes may sound at once."""
        return max((piece.voices for piece in self.pieces), default=1)

    def select(self, indices: Sequence[int]) -> "Pieces":
        """Those of the given indices, in their order."""
        return sources.select(self, indices)

    def describe(self) -> str:
        """One line: how many pieces, steps and notes there are, on which grids, and what was left out."""
        steps = sum(piece.steps for piece in self.pieces)
        notes = sum(int((piece.notes > SILENCE).sum()) for piece in self.pieces)
        grids = sorted({piece.steps_per_quarter for piece in self.pieces})
        named = " and ".join(_GRID_NAMES.get(grid, f"1/{grid} of a quarter") for grid in grids)
        count = f"{len(self):,} piece{'s' * (len(self) != 1)}"
        return f"{self.name}: {count}, {steps:,} steps of {named}, {notes:,} notes" + sources.left_out_text(
            self.left_out
        )


def for_voices(pieces: Pieces, voices: int) -> Pieces:
    """The pieces for so many voices; what is left out for that is counted."""
    if all(piece.voices == voices for piece in pieces.pieces):
        return pieces
    fitted = [with_voices(piece.notes, voices) for piece in pieces.pieces]
    beyond = sum(left_out for _, left_out in fitted)
    return Pieces(
        pieces.name,
        [replace(piece, notes=notes) for piece, (notes, _) in zip(pieces.pieces, fitted, strict=True)],
        {**pieces.left_out, **beyond_voices(voices, beyond)},
    )
