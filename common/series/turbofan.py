"""Machines run to failure in the layout of NASA's C-MAPSS turbofan data: tables of units and cycles, and beside that of
the test, whose units are cut before they fail, the cycles that each has left.

Saxena, Goebel, Simon, Eklund 2008, "Damage Propagation Modeling for Aircraft Engine Run-to-Failure Simulation".
"""

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.data.packed_files import kind_of_file, read_unpacked, unpacked_name
from common.data.part_names import part_within
from common.errors import UserError
from common.series.frames import Frame, read_frame
from common.series.reading_roles import MACHINES, REMAINING
from common.series.reading_windows import without_ending
from common.series.readings import Readings, Recording
from common.series.roles import numbers_of, series_in
from common.series.table_files import KINDS, decoded
from common.text.tables import TableFormat

COLUMNS = (
    *("unit", "cycle"),
    *(f"setting{number}" for number in range(1, 4)),
    *(f"s{number}" for number in range(1, 22)),
)
"""Of the text files, which have no header."""

_TEXT = re.compile(r"(train|test)_(FD\d+)\.txt", re.IGNORECASE)
_OF_REMAINING = re.compile(r"rul_fd\d+\.txt|.*_rul\.(csv|tsv)", re.IGNORECASE)


def is_of_remaining(name: str) -> bool:
    """Whether a file holds the cycles that the units of another one have left, by its name.

    >>> [is_of_remaining(name) for name in ("RUL_FD001.txt", "test_rul.csv.xz", "test.csv")]
    [True, True, False]
    """
    return _OF_REMAINING.fullmatch(unpacked_name(name)) is not None


def read_turbofan_text(path: Path, name: str, form: TableFormat) -> Frame | None:
    """The table of a text file of units, cycles, settings and sensors with blanks between; None of any other file.

    Raises:
        UserError: it cannot be read.
    """
    if kind_of_file(path) != ".txt":
        return None
    lines = decoded(read_unpacked(path, name, KINDS), name, form.encoding).splitlines()
    first = next((line.split() for line in lines if line.strip()), [])
    if len(first) != len(COLUMNS) or not all(field.isdecimal() for field in first[:2]):
        return None
    text = "\n".join(" ".join(line.split()) for line in lines)
    frame = read_frame(io.StringIO(text), replace(form, delimiter=" "), {"1"}, name)
    return replace(frame, data=frame.data.set_axis(COLUMNS, axis=1))


def with_remaining(readings: Readings, path: Path, frame: Frame, form: TableFormat) -> Readings:
    """The readings with the life that each series has left: as the file beside them tells; else, of units and cycles
    that are not those of a test, none, for they ran to failure.

    Args:
        readings: of the file.
        path: of the file.
        frame: its table.
        form: how files are written.

    Raises:
        UserError: the file beside it lacks a series, or cannot be read.
    """
    if any(one.remaining is not None for one in readings.recordings):
        return readings
    beside = _beside(path)
    if beside is not None:
        left = _remaining_in(beside, readings.recordings, form)
        told = zip(readings.recordings, left, strict=True)
        return replace(readings, recordings=[replace(one, remaining=float(cycles)) for one, cycles in told])
    is_of_units = {"unit", "cycle"} <= {name.casefold() for name in frame.data.columns}
    if not is_of_units or part_within(unpacked_name(path.name)) == "test":
        return readings
    return replace(readings, recordings=[replace(one, remaining=0.0) for one in readings.recordings])


def _beside(path: Path) -> Path | None:
    """The file of the cycles that are left which belongs to another file."""
    text = _TEXT.fullmatch(unpacked_name(path.name))
    if text and text[1].casefold() == "train":
        return None
    stem = f"RUL_{text[2]}" if text else f"{without_ending(path.name)}_rul"
    others = (other for other in sorted(path.parent.iterdir()) if is_of_remaining(other.name))
    return next((other for other in others if without_ending(other.name).casefold() == stem.casefold()), None)


def _remaining_in(path: Path, recordings: Sequence[Recording], form: TableFormat) -> np.ndarray:
    """The cycles that each recording has left."""
    frame = read_frame(path, form, MACHINES)
    columns = [str(name) for name in frame.data.columns]
    by_name = {name.casefold(): name for name in columns}
    series = next((by_name[name] for name in MACHINES if name in by_name), "")
    column = next((by_name[name] for name in REMAINING if name in by_name), "" if series else columns[0])
    if not column:
        raise UserError(
            f"{path}: no column rul; the columns are {', '.join(map(repr, columns))}; expected the life left"
        )
    left = numbers_of(frame, column, "remaining life")
    wrong = np.flatnonzero(~(left >= 0))
    if len(wrong):
        raise UserError(f"{frame.at(int(wrong[0]))}: no life left in column {column!r}; expected 0 or more")
    if not series:
        if len(left) != len(recordings):
            raise UserError(
                f"{path}: {len(left):,} numbers; expected one for each of {len(recordings):,} units"
            )
        return left
    codes, names = series_in(frame, series)
    by_series = {names[code]: cycles for code, cycles in zip(codes, left, strict=True)}
    lacking = next((one.name for one in recordings if one.name not in by_series), None)
    if lacking is not None:
        raise UserError(f"{path}: no row for {series} {lacking!r}; expected one for each of the data")
    return np.array([by_series[one.name] for one in recordings])
