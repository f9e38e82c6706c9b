"""What is read of a user's file of music, and how: a piece, or why there is none."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, NamedTuple, get_args

from applications.music.piece import Piece
from common.errors import UserError

StepsPerQuarter = Literal[1, 2, 4]
"""Steps that a quarter note may last: 1 for quarters, 4 for sixteenths."""
GRIDS: tuple[int, ...] = get_args(StepsPerQuarter)
MOST_VOICES = 15
"""Notes that may sound at once: as many as MIDI has channels beside that of drums."""

_NAMED = {
    **dict.fromkeys(("quarter", "quarters", "4th"), 1),
    **dict.fromkeys(("eighth", "eighths", "8th"), 2),
    **dict.fromkeys(("sixteenth", "sixteenths", "16th"), 4),
}


@dataclass(frozen=True)
class Reading:
    """On what grid of steps and for how many voices files are read.

    Attributes:
        steps_per_quarter: how many steps a quarter note lasts, where the file itself does not tell; None if the user
            does not either.
        voices: as many as sound at once at most in a piece, unless given; of more notes than that, some are left out
            and counted (see `notes_of`).
        usual: steps of a quarter note where nothing tells.
    """

    steps_per_quarter: int | None = None
    voices: int | None = None
    usual: int = 4

    @property
    def grid(self) -> int:
        """Steps of a quarter note for files that tell time."""
        return self.steps_per_quarter or self.usual

    def grid_of(self, name: str) -> int:
        """Steps of a quarter note of a file of steps that does not tell; its name may.

        >>> Reading().grid_of("jsb_quarter.json.gz"), Reading(usual=2).grid_of("bach.csv")
        (1, 2)
        """
        words = re.split(r"[-_. ]", PurePath(name).name.lower())
        return self.steps_per_quarter or next((_NAMED[word] for word in words if word in _NAMED), self.usual)


class PieceError(UserError):
    """Music that cannot be used: `name` tells where it stands, `reason` why in a word or two, so that it is counted.

    `part` is that of the data that it was meant for, if the file tells it.
    """

    def __init__(self, name: str, reason: str, explanation: str, part: str = "") -> None:
        super().__init__(f"{name}: {explanation}")
        self.name = name
        self.reason = reason
        self.part = part


class GivenPiece(NamedTuple):
    """A piece as a file has it.

    Attributes:
        piece: the music.
        part: `train`, `validation` or `test`, if the file tells it; else "".
        left_out: what was not taken over, and how much of it.
    """

    piece: Piece
    part: str
    left_out: Mapping[str, int]
