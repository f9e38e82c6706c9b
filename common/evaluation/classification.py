"""The standard metrics of a classifier, from labels and predicted probabilities."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

from common.evaluation.calibration import expected_calibration_error
from common.files import atomic_write


def classification_metrics(
    labels: ArrayLike, probabilities: ArrayLike, class_names: Sequence[str]
) -> dict[str, Any]:
    """Accuracy, macro F1, ROC AUC, log loss, calibration error, and each class's precision, recall, F1 and support.

    The predicted class is the one of the highest probability, the first of equals.

    Args:
        labels: class indices, `[examples]`.
        probabilities: `[examples, classes]`; each row is scaled to add up to 1.
        class_names: one name per class, all different.

    Returns:
        A dictionary of
        `examples`: how many there are;
        `accuracy`: share of right predictions;
        `macro_f1`: mean F1 of the classes that occur among the labels or the predictions;
        `roc_auc`: area under the ROC curve; for more than two classes the mean of each class against the rest. None
        where a class has no examples (or has all of them), because its curve is then not defined;
        `log_loss`: mean negative log probability of the label, in nats;
        `expected_calibration_error`: over 15 bins of confidence;
        `per_class`: from each name to `precision`, `recall`, `f1` (0 where they would divide by zero) and `support`.

    Raises:
        ValueError: there are no examples, the shapes do not fit each other, or a label or probability is out of range.
    """
    labels, probabilities = _checked(labels, probabilities, class_names)
    classes = list(range(len(class_names)))
    predicted = probabilities.argmax(axis=-1)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=0
    )
    return {
        "examples": len(labels),
        "accuracy": float(accuracy_score(labels, predicted)),
        "macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
        "roc_auc": _roc_auc(labels, probabilities),
        "log_loss": float(log_loss(labels, probabilities, labels=classes)),
        "expected_calibration_error": expected_calibration_error(labels, probabilities),
        "per_class": {
            name: {
                "precision": float(precision[index]),
                "recall": float(recall[index]),
                "f1": float(f1[index]),
                "support": int(support[index]),
            }
            for index, name in enumerate(class_names)
        },
    }


def worst_mistakes(labels: ArrayLike, probabilities: ArrayLike, count: int = 50) -> NDArray[np.int64]:
    """Indices of the wrong predictions that gave their label the lowest probability, lowest first.

    Args:
        labels: class indices, `[examples]`.
        probabilities: `[examples, classes]`.
        count: return at most so many.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    wrong = np.flatnonzero(probabilities.argmax(axis=-1) != labels)
    return wrong[np.argsort(probabilities[wrong, labels[wrong]], kind="stable")][:count]


def write_worst_mistakes(
    path: Path,
    texts: Sequence[str],
    labels: ArrayLike,
    probabilities: ArrayLike,
    class_names: Sequence[str],
    count: int = 50,
    column: str = "text",
) -> None:
    """Writes the worst mistakes as a TSV with the columns text (or `column`), label, predicted, label_probability.

    White space in texts and names is written as single spaces, so that each mistake stays on its line.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    predicted = probabilities.argmax(axis=-1)
    rows = [(column, "label", "predicted", "label_probability")]
    rows += [
        (
            texts[index],
            class_names[labels[index]],
            class_names[predicted[index]],
            f"{probabilities[index, labels[index]]:.6f}",
        )
        for index in worst_mistakes(labels, probabilities, count)
    ]
    lines = ["\t".join(" ".join(field.split()) for field in row) for row in rows]
    atomic_write(path, "\n".join(lines) + "\n")


def _roc_auc(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float | None:
    classes = probabilities.shape[1]
    if len(np.unique(labels)) < max(classes, 2):
        return None
    if classes == 2:
        return float(roc_auc_score(labels, probabilities[:, 1]))
    return float(roc_auc_score(labels, probabilities, multi_class="ovr", average="macro"))


def _checked(
    labels: ArrayLike, probabilities: ArrayLike, class_names: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    labels, probabilities = np.asarray(labels, np.int64), np.asarray(probabilities, np.float64)
    if not len(labels):
        raise ValueError("no examples to measure; expected at least one")
    if probabilities.shape != (len(labels), len(class_names)) or len(set(class_names)) < len(class_names):
        raise ValueError(
            f"labels {labels.shape}, probabilities {probabilities.shape}, classes {list(class_names)}; "
            "expected [examples], [examples, classes] and as many different names"
        )
    if labels.min() < 0 or labels.max() >= len(class_names):
        raise ValueError(
            f"labels from {labels.min()} to {labels.max()}; expected 0 to {len(class_names) - 1}"
        )
    totals = probabilities.sum(axis=-1, keepdims=True)
    if not np.isfinite(totals).all() or probabilities.min() < 0 or totals.min() <= 0:
        raise ValueError("a probability is negative or not a number, or a row adds up to 0")
    return labels, probabilities / totals
