"""Ink as JSON: the pointer events of a browser, lists of strokes, objects with a text, Quick Draw's drawings."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from applications.handwriting.ink import GivenInk, Ink, InkError, checked_ink, numbers_of, parse_text
from applications.handwriting.ink_columns import STROKES, TEXT, WRITER, Columns, usual

FORMS = (
    "an object with strokes (and text, writer), a list of such objects, a list of strokes of points, or a list of "
    "pointer events with x and y"
)
_LINES = (".jsonl", ".ndjson")
_QUICK_DRAW = "drawing"
_COORDINATES = (("x", "y"), ("X", "Y"), ("clientX", "clientY"), ("offsetX", "offsetY"), ("pageX", "pageY"))
_NUMBERS_OF_STROKES = ("stroke", "stroke_id", "strokeId")
_BEGINS, _ENDS = ("down", "start"), ("up", "end", "cancel", "leave", "out")


def read_json(text: str, name: str, columns: Columns | None = None) -> Iterator[GivenInk | InkError]:
    """The ink of a JSON document or of JSON lines; in the place of what cannot be used, why.

    Args:
        text: of the file.
        name: of the file, for messages.
        columns: the keys of objects, if they are not the usual ones.

    Raises:
        InkError: the file is empty, or no JSON.
    """
    if not text.strip():
        raise InkError(name, "empty file", f"the file is empty; expected {FORMS}")
    columns = columns or Columns()
    values = list(_values(text, name))
    if all(_is_event(value) for value, _ in values):
        values = [([value for value, _ in values], name)]
    for value, place in values:
        if isinstance(value, InkError):
            yield value
            continue
        entries = value if _is_list_of_inks(value) else [value]
        for number, entry in enumerate(entries, start=1):
            origin = place if entries is not value else f"{place}, item {number}"
            try:
                yield _given(entry, origin, columns)
            except InkError as error:
                yield error


def to_json(ink: Ink, text: str = "", writer: str = "") -> str:
    """The ink as a line of JSON: its text, its writer, and its strokes as lists of points, as pointer events have them.

    >>> to_json(parse_text("0,0 1,2.5"), "a")
    '{"text": "a", "strokes": [[{"x": 0, "y": 0}, {"x": 1, "y": 2.5}]]}'
    """
    strokes = [[{"x": _shown(x), "y": _shown(y)} for x, y in stroke] for stroke in ink.strokes]
    about = {key: value for key, value in (("text", text), ("writer", writer)) if value}
    return json.dumps({**about, "strokes": strokes}, ensure_ascii=False)


def _shown(number: np.float32) -> float:
    """The number of the fewest digits that is the same float32."""
    shortest = float(str(number))
    return int(shortest) if shortest.is_integer() else shortest


def ink_of_json(value: Any, name: str) -> Ink:
    """The ink of a list of strokes or events, or of a text of `parse_text`.

    Raises:
        InkError: it is none.
    """
    if isinstance(value, str):
        return parse_text(value, name)
    if isinstance(value, Mapping):
        return ink_of_object(value, name, Columns())
    if not isinstance(value, list):
        raise InkError(name, "no ink", f"got {_named(value)}; expected {FORMS}")
    if value and all(map(_is_event, value)):
        value = _strokes_of_events(value)
    elif value and all(isinstance(point, list) and not any(map(_is_nested, point)) for point in value):
        value = [value]
    return checked_ink([_stroke(stroke, name, number) for number, stroke in enumerate(value, start=1)], name)


def ink_of_object(value: Mapping[str, Any], name: str, columns: Columns) -> Ink:
    """The ink of an object that has its strokes under a usual key, or the one that is given.

    Raises:
        InkError: it has none.
    """
    key = columns.strokes or usual(value, STROKES)
    if key not in value:
        shown = ", ".join(map(repr, value)) or "none"
        raise InkError(
            name, "no strokes", f"no key {columns.strokes or STROKES[0]!r}; the keys are {shown[:80]}"
        )
    if key.casefold() == _QUICK_DRAW and not isinstance(value[key], str):
        return _drawing(value[key], name)
    return ink_of_json(value[key], name)


def _values(text: str, name: str) -> Iterator[tuple[Any, str]]:
    """Each JSON value of the text, and where it stands."""
    try:
        yield json.loads(text), name
        return
    except RecursionError:
        raise InkError(
            name, "not valid JSON", f"not valid JSON (nested too deeply); expected {FORMS}"
        ) from None
    except ValueError as error:
        is_lines = "Extra data" in str(error) or Path(name).suffix.lower() in _LINES
        if not is_lines:
            raise InkError(name, "not valid JSON", f"not valid JSON ({error}); expected {FORMS}") from None
    for number, line in enumerate(text.split("\n"), start=1):
        place = f"{name}, line {number}"
        try:
            if line.strip():
                yield json.loads(line), place
        except (ValueError, RecursionError) as error:
            yield InkError(place, "not valid JSON", f"not valid JSON ({error}); expected JSON lines"), place


def _is_list_of_inks(value: Any) -> bool:
    """Whether a list holds inks, and not the strokes, the points or the events of one."""
    if not isinstance(value, list) or not value:
        return False
    if any(isinstance(entry, Mapping) for entry in value):
        return not all(map(_is_event, value))
    depth, inner = 0, value
    while isinstance(inner, list) and inner:
        depth, inner = depth + 1, inner[0]
    return depth + isinstance(inner, Mapping) > 3


def _is_event(value: Any) -> bool:
    return isinstance(value, Mapping) and _coordinates(value) is not None


def _coordinates(point: Mapping[str, Any]) -> tuple[str, str] | None:
    """The keys of a point's coordinates; lists under them are those of a stroke."""
    return next(
        (pair for pair in _COORDINATES if all(key in point and not _is_nested(point[key]) for key in pair)),
        None,
    )


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | Mapping)


def _given(value: Any, origin: str, columns: Columns) -> GivenInk:
    if not isinstance(value, Mapping):
        return GivenInk(ink_of_json(value, origin), "", "", origin)
    text, writer = (
        _text(value, key or usual(value, known), origin)
        for key, known in ((columns.text, TEXT), (columns.writer, WRITER))
    )
    return GivenInk(ink_of_object(value, origin, columns), text, writer, origin)


def _text(value: Mapping[str, Any], key: str, name: str) -> str:
    text = value.get(key)
    if text is None:
        return ""
    if isinstance(text, bool) or not isinstance(text, str | int):
        raise InkError(name, "no text", f"{key} is {_named(text)}; expected a text")
    return str(text)


def _drawing(value: Any, name: str) -> Ink:
    """The ink of Quick Draw: of each stroke a list of x, a list of y, and where it is known a list of times."""
    if not isinstance(value, list):
        raise InkError(
            name, "no ink", f"drawing is {_named(value)}; expected strokes of [[x, ...], [y, ...]]"
        )
    strokes = []
    for number, stroke in enumerate(value, start=1):
        if (
            not isinstance(stroke, list)
            or len(stroke) < 2
            or not all(isinstance(axis, list) for axis in stroke[:2])
        ):
            raise InkError(
                name,
                "no ink",
                f"stroke {number} is {_named(stroke)}; expected [[x, ...], [y, ...]], or with times",
            )
        strokes.append(_of_axes(stroke[0], stroke[1], name, number))
    return checked_ink(strokes, name)


def _of_axes(x: Sequence[Any], y: Sequence[Any], name: str, number: int) -> np.ndarray:
    if len(x) != len(y):
        raise InkError(
            name, "x without y", f"stroke {number} has {len(x):,} x and {len(y):,} y; expected as many"
        )
    return np.column_stack([numbers_of(axis, name, number) for axis in (x, y)])


def _stroke(value: Any, name: str, number: int) -> np.ndarray:
    """The points of a stroke: objects with x and y, lists that begin with x and y, or an object of two lists."""
    if isinstance(value, Mapping):
        if isinstance(value.get("points"), list):
            return _stroke(value["points"], name, number)
        if isinstance(value.get("x"), list) and isinstance(value.get("y"), list):
            return _of_axes(value["x"], value["y"], name, number)
    if not isinstance(value, list):
        raise InkError(name, "no ink", f"stroke {number} is {_named(value)}; expected a list of points")
    pairs = [
        _pair(point, f"stroke {number}, point {place}", name) for place, point in enumerate(value, start=1)
    ]
    return _of_axes([x for x, _ in pairs], [y for _, y in pairs], name, number)


def _pair(point: Any, place: str, name: str) -> tuple[Any, Any]:
    if isinstance(point, list) and len(point) >= 2:
        return point[0], point[1]
    if isinstance(point, Mapping) and (keys := _coordinates(point)):
        return point[keys[0]], point[keys[1]]
    raise InkError(name, "not a number", f"{place} is {_named(point)}; expected one with x and y")


def _strokes_of_events(events: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """The events of each stroke: by their types, or else by their strokes' numbers, or else where there is pressure."""
    if any(isinstance(event.get("type"), str) for event in events):
        return _by_types(events)
    key = next((key for key in _NUMBERS_OF_STROKES if all(key in event for event in events)), None)
    if key is None and any(_has_pressure(event) for event in events):
        marks: list[Any] = [_has_pressure(event) or None for event in events]
    else:
        marks = [event[key] if key else True for event in events]
    strokes: list[list[Mapping[str, Any]]] = []
    before = None
    for event, mark in zip(events, marks, strict=True):
        if mark is not None and mark != before:
            strokes.append([])
        if mark is not None:
            strokes[-1].append(event)
        before = mark
    return strokes


def _has_pressure(event: Mapping[str, Any]) -> bool:
    pressure = event.get("pressure")
    return isinstance(pressure, int | float) and pressure > 0


def _by_types(events: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    types = [str(event.get("type", "")).lower() for event in events]
    tells_when = any(kind.endswith(_BEGINS) for kind in types)
    strokes: list[list[Mapping[str, Any]]] = []
    is_down = False
    for event, kind in zip(events, types, strict=True):
        if kind.endswith(_BEGINS) or (not tells_when and not is_down):
            strokes.append([])
            is_down = True
        is_end = kind.endswith(_ENDS)
        # The pen is lifted where it was last.
        if is_down and not (is_end and strokes[-1] and _place(event) == _place(strokes[-1][-1])):
            strokes[-1].append(event)
        is_down = is_down and not is_end
    return strokes


def _place(event: Mapping[str, Any]) -> list[Any]:
    return [event[key] for key in _coordinates(event) or ()]


def _named(value: Any) -> str:
    """What a value is, in few words."""
    if isinstance(value, Mapping | list):
        return f"{'an object' if isinstance(value, Mapping) else 'a list'} of {len(value):,}"
    return json.dumps(value)[:30]
