"""How sure a reader may say that it is of a word or a letter, fitted on validation."""

import numpy as np
from numpy.typing import ArrayLike

from common.decoding.label_words import log_odds
from common.evaluation.calibration import can_calibrate, fit_temperature


def fit_confidence(probabilities: ArrayLike, is_right: ArrayLike) -> tuple[float, bool]:
    """The temperature that makes probabilities of being right honest (Guo et al. 2017), and whether one was fitted.

    `common.decoding.label_words.calibrated` divides log-odds by it.

    >>> temperature, is_fitted = fit_confidence([0.9, 0.9, 0.9, 0.9], [True, True, True, False])
    >>> round(temperature, 2), is_fitted  # odds of 9 to 1 become 3 to 1
    (2.0, True)

    Args:
        probabilities: of each word or letter, `[any]`.
        is_right: whether it was, `[any]`. Where all or none were, nothing can be fitted, and the temperature is 1.
    """
    labels = np.array(is_right, int)
    if not can_calibrate(labels):
        return 1.0, False
    odds = log_odds(np.asarray(probabilities, np.float32)).numpy().astype(np.float64)
    return fit_temperature(np.stack([np.zeros(len(odds)), odds], axis=1), labels), True
