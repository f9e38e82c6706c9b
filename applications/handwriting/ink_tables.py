"""Ink in tables: a row for each ink, with its strokes in a column; or a row for each point."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from applications.handwriting.ink import GivenInk, Ink, InkError, checked_ink, numbers_of, parse_text
from applications.handwriting.ink_columns import STROKES, TEXT, WRITER, Columns, usual
from applications.handwriting.ink_json import ink_of_object
from common.errors import UserError
from common.text.headers import missing_column
from common.text.tables import Table, TableFormat, suffix_of

FORMS = (
    'a column strokes of "x,y x,y;x,y" in a row for each ink, or the columns x, y, stroke and item in a row for each '
    "point"
)
_X, _Y = ("x",), ("y",)
_STROKE = ("stroke", "stroke_id", "stroke_index", "stroke_number")
_ITEM = ("item", "id", "item_id", "ink_id", "word_id", "sample", "sample_id", "drawing_id", "key_id")
_FLAGS = {"strokes": "--strokes-column", "text": "--text-column", "writer": "--writer-column"}


def read_ink_table(path: Path, columns: Columns, form: TableFormat) -> Iterator[GivenInk | InkError]:
    """The ink of a table; in the place of what cannot be used, why.

    A row is an ink if there is a column of strokes, and a point if there are columns x and y: then rows of the same
    item are one ink, whose next stroke begins where the stroke's number changes.

    Raises:
        UserError: the table cannot be read, has no rows, or lacks a column.
    """
    names = Table(path, (), form).other_columns()
    for field, flag in _FLAGS.items():
        if (column := getattr(columns, field)) and column not in names:
            raise UserError(
                f"{path}: no column {column!r}; expected {flag} to be one of {', '.join(map(repr, names))}"
            )
    given = Columns(
        columns.strokes, columns.text or usual(names, TEXT), columns.writer or usual(names, WRITER)
    )
    x, y = usual(names, _X), usual(names, _Y)
    if not given.strokes and x and y:
        yield from _of_points(path, (x, y, usual(names, _STROKE), usual(names, _ITEM)), given, form)
        return
    given = replace(given, strokes=given.strokes or usual(names, STROKES))
    if not given.strokes:
        delimiter = form.separator or {".csv": ",", ".tsv": "\t"}.get(suffix_of(path), "")
        hint = missing_column(names, [STROKES[0]], delimiter) or f"; name it with {_FLAGS['strokes']}"
        raise UserError(
            f"{path}: no column of strokes; expected {FORMS}, and the columns are {', '.join(map(repr, names))}{hint}"
        )
    yield from _of_strokes(path, given, form)


def _of_strokes(path: Path, columns: Columns, form: TableFormat) -> Iterator[GivenInk | InkError]:
    for row in _rows(path, (columns.strokes, columns.text, columns.writer), form):
        if isinstance(row, InkError):
            yield row
            continue
        origin, (strokes, text, writer) = row
        try:
            yield GivenInk(_ink_of_cell(strokes.strip(), columns, origin), text, writer.strip(), origin)
        except InkError as error:
            yield error


def _ink_of_cell(cell: str, columns: Columns, origin: str) -> Ink:
    if not cell.startswith(("[", "{")):
        return parse_text(cell, origin)
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError) as error:
        raise InkError(origin, "not valid JSON", f"not valid JSON ({error}); expected strokes") from None
    return ink_of_object({columns.strokes: value}, origin, columns)


def _of_points(
    path: Path, axes: Sequence[str], columns: Columns, form: TableFormat
) -> Iterator[GivenInk | InkError]:
    """The ink of rows of points.

    Args:
        path: of the table.
        axes: the columns of x, y, the stroke and the item; "" where there is none.
        columns: of the text and the writer.
        form: how the table is written.
    """
    items: dict[str, list[tuple[str, ...]]] = {}
    for row in _rows(path, (*axes, columns.text, columns.writer), form):
        if isinstance(row, InkError):
            yield row
        else:
            items.setdefault(row.values[3].strip(), []).append(row.values)
    for item, points in items.items():
        origin = f"{path}, item {item}" if item else str(path)
        text, writer = (
            next((point[place] for point in points if point[place].strip()), "") for place in (4, 5)
        )
        try:
            strokes = [
                np.column_stack(
                    [numbers_of([point[axis].strip() for point in stroke], origin, number) for axis in (0, 1)]
                )
                for number, (_, of_stroke) in enumerate(groupby(points, key=itemgetter(2)), start=1)
                if (stroke := list(of_stroke))
            ]
            yield GivenInk(checked_ink(strokes, origin), text, writer.strip(), origin)
        except InkError as error:
            yield error


class _Cells(NamedTuple):
    """What a row has in the wanted columns, and where it stands."""

    origin: str
    values: tuple[str, ...]


def _rows(path: Path, columns: Sequence[str], form: TableFormat) -> Iterator[_Cells | InkError]:
    """The rows of a table, and what cannot be read of it; a column that is called "" has nothing."""
    wanted = list(dict.fromkeys(filter(None, columns)))
    places = [wanted.index(column) if column else None for column in columns]
    table = Table(path, wanted, form)
    for row in table:
        values = tuple("" if place is None else row.values[place] for place in places)
        yield _Cells(f"{path}, {row.origin}", values)
    for fault in table.faults:
        yield InkError(f"{path}, {fault.place}", fault.reason, fault.detail)
