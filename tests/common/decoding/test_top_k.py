"""The largest values are those of TensorFlow's own ranking, ties and all."""

import numpy as np
import pytest
import tensorflow as tf

from common.decoding.top_k import largest


@pytest.mark.parametrize("count", [1, 5, 16])
@pytest.mark.parametrize("size", [16, 1024, 1025, 1089, 5000])
@pytest.mark.parametrize("levels", [2, 40, 10**6])
def test_the_largest_values_and_of_equals_the_first(size: int, count: int, levels: int) -> None:
    """Few levels make many equals; the last rows are impossible, minus infinity, all over or nearly so."""
    generator = np.random.default_rng(size)
    values = generator.integers(0, levels, size=[6, size]).astype(np.float32)
    values[-2] = -np.inf
    values[-1] = np.where(generator.random(size) < 3 / size, values[-1], -np.inf)
    found, places = largest(tf.constant(values), count)
    expected = tf.math.top_k(values, count)
    np.testing.assert_array_equal(found, expected.values)
    np.testing.assert_array_equal(places, expected.indices)
