"""Pictures of a training run and of what a model looked at, as PNG files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter
from numpy.typing import ArrayLike

from common.evaluation.figures import BLUE, ORANGE, readable, save_figure

_MOST_TOKENS_IN_FULL_SIZE = 60
_NOT_PLOTTED = ("epoch", "seconds")
_UNITS = {"loss": " (nats)"}
_WINDOWS = 100


def plot_spectrogram_with_attention(
    log_mel: ArrayLike, attention: ArrayLike, hop_seconds: float, label: str, path: Path
) -> None:
    """Writes a log-mel spectrum, and below it how much each moment weighed in the answer.

    Args:
        log_mel: `[frames, mel bins]`.
        attention: weights from the beginning to the end of the same time, `[any]`, which add up to 1.
        hop_seconds: time from one frame of the spectrum to the next.
        label: the answer.
        path: where the PNG goes.
    """
    spectrum, weights = np.asarray(log_mel, np.float64), np.asarray(attention, np.float64)
    seconds = len(spectrum) * hop_seconds
    figure = Figure(figsize=(min(max(6.4, 3 * seconds), 40), 5.2), layout="constrained")
    axes, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    extent = (0, seconds, 0, spectrum.shape[1])
    image = axes.imshow(spectrum.T, origin="lower", aspect="auto", cmap="magma", extent=extent)
    figure.colorbar(image, ax=axes, label="log power")
    axes.set(ylabel="mel bin")
    axes.set_title(readable(label))
    below.stairs(weights, np.linspace(0, seconds, len(weights) + 1), color=BLUE, fill=True)
    below.set(
        xlabel="seconds", ylabel="attention", xlim=(0, seconds), ylim=(0, 1.1 * max(weights.max(), 1e-3))
    )
    below.yaxis.set_major_formatter(PercentFormatter(1))
    below.grid(alpha=0.3)
    save_figure(figure, path)


def plot_attention(
    attention: ArrayLike, source_tokens: Sequence[str], target_tokens: Sequence[str], path: Path
) -> None:
    """Writes what a decoder looked at (columns, the source) as it wrote each token (rows, the target).

    Args:
        attention: weights `[target tokens, source tokens]`, from 0 to 1.
        source_tokens: what was read; a sentence or two, longer texts become tiny.
        target_tokens: what was written.
        path: where the PNG goes.
    """
    height, width = len(target_tokens), len(source_tokens)
    inches = min(0.3, 0.3 * _MOST_TOKENS_IN_FULL_SIZE / max(height, width, 1))
    figure = Figure(figsize=(3 + inches * width, 2.6 + inches * height), layout="constrained")
    axes = figure.add_subplot()
    weights = np.asarray(attention, np.float64).reshape(height, width)
    shown = weights if weights.size else np.zeros((1, 1))
    image = axes.imshow(shown, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    figure.colorbar(image, ax=axes, format=PercentFormatter(1), label="attention")
    size = 30 * inches
    axes.set_xticks(range(width), [readable(token) for token in source_tokens], rotation=90, fontsize=size)
    axes.set_yticks(range(height), [readable(token) for token in target_tokens], fontsize=size)
    axes.tick_params(top=True, bottom=False, labeltop=True, labelbottom=False)
    axes.set(xlabel="source", ylabel="translation")
    axes.xaxis.set_label_position("top")
    save_figure(figure, path)


def plot_by_length(rows: Mapping[str, Mapping[str, float]], metric: str, path: Path) -> None:
    """Writes a metric for each range of lengths as a bar, with the number of its sentences.

    Args:
        rows: from the name of each range to its `sentences` and its metrics, the shortest first.
        metric: which to draw.
        path: where the PNG goes.
    """
    figure = Figure(figsize=(2.2 + 1.1 * len(rows), 4.2), layout="constrained")
    axes = figure.add_subplot()
    values = [row[metric] for row in rows.values()]
    names = [f"{name}\nn = {row['sentences']:,}" for name, row in rows.items()]
    bars = axes.bar(names, values, color=BLUE, width=0.7)
    axes.bar_label(bars, [f"{value:.1f}" for value in values], padding=2)
    axes.set(xlabel="length of the source", ylabel=metric.upper(), ylim=(0, 1.1 * max([*values, 1.0])))
    axes.set_title(f"{metric.upper()} by length")
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    save_figure(figure, path)


def plot_nats_by_position(log_likelihoods: ArrayLike, path: Path) -> None:
    """Writes how many nats the characters of a text cost a language model, from its beginning to its end: the mean of
    each of some hundred stretches, and of all that was read so far.

    Args:
        log_likelihoods: the natural logarithm of each character's probability, `[characters]`, at least one.
        path: where the PNG goes.
    """
    nats = -np.asarray(log_likelihoods, np.float64)
    edges = np.unique(np.linspace(0, len(nats), _WINDOWS + 1).round().astype(np.int64))
    sums = np.concatenate([[0.0], np.cumsum(nats)])[edges]
    ends, lengths = edges[1:], np.diff(edges)
    figure = Figure(figsize=(8.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.stairs(
        np.diff(sums) / lengths, edges, color=BLUE, label=f"each {int(np.median(lengths)):,} characters"
    )
    axes.plot(ends, sums[1:] / ends, color=ORANGE, linestyle="--", label="all from the beginning")
    axes.set(xlabel="characters read", ylabel="nats per character", xlim=(0, len(nats)))
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_title(f"{len(nats):,} characters: {nats.mean():.4f} nats each")
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)
    save_figure(figure, path)


def plot_learning_curves(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Writes one panel per metric of a training run, with its training and validation values by epoch.

    Args:
        history: one dictionary of metrics per epoch; `val_` begins the name of a validation metric, and `epoch`, where
            given, is the epoch's number.
        path: where the PNG goes.
    """
    names = dict.fromkeys(name.removeprefix("val_") for record in history for name in record)
    panels = [name for name in names if name not in _NOT_PLOTTED]
    columns = min(max(len(panels), 1), 3)
    rows = -(-len(panels) // columns) or 1
    figure = Figure(figsize=(1 + 4.2 * columns, 3.4 * rows + 0.4), layout="constrained")
    figure.suptitle(f"Learning curves: {len(history)} epoch{'s' * (len(history) != 1)}")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name in zip(grid, panels, strict=False):
        _draw_metric(axes, history, name)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    save_figure(figure, path)


def _draw_metric(axes: Axes, history: Sequence[Mapping[str, float]], name: str) -> None:
    epochs = [record.get("epoch", number) for number, record in enumerate(history, start=1)]
    lines = ((name, "training", BLUE, "--"), (f"val_{name}", "validation", ORANGE, "-"))
    for key, label, colour, dash in lines:
        values = [record.get(key, np.nan) for record in history]
        if not np.isnan(values).all():
            marker = "o" if len(history) <= 40 else None
            axes.plot(epochs, values, color=colour, linestyle=dash, marker=marker, markersize=4, label=label)
    if any(f"val_{name}" in record for record in history):
        axes.legend()
    axes.set(xlabel="epoch", ylabel=name.replace("_", " ") + _UNITS.get(name, ""))
    axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
