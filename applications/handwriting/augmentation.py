"""Ink changed at random, so that a model learns what a letter looks like rather than whose hand wrote it.

Points are float32 `[points, 3]`: x, y (growing downward), and the index of the stroke.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np

from common.checks import SHARE, AtLeast, Between, check_ranges, flag
from common.errors import FlagError

_LONGEST_BAR = 3.5
_LONGEST_DOT = 1.2
_WAVES = 2
_SHORTEST_WAVE = 4.0
_LONGEST_WAVE = 16.0
_TREMOR_POINTS = 6


@dataclass(frozen=True)
class Augmentation:
    """How far ink may be changed in training; lengths are in deviations of its height."""

    slant: Annotated[float, Between(0, 60)] = 20.0
    """Degrees by which upright strokes lean further to the right or to the left at most."""
    rotation: Annotated[float, Between(0, 90)] = 5.0
    """Degrees by which the line of writing rises or falls at most."""
    stretch: tuple[Annotated[float, AtLeast(0.1)], Annotated[float, AtLeast(0.1)]] = (0.8, 1.25)
    """Range of the factor by which the ink becomes wider."""
    warp: Annotated[float, AtLeast(0)] = 0.15
    """How far smooth waves move parts of letters at most."""
    tremor: Annotated[float, AtLeast(0)] = 0.03
    """Deviation of what makes the pen's path unsteady."""
    delayed_share: Annotated[float, SHARE] = 0.15
    """Share of the ink whose dots and bars are moved to its end, as those write who finish a word first."""
    dropped_share: Annotated[float, SHARE] = 0.05
    """Share of the ink that loses its dots, as those write who are in a hurry."""

    def __post_init__(self) -> None:
        check_ranges(self)
        lowest, highest = self.stretch
        if not lowest <= highest:
            raise FlagError(f"{flag('stretch')} {lowest} {highest}: expected the lower bound first")


def augment(points: np.ndarray, augmentation: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """The ink as another hand might have written it.

    Args:
        points: `[points, 3]`.
        augmentation: how far it may be changed.
        rng: draws how far it is.
    """
    place = points[:, :2] - points[:, :2].mean(axis=0)
    size = float(place[:, 1].std()) or float(place[:, 0].std()) or 1.0
    place = place / np.float32(size)
    strokes = points[:, 2]
    draw = rng.random()
    if draw < augmentation.delayed_share + augmentation.dropped_share:
        order = _reordered(place, strokes, is_dropped=draw < augmentation.dropped_share)
        place, strokes = place[order], strokes[order]
    slant, rotation = np.radians(rng.uniform(-1, 1, 2) * (augmentation.slant, augmentation.rotation))
    wider = rng.uniform(*augmentation.stretch)
    turn = np.array([[np.cos(rotation), np.sin(rotation)], [-np.sin(rotation), np.cos(rotation)]])
    matrix = np.array([[wider, 0], [-np.tan(slant), 1]]) @ turn
    place = place @ matrix.astype(np.float32)
    place = place + _warped(place, augmentation.warp, rng) + _tremor(len(place), augmentation.tremor, rng)
    return np.column_stack([place, strokes]).astype(np.float32)


def _warped(place: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Moves `[points, 2]` that vary smoothly over the plane."""
    angle = rng.uniform(0, 2 * np.pi, _WAVES)
    number = 2 * np.pi / rng.uniform(_SHORTEST_WAVE, _LONGEST_WAVE, _WAVES)
    waves = np.stack([np.cos(angle), np.sin(angle)]) * number
    phases = place @ waves.astype(np.float32) + rng.uniform(0, 2 * np.pi, _WAVES).astype(np.float32)
    heights = rng.uniform(-most, most, (_WAVES, 2)) / _WAVES
    moves: np.ndarray = np.sin(phases) @ heights.astype(np.float32)
    return moves


def _tremor(count: int, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Moves `[points, 2]` that vary smoothly along the path."""
    knots = rng.normal(0, deviation, (count // _TREMOR_POINTS + 2, 2)).astype(np.float32)
    at = np.arange(count, dtype=np.float32) / _TREMOR_POINTS
    low = at.astype(np.int32)
    share = (at - low)[:, None]
    moves: np.ndarray = knots[low] * (1 - share) + knots[low + 1] * share
    return moves


def _reordered(place: np.ndarray, strokes: np.ndarray, is_dropped: bool) -> np.ndarray:
    """Indices of points, the dots and bars at the end or, of dots, nowhere.

    A dot or bar is a short stroke for which the pen went back to where it had been.
    """
    starts = np.flatnonzero(np.diff(strokes, prepend=strokes[0] - 1))
    bounds = [*starts.tolist(), len(strokes)]
    longest = _LONGEST_DOT if is_dropped else _LONGEST_BAR
    staying: list[np.ndarray] = []
    leaving: list[np.ndarray] = []
    farthest = -np.inf
    for start, end in pairwise(bounds):
        stroke = place[start:end]
        length = np.linalg.norm(np.diff(stroke, axis=0), axis=1).sum()
        is_back = stroke[:, 0].mean() < farthest
        (leaving if is_back and length < longest else staying).append(np.arange(start, end))
        farthest = max(farthest, stroke[:, 0].max())
    return np.concatenate(staying if is_dropped else staying + leaving)
