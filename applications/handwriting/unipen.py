"""Ink in the format of UNIPEN (Guyon et al. 1994), in which benchmarks of handwriting are kept."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from applications.handwriting.ink import GivenInk, InkError, checked_ink, numbers_of

Include = Callable[[str], str | None]
"""From the name of an included file to its text; None if it is not there."""

_KEYWORD = re.compile(r"\.([A-Z][A-Z0-9_]*)(?=\s|$)\s*(.*)")
_SEGMENT = re.compile(r'(\S+)\s*([^"]*?)\s*(?:"(.*)")?\s*', re.DOTALL)
_COMPONENTS = re.compile(r"(\d{1,9})(?::(\d{1,9}))?(?:-(\d{1,9})(?::(\d{1,9}))?)?")
_BAD = "BAD"
_MOST_INCLUDES = 250


class _Component(NamedTuple):
    """What the pen did without being lifted or set down.

    Attributes:
        points: `[points, 2]`, y upward.
        is_down: whether it left a trace.
    """

    points: np.ndarray
    is_down: bool


class _Segment(NamedTuple):
    """What a file says of a stretch of its components."""

    level: str
    delineation: str
    quality: str
    label: str
    writer: str


@dataclass
class _File:
    """What is read of a file and of those that it includes."""

    components: list[_Component] = field(default_factory=list)
    segments: list[_Segment] = field(default_factory=list)
    axes: Sequence[str] = ("X", "Y")
    writer: str = ""
    included: int = 0


def is_unipen(text: str) -> bool:
    """Whether a text begins as files of UNIPEN do."""
    first = next((line for line in text[:10_000].splitlines() if line.strip()), "")
    return bool(_KEYWORD.match(first))


def read_unipen(text: str, name: str, include: Include = lambda _: None) -> Iterator[GivenInk | InkError]:
    """The ink of each segment of a file; in the place of what cannot be used, why.

    Segments of words are taken, or of characters where there are none of words, or of the first level that there is; a
    file without segments is one ink. Strokes are counted from 0 over all included files, those of a pen that is up
    among them, but only those that have points. y, which grows upward, is turned round.

    Args:
        text: of the file.
        name: of the file, for messages.
        include: reads the files that it includes.

    Raises:
        InkError: a point is no number, an included file is not there, or it is no such file.
    """
    file = _File()
    _read(text, name, include, file)
    if not file.components:
        raise InkError(name, "no stroke", "no .PEN_DOWN with points; expected a file of UNIPEN")
    whole = _Segment("", f"0-{len(file.components) - 1}", "", "", "")
    levels = [segment.level for segment in file.segments]
    level = next((one for one in ("WORD", "CHARACTER", *levels) if one in levels), "")
    chosen = [segment for segment in file.segments if segment.level == level] or [whole]
    for number, segment in enumerate(chosen, start=1):
        origin = name if segment is whole else f"{name}, segment {number}"
        try:
            if segment.quality == _BAD:
                raise InkError(origin, "marked BAD", f"{segment.label!r} is marked BAD")
            strokes = [
                points * (1, -1) for points in _delineated(segment.delineation, file.components, origin)
            ]
            yield GivenInk(checked_ink(strokes, origin), segment.label, segment.writer or file.writer, origin)
        except InkError as error:
            yield error


def _read(text: str, name: str, include: Include, file: _File) -> None:
    for keyword, content in _blocks(text):
        if keyword == "COORD":
            file.axes = _axes(content, name)
        elif keyword in ("PEN_DOWN", "PEN_UP"):
            points = _points(content, file, name)
            if len(points):
                file.components.append(_Component(points, keyword == "PEN_DOWN"))
        elif keyword == "WRITER_ID":
            file.writer = content.strip()
        elif keyword == "SEGMENT" and (match := _SEGMENT.fullmatch(content.strip())):
            level, about, label = match.groups()
            delineation, _, quality = about.partition(" ")
            label = (label or "").replace('\\"', '"').replace("\\\\", "\\")
            file.segments.append(_Segment(level, delineation, quality.strip(), label, file.writer))
        elif keyword == "INCLUDE":
            _read_included(content.strip(), name, include, file)


def _read_included(included: str, name: str, include: Include, file: _File) -> None:
    file.included += 1
    if file.included > _MOST_INCLUDES:
        raise InkError(name, "includes too much", f"includes more than {_MOST_INCLUDES:,} files, or itself")
    text = include(included)
    if text is None:
        raise InkError(
            name, "no included file", f"the included file {included} is not there; expected it beside it"
        )
    try:
        _read(text, f"{name} ({included})", include, file)
    except RecursionError:
        raise InkError(name, "includes too much", "files include each other without end") from None


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Each keyword, and the lines up to the next."""
    keyword = ""
    lines: list[str] = []
    for line in text.splitlines():
        if match := _KEYWORD.match(line):
            if keyword:
                yield keyword, "\n".join(lines)
            keyword, lines = match[1], [match[2]]
        else:
            lines.append(line)
    if keyword:
        yield keyword, "\n".join(lines)


def _axes(content: str, name: str) -> Sequence[str]:
    axes = content.upper().split()
    if "X" not in axes or "Y" not in axes:
        raise InkError(
            name, "no X and Y", f".COORD {content.strip()[:40]}; expected X and Y among the coordinates"
        )
    return axes


def _points(content: str, file: _File, name: str) -> np.ndarray:
    """The x and y of a component `[points, 2]`."""
    values, width = content.split(), len(file.axes)
    stroke = len(file.components) + 1
    if len(values) % width:
        raise InkError(
            name,
            "x without y",
            f"stroke {stroke} has {len(values):,} numbers; expected {width} for each point: {' '.join(file.axes)}",
        )
    return np.column_stack(
        [numbers_of(values[file.axes.index(axis) :: width], name, stroke) for axis in "XY"]
    )


def _delineated(delineation: str, components: Sequence[_Component], name: str) -> Iterator[np.ndarray]:
    """The points of each stroke of a segment, such as 17-21, 17:3-21:40 or 17,19.

    Raises:
        InkError: naming what is no stretch of the components.
    """
    for stretch in delineation.split(","):
        match = _COMPONENTS.fullmatch(stretch)
        first, begin, last, end = match.groups() if match else (None,) * 4
        numbers = range(int(first), int(last or first) + 1) if first else range(0)
        if not numbers or numbers[-1] >= len(components):
            raise InkError(
                name,
                "no such strokes",
                f"strokes {delineation[:40]!r}; expected a range such as 0-2 of the {len(components):,} there are",
            )
        for number in numbers:
            points, is_down = components[number]
            start = int(begin) if begin and number == numbers[0] else 0
            stop = int(end) + 1 if end and number == numbers[-1] else len(points)
            if is_down and start < stop:
                yield points[start:stop]
