"""Pieces from JSON and tables that hold the notes of each step, as the benchmarks of polyphonic music are kept."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from applications.music.piece import HIGHEST, LOWEST, SILENCE, Piece
from applications.music.reading import GRIDS, GivenPiece, PieceError, Reading
from applications.music.rolls import RANGE, beyond_voices, notes_of, roll_of
from common.data.part_names import part_named
from common.text.delimited import Fault, delimited_records
from common.text.files import UTF_8, iterate_text_lines

DELIMITERS = {".csv": ",", ".tsv": "\t"}
"""What stands between the columns of tables, by the endings of their names."""

_STEPS, _PIECES = "steps_per_quarter", "pieces"
_FORMS = (
    "a list of pieces, each a list of steps, each a list of MIDI numbers; or an object with such a list for each part, "
    "such as train, valid and test"
)
_COLUMNS = "a piece, the number of its step, and a note of each voice"
_NUMBERS = f"MIDI numbers from {RANGE}, -1 or 0 for a rest"
_RESTS = (-1, SILENCE)


def pieces_of_json(
    content: bytes, name: str, reading: Reading | None = None
) -> Iterator[GivenPiece | PieceError]:
    """The pieces of JSON; in the place of what cannot be used, why.

    A piece is a list of steps, and a step the list of the notes that sound in it: MIDI numbers in any order, -1, 0 or
    null where a voice rests. Two voices on one note have it twice. The pieces are one list, or the lists of an object
    by the name of their part, such as train, valid and test_dev, or "pieces" for undivided ones. In an object,
    "steps_per_quarter" may tell how long a step is; or else the file's name may (quarter, eighth, 16th).

    >>> [given] = pieces_of_json(b'{"test": [[[60, 67], [-1, 65]]], "steps_per_quarter": 1}', "two.json")
    >>> given.part, given.piece.name, given.piece.notes.tolist(), given.piece.steps_per_quarter
    ('test', 'two.json, piece 1 of test', [[67, 60], [65, 0]], 1)

    Args:
        content: of the file.
        name: of the file.
        reading: on what grid and for how many voices.

    Raises:
        PieceError: the file as a whole is no such JSON.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise PieceError(name, "not valid JSON", f"not valid JSON ({reason}); expected {_FORMS}") from None
    lists, reading = _lists(value, name), reading or Reading()
    grid = reading.grid_of(name)
    if isinstance(value, Mapping) and _STEPS in value:
        grid = value[_STEPS]
        if type(grid) is not int or grid not in GRIDS:
            shown = f"{_STEPS} is {_shown(grid)}"
            raise PieceError(name, "unknown length of steps", f"{shown}; expected {_or(GRIDS)}")
    for part, pieces in lists.items():
        for number, steps in enumerate(pieces, start=1):
            origin = f"{name}, piece {number:,}" + (f" of {part}" if part else "")
            try:
                yield _given(steps, origin, part_named(part), grid, reading.voices)
            except PieceError as error:
                error.part = part_named(part)
                yield error


def pieces_of_table(
    path: Path, reading: Reading | None = None, delimiter: str = ",", encoding: str = UTF_8
) -> Iterator[GivenPiece | PieceError]:
    """The pieces of a CSV or TSV (`.gz` too); in the place of what cannot be used, why.

    A row is a step: what its piece is called, the step's number, then a column for each voice with its note, empty, -1
    or 0 where it rests. The steps of a piece stand in their order, from any number on. A first line without a number
    for the step is a header.

    Args:
        path: of the file.
        reading: on what grid and for how many voices.
        delimiter: between the columns.
        encoding: of the file.

    Raises:
        UserError: it cannot be read.
        PieceError: it has no rows, or one cannot be read.
    """
    pieces: dict[str, list[list[int]]] = {}
    faults: dict[str, PieceError] = {}
    last: dict[str, int] = {}
    lines = partial(iterate_text_lines, path, "a .csv or .tsv (.gz too)", encoding)
    for number, record in enumerate(delimited_records(lines, delimiter)):
        if isinstance(record, Fault):
            raise PieceError(
                f"{path}, {record.place}", record.reason, f"{record.detail}; expected {_COLUMNS}"
            )
        place, (piece, step, *cells) = f"{path}, line {record[0]}", [*record[1], "", ""]
        if not _is_whole(step):
            if number == 0 and len(record[1]) > 2:
                continue
            raise PieceError(place, "not a table of steps", f"expected {_COLUMNS}")
        if int(step) != last.get(piece, int(step) - 1) + 1:
            got = f"step {int(step):,} of {piece!r} after step {last[piece]:,}"
            raise PieceError(place, "steps out of order", f"{got}; expected {last[piece] + 1:,}")
        last[piece] = int(step)
        steps = pieces.setdefault(piece, [])
        try:
            steps.append([_note(_value_of(cell), place) for cell in cells])
        except PieceError as error:
            faults.setdefault(piece, error)
    if not pieces:
        raise PieceError(str(path), "empty file", f"no rows; expected {_COLUMNS}")
    reading = reading or Reading()
    for name, steps in pieces.items():
        try:
            if name in faults:
                raise faults[name]
            yield _given(steps, f"{path}, piece {name}", "", reading.grid_of(path.name), reading.voices)
        except PieceError as error:
            yield error


def _lists(value: Any, name: str) -> dict[str, Sequence[Any]]:
    """The lists of pieces by what their part is called; "" for undivided ones.

    Raises:
        PieceError: there are no such lists.
    """
    if isinstance(value, list):
        return {"": value}
    if not isinstance(value, Mapping):
        raise PieceError(name, "no list of pieces", f"got {_shown(value)}; expected {_FORMS}")
    keys = [key for key in value if key != _STEPS]
    unknown = next((key for key in keys if key != _PIECES and not part_named(key)), None)
    if unknown is not None or not keys:
        got = "no list of pieces" if unknown is None else f"unknown key {_shown(unknown)}"
        raise PieceError(name, "no list of pieces", f"{got}; expected {_FORMS}, beside {_STEPS}")
    for key in keys:
        if not isinstance(value[key], list):
            got = f"{_shown(key)} holds {_shown(value[key])}"
            raise PieceError(name, "no list of pieces", f"{got}; expected {_FORMS}")
    return {"" if key == _PIECES else key: value[key] for key in keys}


def _given(steps: Any, origin: str, part: str, grid: int, voices: int | None) -> GivenPiece:
    """The piece of lists of notes.

    Raises:
        PieceError: naming the step that is none.
    """
    if not isinstance(steps, list):
        raise PieceError(origin, "no list of steps", f"got {_shown(steps)}; expected a list of steps")
    for number, step in enumerate(steps, start=1):
        if not isinstance(step, list):
            got = f"got {_shown(step)}; expected a list of {_NUMBERS}"
            raise PieceError(f"{origin}, step {number:,}", "no list of notes", got)
    flat = list(chain.from_iterable(steps))
    if not set(map(type, flat)) <= {int} or not all(
        note in _RESTS or LOWEST <= note <= HIGHEST for note in flat
    ):
        steps = [
            [_note(value, f"{origin}, step {number:,}") for value in step]
            for number, step in enumerate(steps, 1)
        ]
        flat = list(chain.from_iterable(steps))
    notes = np.array(flat, np.int64)
    of_step = np.repeat(np.arange(len(steps)), [len(step) for step in steps])
    if not (notes > SILENCE).any():
        raise PieceError(origin, "no note", f"no note in {len(steps):,} steps; expected one at least")
    sounding = notes > SILENCE
    kept, beyond = notes_of(roll_of(of_step[sounding], notes[sounding], len(steps)), voices)
    piece = Piece(origin, kept, grid)
    return GivenPiece(piece, part, beyond_voices(kept.shape[1], beyond))


def _note(value: Any, place: str) -> int:
    """A note of a step.

    Raises:
        PieceError: it is none.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return SILENCE
    is_whole = type(value) is int or (isinstance(value, float) and value.is_integer())
    if not is_whole:
        raise PieceError(place, "no MIDI number", f"got {_shown(value)}; expected {_NUMBERS}")
    if value not in _RESTS and not LOWEST <= value <= HIGHEST:
        raise PieceError(place, f"notes outside {RANGE}", f"got {_shown(value)}; expected {_NUMBERS}")
    return int(value)


def _value_of(cell: str) -> Any:
    """The number in a field of a table; None where it is empty, and the text where it is none."""
    cell = cell.strip()
    return int(cell) if _is_whole(cell) else cell or None


def _is_whole(text: str) -> bool:
    digits = text.strip().removeprefix("-")
    return digits.isascii() and digits.isdecimal() and len(digits) < 10


def _or(numbers: Sequence[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} or {last}"


def _shown(value: Any) -> str:
    """The beginning of a value as JSON has it."""
    return json.dumps(value)[:30]
