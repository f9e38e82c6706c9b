"""Pieces from Standard MIDI files, read by mido."""

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import mido
import numpy as np

from applications.music.piece import HIGHEST, KEYS, LOWEST, Piece
from applications.music.reading import GivenPiece, PieceError
from applications.music.rolls import RANGE, beyond_voices, notes_of
from common.data.packed_files import read_unpacked
from common.errors import UserError

SUFFIXES = (".mid", ".midi")
MOST_STEPS = 100_000
"""Steps that a piece may have."""

_EXPECTED = "a Standard MIDI file (.mid, .midi) of format 0 or 1"
_HEADER, _MAGIC = 14, b"MThd"
_DRUMS = 9
_MICROSECONDS, _USUAL_TEMPO = 60e6, 120.0


class _Note(NamedTuple):
    """A note as played: MIDI number, first tick, and the tick at which it has ended; `line` is its track and channel.

    On one line a note sounds once at a time.
    """

    line: tuple[int, int]
    number: int
    start: int
    end: int


def read_midi(path: Path, steps_per_quarter: int = 4, voices: int | None = None) -> GivenPiece:
    """The piece of a MIDI file, `.gz` too; see `piece_of_midi`.

    Raises:
        UserError: the file cannot be read, or holds no piece.
    """
    content = read_unpacked(path, str(path), _EXPECTED)
    return piece_of_midi(content, str(path), steps_per_quarter, voices)


def piece_of_midi(
    content: bytes, name: str, steps_per_quarter: int = 4, voices: int | None = None
) -> GivenPiece:
    """The piece of a MIDI file's content, on a grid of steps.

    The beginning and the end of each note go to the nearest step, and a note lasts a step at least. The piece begins
    with its first note: silence before it is left out. Tracks and channels are merged; a note that two of them play at
    once stands twice, as two voices have it. Velocities, programmes and pedals are passed over. A note that does not
    end lasts as long as its track. The tempo is the first one, 120 where there is none.

    Left out and counted are notes of drums (channel 10), changes of tempo, and notes beyond the voices (see
    `notes_of`).

    Args:
        content: bytes of the file.
        name: of the file, for messages.
        steps_per_quarter: how many steps a quarter note lasts.
        voices: as many as sound at once at most, unless given.

    Raises:
        PieceError: it is no MIDI file of format 0 or 1, is not whole, or has no notes, some that a piano has no keys
            for, or more steps than `MOST_STEPS`.
    """
    file = _parsed(content, name)
    ticks = file.ticks_per_beat
    played = list(_played(file.tracks))
    notes = [note for note in played if note.line[1] != _DRUMS]
    drums = len(played) - len(notes)
    if not notes:
        also = f" but {drums:,} of drums (channel 10)" if drums else ""
        raise PieceError(name, "drums only" if drums else "no note", f"no note{also}; expected one at least")
    outside = next((note for note in notes if not LOWEST <= note.number <= HIGHEST), None)
    if outside is not None:
        place = f"note {outside.number} after {outside.start / ticks:.1f} quarter notes"
        raise PieceError(
            name, f"notes outside {RANGE}", f"{place}; expected notes from {RANGE}, the keys of a piano"
        )
    roll = _roll(notes, ticks, steps_per_quarter, name)
    kept, beyond = notes_of(roll, voices)
    tempo, changes = _tempo(file.tracks)
    left_out = {"notes of drums": drums, "changes of tempo": changes, **beyond_voices(kept.shape[1], beyond)}
    piece = Piece(name, kept, steps_per_quarter, tempo)
    return GivenPiece(piece, "", {reason: count for reason, count in left_out.items() if count})


def melody_of(piece: Piece) -> np.ndarray:
    """The melody of a piece in which never two notes sound at once, in unison aside: int32 `[steps]`, 0 in rests.

    >>> melody_of(Piece("tune", np.array([[67, 67], [0, 0], [64, 0]]))).tolist()
    [67, 0, 64]

    Raises:
        UserError: naming the first step with more, and how many they are.
    """
    for step, notes in enumerate(piece.notes, start=1):
        different = len(set(notes.tolist()) - {0})
        if different > 1:
            raise UserError(
                f"{piece.name}: {different} notes at once at step {step:,} of {piece.steps:,} "
                f"({piece.steps_per_quarter} a quarter note); expected a melody of one note at a time"
            )
    return np.asarray(piece.notes.max(axis=1), np.int32)


def _parsed(content: bytes, name: str) -> Any:
    """The file as mido reads it.

    Raises:
        PieceError: it is none, or is not whole.
    """
    if not content.startswith(_MAGIC):
        raise PieceError(name, "no MIDI file", f"does not begin with MThd; expected {_EXPECTED}")
    kind, division = (int.from_bytes(content[at : at + 2], "big") for at in (8, 12))
    if len(content) < _HEADER:
        raise PieceError(name, "not a whole MIDI file", f"truncated in its header; expected {_EXPECTED}")
    if kind > 1:
        raise PieceError(name, f"MIDI of format {kind}", f"of format {kind}; expected {_EXPECTED}")
    if division >= 0x8000 or division == 0:
        time = "frames of SMPTE" if division else "no unit"
        raise PieceError(
            name, f"MIDI with {time}", f"its times are in {time}; expected parts of a quarter note"
        )
    try:
        return mido.MidiFile(file=io.BytesIO(content))
    except EOFError:
        raise PieceError(name, "not a whole MIDI file", f"truncated; expected {_EXPECTED}") from None
    # mido lets through whatever the conversions and tables raise on which it stumbles.
    except Exception as error:
        shown = f"{type(error).__name__}: {error}"[:100]
        raise PieceError(name, "not a valid MIDI file", f"damaged ({shown}); expected {_EXPECTED}") from None


def _played(tracks: Sequence[Any]) -> Iterator[_Note]:
    """The notes of all tracks; those of a line and a number in the order in which they sound."""
    for place, track in enumerate(tracks):
        tick, sounding = 0, dict[tuple[int, int], int]()
        for message in track:
            tick += message.time
            if message.type not in ("note_on", "note_off"):
                continue
            key = (message.channel, message.note)
            if key in sounding:
                yield _Note((place, message.channel), message.note, sounding.pop(key), tick)
            if message.type == "note_on" and message.velocity:
                sounding[key] = tick
        for (channel, number), start in sounding.items():
            yield _Note((place, channel), number, start, tick)


def _roll(notes: Sequence[_Note], ticks: int, steps_per_quarter: int, name: str) -> np.ndarray:
    """How many lines sound each key at each step, from the first note on: int32 `[steps, keys]`.

    Raises:
        PieceError: there are too many steps.
    """

    def step(tick: int) -> int:
        return (2 * tick * steps_per_quarter + ticks) // (2 * ticks)

    first = min(step(note.start) for note in notes)
    count = max(max(step(note.end), step(note.start) + 1) for note in notes) - first
    if count > MOST_STEPS:
        raise PieceError(
            name,
            f"more than {MOST_STEPS:,} steps",
            f"longer than {MOST_STEPS // steps_per_quarter:,} quarter notes; expected {MOST_STEPS:,} steps at most, "
            f"{steps_per_quarter} a quarter note",
        )
    edges = np.zeros((count + 1, KEYS), np.int32)
    reached: Counter[tuple[tuple[int, int], int]] = Counter()
    for note in notes:
        key, start = (note.line, note.number), step(note.start) - first
        end = max(step(note.end) - first, start + 1)
        # On one line, notes that fall on the same steps of the grid are one.
        start = max(start, reached[key])
        if end > start:
            edges[start, note.number - LOWEST] += 1
            edges[end, note.number - LOWEST] -= 1
            reached[key] = end
    return np.cumsum(edges, axis=0, dtype=np.int32)[:-1]


def _tempo(tracks: Sequence[Any]) -> tuple[float, int]:
    """The first tempo in quarter notes per minute, and how often it changes after that."""
    told = []
    for track in tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo" and message.tempo:
                told.append((tick, message.tempo))
    tempos = [tempo for _, tempo in sorted(told, key=lambda one: one[0])]
    changes = sum(one != before for before, one in pairwise(tempos))
    return round(_MICROSECONDS / tempos[0], 3) if tempos else _USUAL_TEMPO, changes
