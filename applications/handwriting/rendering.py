"""Ink drawn as grey pictures, as a pen leaves it on paper: what a model that reads pictures learns from.

Points are float32 `[points, 3]`: x, y (growing downward), and the index of the stroke.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from common.images.files import Pixels

WIDEST = 40.0
"""Width of ink in multiples of its height, from which on it is taken for a flat line, such as a dash."""

_HEIGHTS = (24.0, 48.0)
_PEN_WIDTHS = (2.0, 4.0)
_MARGINS = (2, 16)
_BLURS = (0.0, 0.8)
_PAPERS = (170.0, 250.0)
_INKS = (0.0, 90.0)
_MOST_SHADE = 10.0
_MOST_SPOTS = 6.0
_SPOT_PIXELS = 12
_MOST_NOISE = 4.0
_FINENESS = 3
_TINY = 1e-6


def aspect_of(points: np.ndarray) -> float:
    """How wide ink is in multiples of the height that it is drawn with."""
    return float(np.ptp(points[:, 0])) / _size(points)


def render(points: np.ndarray, rng: np.random.Generator) -> Pixels:
    """A picture of the ink, `[height, width]` uint8.

    Drawn at random are: how high the ink is, from 24 to 48 pixels; how wide the pen's line is, from 2 to 4; how much
    paper is on each side; the greys of paper and ink; shade, spots and noise of the paper; and how blurred the line is.

    Args:
        points: `[points, 3]`.
        rng: draws the rest.
    """
    scale, pen = rng.uniform(*_HEIGHTS) / _size(points), rng.uniform(*_PEN_WIDTHS)
    left, right, top, bottom = rng.integers(*_MARGINS, 4) + pen / 2
    place = (points[:, :2] - points[:, :2].min(axis=0)) * scale
    width, height = place.max(axis=0)
    size = (int(np.ceil(width + left + right)), int(np.ceil(height + top + bottom)))
    coverage = _drawn(place + np.array([left, top]), points[:, 2], pen, size, rng.uniform(*_BLURS))
    paper, ink = rng.uniform(*_PAPERS), rng.uniform(*_INKS)
    picture = paper + (ink - paper) * coverage + _texture(coverage.shape, rng)
    pixels: Pixels = np.round(np.clip(picture, 0, 255)).astype(np.uint8)
    return pixels


def _size(points: np.ndarray) -> float:
    """What becomes the height of the ink: its own or, of a flat line, its width."""
    width, height = (float(np.ptp(points[:, axis])) for axis in (0, 1))
    return max(height if height * WIDEST > width else width, _TINY)


def _drawn(
    place: np.ndarray, strokes: np.ndarray, pen: float, size: tuple[int, int], blur: float
) -> NDArray[np.float32]:
    """Which share of each pixel `[height, width]` is inked, from 0 to 1.

    Args:
        place: `[points, 2]`, in pixels.
        strokes: `[points]`, the number of each point's stroke.
        pen: width of the line.
        size: width and height of the picture.
        blur: deviation of what the line is blurred with.
    """
    image = Image.new("L", (size[0] * _FINENESS, size[1] * _FINENESS))
    draw, radius = ImageDraw.Draw(image), pen * _FINENESS / 2
    ends = np.flatnonzero(np.diff(strokes)) + 1
    for stroke in np.split(place * _FINENESS, ends):
        path = [(float(x), float(y)) for x, y in stroke]
        draw.line(path, fill=255, width=max(round(2 * radius), 1), joint="curve")
        for x, y in (path[0], path[-1]):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    blurred = image.reduce(_FINENESS).filter(ImageFilter.GaussianBlur(blur))
    return np.asarray(blurred, np.float32) / np.float32(255)


def _texture(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """How far each pixel `[height, width]` of the paper is off its grey."""
    height, width = shape
    down, across = rng.uniform(-_MOST_SHADE, _MOST_SHADE, 2) / 2
    shade = down * np.linspace(-1, 1, height)[:, None] + across * np.linspace(-1, 1, width)
    spots = rng.normal(
        0, rng.uniform(0, _MOST_SPOTS) / 2, (height // _SPOT_PIXELS + 2, width // _SPOT_PIXELS + 2)
    )
    smooth = Image.fromarray(spots.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    noise = rng.normal(0, rng.uniform(0, _MOST_NOISE), shape)
    texture: NDArray[np.float32] = (shade + np.asarray(smooth) + noise).astype(np.float32)
    return texture
