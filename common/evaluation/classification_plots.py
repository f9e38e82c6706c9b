"""Pictures of how well a classifier does, as PNG files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve

from common.evaluation.calibration import confidence_bins, expected_calibration_error
from common.evaluation.figures import BLUE, COLOURS, GREY, ORANGE, readable, save_figure
from common.evaluation.rejection import RejectionCurve

_DASHES = ("-", "--", ":")
_STYLES = [(colour, dash) for dash in _DASHES for colour in COLOURS]
_MOST_CLASSES_WITH_COUNTS = 40
_MOST_CURVES_WITH_LEGEND_INSIDE = 4
_MARKED_THRESHOLDS = (0.5, 0.7, 0.9)


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
    names = [readable(name) for name in class_names]
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
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="0.500  chance")
    for index in ranked[len(_STYLES) :]:
        axes.plot(*_roc(labels == index, probabilities[:, index]), color=GREY, linewidth=0.8, alpha=0.6)
    for index, (colour, dash) in zip(ranked, _STYLES, strict=False):
        name = f"{area[index]:.3f}  {readable(class_names[index])}"
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


def plot_reliability(
    labels: ArrayLike,
    probabilities: ArrayLike,
    path: Path,
    bins: int = 15,
    *,
    predictions: str = "predictions",
    confidence_is: str = "probability of the predicted class",
) -> None:
    """Writes the reliability diagram (Guo et al. 2017, figure 1): accuracy by confidence, and how many predictions.

    Args:
        labels: class indices, `[examples]`.
        probabilities: `[examples, classes]`.
        path: where the PNG goes.
        bins: how many bins of confidence.
        predictions: what is right or wrong, for the axes.
        confidence_is: what the confidence of one is, for the axis.
    """
    grouped = confidence_bins(labels, probabilities, bins)
    filled = grouped.counts > 0
    left, width = grouped.edges[:-1][filled], grouped.edges[1]
    accuracy, confidence = grouped.accuracy[filled], grouped.confidence[filled]
    figure = Figure(figsize=(6.4, 7.2), layout="constrained")
    axes, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    axes.bar(left, accuracy, width, align="edge", color=BLUE, edgecolor="white", label="accuracy")
    axes.plot(confidence, accuracy, "o", color="black", markersize=4, label="at the bin's mean confidence")
    axes.vlines(
        confidence, accuracy, confidence, color=ORANGE, linewidth=2.5, label="distance from calibrated"
    )
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="calibrated")
    axes.set(ylabel=f"share of right {predictions}", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="upper left")
    error = expected_calibration_error(labels, probabilities, bins)
    axes.set_title(f"Reliability: expected calibration error {error:.3f}")
    below.bar(left, grouped.counts[filled], width, align="edge", color=BLUE, edgecolor="white")
    below.set(xlabel=f"confidence ({confidence_is})", ylabel=predictions)
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
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="equal rates")
    axes.plot(curve.false_accept_rates, curve.false_reject_rates, color=BLUE, label="threshold from 0 to 1")
    axes.plot(rate, rate, "o", color=ORANGE, label=f"equal error rate {rate:.1%}")
    marked: dict[tuple[float, float], list[str]] = {}
    for threshold in _MARKED_THRESHOLDS:
        index = int(np.searchsorted(curve.thresholds, threshold))
        place = (curve.false_accept_rates[index], curve.false_reject_rates[index])
        marked.setdefault(place, []).append(f"{threshold:g}")
    for place, thresholds in marked.items():
        axes.plot(*place, ".", color=BLUE)
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
    absent = [readable(class_names[index]) for index in classes if index not in defined]
    lines = ["area under the curve"]
    lines += [f"(grey: {unnamed} classes of larger area)"] if unnamed > 0 else []
    lines += ["not defined in this data:", *absent[:6]] if absent else []
    lines += [f"and {len(absent) - 6} more"] if len(absent) > 6 else []
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({part / max(whole, 1):.1%})"
