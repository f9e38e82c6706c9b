"""Tables with a sequence of readings in each row, such as a heartbeat, and a label that says of which kind it is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from common.data.sources import expanded
from common.errors import UserError
from common.series.frames import read_frame
from common.series.reading_tables import ReadingSource
from common.series.roles import numbers_of

LEAST_ROWS = 20
"""Columns of readings that a table of sequences has at least."""
_LABELS = ("label", "class", "target")
_NUMBERED = re.compile(r"(.*?)(\d+)")


@dataclass(frozen=True)
class Sequences:
    """Sequences of readings of one sensor, all of the same length.

    Attributes:
        name: of the table.
        values: `[sequences, time]`.
        is_normal: `[sequences]`.
        left_out: how many could not be used, by reason.
    """

    name: str
    values: np.ndarray
    is_normal: np.ndarray
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many readings there are."""
        return self.values.size

    def describe(self) -> str:
        """How much there is of what, in a line."""
        sequences, rows = self.values.shape
        return (
            f"{self.name}: {sequences:,} sequences of {rows:,} readings, "
            f"{int((~self.is_normal).sum()):,} of them anomalous"
        )


def read_sequences(source: ReadingSource, normal_label: str) -> Sequences:
    """The sequences of a table: in each row a label, and readings in columns that are numbered, such as t0, t1, ...

    Args:
        source: the flags.
        normal_label: what stands in the column of labels of a normal sequence.

    Raises:
        UserError: the table cannot be read, or it is none of sequences.
    """
    path = expanded(Path(source.data))
    if not path.is_file():
        raise UserError(f"--data {source.data}: no such file; expected a table with a sequence in each row")
    labels = (source.label_column,) if source.label_column else _LABELS
    frame = read_frame(path, source.table, {*labels}, is_any_delimiter=True)
    present = [name for name in labels if name in frame.data.columns]
    columns = source.sensor_columns or _numbered(frame.data.columns.drop(present))
    if not present or len(columns) < LEAST_ROWS:
        raise UserError(
            f"{frame.name}: {len(columns):,} numbered columns and {'a' if present else 'no'} column of labels; "
            f"expected a sequence in each row, its label in a column {labels[0]} and its readings in {LEAST_ROWS} "
            "columns or more such as t0, t1, ..."
        )
    frame.require_columns(columns, "--sensor-columns")
    values = np.stack([numbers_of(frame, name, "reading") for name in columns], axis=1).astype(np.float32)
    is_whole = np.isfinite(values).all(axis=1)
    is_normal = frame.data[present[0]].astype(str).to_numpy() == normal_label
    if not (is_normal & is_whole).any():
        raise UserError(
            f"{frame.name}: no whole sequence with {present[0]} {normal_label}; expected --normal-label to be one of "
            f"{', '.join(sorted(set(frame.data[present[0]].astype(str))))}"
        )
    lacking = int((~is_whole).sum())
    left_out = {"a reading is missing": lacking} if lacking else {}
    return Sequences(frame.name, values[is_whole], is_normal[is_whole], left_out)


def _numbered(names: pd.Index) -> tuple[str, ...]:
    """The columns that are called by the same word and a number, in the order of their numbers."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        match = _NUMBERED.fullmatch(str(name))
        if match:
            found.setdefault(match[1], []).append((int(match[2]), str(name)))
    longest = max(found.values(), key=len, default=[])
    return tuple(name for _, name in sorted(longest))
