"""How sure a reader says that it is becomes how often it is right."""

import numpy as np

from common.decoding.label_words import calibrated
from common.training.confidence import fit_confidence


def test_after_fitting_the_confidence_is_the_share_that_is_right():
    rng = np.random.default_rng(0)
    odds = rng.normal(1, 2, 20_000)
    is_right = rng.random(len(odds)) < 1 / (1 + np.exp(-odds))
    too_sure = 1 / (1 + np.exp(-3 * odds))
    temperature, is_fitted = fit_confidence(too_sure, is_right)
    assert is_fitted
    np.testing.assert_allclose(temperature, 3, rtol=0.1)
    np.testing.assert_allclose(
        np.mean(calibrated(np.float32(too_sure), temperature)), is_right.mean(), atol=0.01
    )


def test_where_all_is_right_nothing_can_be_fitted():
    assert fit_confidence([0.9, 0.8], [True, True]) == (1.0, False)
