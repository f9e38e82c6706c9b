"""Ink: what a pen wrote, stroke by stroke; the same as an array of points and as a line of text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from common.data import sources
from common.errors import UserError

_INFINITE = float(np.finfo(np.float32).max) + 2.0**103
"""The least number that is infinite as float32: the largest one and half a step."""


class Ink(NamedTuple):
    """What was written in one go: its pen strokes.

    Attributes:
        strokes: each float32 `[points, 2]`: x, y; y grows downward as in a browser.
    """

    strokes: Sequence[np.ndarray]


class InkError(UserError):
    """Ink that cannot be used: `name` tells where it stands, `reason` why in a word or two, so that it is counted."""

    def __init__(self, name: str, reason: str, explanation: str) -> None:
        super().__init__(f"{name}: {explanation}")
        self.name = name
        self.reason = reason


class GivenInk(NamedTuple):
    """Ink as a file has it; a text or a writer that it does not tell is "".

    Attributes:
        ink: the strokes.
        text: what is written.
        writer: who wrote it.
        origin: where it stands: the file, and the line or number in it.
    """

    ink: Ink
    text: str
    writer: str
    origin: str


@dataclass(frozen=True)
class Writings:
    """Ink, what is written in each, by whom, and where each came from.

    A writer who is not known is "". `left_out` counts, by reason, the ink that could not be used.

    Example:
        >>> ink = parse_text("0,0 1,2")
        >>> Writings("two", [ink, ink], ["yes", "no more"], ["ann", ""], ["a.inkml", "b.inkml"]).describe()
        'two: 2 inks by 1 writer, 3 words, 9 characters, 4 points'
    """

    name: str
    inks: Sequence[Ink]
    texts: Sequence[str]
    writers: Sequence[str]
    origins: Sequence[str]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.inks)

    def select(self, indices: Sequence[int]) -> "Writings":
        """Those of the given indices, in their order."""
        return sources.select(self, indices)

    def describe(self) -> str:
        """One line: how many inks by how many writers, how much is written in them, and what was left out."""
        writers = len(set(self.writers) - {""})
        written = f" by {writers:,} writer{'s' * (writers != 1)}" if writers else ""
        words = sum(len(text.split()) for text in self.texts)
        characters = sum(len("".join(text.split())) for text in self.texts)
        points = sum(len(stroke) for ink in self.inks for stroke in ink.strokes)
        counts = f"{words:,} words, {characters:,} characters, {points:,} points"
        inks = f"{len(self):,} ink{'s' * (len(self) != 1)}"
        return f"{self.name}: {inks}{written}, {counts}{sources.left_out_text(self.left_out)}"


def points_of(ink: Ink) -> np.ndarray:
    """The ink as float32 `[points, 3]`: x, y, and the index of the stroke from 0.

    >>> points_of(parse_text("0,0 1,2;5,5")).tolist()
    [[0.0, 0.0, 0.0], [1.0, 2.0, 0.0], [5.0, 5.0, 1.0]]
    """
    if not len(ink.strokes):
        return np.zeros((0, 3), np.float32)
    numbers = np.repeat(np.arange(len(ink.strokes)), [len(stroke) for stroke in ink.strokes])
    return np.column_stack([np.concatenate(ink.strokes), numbers]).astype(np.float32)


def ink_of(points: np.ndarray) -> Ink:
    """The ink of points `[points, 3]`: x, y, and what changes from stroke to stroke."""
    ends = np.flatnonzero(np.diff(points[:, 2])) + 1
    bounds = [0, *ends.tolist(), len(points)]
    places = np.asarray(points[:, :2], np.float32)
    return Ink([places[start:end] for start, end in pairwise(bounds) if end > start])


def text_of(ink: Ink) -> str:
    """The ink as "x,y x,y;x,y": a blank between points, a semicolon between strokes.

    The numbers are the shortest that give the same ink again.

    >>> text_of(Ink([np.float32([[0, 0.5], [1, 2]]), np.float32([[5, 5]])]))
    '0,0.5 1,2;5,5'
    """
    return ";".join(" ".join(f"{_shown(x)},{_shown(y)}" for x, y in stroke) for stroke in ink.strokes)


def _shown(number: np.float32) -> str:
    return str(number).removesuffix(".0")


def parse_text(text: str, name: str = "ink") -> Ink:
    """The ink of "x,y x,y;x,y"; more blanks, and strokes without points, do not matter.

    Args:
        text: as `text_of` writes it.
        name: where it stands, for messages.

    Raises:
        InkError: naming the stroke and the point that is none.
    """
    strokes = []
    for number, points in enumerate(text.split(";"), start=1):
        pairs = [point.split(",") for point in points.split()]
        for place, pair in enumerate(pairs, start=1):
            if len(pair) != 2:
                shown = ",".join(pair)[:30]
                raise InkError(
                    name,
                    "not a number",
                    f"stroke {number}, point {place}: {shown!r}; expected x,y such as 3,4.5",
                )
        strokes.append(
            np.column_stack([numbers_of([pair[axis] for pair in pairs], name, number) for axis in (0, 1)])
        )
    return checked_ink(strokes, name)


def numbers_of(values: Sequence[Any], name: str, stroke: int) -> np.ndarray:
    """The coordinates of a stroke's points along an axis, float64 `[points]`.

    Args:
        values: numbers, or texts that are such.
        name: where they stand, for messages.
        stroke: the number of the stroke from 1, for messages.

    Raises:
        InkError: naming the point that has no number.
    """
    if all(type(value) in (int, float) for value in values):
        return np.array([_finite(value) for value in values], np.float64)
    numbers = np.empty(len(values))
    for index, value in enumerate(values):
        try:
            numbers[index] = _number(value)
        except ValueError:
            shown = "nothing" if value is None or value == "" else repr(value)[:30]
            raise InkError(
                name, "not a number", f"stroke {stroke}, point {index + 1}: got {shown}; expected a number"
            ) from None
    return numbers


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError
    if isinstance(value, str) and "_" in value:
        raise ValueError
    return _finite(value)


def _finite(value: float | str) -> float:
    """The number; one that is too large for a float is infinite."""
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def checked_ink(strokes: Sequence[np.ndarray], name: str) -> Ink:
    """The ink of strokes `[points, 2]`; those without points are passed over.

    Raises:
        InkError: there is no stroke, a coordinate is not finite, or the points are fewer than two different ones.
    """
    for number, stroke in enumerate(strokes, start=1):
        within = np.abs(np.asarray(stroke, np.float64)) < _INFINITE
        if not within.all():
            point = int(np.argmin(within.all(axis=1)))
            raise InkError(
                name,
                "not a finite number",
                f"stroke {number}, point {point + 1} is at {stroke[point, 0]:g},{stroke[point, 1]:g}; expected finite "
                "numbers",
            )
    drawn = [np.asarray(stroke, np.float32) for stroke in strokes if len(stroke)]
    points = sum(map(len, drawn))
    if not points:
        raise InkError(name, "no stroke", "no stroke; expected at least one with points")
    if points < 2:
        raise InkError(name, "fewer than two points", "a single point; expected at least two")
    first = drawn[0][0]
    if all((stroke == first).all() for stroke in drawn):
        raise InkError(
            name,
            "all points in one place",
            f"all {points:,} points are in one place; expected at least two places",
        )
    return Ink(drawn)
