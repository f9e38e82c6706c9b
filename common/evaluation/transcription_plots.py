"""Pictures of what a speech recogniser reads and how well, as PNG files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike, NDArray

from common.evaluation.classification_plots import plot_reliability
from common.evaluation.figures import BLUE, ORANGE, readable, save_figure

_ROWS_OF_SYMBOLS = 3
_RATES = (("word_error_rate", "words", BLUE, "-"), ("character_error_rate", "characters", ORANGE, "--"))
_SPACE = "\u2423"


def plot_spectrogram_with_symbols(
    log_mel: ArrayLike, frame_seconds: float, symbols: Sequence[str], times: ArrayLike, path: Path
) -> None:
    """Writes a log-mel spectrum, and below it each symbol where it was heard.

    Args:
        log_mel: `[frames, mel bins]`.
        frame_seconds: time from one frame of the spectrum to the next.
        symbols: what was heard, characters or words; a space is drawn as an open box.
        times: of each symbol, in seconds, `[symbols]`.
        path: where the PNG goes.
    """
    spectrum, heard = np.asarray(log_mel, np.float64), np.asarray(times, np.float64)
    seconds = len(spectrum) * frame_seconds
    figure = Figure(figsize=(min(max(6.4, 4.5 * seconds), 40), 5.2), layout="constrained")
    axes, below = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    extent = (0, seconds, 0, spectrum.shape[1])
    image = axes.imshow(spectrum.T, origin="lower", aspect="auto", cmap="magma", extent=extent)
    figure.colorbar(image, ax=axes, label="log power")
    axes.set(ylabel="mel bin")
    axes.vlines(heard, 0, spectrum.shape[1], color="white", linewidth=0.6, alpha=0.5)
    for number, (symbol, time) in enumerate(zip(symbols, heard, strict=True)):
        # Neighbours stand on rows of their own, since characters may be 20 ms apart.
        row = number % _ROWS_OF_SYMBOLS
        below.vlines(time, row + 0.8, _ROWS_OF_SYMBOLS, color=ORANGE, linewidth=2)
        shown = readable(symbol) or _SPACE
        below.text(time, row + 0.4, shown, ha="center", va="center", clip_on=True)
    below.set(xlabel="seconds", xlim=(0, seconds), ylim=(0, _ROWS_OF_SYMBOLS), yticks=[])
    save_figure(figure, path)


def plot_error_rates_by_noise(rows: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Writes the error rates of words and of characters under noise of each level.

    Args:
        rows: of `common.evaluation.transcription.by_noise`, at least one.
        path: where the PNG goes.
    """
    figure = Figure(figsize=(3 + 1.1 * len(rows), 4.4), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(rows))
    for key, label, colour, dash in _RATES:
        rates = _rates(rows, key)
        axes.plot(places, rates, color=colour, linestyle=dash, marker="o", markersize=4, label=label)
    for place, rate in zip(places, _rates(rows, "word_error_rate"), strict=True):
        if np.isfinite(rate):
            axes.annotate(f"{rate:.1%}", (place, rate), (0, 6), textcoords="offset points", ha="center")
    axes.set_xticks(places, [readable(name) for name in rows])
    axes.set(xlabel="power of the recording over that of the noise", xlim=(-0.5, len(rows) - 0.5))
    _set_rates(axes, rows)
    axes.legend(loc="upper left")
    axes.set_title("Errors by noise")
    save_figure(figure, path)


def plot_error_rate_by_length(rows: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Writes the word error rate of each range of lengths as a bar, with the number of its sentences.

    Args:
        rows: of `common.evaluation.transcription.by_length`, at least one.
        path: where the PNG goes.
    """
    figure = Figure(figsize=(2.2 + 1.1 * len(rows), 4.2), layout="constrained")
    axes = figure.add_subplot()
    rates = _rates(rows, "word_error_rate")
    names = [f"{name}\nn = {row['sentences']:,}" for name, row in rows.items()]
    bars = axes.bar(names, np.nan_to_num(rates), color=BLUE, width=0.7)
    axes.bar_label(bars, [f"{rate:.1%}" if np.isfinite(rate) else "none" for rate in rates], padding=2)
    axes.set(xlabel="length of the text")
    _set_rates(axes, rows)
    axes.set_axisbelow(True)
    axes.set_title("Word error rate by length")
    save_figure(figure, path)


def plot_word_reliability(right: ArrayLike, confidences: ArrayLike, path: Path, bins: int = 15) -> None:
    """Writes the reliability diagram of confidences of words: the share of right ones by confidence.

    Args:
        right: whether each word that was read was said, `[words]`; see `common.evaluation.transcription.words_right`.
        confidences: of each, from 0 to 1, `[words]`.
        path: where the PNG goes.
        bins: how many bins of confidence.

    Raises:
        ValueError: there are no words.
    """
    is_right, confidence = np.asarray(right, np.bool_), np.asarray(confidences, np.float64)
    if not len(is_right):
        raise ValueError("no words to draw; expected at least one")
    # The one class that a word can be predicted as is its own; a wrong word's label is another.
    labels, probabilities = np.where(is_right, 0, 1), confidence[:, np.newaxis]
    plot_reliability(
        labels, probabilities, path, bins, predictions="words", confidence_is="probability of being right"
    )


def _rates(rows: Mapping[str, Mapping[str, Any]], key: str) -> NDArray[np.float64]:
    """A metric of each row; NaN where it has none."""
    return np.array([row[key] for row in rows.values()], np.float64)


def _set_rates(axes: Axes, rows: Mapping[str, Mapping[str, Any]]) -> None:
    highest = np.max(np.nan_to_num(_rates(rows, "word_error_rate")), initial=0.01)
    axes.set(ylabel="error rate", ylim=(0, 1.15 * highest))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(axis="y", alpha=0.3)
