"""A stream in consecutive windows is one long pass; training and evaluation do not disturb each other."""

import numpy as np
import pytest
import tensorflow as tf

from common.layers.stack import RecurrentStack
from common.layers.stateful_stack import StreamedStack

ROWS, TIME, FEATURES, UNITS = 3, 12, 4, 5
INPUTS = np.random.default_rng(0).normal(size=(ROWS, TIME, FEATURES)).astype(np.float32)
WINDOWS = (slice(0, 5), slice(5, 6), slice(6, 12))
NEW, GOES_ON = np.full(ROWS, True), np.full(ROWS, False)


def streamed(cell="lstm", **options):
    layer = StreamedStack(RecurrentStack(cell, UNITS, layers=2, **options), ROWS, evaluation_rows=ROWS)
    layer.build((None, None, FEATURES), (None,))
    return layer


def windows(layer, training, starts=None):
    starts = starts or [NEW, GOES_ON, GOES_ON]
    pieces = [
        layer(INPUTS[:, window], new, training=training) for window, new in zip(WINDOWS, starts, strict=True)
    ]
    return np.concatenate(pieces, axis=1)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_consecutive_windows_are_one_long_pass(cell, training):
    layer = streamed(cell)
    np.testing.assert_allclose(windows(layer, training), layer.stack(INPUTS), atol=1e-6)


def test_a_row_that_starts_anew_forgets_and_the_others_do_not():
    layer = streamed()
    again = np.array([False, True, False])
    outputs = windows(layer, True, [NEW, GOES_ON, again])
    whole, anew = np.asarray(layer.stack(INPUTS)), np.asarray(layer.stack(INPUTS[:, WINDOWS[2]]))
    np.testing.assert_allclose(outputs[[0, 2]], whole[[0, 2]], atol=1e-6)
    np.testing.assert_allclose(outputs[1, WINDOWS[2]], anew[1], atol=1e-6)
    assert np.abs(anew[1] - whole[1, WINDOWS[2]]).max() > 1e-4


def test_evaluation_in_between_does_not_disturb_training_nor_training_evaluation():
    layer = streamed()
    expected = np.asarray(layer.stack(INPUTS))
    trained, evaluated = [], []
    for window, new in zip(WINDOWS, [NEW, GOES_ON, GOES_ON], strict=True):
        trained.append(layer(INPUTS[:, window], new, training=True))
        evaluated.append(layer(INPUTS[::-1, window], new, training=False))
    np.testing.assert_allclose(np.concatenate(trained, axis=1), expected, atol=1e-6)
    np.testing.assert_allclose(np.concatenate(evaluated, axis=1), expected[::-1], atol=1e-6)


def test_no_gradient_flows_into_the_window_before():
    layer = streamed()
    inputs = tf.constant(INPUTS)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        layer(inputs[:, :5], NEW, training=True)
        loss = tf.reduce_sum(layer(inputs[:, 5:], GOES_ON, training=True))
    gradient = tape.gradient(loss, inputs).numpy()
    assert not gradient[:, :5].any()
    assert gradient[:, 5:].all()


def test_the_states_of_a_stream_go_on_in_float32_under_mixed_precision():
    stack = RecurrentStack("lstm", UNITS, dtype="mixed_bfloat16")
    layer = StreamedStack(stack, ROWS, dtype="mixed_bfloat16")
    assert layer(INPUTS, NEW, training=True).dtype == tf.bfloat16
    assert {state.dtype for state in layer.training_states} == {"float32"}
    assert not any(weight is state for state in layer.training_states for weight in layer.trainable_weights)


def test_a_compiled_step_carries_the_states_on():
    layer = streamed("gru")
    step = tf.function(lambda inputs, starts: layer(inputs, starts, training=True), reduce_retracing=True)
    pieces = [step(INPUTS[:, start : start + 4], np.full(ROWS, start == 0)) for start in (0, 4, 8)]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), layer.stack(INPUTS), atol=1e-6)
