"""The layers compute the published equations, written out here in NumPy, and the derivatives of what they compute."""

import numpy as np
import pytest
import tensorflow as tf

from common.layers import recurrent

Array = np.ndarray
BATCH, TIME, FEATURES, UNITS = 3, 11, 2, 4


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def elman(x: Array, weights: list[Array]) -> list[Array]:
    """h_t = tanh(W_xh x_t + W_hh h_{t-1} + b): Elman (1990)."""
    kernel, recurrent_kernel, bias = weights
    h = np.zeros((x.shape[0], UNITS))
    states = []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ kernel + h @ recurrent_kernel + bias)
        states.append(h)
    return [np.stack(states, 1), h]


def lstm(x: Array, weights: list[Array]) -> list[Array]:
    """Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000); gates in the order i, f, c, o."""
    (w_i, w_f, w_c, w_o), (u_i, u_f, u_c, u_o), (b_i, b_f, b_c, b_o) = (
        np.split(weight, 4, axis=-1) for weight in weights
    )
    h, c = np.zeros((x.shape[0], UNITS)), np.zeros((x.shape[0], UNITS))
    states = []
    for t in range(x.shape[1]):
        i = _sigmoid(x[:, t] @ w_i + h @ u_i + b_i)
        f = _sigmoid(x[:, t] @ w_f + h @ u_f + b_f)
        o = _sigmoid(x[:, t] @ w_o + h @ u_o + b_o)
        c = f * c + i * np.tanh(x[:, t] @ w_c + h @ u_c + b_c)
        h = o * np.tanh(c)
        states.append(h)
    return [np.stack(states, 1), h, c]


def gru(x: Array, weights: list[Array]) -> list[Array]:
    """Cho et al. (2014), the reset gate after the recurrent product as in cuDNN; gates in the order z, r, h."""
    kernel, recurrent_kernel, (bias, recurrent_bias) = weights
    (w_z, w_r, w_h), (u_z, u_r, u_h) = np.split(kernel, 3, axis=1), np.split(recurrent_kernel, 3, axis=1)
    (b_z, b_r, b_h), (d_z, d_r, d_h) = np.split(bias, 3), np.split(recurrent_bias, 3)
    h = np.zeros((x.shape[0], UNITS))
    states = []
    for t in range(x.shape[1]):
        z = _sigmoid(x[:, t] @ w_z + b_z + h @ u_z + d_z)
        r = _sigmoid(x[:, t] @ w_r + b_r + h @ u_r + d_r)
        candidate = np.tanh(x[:, t] @ w_h + b_h + r * (h @ u_h + d_h))
        h = z * h + (1 - z) * candidate
        states.append(h)
    return [np.stack(states, 1), h]


EQUATIONS = {"SimpleRNN": elman, "LSTM": lstm, "GRU": gru}


def _layer_and_weights(name: str, dtype: str) -> tuple:
    layer = getattr(recurrent, name)(UNITS, return_sequences=True, return_state=True, dtype=dtype)
    layer.build((None, TIME, FEATURES))
    generator = np.random.default_rng(0)
    weights = [generator.normal(scale=0.7, size=weight.shape) for weight in layer.trainable_weights]
    for variable, value in zip(layer.trainable_weights, weights, strict=True):
        variable.assign(value)
    return layer, weights, generator.normal(size=(BATCH, TIME, FEATURES))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", EQUATIONS)
def test_the_recurrence_is_that_of_the_publications(name: str, training: bool) -> None:
    layer, weights, inputs = _layer_and_weights(name, "float64")
    outputs = layer(tf.constant(inputs), training=training)
    for mine, published in zip(outputs, EQUATIONS[name](inputs, weights), strict=True):
        np.testing.assert_allclose(mine, published, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", EQUATIONS)
def test_gradients_equal_finite_differences(name: str) -> None:
    layer, weights, inputs = _layer_and_weights(name, "float64")
    direction = np.random.default_rng(1)
    arrays = [inputs, *weights]
    towards = [direction.normal(size=array.shape) for array in arrays]
    scales = [direction.normal(size=output.shape) for output in EQUATIONS[name](inputs, weights)]

    def published_loss(step: float) -> float:
        x, *moved = [array + step * way for array, way in zip(arrays, towards, strict=True)]
        return sum(np.sum(scale * out) for scale, out in zip(scales, EQUATIONS[name](x, moved), strict=True))

    x = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x, training=True)
        loss = tf.add_n([tf.reduce_sum(scale * out) for scale, out in zip(scales, outputs, strict=True)])
    gradients = tape.gradient(loss, [x] + [weight.value for weight in layer.trainable_weights])
    slope = sum(np.sum(gradient * way) for gradient, way in zip(gradients, towards, strict=True))
    differences = (published_loss(1e-6) - published_loss(-1e-6)) / 2e-6
    assert slope == pytest.approx(differences, rel=1e-6)
