"""Strings of characters: ink of single characters of one writer, side by side on a line."""

from collections.abc import Mapping, Sequence

import numpy as np

from applications.handwriting.ink import Ink, Writings, ink_of, points_of
from common.data.strings import Plan, plan_strings, singles_of
from common.errors import FlagError

# Data of single characters often has each one scaled to its box, so what stands low is made low again.
_SMALL = frozenset("acemnorsuvwxz")
_DESCENDING = frozenset("gpqy")
_SMALL_HEIGHT = 0.55
_DESCENT = 0.4


def plans_of(
    writings: Writings,
    join: tuple[int, int],
    share: float,
    widest_gap: float,
    rng: np.random.Generator,
) -> list[Plan]:
    """Which ink is read in which string: that of several characters alone, that of a single one joined.

    See `common.data.strings.plan_strings`; gaps are in heights of a capital.
    """
    return plan_strings(len(writings), _singles(writings), join, share, widest_gap, rng)


def require_single_characters(writings: Writings, join: tuple[int, int]) -> None:
    """Refuses to join ink of which none is of a single character.

    Raises:
        FlagError: there is none, and it is to be joined.
    """
    if join != (0, 0) and not _singles(writings):
        raise FlagError(
            f"--join {join[0]} {join[1]}: {writings.name} has no ink of a single character; expected some to join"
        )


def _singles(writings: Writings) -> Mapping[str, list[int]]:
    """The ink of a single character, by writer."""
    return singles_of(writings.texts, writings.writers, lambda text: len(text) == 1)


def text_of_plan(writings: Writings, plan: Plan) -> str:
    """What is written in a string."""
    return "".join(writings.texts[index] for index in plan.members)


def points_of_plan(
    inks: Sequence[np.ndarray] | Mapping[int, np.ndarray], texts: Sequence[str], plan: Plan
) -> np.ndarray:
    """The points `[points, 3]` of a string.

    Args:
        inks: points of all ink, or of that which the plan has, by its number.
        texts: what is written in each.
        plan: what stands side by side.
    """
    if len(plan.members) == 1:
        return inks[plan.members[0]]
    pieces, right, strokes = [], 0.0, 0
    for index, gap in zip(plan.members, plan.gaps, strict=True):
        piece = _on_the_line(inks[index], texts[index])
        piece[:, 0] += right + gap
        piece[:, 2] += strokes - piece[0, 2]
        right, strokes = float(piece[:, 0].max()), int(piece[-1, 2]) + 1
        pieces.append(piece)
    return np.concatenate(pieces)


def _on_the_line(points: np.ndarray, character: str) -> np.ndarray:
    """A character whose left edge is at 0, as large as it is beside capitals of height 1 that stand on y = 0."""
    lowest, highest = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    height = _SMALL_HEIGHT if character in _SMALL else 1.0
    # Of what is wider than it is high, such as a dash, the width is that of a capital.
    scale = height / max(float((highest - lowest).max()), 1e-9)
    placed = points.copy()
    placed[:, :2] = (points[:, :2] - lowest) * scale
    placed[:, 1] -= (highest[1] - lowest[1]) * scale - (_DESCENT if character in _DESCENDING else 0.0)
    return placed


def joined(writings: Writings, join: tuple[int, int], widest_gap: float, seed: int) -> Writings:
    """The ink with that of single characters joined to strings, always the same ones, to measure on.

    Ink of a single character is read about once.
    """
    if join == (0, 0):
        return writings
    plans = plans_of(writings, join, 1.0, widest_gap, np.random.default_rng(seed))
    points = [points_of(ink) for ink in writings.inks]
    strings: list[Ink] = [ink_of(points_of_plan(points, writings.texts, plan)) for plan in plans]
    return Writings(
        f"{writings.name}, single characters joined",
        strings,
        [text_of_plan(writings, plan) for plan in plans],
        [writings.writers[plan.members[0]] for plan in plans],
        [" + ".join(writings.origins[index] for index in plan.members) for plan in plans],
        writings.left_out,
    )
