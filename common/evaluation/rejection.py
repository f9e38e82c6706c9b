"""How well a classifier refuses what is none of its classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.evaluation.detection import REJECTED


@dataclass(frozen=True)
class RejectionCurve:
    """How many strangers are accepted against how many words are refused; arrays are `[thresholds]`, ascending."""

    thresholds: NDArray[np.float64]
    """What is accepted has a probability of at least this; the last accepts nothing."""
    false_accept_rates: NDArray[np.float64]
    """Share of the examples of a rejected label that are accepted as a word."""
    false_reject_rates: NDArray[np.float64]
    """Share of the words that are refused."""

    @property
    def equal_error_rate(self) -> float:
        """Where both rates are the same, between two thresholds on the line that joins them."""
        differences = self.false_reject_rates - self.false_accept_rates
        after = int(np.argmax(differences >= 0))
        if after == 0 or differences[after] == 0:
            return float(self.false_reject_rates[after])
        share = differences[after - 1] / (differences[after - 1] - differences[after])
        low, high = self.false_reject_rates[after - 1 : after + 1]
        return float(low + share * (high - low))


def rejection_curve(
    probabilities: ArrayLike, labels: ArrayLike, classes: Sequence[str], rejected: Sequence[str] = REJECTED
) -> RejectionCurve | None:
    """What a threshold on the probability of the likeliest word lets through and keeps out.

    Args:
        probabilities: `[examples, classes]`.
        labels: class indices, `[examples]`.
        classes: names of the classes.
        rejected: labels that are no words.

    Returns:
        The curve; None if there are no examples of words, or none of a rejected label.
    """
    labels = np.asarray(labels, np.int64)
    is_word = np.array([name not in rejected for name in classes])
    if not is_word[labels].any() or is_word[labels].all():
        return None
    scores = np.asarray(probabilities, np.float64)[:, is_word].max(axis=1)
    words, strangers = np.sort(scores[is_word[labels]]), np.sort(scores[~is_word[labels]])
    thresholds = np.append(np.unique(scores), np.inf)
    return RejectionCurve(
        thresholds,
        1 - np.searchsorted(strangers, thresholds) / len(strangers),
        np.searchsorted(words, thresholds) / len(words),
    )
