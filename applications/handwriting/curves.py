"""Smooth curves through knots, and the points that a pen leaves along them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_PER_SEGMENT = 10
_TIMES = np.arange(1, _PER_SEGMENT + 1)[:, None] / _PER_SEGMENT
_LEAST = 1e-6


class Knots(NamedTuple):
    """What a curve passes.

    Attributes:
        places: float `[knots, 2]`, two or more.
        is_corner: bool `[knots]`, whether the curve turns there at once.
    """

    places: np.ndarray
    is_corner: np.ndarray


def curves_through(strokes: Sequence[Knots], roundness: float = 1.0) -> list[np.ndarray]:
    """A curve `[points, 2]` through the knots of each stroke, smooth but for the corners.

    Between two knots it is a Bezier curve whose direction at a knot follows from the neighbours, as in centripetal
    Catmull-Rom splines (Yuksel, Schaefer and Keyser 2011), which make no loops of their own.

    Args:
        strokes: the knots of each.
        roundness: how far the curves swing from the lines between knots; 1 as the spline has it, 0 not at all.
    """
    counts = np.array([len(stroke.places) for stroke in strokes])
    ends = np.cumsum(counts)
    places = np.concatenate([stroke.places for stroke in strokes])
    is_break = np.concatenate([stroke.is_corner for stroke in strokes])
    is_break[ends - counts] = is_break[ends - 1] = True
    curves = _segments(places, is_break, roundness)
    paths = []
    for start, end in zip(ends - counts, ends, strict=True):
        paths.append(np.concatenate([places[start : start + 1], curves[start : end - 1].reshape(-1, 2)]))
    return paths


def _segments(places: np.ndarray, is_break: np.ndarray, roundness: float) -> np.ndarray:
    """The curve from each knot to the next `[knots - 1, points, 2]`, without its first point."""
    steps = np.diff(places, axis=0)
    spans = np.sqrt(np.maximum(np.hypot(steps[:, 0], steps[:, 1]), _LEAST))[:, None]
    speeds = steps / spans
    before, after = spans[:-1], spans[1:]
    inner = (speeds[:-1] * after + speeds[1:] * before) / (before + after)
    tangents = np.concatenate([speeds[:1], inner, speeds[-1:]])
    starts, ends = is_break[:-1, None], is_break[1:, None]
    # A curve leaves a break so that it bends evenly up to the next knot; between two breaks it is a line.
    leaving = np.where(starts, np.where(ends, speeds, 1.5 * speeds - 0.5 * tangents[1:]), tangents[:-1])
    arriving = np.where(ends, np.where(starts, speeds, 1.5 * speeds - 0.5 * tangents[:-1]), tangents[1:])
    leave = places[:-1] + (roundness * leaving * spans + (1 - roundness) * steps) / 3
    arrive = places[1:] - (roundness * arriving * spans + (1 - roundness) * steps) / 3
    first, last, leave, arrive = (side[:, None] for side in (places[:-1], places[1:], leave, arrive))
    rest = 1 - _TIMES
    return rest**3 * first + 3 * rest**2 * _TIMES * leave + 3 * rest * _TIMES**2 * arrive + _TIMES**3 * last


def with_steps(path: np.ndarray, step: float, rng: np.random.Generator) -> np.ndarray:
    """Points along a path `[points, 2]`, uneven steps of about the given length apart, its ends among them."""
    sides = np.diff(path, axis=0)
    lengths = np.concatenate([[0], np.cumsum(np.hypot(sides[:, 0], sides[:, 1]))])
    count = max(round(lengths[-1] / step), 1)
    places = np.concatenate([[0], np.cumsum(rng.lognormal(0, 0.25, count))])
    places *= lengths[-1] / places[-1]
    return np.column_stack([np.interp(places, lengths, path[:, axis]) for axis in (0, 1)])
