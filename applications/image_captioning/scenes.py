"""Drawn scenes: one to three things of a shape, colour and size each, and how they lie to each other."""

import colorsys
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from PIL import Image, ImageDraw

SIZES = {"small": (0.085, 0.105), "large": (0.165, 0.205)}
"""From each size to its least and greatest radius, as shares of the picture's side."""
COLOURS = {
    "red": (0, 0.85, 0.9),
    "orange": (28, 0.9, 1.0),
    "yellow": (54, 0.85, 1.0),
    "green": (120, 0.75, 0.7),
    "turquoise": (174, 0.75, 0.85),
    "blue": (222, 0.85, 0.9),
    "purple": (276, 0.7, 0.75),
    "pink": (330, 0.45, 1.0),
}
"""From each colour to its hue in degrees, saturation and brightness."""

LEFT, RIGHT, ABOVE, BELOW = "left of", "right of", "above", "below"
INSIDE, AROUND, BETWEEN = "inside", "around", "between"

_MOST_TURNED = math.radians(10)
_HUE_VARIES, _SHADE_VARIES = 5, 0.06
_CONTRAST = 0.4
_GAP, _RIM = 0.02, 0.01
_FARTHEST = 0.25
_DRAWN_AT = 4


def _regular(points: int, start: float = -math.pi / 2) -> np.ndarray:
    angles = start + np.arange(points) * 2 * math.pi / points
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def _star() -> np.ndarray:
    outline = _regular(10)
    outline[1::2] *= 0.45
    return outline


def _cross(arm: float = 0.95, half_width: float = 0.31) -> np.ndarray:
    quarter = np.array([(half_width, arm), (half_width, half_width), (arm, half_width)])
    turns = [np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), turn) for turn in range(4)]
    return np.concatenate([quarter @ turn for turn in turns])


def _heart() -> np.ndarray:
    t = np.linspace(0, 2 * math.pi, 96, endpoint=False)
    height = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([16 * np.sin(t) ** 3, -height - 2.5], axis=-1) / 17


_OUTLINES = {
    "circle": _regular(96),
    "ring": _regular(96),
    "square": _regular(4, math.pi / 4) * 1.19,
    "triangle": _regular(3),
    "diamond": _regular(4) * (0.62, 1.0),
    "cross": _cross(),
    "star": _star(),
    "heart": _heart(),
}
"""The corners of each shape `[points, 2]`; turned by a little, it stays within 1 of the centre to each side."""
_HOLE = 0.64
_ROOM = {"circle": 0.9, "ring": _HOLE, "square": 0.8}
"""How much of its radius a shape has for something inside it."""

SHAPES = tuple(_OUTLINES)


@dataclass(frozen=True)
class Thing:
    """What is told of something in a scene."""

    size: str
    colour: str
    shape: str

    def __str__(self) -> str:
        return f"{self.size} {self.colour} {self.shape}"


@dataclass(frozen=True)
class Placed:
    """A thing, where it lies, and how it looks; lengths are shares of the picture's side, y grows downwards."""

    thing: Thing
    x: float
    y: float
    radius: float
    turn: float
    rgb: tuple[float, ...]


@dataclass(frozen=True)
class Scene:
    """One to three things on a plain or graded ground, under noise."""

    placed: tuple[Placed, ...]
    ground: tuple[tuple[float, ...], tuple[float, ...]]
    """Colours at both ends of the gradient."""
    angle: float
    """Direction of the gradient."""
    noise: float
    """Standard deviation of the noise, where brightness goes from 0 to 1."""
    seed: int


def holds(relation: str, *placed: Placed) -> bool:
    """Whether things are in a relation: the first left of, right of, above, below, inside or around the second, or
    between the second and the third.

    One thing is left of another if all of it is, and inside if it fits there, so where one thing is both above and
    left of another, both hold.
    """
    if relation == BETWEEN:
        middle, one, other = placed
        return any(
            holds(before, one, middle) and holds(before, middle, other)
            for before in (LEFT, RIGHT, ABOVE, BELOW)
        )
    a, b = placed
    if relation in (RIGHT, BELOW, AROUND):
        return holds({RIGHT: LEFT, BELOW: ABOVE, AROUND: INSIDE}[relation], b, a)
    if relation == INSIDE:
        room = _ROOM.get(b.thing.shape, 0.0) * b.radius
        return math.hypot(a.x - b.x, a.y - b.y) + a.radius <= room
    distance = b.x - a.x if relation == LEFT else b.y - a.y
    return distance >= a.radius + b.radius


def clearly_holds(relation: str, *placed: Placed) -> bool:
    """Whether things are in a relation (as of `holds`), and anyone would say it of them.

    One thing is clearly left of another if it is not also half above or below it.
    """
    if relation == BETWEEN:
        middle, one, other = placed
        return any(
            clearly_holds(before, one, middle) and clearly_holds(before, middle, other)
            for before in (LEFT, RIGHT, ABOVE, BELOW)
        )
    if not holds(relation, *placed):
        return False
    a, b = placed
    aside = {LEFT: b.y - a.y, RIGHT: b.y - a.y, ABOVE: b.x - a.x, BELOW: b.x - a.x}.get(relation, 0.0)
    return abs(aside) <= (a.radius + b.radius) / 2


def random_scene(rng: random.Random, kinds: Sequence[tuple[str, str]]) -> Scene:
    """A scene with one thing of each of the kinds (colour, shape), up to three.

    The first lies clearly in some relation to each of the others. Nothing overlaps or leaves the picture, and all
    stands out from the ground, and from what it is in.
    """
    while True:
        scene = _attempt(rng, kinds)
        if scene is not None:
            return scene


def _attempt(rng: random.Random, kinds: Sequence[tuple[str, str]]) -> Scene | None:
    ways = [LEFT, RIGHT, ABOVE, BELOW, *([INSIDE] * 3 if kinds[0][1] in _ROOM else [])]
    relations = [rng.choice(ways) for _ in kinds[1:]]
    if len(set(relations)) < len(relations):
        return None
    first_size = "large" if INSIDE in relations else rng.choice(list(SIZES))
    radius = rng.uniform(*SIZES[first_size])
    x, y = (rng.uniform(radius + _GAP, 1 - radius - _GAP) for _ in range(2))
    placed = [_look(rng, kinds[0], first_size, x, y, radius)]
    for kind, relation in zip(kinds[1:], relations, strict=True):
        placed.append(_beside(rng, placed[0], kind, relation))
    scene = Scene(
        tuple(placed),
        _random_ground(rng),
        rng.uniform(0, 2 * math.pi),
        rng.uniform(0.01, 0.04),
        rng.getrandbits(32),
    )
    return scene if _is_fit(scene, relations) else None


def _look(rng: random.Random, kind: tuple[str, str], size: str, x: float, y: float, radius: float) -> Placed:
    colour, shape = kind
    hue, saturation, brightness = COLOURS[colour]
    rgb = colorsys.hsv_to_rgb(
        (hue + rng.uniform(-_HUE_VARIES, _HUE_VARIES)) / 360 % 1,
        saturation + rng.uniform(-_SHADE_VARIES, _SHADE_VARIES),
        min(brightness + rng.uniform(-_SHADE_VARIES, _SHADE_VARIES), 1.0),
    )
    return Placed(Thing(size, colour, shape), x, y, radius, rng.uniform(-_MOST_TURNED, _MOST_TURNED), rgb)


def _beside(rng: random.Random, first: Placed, kind: tuple[str, str], relation: str) -> Placed:
    size = "small" if relation == INSIDE else rng.choice(list(SIZES))
    radius = rng.uniform(*SIZES[size])
    if relation == INSIDE:
        free = max(_ROOM[first.thing.shape] * first.radius - radius - _RIM, 0.0)
        dx, dy = (rng.uniform(-free, free) for _ in range(2))
        return _look(rng, kind, size, first.x + dx, first.y + dy, radius)
    reach = first.radius + radius
    away, aside = reach + rng.uniform(_GAP, _FARTHEST), rng.uniform(-reach, reach) / 2
    dx, dy = {LEFT: (-away, aside), RIGHT: (away, aside), ABOVE: (aside, -away), BELOW: (aside, away)}[
        relation
    ]
    return _look(rng, kind, size, first.x + dx, first.y + dy, radius)


def _random_ground(rng: random.Random) -> tuple[tuple[float, ...], tuple[float, ...]]:
    hue, saturation, brightness = rng.random(), rng.uniform(0, 0.25), rng.uniform(0.05, 1.0)
    graded = rng.random() < 0.7
    other = min(max(brightness + graded * rng.uniform(-0.3, 0.3), 0.0), 1.0)
    return colorsys.hsv_to_rgb(hue, saturation, brightness), colorsys.hsv_to_rgb(hue, saturation, other)


def _is_fit(scene: Scene, relations: Sequence[str]) -> bool:
    first, *others = scene.placed
    within = [other for other, relation in zip(others, relations, strict=True) if relation == INSIDE]
    return (
        all(
            placed.radius + _GAP <= place <= 1 - placed.radius - _GAP
            for placed in scene.placed
            for place in (placed.x, placed.y)
        )
        and all(holds(INSIDE, replace(other, radius=other.radius + _RIM), first) for other in within)
        and all(_are_apart(a, b) for a, b in combinations(scene.placed, 2) if b not in within)
        and all(_stands_out(placed, ground) for placed in scene.placed for ground in scene.ground)
        and all(_stands_out(other, first.rgb) for other in within)
    )


def _are_apart(a: Placed, b: Placed) -> bool:
    return max(abs(a.x - b.x), abs(a.y - b.y)) >= a.radius + b.radius + _GAP


def _stands_out(placed: Placed, behind: tuple[float, ...]) -> bool:
    return math.dist(placed.rgb, behind) >= _CONTRAST


def draw(scene: Scene, size: int) -> np.ndarray:
    """The picture of a scene, with smooth edges: uint8 `[size, size, 3]`, the same at each call."""
    steps = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    along = steps * math.cos(scene.angle) + (steps * math.sin(scene.angle))[:, None]
    share = (along / math.sqrt(2) + 0.5)[..., None]
    start, end = (np.asarray(colour, np.float32) for colour in scene.ground)
    picture = start + share * (end - start)
    for placed in scene.placed:
        _paint(picture, placed)
    noise = np.random.default_rng(scene.seed).standard_normal(picture.shape, np.float32)
    return np.clip((picture + scene.noise * noise) * 255 + 0.5, 0, 255).astype(np.uint8)


def _paint(picture: np.ndarray, placed: Placed) -> None:
    size = len(picture)
    left, top = (max(int((place - placed.radius) * size) - 1, 0) for place in (placed.x, placed.y))
    side = int(2 * placed.radius * size) + 4
    cos, sin = math.cos(placed.turn), math.sin(placed.turn)
    corners = _OUTLINES[placed.thing.shape] @ np.array([[cos, sin], [-sin, cos]])
    centre = np.array([placed.x, placed.y]) * size - (left, top)
    patch = Image.new("L", (side * _DRAWN_AT, side * _DRAWN_AT))
    pen = ImageDraw.Draw(patch)
    for scale, ink in ((1.0, 255), (_HOLE, 0)) if placed.thing.shape == "ring" else ((1.0, 255),):
        points = (centre + corners * (scale * placed.radius * size)) * _DRAWN_AT - 0.5
        pen.polygon(points.ravel().tolist(), fill=ink)
    cover = np.asarray(patch.reduce(_DRAWN_AT), np.float32)[..., None] / 255
    area = picture[top : top + side, left : left + side]
    area += cover[: len(area), : area.shape[1]] * (np.asarray(placed.rgb, np.float32) - area)
