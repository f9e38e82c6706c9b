"""Ink that a predictor is called with from Python: strokes, arrays, the text form, and what JSON makes of a browser's
events."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from applications.handwriting.ink import Ink, checked_ink, ink_of
from applications.handwriting.ink_json import ink_of_json
from common.errors import UserError
from common.predicting.examples import Column, described, numbers_of, several_of

GivenDrawing: TypeAlias = Any
"""An `Ink`, a text "x,y x,y;x,y", an array `[points, 2]` of a single stroke or `[points, 3]` with the number of the
stroke, a list of strokes `[points, 2]`, a list of pointer events with x and y, or an object with strokes."""

EXPECTED = (
    'expected an Ink, a text "x,y x,y;x,y", an array [points, 2] or [points, 3], a list of strokes [points, 2], a list '
    "of pointer events with x and y, or an object with strokes"
)


def is_one_drawing(drawings: Any) -> bool:
    """Whether it is one drawing rather than several."""
    if isinstance(drawings, Ink | str | Mapping):
        return True
    array = numbers_of(drawings)
    if array is not None:
        return array.ndim < 3
    return isinstance(drawings, Sequence) and bool(drawings) and _is_stroke_or_event(drawings[0])


def drawings_of(drawings: Any, column: Column = None) -> list[Ink]:
    """The ink of one drawing alone or of several.

    Raises:
        UserError: naming what is no ink, or cannot be used, and why.
    """
    if column is None and is_one_drawing(drawings):
        return [drawing_of(drawings, "drawing")]
    several = several_of(drawings, column, "drawings", f"{EXPECTED}; or a list of these")
    return [drawing_of(one, name) for name, one in several]


def drawing_of(drawing: GivenDrawing, name: str) -> Ink:
    """The ink of one drawing.

    Raises:
        UserError: naming what is no ink, or cannot be used, and why.
    """
    if isinstance(drawing, Ink):
        return checked_ink([np.asarray(stroke, np.float64) for stroke in drawing.strokes], name)
    array = numbers_of(drawing)
    if array is not None:
        if array.ndim != 2 or array.shape[1] not in (2, 3):
            raise UserError(f"{name}: got {described(drawing)}; {EXPECTED}")
        points = np.asarray(array, np.float64)
        strokes = ink_of(points).strokes if array.shape[1] == 3 else [points]
        return checked_ink([np.asarray(stroke, np.float64) for stroke in strokes], name)
    if not isinstance(drawing, str | Mapping | Sequence):
        raise UserError(f"{name}: got {described(drawing)}; {EXPECTED}")
    ink: Ink = ink_of_json(_as_json(drawing), name)
    return ink


def stroke_of(stroke: Any, name: str) -> np.ndarray:
    """The points of one stroke, float32 `[points, 2]`; a single one is a tap.

    Raises:
        UserError: naming what is no stroke, and why.
    """
    try:
        points = np.asarray(stroke, np.float64)
    except (TypeError, ValueError):
        points = np.zeros(0)
    if points.ndim != 2 or points.shape[1] != 2 or not (np.abs(points) < np.finfo(np.float32).max).all():
        raise UserError(f"{name}: got {described(stroke)}; expected points [points, 2] of finite numbers")
    return points.astype(np.float32)


def _is_stroke_or_event(value: Any) -> bool:
    """Whether it is a stroke of a drawing or a pointer event, rather than a drawing."""
    if isinstance(value, Ink | str):
        return False
    if isinstance(value, Mapping):
        return "strokes" not in value and "drawing" not in value
    array = numbers_of(value)
    if array is not None:
        return array.ndim == 2 and array.shape[1] == 2
    return _depth(value) <= 2


def _depth(value: Any) -> int:
    """How deep lists are nested at their beginnings; an object counts as a list of its numbers."""
    depth = 0
    while isinstance(value, Sequence) and not isinstance(value, str):
        depth += 1
        if not value:
            return depth
        value = value[0]
    return depth + isinstance(value, Mapping)


def _as_json(value: Any) -> Any:
    """Tuples and arrays as lists, as JSON would have them."""
    array = numbers_of(value)
    if array is not None:
        return array.tolist()
    if isinstance(value, Mapping):
        return {key: _as_json(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_as_json(one) for one in value]
    return value
