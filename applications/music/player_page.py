"""A page for the browser that shows a piece as a piano roll and plays it: one file, which fetches nothing."""

import html
import json
import re
from pathlib import Path

from numpy.typing import ArrayLike

from applications.music.held_notes import held_notes
from applications.music.piece import Piece
from applications.music.synthesizer import ATTACK, DECAY, HARMONICS, RELEASE
from common.predicting.input_files import printable

TEMPLATE = Path(__file__).with_name("player.html")


def player_page(piece: Piece, given: ArrayLike | None = None) -> bytes:
    """The page of a piece, in UTF-8.

    >>> page = player_page(Piece("A & B", np.array([[60], [60], [62]])))
    >>> b"<title>A &amp; B</title>" in page, b'"notes":[[0,2,60,0],[2,3,62,0]]' in page
    (True, True)

    Args:
        piece: notes `[steps, voices]`; its name is the title.
        given: bool `[steps, voices]`, the notes that a model was given: they are hatched.

    Raises:
        ValueError: `given` is of another shape.
    """
    content = {
        "steps": piece.steps,
        "voices": piece.voices,
        "stepsPerQuarter": piece.steps_per_quarter,
        "tempo": float(piece.tempo),
        "notes": held_notes(piece),
        "given": [] if given is None else held_notes(piece, given),
        "harmonics": HARMONICS,
        "attack": ATTACK,
        "decay": DECAY,
        "release": RELEASE,
    }
    # The name, which may be anything, stands only where it is text; what the script reads holds numbers alone.
    parts = {
        "name": html.escape(printable(piece.name)),
        "piece": json.dumps(content, separators=(",", ":"), allow_nan=False),
    }
    template = TEMPLATE.read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], template).encode()
