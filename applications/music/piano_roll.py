"""Pictures of music as PNG files: a piece as a piano roll, and what generated music is made of beside a corpus."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike, NDArray

from applications.music.held_notes import HeldNote, held_notes
from applications.music.piece import Piece
from common.evaluation.figures import BLUE, COLOURS, GREY, ORANGE, readable, save_figure

PITCH_CLASSES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")

_QUARTERS_PER_BAR, _BARS_PER_ROW, _MOST_ROWS, _MOST_NUMBERS = 4, 8, 16, 16
_INCHES_PER_QUARTER, _INCHES_PER_SEMITONE, _INCHES_OF_STRIP = 0.36, 0.1, 0.7
_NARROWEST, _WIDEST = 6.4, 40.0
_LEAST_SEMITONES, _MIDDLE_C = 12, 60
_NAMED, _BLACK_KEYS = (0, 4, 7), (1, 3, 6, 8, 10)
_BLACK_KEYS_SHADE, _HATCH = "#efefef", "/////"
_THICKNESSES = (0.92, 0.74, 0.56, 0.38, 0.2)


def draw_piano_roll(
    piece: Piece, path: Path, given: ArrayLike | None = None, log_likelihood: ArrayLike | None = None
) -> None:
    """Writes a piece as a piano roll: each held note in the colour of its voice, a long piece in several rows.

    The notes of lower voices are drawn thinner, so that two voices that share a note are both seen. A bar line stands
    after every four quarters, whatever the metre.

    Args:
        piece: notes `[steps, voices]`.
        path: where the PNG goes.
        given: bool `[steps, voices]`, the notes that a model was given: they are hatched.
        log_likelihood: of each step in nats, `[steps]`: a strip below the notes. Minus infinity reaches to its bottom;
            what is not known is NaN.

    Raises:
        ValueError: `given` or `log_likelihood` is of another shape.
    """
    held = held_notes(piece)
    hatched = [] if given is None else held_notes(piece, given)
    nats = None if log_likelihood is None else _nats(log_likelihood, piece)
    low, high = _range(held)
    starts, quarters = _rows(piece)
    heights = [_INCHES_PER_SEMITONE * (high - low), *([] if nats is None else [_INCHES_OF_STRIP])]
    width = min(max(_INCHES_PER_QUARTER * quarters + 1.0, _NARROWEST), _WIDEST)
    figure = Figure(figsize=(width, 1.2 + len(starts) * (sum(heights) + 0.4)), layout="constrained")
    figure.suptitle(readable(piece.name))
    panels = figure.subplots(len(starts) * len(heights), squeeze=False, height_ratios=heights * len(starts))
    for start, (roll, *strip) in zip(starts, panels.reshape(len(starts), len(heights)), strict=True):
        within = (start * piece.steps_per_quarter, (start + quarters) * piece.steps_per_quarter)
        _draw_keys(roll, low, high)
        _draw_notes(roll, piece, held, hatched, within)
        if nats is not None:
            _draw_nats(strip[0], piece, nats)
        _draw_bar_lines([roll, *strip], start, quarters)
    panels[-1, 0].set_xlabel(f"bars of {_QUARTERS_PER_BAR} quarters")
    _add_legend(figure, piece.voices, bool(hatched))
    save_figure(figure, path)


def draw_histograms(
    pitch_classes: Sequence[ArrayLike],
    intervals: Sequence[ArrayLike],
    path: Path,
    names: Sequence[str] = ("generated", "corpus"),
) -> None:
    """Writes how often generated music has each pitch class and each melodic interval, beside a corpus.

    Args:
        pitch_classes: shares of C, C♯ and so on to B among the notes, `[12]`: of the generated music, of the corpus.
        intervals: shares of the intervals from a voice's note to its next one, `[2 * widest + 1]`, from `-widest`
            semitones to `widest`: of the generated music, of the corpus.
        path: where the PNG goes.
        names: of the two.

    Raises:
        ValueError: there are not 12 pitch classes, or the number of intervals is even.
    """
    classes, leaps = np.asarray(pitch_classes, np.float64), np.asarray(intervals, np.float64)
    if classes.shape[1:] != (len(PITCH_CLASSES),) or leaps.ndim != 2 or leaps.shape[1] % 2 == 0:
        got = f"{list(classes.shape)} and {list(leaps.shape)}"
        raise ValueError(f"expected shares [2, 12] of pitch classes and [2, odd] of intervals; got {got}")
    widest = leaps.shape[1] // 2
    semitones = [
        f"{semitone:+d}".replace("-", "−") if semitone else "0" for semitone in range(-widest, widest + 1)
    ]
    figure = Figure(figsize=(5.5 + 0.3 * len(semitones), 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(len(PITCH_CLASSES) + 2, len(semitones) + 2))
    _draw_shares(left, classes, PITCH_CLASSES, names)
    left.set(xlabel="pitch class", ylabel="share of notes")
    _draw_shares(right, leaps, semitones, names)
    right.set(xlabel="melodic interval (semitones)", ylabel="share of intervals")
    right.legend()
    save_figure(figure, path)


def _nats(log_likelihood: ArrayLike, piece: Piece) -> NDArray[np.float64]:
    nats = np.asarray(log_likelihood, np.float64)
    if nats.shape != (piece.steps,):
        raise ValueError(f"expected the nats of each step, [{piece.steps}]; got {list(nats.shape)}")
    return nats


def _range(held: Sequence[HeldNote]) -> tuple[int, int]:
    """From below the lowest note to above the highest one, at least an octave."""
    notes = [one.note for one in held] or [_MIDDLE_C]
    low, high = min(notes) - 1, max(notes) + 1
    lacking = max(_LEAST_SEMITONES - (high - low), 0)
    return low - lacking // 2, high + lacking - lacking // 2


def _rows(piece: Piece) -> tuple[list[int], int]:
    """The quarter with which each row begins, and how many quarters a row has room for."""
    quarters = max(-(-piece.steps // piece.steps_per_quarter), 1)
    bars = -(-quarters // _QUARTERS_PER_BAR)
    per_row = max(_BARS_PER_ROW, -(-bars // _MOST_ROWS)) * _QUARTERS_PER_BAR
    return list(range(0, quarters, per_row)), min(per_row, quarters)


def _draw_keys(axes: Axes, low: int, high: int) -> None:
    """The pitches: names of some at the side, and a shade behind those of black keys."""
    for note in range(low, high + 1):
        if note % 12 in _BLACK_KEYS:
            axes.axhspan(note - 0.5, note + 0.5, color=_BLACK_KEYS_SHADE, linewidth=0, zorder=0)
    named = [note for note in range(low, high + 1) if note % 12 in _NAMED]
    names = [f"{PITCH_CLASSES[note % 12]}{note // 12 - 1}" for note in named]
    axes.set_yticks(named, names, fontsize=8)
    axes.set_ylim(low - 0.5, high + 0.5)


def _draw_notes(
    axes: Axes,
    piece: Piece,
    held: Sequence[HeldNote],
    hatched: Sequence[HeldNote],
    within: tuple[int, int],
) -> None:
    """The notes that sound between two steps; lower voices lie over higher ones."""

    def boxes(notes: Sequence[HeldNote]) -> tuple[list[NDArray[np.float64]], list[str]]:
        shown = [one for one in notes if one.start_step < within[1] and one.end_step > within[0]]
        shown.sort(key=lambda one: one.voice)
        return [_box(one, piece.steps_per_quarter) for one in shown], [_colour(one.voice) for one in shown]

    corners, colours = boxes(held)
    axes.add_collection(PolyCollection(corners, facecolors=colours, linewidths=0))
    corners, _ = boxes(hatched)
    hatching = PolyCollection(corners, facecolors="none", edgecolors="white", linewidths=0, hatch=_HATCH)
    axes.add_collection(hatching)


def _box(held: HeldNote, steps_per_quarter: int) -> NDArray[np.float64]:
    """Its corners, in quarters and semitones: `[4, 2]`."""
    left, right = held.start_step / steps_per_quarter, held.end_step / steps_per_quarter
    half = _THICKNESSES[min(held.voice, len(_THICKNESSES) - 1)] / 2
    low, high = held.note - half, held.note + half
    return np.array([(left, low), (left, high), (right, high), (right, low)])


def _colour(voice: int) -> str:
    return COLOURS[voice % len(COLOURS)]


def _draw_nats(axes: Axes, piece: Piece, nats: NDArray[np.float64]) -> None:
    lowest = min(np.min(nats, where=np.isfinite(nats), initial=0.0), -1.0)
    edges = np.arange(piece.steps + 1) / piece.steps_per_quarter
    axes.stairs(np.nan_to_num(nats, nan=np.nan, neginf=lowest), edges, color=GREY, fill=True)
    axes.set_ylim(lowest, 0)
    axes.set_ylabel("log\nlikelihood\n(nats)", fontsize=7)
    axes.tick_params(axis="y", labelsize=8)


def _draw_bar_lines(panels: Sequence[Axes], start: int, quarters: int) -> None:
    """Lines between bars, and below the last panel the number of each bar, of some of them if there are many."""
    lines = range(start, start + quarters, _QUARTERS_PER_BAR)
    every = -(-len(lines) // _MOST_NUMBERS)
    for axes in panels:
        axes.vlines(lines, 0, 1, transform=axes.get_xaxis_transform(), color=GREY, linewidth=0.8, zorder=0.5)
        axes.set_xticks(lines[::every], [f"{line // _QUARTERS_PER_BAR + 1}" for line in lines[::every]])
        axes.set_xlim(start, start + quarters)
        axes.tick_params(labelbottom=axes is panels[-1])


def _add_legend(figure: Figure, voices: int, is_hatched: bool) -> None:
    names = [f"voice {voice}" for voice in range(1, voices + 1)]
    names[0] += " (highest)" if voices > 1 else ""
    handles = [Patch(facecolor=_colour(voice), label=name) for voice, name in enumerate(names)]
    if is_hatched:
        handles.append(Patch(facecolor=GREY, edgecolor="white", hatch=_HATCH, label="given"))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5), fontsize=8)


def _draw_shares(
    axes: Axes, shares: NDArray[np.float64], labels: Sequence[str], names: Sequence[str]
) -> None:
    places = np.arange(len(labels))
    for row, name, colour, side in zip(shares, names, (BLUE, ORANGE), (-0.2, 0.2), strict=True):
        axes.bar(places + side, row, width=0.4, color=colour, label=readable(name))
    axes.set_xticks(places, labels, fontsize=8)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
