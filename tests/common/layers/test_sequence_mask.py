"""Padding is known by its place, and what stands there has no part in what follows."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.layers.sequence_mask import RealSteps, ZeroPaddedSteps

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 2), (3, 4, 2, 5)])
def test_steps_beyond_a_rows_count_become_zeros_whatever_stood_there(shape):
    values = RNG.normal(size=shape).astype(np.float32)
    counts = np.array([4, 0, 2])
    values[1] = np.nan
    real = RealSteps()(values, counts)
    expected = [[step < count for step in range(4)] for count in counts]
    assert real.numpy().tolist() == expected
    zeroed = ZeroPaddedSteps()(values, real).numpy()
    for row, count in enumerate(counts):
        np.testing.assert_array_equal(zeroed[row, :count], values[row, :count])
        assert not zeroed[row, count:].any()


def test_nothing_flows_back_from_padding():
    values = tf.Variable(RNG.normal(size=(2, 3, 1)).astype(np.float32))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(ZeroPaddedSteps()(values, RealSteps()(values, tf.constant([1, 3]))))
    assert tape.gradient(total, values)[:, :, 0].numpy().tolist() == [[1, 0, 0], [1, 1, 1]]


def test_a_mask_of_keras_ends_there():
    frames, counts = keras.Input((None, 3)), keras.Input((), dtype="int32")
    real = RealSteps()(frames, counts)
    masked = keras.layers.GRU(2, return_sequences=True)(frames, mask=real)
    model = keras.Model([frames, counts], ZeroPaddedSteps()(masked, real))
    output = model([np.ones((2, 4, 3), np.float32), np.array([2, 4])])
    assert getattr(output, "_keras_mask", None) is None
    assert output.shape == (2, 4, 2)
    assert not output.numpy()[0, 2:].any()
