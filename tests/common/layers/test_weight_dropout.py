"""In training a share of the recurrent weights is missing, another in each step; other dropouts go on as ever."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.layers.stack import RecurrentStack
from common.layers.stateful_stack import StreamedStack
from common.layers.weight_dropout import dropped_recurrent_weights

pytestmark = pytest.mark.usefixtures("quickly_traced")

FEATURES, UNITS = 3, 40
INPUTS = np.random.default_rng(0).normal(size=(2, 6, FEATURES)).astype(np.float32)


def built(**options):
    stack = RecurrentStack("lstm", UNITS, layers=2, **options)
    stack.build((None, None, FEATURES))
    return stack


def recurrent_weights(stack):
    return [
        np.asarray(keras.ops.convert_to_tensor(layer.cell.recurrent_kernel))
        for layer in stack.recurrent_layers
    ]


def seeds(layer):
    return [tuple(variable.numpy()) for variable in layer.variables if "seed" in variable.path]


def test_a_share_is_missing_and_the_rest_is_scaled_up():
    stack = built()
    whole = recurrent_weights(stack)
    with dropped_recurrent_weights(stack, 0.3, keras.random.SeedGenerator(1)):
        dropped = recurrent_weights(stack)
    for before, within, after in zip(whole, dropped, recurrent_weights(stack), strict=True):
        missing = within == 0
        margin = 5 * np.sqrt(
            0.3 * 0.7 / missing.size
        )  # five standard deviations of the binomial distribution
        assert abs(missing.mean() - 0.3) < margin
        np.testing.assert_allclose(within[~missing], before[~missing] / 0.7, rtol=1e-6)
        np.testing.assert_array_equal(after, before)
    assert ((dropped[0] == 0) != (dropped[1] == 0)).any()


def test_the_stack_computes_with_the_weights_that_are_left():
    stack, copy = built(), built()
    with dropped_recurrent_weights(stack, 0.5, keras.random.SeedGenerator(1)):
        outputs, left = stack(INPUTS), recurrent_weights(stack)
    copy.set_weights(stack.get_weights())
    for layer, weight in zip(copy.recurrent_layers, left, strict=True):
        layer.cell.recurrent_kernel.assign(weight)
    np.testing.assert_allclose(outputs, copy(INPUTS), atol=1e-6)


def test_gradients_reach_the_variables_where_a_weight_is_left_and_only_there():
    stack = built()
    with tf.GradientTape() as tape, dropped_recurrent_weights(stack, 0.5, keras.random.SeedGenerator(1)):
        loss, left = tf.reduce_sum(stack(INPUTS) ** 2), recurrent_weights(stack)
    gradients = tape.gradient(loss, [weight.value for weight in stack.trainable_weights])
    assert all(gradient is not None for gradient in gradients)
    for layer, weight in zip(stack.recurrent_layers, left, strict=True):
        gradient = tape_gradient_of(layer, stack, gradients)
        np.testing.assert_array_equal(gradient == 0, weight == 0)


def tape_gradient_of(layer, stack, gradients):
    places = [weight is layer.cell.recurrent_kernel for weight in stack.trainable_weights]
    return np.asarray(gradients[places.index(True)])


@pytest.mark.parametrize("compiled", [False, True])
def test_every_dropout_draws_anew_in_each_training_step(compiled):
    stack = RecurrentStack("gru", 4, layers=3, dropout=0.5, recurrent_dropout=0.5)
    layer = StreamedStack(stack, rows=2, weight_dropout=0.5)
    layer.build((2, None, FEATURES), (2,))
    starts = np.array([True, True])

    def train():
        return layer(INPUTS, starts, training=True)

    step = tf.function(train) if compiled else train
    passed = [(step(), seeds(layer))[1] for _ in range(3)]
    assert len(passed[0]) == 6  # of the weights, between the layers (2) and from step to step (3)
    for first, second, third in zip(*passed, strict=True):
        assert len({first, second, third}) == 3


def test_with_only_the_dropout_between_layers_two_steps_differ():
    stack = RecurrentStack("rnn", 4, layers=2, dropout=0.5)
    layer = StreamedStack(stack, rows=2, weight_dropout=1e-9)
    starts = np.array([True, True])
    outputs = [np.asarray(layer(INPUTS, starts, training=True)) for _ in range(4)]
    assert len({output.tobytes() for output in outputs}) > 1


def test_outside_of_training_nothing_is_missing():
    stack = built()
    layer = StreamedStack(stack, rows=2, evaluation_rows=2, weight_dropout=0.9)
    outputs = layer(INPUTS, np.array([True, True]), training=False)
    np.testing.assert_array_equal(outputs, stack(INPUTS, training=False))
