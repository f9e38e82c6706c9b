"""Pictures of what was said of images and of where a captioner looked, as PNG files.

Figures are drawn through matplotlib's object interface, so no state is shared and no display is needed.
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecFromSubplotSpec
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from common.evaluation.figures import save_figure

_ORANGE, _GREY = "#D55E00", "#666666"
_COLUMNS = 4
_CELL_INCHES = 2.6
_GAP = 0.06
_LINE_INCHES = 0.15
_LETTERS_PER_LINE = 40
_REFERENCES_SHOWN = 2
_LONGEST_SIDE = 320
_TIMES_AN_EVEN_SHARE = 4
_MIDDLE_GREY = 128.0
_LEAST_CLEARNESS = 0.15


def plot_caption_page(
    images: Sequence[NDArray[np.uint8]],
    captions: Sequence[str],
    references: Sequence[Sequence[str]],
    path: Path,
) -> None:
    """Writes images side by side, below each its caption in black and in grey two of its references.

    Args:
        images: RGB `[height, width, 3]` each, of any sizes, at least one.
        captions: what was written of each.
        references: what is right of each; may be empty.
        path: where the PNG goes.
    """
    texts = [
        (
            _lines(caption or "(nothing)"),
            [line for text in right[:_REFERENCES_SHOWN] for line in _lines(text)],
        )
        for caption, right in zip(captions, references, strict=True)
    ]
    columns = min(_COLUMNS, len(images))
    starts = range(0, len(images), columns)
    line_counts = [
        max(len(caption) + len(right) for caption, right in texts[start : start + columns])
        for start in starts
    ]
    heights = [_CELL_INCHES + _LINE_INCHES * (count + 1) for count in line_counts]
    figure = Figure(figsize=(_CELL_INCHES * (columns + _GAP * (columns - 1)), sum(heights)))
    rows = figure.add_gridspec(len(starts), left=0, bottom=0, right=1, top=1, height_ratios=heights, hspace=0)
    for row, start in enumerate(starts):
        text_height = heights[row] - _CELL_INCHES
        cells = GridSpecFromSubplotSpec(
            2, columns, rows[row], height_ratios=(_CELL_INCHES, text_height), wspace=_GAP, hspace=0
        )
        here = slice(start, start + columns)
        for column, (image, (caption, right)) in enumerate(zip(images[here], texts[here], strict=True)):
            _show(figure.add_subplot(cells[0, column]), _as_shown(image))
            below = figure.add_subplot(cells[1, column])
            below.set_axis_off()
            _write(below, caption, 0, text_height, "black")
            _write(below, right, len(caption), text_height, _GREY)
    save_figure(figure, path)


def plot_word_attention(image: NDArray[np.uint8], words: Sequence[str], maps: ArrayLike, path: Path) -> None:
    """Writes an image, and beside it for each word of its caption where the decoder looked when it wrote the word.

    What a word was written from is as in the image, the rest fades into grey, which shows in dark and in bright images
    alike; a line is drawn where the weights are half of the top. Each word has a scale of its own, whose top is its
    largest weight, which stands beside the word, or four times an even share where that is more: a word for which the
    decoder looked everywhere is evenly faded and has no line.

    Args:
        image: RGB `[height, width, 3]` of any size.
        words: the caption's.
        maps: attention weights `[words, grid, grid]`, the first row at the top of the image; each word's sum to 1.
        path: where the PNG goes.

    Raises:
        ValueError: there are not as many maps as words.
    """
    weights = np.asarray(maps, np.float64)
    if len(weights) != len(words):
        raise ValueError(f"{len(words)} words and {len(weights)} maps; expected as many")
    shown = _as_shown(image)
    columns = min(_COLUMNS, len(words) + 1)
    rows = -(-(len(words) + 1) // columns)
    cell_height = _CELL_INCHES * min(max(shown.shape[0] / shown.shape[1], 0.3), 2) + 2 * _LINE_INCHES
    figure = Figure(figsize=(_CELL_INCHES * columns, cell_height * rows), layout="constrained")
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    _show(cells[0], shown)
    cells[0].set_title("image", fontsize=10, color=_GREY)
    for axes, word, map_of_word in zip(cells[1:], words, weights, strict=False):
        top = max(float(map_of_word.max()), _TIMES_AN_EVEN_SHARE / map_of_word.size)
        clearness = _stretched(map_of_word / top, shown)
        _show(axes, _faded(shown, clearness))
        if clearness.min() < 0.5 < clearness.max():
            axes.contour(clearness, [0.5], colors=_ORANGE, linewidths=1.5)
        axes.set_title(f"{word}  {map_of_word.max():.0%}", fontsize=10, parse_math=False)
    for axes in cells[len(words) + 1 :]:
        axes.set_axis_off()
    save_figure(figure, path)


def _stretched(grid: NDArray[np.float64], image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The grid as large as the image, smoothly."""
    height, width = image.shape[:2]
    whole = Image.fromarray(grid.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    pixels: NDArray[np.float32] = np.asarray(whole)
    return pixels.clip(0, 1)


def _faded(image: NDArray[np.uint8], clearness: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The image, from hardly more than grey where the clearness is 0 to itself where it is 1."""
    share = _LEAST_CLEARNESS + (1 - _LEAST_CLEARNESS) * clearness[..., None]
    return (_MIDDLE_GREY + share * (image - _MIDDLE_GREY)).round().astype(np.uint8)


def _as_shown(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image in about the size in which it is shown."""
    scale = _LONGEST_SIDE / max(image.shape[:2])
    height, width = (max(2, round(side * scale)) for side in image.shape[:2])
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def _show(axes: Axes, image: NDArray[np.uint8]) -> None:
    axes.imshow(image)
    axes.set_anchor("S")
    axes.set_axis_off()


def _lines(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), _LETTERS_PER_LINE)


def _write(axes: Axes, lines: Sequence[str], above: int, height: float, colour: str) -> None:
    """Writes lines of text from the top of axes that are so many inches high, below so many lines."""
    for number, line in enumerate(lines, start=above):
        place = 1 - _LINE_INCHES * (number + 0.3) / height
        axes.text(0, place, line, color=colour, fontsize=8.5, va="top", parse_math=False)
