"""Pictures of ink: what each letter was read from, and what was read wrongly, as PNG files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from applications.handwriting.ink import Ink
from applications.handwriting.predict import Letter
from common.evaluation.figures import COLOURS, readable, save_figure

_COLUMNS = 4


def draw_letters(ink: Ink, letters: Sequence[Letter], path: Path) -> None:
    """Writes the ink, each letter's part of it in another colour than its neighbours', with the letter above."""
    places = np.concatenate(ink.strokes)
    width, height = np.ptp(places, axis=0)
    shape = min(max(3.0 * float(width) / max(float(height), float(width) / 20, 1e-9), 3.0), 24.0)
    figure = Figure(figsize=(shape, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for number, letter in enumerate(letters):
        colour = COLOURS[number % len(COLOURS)]
        _draw_points(axes, ink, letter.first_point, letter.last_point, colour)
        of_letter = places[letter.first_point : letter.last_point + 1]
        place = (float(np.median(of_letter[:, 0])), float(places[:, 1].min()) - 0.08 * float(height))
        axes.annotate(readable(letter.letter), place, color=colour, ha="center", va="bottom", fontsize=16)
    _as_paper(axes)
    save_figure(figure, path)


def draw_wrong(inks: Sequence[Ink], titles: Sequence[str], path: Path) -> None:
    """Writes several inks, each below its title."""
    rows = -(-len(inks) // _COLUMNS)
    figure = Figure(figsize=(3.2 * _COLUMNS, 1.9 * rows), layout="constrained")
    for number, (ink, title) in enumerate(zip(inks, titles, strict=True), start=1):
        axes = figure.add_subplot(rows, _COLUMNS, number)
        _draw_points(axes, ink, 0, sum(map(len, ink.strokes)) - 1, "black")
        axes.set_title(readable(title), fontsize=9)
        _as_paper(axes)
    save_figure(figure, path)


def _draw_points(axes: Axes, ink: Ink, first: int, last: int, colour: str) -> None:
    """Draws the points from the first to the last, and the way to the next point of the stroke."""
    start = 0
    for stroke in ink.strokes:
        low, high = max(first - start, 0), min(last - start, len(stroke) - 1)
        if low <= high:
            part = stroke[low : high + 2]
            marker = "." if len(part) == 1 else ""
            axes.plot(part[:, 0], part[:, 1], color=colour, marker=marker, linewidth=1.8)
        start += len(stroke)


def _as_paper(axes: Axes) -> None:
    axes.set_aspect("equal", adjustable="datalim")
    axes.invert_yaxis()
    axes.margins(0.1, 0.2)
    axes.set_axis_off()
