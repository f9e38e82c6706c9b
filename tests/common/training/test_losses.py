"""The losses against their definitions, worked out in NumPy."""

import numpy as np
import pytest
from scipy.special import log_softmax

from common.training.losses import smoothed_cross_entropy


@pytest.mark.parametrize("shape", [(5,), (3, 4)])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_target_shares_its_probability_with_all_classes(shape, smoothing):
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(*shape, 6)).astype(np.float32)
    labels = rng.integers(6, size=shape)
    target = (1 - smoothing) * np.eye(6)[labels] + smoothing / 6
    expected = -(target * log_softmax(logits, axis=-1)).sum(axis=-1)
    loss = smoothed_cross_entropy(smoothing)
    np.testing.assert_allclose(loss(labels, logits), expected, atol=1e-5)
    np.testing.assert_allclose(loss(labels[..., None], logits), expected, atol=1e-5)
