"""Files of a composed piece: MIDI, WAV, a picture, a page that plays it, or its notes; by the name's ending."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from applications.music.piece import Piece
from common.errors import FlagError
from common.files import atomic_write, require_writable_file

ENDINGS = (".mid", ".midi", ".wav", ".png", ".html", ".json")
"""How the names of the files end that can be written."""


def require_outputs(paths: Sequence[Path]) -> None:
    """Raises FlagError if a path has another ending, stands twice, or no file can be made there."""
    for path in paths:
        if path.suffix.lower() not in ENDINGS:
            raise FlagError(f"--output {path}: expected a name that ends in {', '.join(ENDINGS)}")
        require_writable_file(path, "--output")
    if len({path.resolve() for path in paths}) < len(paths):
        raise FlagError("--output: expected each file once")


def write_piece(
    piece: Piece,
    path: Path,
    *,
    midi: Callable[[], bytes],
    given: np.ndarray | None = None,
    log_likelihood: np.ndarray | None = None,
) -> None:
    """Writes a piece as the name's ending asks for, whole or not at all.

    Args:
        piece: the music.
        path: ending in one of `ENDINGS`.
        midi: makes its MIDI file.
        given: which notes were given, `[steps, voices]`, which a picture shows.
        log_likelihood: of each step, `[steps]`, likewise.
    """
    # Each of these imports what the others can do without.
    match path.suffix.lower():
        case ".wav":
            from applications.music.synthesizer import wav_bytes

            atomic_write(path, wav_bytes(piece))
        case ".png":
            from applications.music.piano_roll import draw_piano_roll

            draw_piano_roll(piece, path, given=given, log_likelihood=log_likelihood)
        case ".html":
            from applications.music.player_page import player_page

            atomic_write(path, player_page(piece))
        case ".json":
            steps = [[int(note) for note in step] for step in piece.notes]
            roll = {"steps_per_quarter": piece.steps_per_quarter, "pieces": [steps]}
            atomic_write(path, (json.dumps(roll) + "\n").encode())
        case _:
            atomic_write(path, midi())
