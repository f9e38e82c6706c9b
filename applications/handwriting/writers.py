"""Made-up writers: a style drawn at random, and how a pen of that style draws a word of the alphabet."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from applications.handwriting.alphabet import SMALL_HEIGHT, Letter, Stroke, letters_apart, letters_joined
from applications.handwriting.curves import Knots, curves_through, with_steps
from applications.handwriting.ink import Ink, checked_ink

_JOINABLE = frozenset(string.ascii_lowercase)
_RESOLUTIONS = (1.0, 0.5, 0.1)


@dataclass(frozen=True)
class Style:
    """How a writer writes. Lengths are in units of the alphabet, in which a small letter is 6 high.

    Attributes:
        slant: how far a letter leans to the right per unit of height.
        width: of letters, as a multiple of the alphabet's.
        spacing: between letters that are not joined.
        roundness: how far curves swing; 1 as the alphabet has it.
        unevenness: how much letters differ from the alphabet's and from each other in size, place and shape.
        tremor: of the hand.
        drift: how far the line of writing rises per unit of length.
        joining: the share of the pairs of small letters that are joined.
        ways: which way of drawing each letter is taken; a writer keeps to it.
        finishes_later: dots and bars come once the word is written, and not after their letter.
        is_left_handed: draws those from right to left.
        pixels: height of a small letter.
        step: pixels from a point to the next.
        resolution: pixels to which points are rounded, as pointing devices do.
    """

    slant: float
    width: float
    spacing: float
    roundness: float
    unevenness: float
    tremor: float
    drift: float
    joining: float
    ways: Mapping[str, int]
    finishes_later: bool
    is_left_handed: bool
    pixels: float
    step: float
    resolution: float


def draw_style(rng: np.random.Generator) -> Style:
    """A writer's style: a third of the writers print, a third join all letters, a third some."""
    joining = (0.0, 1.0, float(rng.uniform(0.3, 0.9)))[rng.integers(3)]
    ways = {name: int(rng.integers(12)) for name in letters_apart()}
    return Style(
        slant=rng.normal(0.15, 0.2),
        width=rng.uniform(0.75, 1.3),
        spacing=rng.uniform(1.2, 3.2),
        roundness=rng.uniform(0.75, 1.2),
        unevenness=rng.uniform(0.4, 1.8),
        tremor=rng.uniform(0, 0.12),
        drift=rng.normal(0, 0.03),
        joining=joining,
        ways=ways,
        finishes_later=bool(rng.random() < 0.3 + 0.4 * joining),
        is_left_handed=bool(rng.random() < 0.1),
        pixels=(pixels := rng.uniform(12, 60)),
        step=pixels * rng.uniform(0.06, 0.25),
        resolution=float(rng.choice(_RESOLUTIONS)),
    )


def write(text: str, style: Style, rng: np.random.Generator) -> Ink:
    """A word as a writer writes it.

    Args:
        text: of letters and digits of the alphabet.
        style: of the writer.
        rng: what differs from time to time.
    """
    strokes = [_in_hand(stroke.knots, style) for stroke in _ordered(text, style, rng)]
    scale = style.pixels / SMALL_HEIGHT
    corner = rng.uniform((10, 10 + 12 * scale), (200, 200 + 12 * scale))

    def recorded(path: np.ndarray) -> np.ndarray:
        pixels = (path + _tremor(len(path), style.tremor, rng)) * (scale, -scale) + corner
        return np.asarray(np.round(with_steps(pixels, style.step, rng) / style.resolution) * style.resolution)

    return checked_ink([recorded(path) for path in curves_through(strokes, style.roundness)], text)


def _in_hand(knots: Knots, style: Style) -> Knots:
    """The knots as wide and as slanted as the writer has them, on a line that drifts."""
    x, y = style.width * knots.places[:, 0], knots.places[:, 1]
    return knots._replace(places=np.column_stack([x + style.slant * y, y + style.drift * x]))


def _tremor(points: int, size: float, rng: np.random.Generator) -> np.ndarray:
    """A shift of each point `[points, 2]` that changes slowly."""
    knots = max(points // 6, 2)
    places = np.linspace(0, knots - 1, points)
    return np.column_stack(
        [np.interp(places, np.arange(knots), rng.normal(0, size, knots)) for _ in range(2)]
    )


def _ordered(text: str, style: Style, rng: np.random.Generator) -> list[Stroke]:
    """The strokes of a word in the order in which they are drawn, each letter at its place."""
    joins = _joins(text, style, rng)
    drawn: list[Stroke] = []
    waiting: list[Stroke] = []
    right = 0.0
    for index, character in enumerate(text):
        follows = joins[index]
        is_joined = follows or joins[index + 1] or (style.joining == 1 and character in _JOINABLE)
        letter = _varied(_way(character, is_joined, style), style, rng)
        across = np.concatenate([stroke.knots.places[:, 0] for stroke in letter if not stroke.is_later])
        gap = rng.uniform(0.2, 1) if follows else style.spacing * rng.uniform(0.7, 1.3) * (index > 0)
        letter = tuple(_moved(stroke, right + gap - across.min()) for stroke in letter)
        # The way out of a joined letter is space enough.
        right += gap + float(np.ptp(across)) - (1.5 if is_joined and not joins[index + 1] else 0)
        body = [stroke for stroke in letter if not stroke.is_later]
        if follows:
            drawn[-1] = _joined(drawn[-1], body.pop(0))
        elif not style.finishes_later:
            drawn.extend(waiting)
            waiting = []
        drawn.extend(body)
        waiting.extend(_mark(stroke, style) for stroke in letter if stroke.is_later)
    return [*drawn, *waiting]


def _joins(text: str, style: Style, rng: np.random.Generator) -> Sequence[bool]:
    """Whether the pen stays down before each letter, and after the last."""
    within = [_JOINABLE.issuperset(pair) and bool(rng.random() < style.joining) for pair in pairwise(text)]
    return [False, *within, False]


def _way(character: str, is_joined: bool, style: Style) -> Letter:
    ways = (letters_joined() if is_joined else letters_apart())[character]
    return ways[style.ways[character] % len(ways)]


def _varied(letter: Letter, style: Style, rng: np.random.Generator) -> Letter:
    """The letter as it comes out this time."""
    size = 1 + style.unevenness * rng.normal(0, 0.06, 2)
    lift, turn = style.unevenness * rng.normal(0, (0.3, 0.03))
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])

    def varied(knots: Knots) -> Knots:
        shifts = rng.normal(0, 0.18 * style.unevenness, knots.places.shape)
        return knots._replace(places=(knots.places * size + shifts) @ rotation + (0, lift))

    return tuple(stroke._replace(knots=varied(stroke.knots)) for stroke in letter)


def _moved(stroke: Stroke, right: float) -> Stroke:
    return stroke._replace(knots=stroke.knots._replace(places=stroke.knots.places + np.array([right, 0.0])))


def _joined(before: Stroke, after: Stroke) -> Stroke:
    """Two strokes drawn as one."""
    sides = zip(before.knots, after.knots, strict=True)
    return Stroke(Knots(*map(np.concatenate, sides)), False)


def _mark(stroke: Stroke, style: Style) -> Stroke:
    """A dot or a bar as the writer's hand draws it."""
    return Stroke(Knots(*(side[::-1] for side in stroke.knots)), True) if style.is_left_handed else stroke
