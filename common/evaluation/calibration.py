"""How far probabilities can be believed, and a temperature that makes them more honest (Guo et al. 2017)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0
_HALVINGS = 60


@dataclass(frozen=True)
class ConfidenceBins:
    """Predictions grouped by confidence, into bins of equal width over 0 to 1; each array is `[bins]`.

    The means are NaN in an empty bin.
    """

    edges: NDArray[np.float64]
    """Borders of the bins, `[bins + 1]`; a bin holds its upper border, not its lower one."""
    counts: NDArray[np.int64]
    """Predictions in each bin."""
    confidence: NDArray[np.float64]
    """Mean probability of the predicted class."""
    accuracy: NDArray[np.float64]
    """Share of right predictions."""


def confidence_bins(labels: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> ConfidenceBins:
    """Groups predictions by the probability of the predicted class (Guo et al. 2017, section 2).

    Args:
        labels: class indices, `[examples]`.
        probabilities: `[examples, classes]`.
        bins: how many bins of equal width.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, np.float64)
    confidence = probabilities.max(axis=-1)
    right = probabilities.argmax(axis=-1) == labels
    edges = np.linspace(0, 1, bins + 1)
    indices = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(indices, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_confidence = np.bincount(indices, confidence, bins) / counts
        accuracy = np.bincount(indices, right, bins) / counts
    return ConfidenceBins(edges, counts, mean_confidence, accuracy)


def expected_calibration_error(labels: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> float:
    """The mean distance between confidence and accuracy over bins of confidence (Guo et al. 2017, equation 3).

    Args:
        labels: class indices, `[examples]`.
        probabilities: `[examples, classes]`.
        bins: how many bins of equal width.

    Returns:
        From 0, calibrated, to 1: always sure and always wrong.
    """
    grouped = confidence_bins(labels, probabilities, bins)
    filled = grouped.counts > 0
    distances = np.abs(grouped.accuracy - grouped.confidence)[filled]
    return float(np.average(distances, weights=grouped.counts[filled]))


def calibrated(logits: ArrayLike, labels: ArrayLike) -> dict[str, float]:
    """What validation tells of a classifier: the temperature that makes its probabilities honest, and its accuracy.

    Examples of a single class tell nothing of the probabilities, however sure the classifier is: the temperature is
    then 1.

    >>> calibrated([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0]], [0, 1, 1])["validation_accuracy"]
    0.6666666666666666

    Args:
        logits: `[examples, classes]`.
        labels: class indices, `[examples]`.
    """
    accuracy = float(np.mean(np.argmax(np.asarray(logits), axis=-1) == np.asarray(labels)))
    temperature = fit_temperature(logits, labels) if can_calibrate(labels) else 1.0
    return {"temperature": temperature, "validation_accuracy": accuracy}


def can_calibrate(labels: ArrayLike) -> bool:
    """Whether a temperature can be fitted on examples of these classes: there are two or more."""
    return len(np.unique(np.asarray(labels))) > 1


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """The temperature T for which `softmax(logits / T)` has the lowest log loss (Guo et al. 2017, section 4.2).

    The log loss is convex in 1 / T, so its minimum is where its slope changes sign. Dividing by T never changes which
    class has the highest logit. T stays between 0.05 and 20: validation data that the model separates perfectly would
    otherwise ask for a temperature of 0, and data on which it is worse than chance for an infinite one. It is 1 when
    every temperature does equally well.

    Args:
        logits: `[examples, classes]`.
        labels: class indices, `[examples]`.

    Raises:
        ValueError: there are no examples, or a logit is NaN or infinite.
    """
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels)
    if not len(logits) or not np.isfinite(logits).all():
        raise ValueError(f"logits of shape {logits.shape}; expected at least one row, all of it finite")
    below_highest = logits - logits.max(axis=-1, keepdims=True)
    of_label = np.take_along_axis(below_highest, labels[:, None], axis=-1)[:, 0]

    def slope(log_temperature: float) -> float:
        """Derivative of the log loss by 1 / T, which rises with 1 / T."""
        weights = np.exp(below_highest / np.exp(log_temperature))
        expected = (weights * below_highest).sum(axis=-1) / weights.sum(axis=-1)
        return float(np.mean(expected - of_label))

    low, high = np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE)
    if slope(high) == 0 == slope(low):
        return 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return float(np.clip(np.exp((low + high) / 2), LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE))
