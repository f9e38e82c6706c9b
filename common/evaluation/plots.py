"""Pictures of results and of a training run, as PNG files.

Figures are drawn through matplotlib's object interface, so no state is shared and no display is needed. Colours are
those of Okabe and Ito (2008), which colour-blind readers can tell apart; lines differ in their dashes as well.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve

from common.evaluation.calibration import confidence_bins, expected_calibration_error
from common.evaluation.detection import RejectionCurve
from common.evaluation.figures import save_figure

_BLUE, _ORANGE, _GREY = "#0072B2", "#D55E00", "#999999"
_COLOURS = (_BLUE, _ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_DASHES = ("-", "--", ":")
_STYLES = [(colour, dash) for dash in _DASHES for colour in _COLOURS]
_LONGEST_NAME = 24
_MOST_CLASSES_WITH_COUNTS = 40
_MOST_CURVES_WITH_LEGEND_INSIDE = 4
_MOST_TOKENS_IN_FULL_SIZE = 60
_NOT_PLOTTED = ("epoch", "seconds")
_UNITS = {"loss": " (nats)"}
_MARKED_THRESHOLDS = (0.5, 0.7, 0.9)
_WINDOWS = 100


def plot_confusion_matrix(
    labels: ArrayLike, probabilities: ArrayLike, class_names: Sequence[str], path: Path
) -> None:
    """Writes the counts of each label (rows) predicted as each class (columns), shaded by the share of their row.

    Args:
        labels: class indices, `[examples]`.
        probabilities: `[examples, classes]`.
        class_names: one name per class.
        path: where the PNG goes.
    """
    classes = len(class_names)
    predicted = np.asarray(probabilities).argmax(axis=-1)
    counts = confusion_matrix(labels, predicted, labels=range(classes))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(3.4, 1.6 + 0.42 * classes), 16)
    figure = Figure(figsize=(side + 1.6, side), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(
        image, ax=axes, format=PercentFormatter(1), shrink=0.85, label="share of the label's examples"
    )
    names = [_readable(name) for name in class_names]
    axes.set_xticks(range(classes), names)
    axes.set_yticks(range(classes), names)
    if classes > 3:
        for tick in axes.get_xticklabels():
            tick.set(rotation=45, ha="right", rotation_mode="anchor")
    axes.set(xlabel="predicted", ylabel="label")
    axes.set_title(f"Confusion matrix: {_share(np.trace(counts), counts.sum())} right")
    if classes <= _MOST_CLASSES_WITH_COUNTS:
        _write_counts(axes, counts, shares)
    save_figure(figure, path)


def plot_roc_curves(
    labels: ArrayLike, probabilities: ArrayLike, class_names: Sequence[str], path: Path
) -> None:
    """Writes the ROC curve of the second of two classes, or of each of several classes against the rest.

    With many classes those of the smallest area under the curve are coloured and named, the others grey. A class with
    no examples, or with all of them, has no curve and is named as such.

    Args:
        labels: class indices, `[examples]`.
        probabilities: `[examples, classes]`.
        class_names: one name per class.
        path: where the PNG goes.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    classes = [1] if len(class_names) == 2 else list(range(len(class_names)))
    defined = [index for index in classes if 0 < np.count_nonzero(labels == index) < len(labels)]
    area = {index: float(roc_auc_score(labels == index, probabilities[:, index])) for index in defined}
    ranked = sorted(defined, key=lambda index: area[index])
    figure = Figure(figsize=(5.6, 5.6))
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle="--", label="0.500  chance")
    for index in ranked[len(_STYLES) :]:
        axes.plot(*_roc(labels == index, probabilities[:, index]), color=_GREY, linewidth=0.8, alpha=0.6)
    for index, (colour, dash) in zip(ranked, _STYLES, strict=False):
        name = f"{area[index]:.3f}  {_readable(class_names[index])}"
        axes.plot(*_roc(labels == index, probabilities[:, index]), color=colour, linestyle=dash, label=name)
    axes.set(
        xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01)
    )
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)
    axes.set_title("ROC curve" if len(class_names) == 2 else "ROC curves, each class against the rest")
    inside = len(classes) <= _MOST_CURVES_WITH_LEGEND_INSIDE
    place: dict[str, Any] = (
        {"loc": "lower right"} if inside else {"loc": "upper left", "bbox_to_anchor": (1.02, 1.0)}
    )
    axes.legend(title=_legend_title(len(ranked), classes, defined, class_names), **place)
    save_figure(figure, path)


def plot_reliability(labels: ArrayLike, probabilities: ArrayLike, path: Path, bins: int = 15) -> None:
    """Writes the reliability diagram (Guo et al. 2017, figure 1): accuracy by confidence, and how many predictions.

    Args:
        labels: class indices, `[examples]`.
        probabilities: `[examples, classes]`.
        path: where the PNG goes.
        bins: how many bins of confidence.
    """
    grouped = confidence_bins(labels, probabilities, bins)
    filled = grouped.counts > 0
    left, width = grouped.edges[:-1][filled], grouped.edges[1]
    accuracy, confidence = grouped.accuracy[filled], grouped.confidence[filled]
    figure = Figure(figsize=(6.4, 7.2), layout="constrained")
    axes, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    axes.bar(left, accuracy, width, align="edge", color=_BLUE, edgecolor="white", label="accuracy")
    axes.plot(confidence, accuracy, "o", color="black", markersize=4, label="at the bin's mean confidence")
    axes.vlines(
        confidence, accuracy, confidence, color=_ORANGE, linewidth=2.5, label="distance from calibrated"
    )
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1, label="calibrated")
    axes.set(ylabel="share of right predictions", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="upper left")
    error = expected_calibration_error(labels, probabilities, bins)
    axes.set_title(f"Reliability: expected calibration error {error:.3f}")
    below.bar(left, grouped.counts[filled], width, align="edge", color=_BLUE, edgecolor="white")
    below.set(xlabel="confidence (probability of the predicted class)", ylabel="predictions")
    below.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    save_figure(figure, path)


def plot_rejection_curve(curve: RejectionCurve, path: Path) -> None:
    """Writes how many words are refused (down) against how many strangers are accepted (across), by threshold.

    Args:
        curve: of `rejection_curve`.
        path: where the PNG goes.
    """
    figure = Figure(figsize=(5.6, 5.6))
    axes = figure.add_subplot()
    rate = curve.equal_error_rate
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle="--", label="equal rates")
    axes.plot(curve.false_accept_rates, curve.false_reject_rates, color=_BLUE, label="threshold from 0 to 1")
    axes.plot(rate, rate, "o", color=_ORANGE, label=f"equal error rate {rate:.1%}")
    marked: dict[tuple[float, float], list[str]] = {}
    for threshold in _MARKED_THRESHOLDS:
        index = int(np.searchsorted(curve.thresholds, threshold))
        place = (curve.false_accept_rates[index], curve.false_reject_rates[index])
        marked.setdefault(place, []).append(f"{threshold:g}")
    for place, thresholds in marked.items():
        axes.plot(*place, ".", color=_BLUE)
        axes.annotate(", ".join(thresholds), place, (5, 5), textcoords="offset points", fontsize=8)
    end = min(max(4 * rate, 0.1), 1.0)
    axes.set(
        xlabel="false accepts: share of unknown words and silence taken for a word",
        ylabel="false rejects: share of words refused",
        xlim=(-0.02 * end, end),
        ylim=(-0.02 * end, end),
    )
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)
    axes.set_title("Rejection of what is no word")
    axes.legend(loc="upper right")
    save_figure(figure, path)


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
    axes.set_title(_readable(label))
    below.stairs(weights, np.linspace(0, seconds, len(weights) + 1), color=_BLUE, fill=True)
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
    axes.set_xticks(range(width), [_readable(token) for token in source_tokens], rotation=90, fontsize=size)
    axes.set_yticks(range(height), [_readable(token) for token in target_tokens], fontsize=size)
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
    bars = axes.bar(names, values, color=_BLUE, width=0.7)
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
        np.diff(sums) / lengths, edges, color=_BLUE, label=f"each {int(np.median(lengths)):,} characters"
    )
    axes.plot(ends, sums[1:] / ends, color=_ORANGE, linestyle="--", label="all from the beginning")
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
    lines = ((name, "training", _BLUE, "--"), (f"val_{name}", "validation", _ORANGE, "-"))
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


def _write_counts(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    few = len(counts) <= 6
    size = 11 if few else 9 if len(counts) <= 20 else 7
    for (row, column), count in np.ndenumerate(counts):
        text = f"{count:,}" if few or count else ""
        text += f"\n{shares[row, column]:.0%}" if few and count else ""
        colour = "white" if shares[row, column] > 0.55 else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)


def _roc(positive: NDArray[np.bool_], scores: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    false_positive_rate, true_positive_rate, _ = roc_curve(positive, scores)
    return false_positive_rate, true_positive_rate


def _legend_title(
    curves: int, classes: Sequence[int], defined: Sequence[int], class_names: Sequence[str]
) -> str:
    unnamed = curves - len(_STYLES)
    absent = [_readable(class_names[index]) for index in classes if index not in defined]
    lines = ["area under the curve"]
    lines += [f"(grey: {unnamed} classes of larger area)"] if unnamed > 0 else []
    lines += ["not defined in this data:", *absent[:6]] if absent else []
    lines += [f"and {len(absent) - 6} more"] if len(absent) > 6 else []
    return "\n".join(lines)


def _readable(name: str) -> str:
    """A class name that fits beside an axis; dollar signs would start a formula."""
    name = " ".join(name.split())
    short = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
    return short.replace("$", r"\$")


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({part / max(whole, 1):.1%})"
