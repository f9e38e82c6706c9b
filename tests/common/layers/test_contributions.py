"""Contributions of the steps add up to the logits that pooled states give, whatever the pooling and the padding."""

import keras
import numpy as np
import pytest
from keras import ops

from common.layers.contributions import POOLING, contributions


@pytest.mark.parametrize(
    "kinds", [POOLING[:1], POOLING[1:2], POOLING[2:], POOLING], ids=["max", "mean", "attention", "all"]
)
def test_they_add_up_to_the_logits_less_the_bias_and_padding_adds_nothing(kinds):
    rng = np.random.default_rng(0)
    states, mask = rng.normal(size=(4, 6, 5)).astype("float32"), np.arange(6) < np.array([[6], [1], [3], [5]])
    pooling, dense = [kind() for kind in kinds], keras.layers.Dense(3)
    pooled = ops.concatenate([layer(states, mask=mask) for layer in pooling], axis=-1)
    logits = dense(pooled)  # the bias begins at 0
    by_step = ops.convert_to_numpy(contributions(pooling, dense, states, mask))
    np.testing.assert_allclose(by_step.sum(axis=1), logits, atol=1e-5)
    assert not by_step[~mask].any()
