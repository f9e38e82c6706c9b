"""Causal convolution is stock convolution after zeros, and blocks of a stream give what the whole gives."""

from itertools import pairwise
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.layers.causal_convolution import CausalConvolution

INPUTS = np.random.default_rng(0).normal(size=(2, 36, 3)).astype("float32")
SHAPES = [(1, 1), (5, 1), (3, 2), (4, 4), (7, 3)]


def _built(kernel_size: int, stride: int) -> CausalConvolution:
    layer = CausalConvolution(4, kernel_size, stride, activation="relu")
    layer.build((None, None, 3))
    layer.convolution.bias.assign([0.1, -0.2, 0.3, 0.0])
    return layer


@pytest.mark.parametrize(("kernel_size", "stride"), SHAPES)
@pytest.mark.parametrize("time", [12, 35, 36])
def test_each_output_is_the_product_of_the_last_steps(kernel_size: int, stride: int, time: int) -> None:
    layer = _built(kernel_size, stride)
    kernel, bias = layer.get_weights()
    after_zeros = np.concatenate([np.zeros((2, kernel_size, 3)), INPUTS[:, :time]], axis=1)
    expected = [
        np.einsum("bkf,kfu->bu", after_zeros[:, end : end + kernel_size], kernel) + bias
        for end in range(stride, time + 1, stride)
    ]
    np.testing.assert_allclose(layer(INPUTS[:, :time]), np.maximum(np.stack(expected, 1), 0), atol=1e-5)


@settings(max_examples=20)
@given(shape=st.sampled_from(SHAPES), cuts=st.lists(st.integers(0, 36), max_size=5))
def test_blocks_of_a_stream_give_the_outputs_of_the_whole(shape: tuple[int, int], cuts: list[int]) -> None:
    kernel_size, stride = shape
    layer = _built(kernel_size, stride)
    ends = sorted({0, *(cut // stride * stride for cut in cuts), 36})
    state, pieces = layer.zero_states(2), []
    for start, end in pairwise(ends):
        outputs, state = layer.step(INPUTS[:, start:end], state)
        assert outputs.shape[1] == (end - start) // stride
        assert state.shape == (2, kernel_size - stride, 3)
        pieces.append(outputs)
    np.testing.assert_allclose(np.concatenate(pieces, 1), layer(INPUTS), atol=1e-6)


@pytest.mark.parametrize("stride", [0, 4])
def test_a_stride_that_would_leave_steps_out_is_refused(stride: int) -> None:
    with pytest.raises(ValueError, match="stride from 1 to the kernel's 3"):
        CausalConvolution(4, 3, stride)


def test_a_model_with_it_is_saved_and_loaded(tmp_path: Path) -> None:
    inputs = keras.Input([None, 3])
    model = keras.Model(inputs, CausalConvolution(4, 5, 2, "relu", use_bias=False)(inputs))
    assert model.output_shape == (None, None, 4)
    assert len(model.weights) == 1
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(INPUTS), model(INPUTS))


def test_the_state_goes_on_in_float32_under_mixed_precision() -> None:
    layer = CausalConvolution(4, 5, dtype="mixed_bfloat16")
    whole = layer(INPUTS)
    assert whole.dtype == tf.bfloat16
    first, state = layer.step(INPUTS[:, :20], layer.zero_states(2))
    second, state = layer.step(INPUTS[:, 20:], state)
    assert state.dtype == tf.float32
    np.testing.assert_array_equal(tf.concat([first, second], 1), whole)


def test_it_is_keras_s_own_causal_convolution_where_the_stride_is_1() -> None:
    layer = _built(5, 1)
    stock = keras.layers.Conv1D(4, 5, padding="causal", activation="relu")
    stock.build((None, None, 3))
    stock.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(INPUTS), stock(INPUTS), atol=1e-6)


@pytest.mark.parametrize("kind", ["int32", "uint8", "bool", "float64"])
def test_any_type_of_number_is_cast_first(kind: str) -> None:
    layer, given = _built(3, 2), tf.cast(INPUTS > 0, kind)
    np.testing.assert_allclose(layer(given), layer(tf.cast(given, tf.float32)), atol=1e-6)
