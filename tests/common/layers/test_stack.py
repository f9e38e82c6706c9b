"""A stack equals the same layers of Keras applied by hand, and its step equals its run over whole sequences."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.layers.stack import RecurrentStack

BATCH, TIME, FEATURES, UNITS = 3, 7, 4, 4
LENGTHS = np.array([7, 1, 4])
MASK = np.arange(TIME) < LENGTHS[:, None]
STOCK = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}


def _inputs(seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).normal(size=(BATCH, TIME, FEATURES)), tf.float32)


@pytest.mark.parametrize("cell", STOCK)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_plain_stack_equals_layers_of_keras_one_upon_another(cell: str, bidirectional: bool) -> None:
    stack = RecurrentStack(cell, UNITS, layers=2, bidirectional=bidirectional)
    outputs, states = stack(_inputs(), mask=MASK, return_state=True)
    weights = stack.get_weights()
    expected, finals = _inputs(), []
    for _ in range(2):
        layer = STOCK[cell](UNITS, return_sequences=True, return_state=True)
        layer = keras.layers.Bidirectional(layer) if bidirectional else layer
        layer.build(expected.shape)
        layer.set_weights([weights.pop(0) for _ in layer.get_weights()])
        expected, *state = layer(expected, mask=MASK)
        finals += state
    np.testing.assert_allclose(outputs, expected, atol=1e-6)
    assert len(states) == stack.state_count == len(finals)
    for mine, theirs in zip(states, finals, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_residual_and_normalisation_are_x_plus_norm_of_the_layer() -> None:
    stack = RecurrentStack("gru", UNITS, layers=1, residual=True, layer_normalization=True)
    outputs = stack(_inputs())
    plain = RecurrentStack("gru", UNITS)
    states = plain(_inputs())
    plain.set_weights(stack.get_weights()[:3])
    states = plain(_inputs()).numpy()
    centred = states - states.mean(-1, keepdims=True)
    normalised = centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(outputs, _inputs() + normalised, atol=1e-5)


def test_no_residual_where_the_widths_differ() -> None:
    inputs = _inputs()[..., :2]
    plain, residual = (RecurrentStack("rnn", UNITS, residual=flag) for flag in (False, True))
    plain(inputs), residual(inputs)
    residual.set_weights(plain.get_weights())
    np.testing.assert_array_equal(plain(inputs), residual(inputs))


@pytest.mark.parametrize("cell", STOCK)
def test_steps_equal_the_run_over_the_whole_sequence(cell: str) -> None:
    stack = RecurrentStack(cell, UNITS, layers=2, residual=True, layer_normalization=True)
    inputs = _inputs()
    outputs, finals = stack(inputs, return_state=True)
    states = stack.zero_states(BATCH)
    for t in range(TIME):
        output, states = stack.step(inputs[:, t], states)
        np.testing.assert_allclose(output, outputs[:, t], atol=1e-5)
    for mine, theirs in zip(states, finals, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("cell", STOCK)
def test_a_loop_in_graph_equals_the_run_over_the_whole_sequence(cell: str, dtype: str) -> None:
    stack = RecurrentStack(cell, UNITS, layers=2, residual=True, layer_normalization=True, dtype=dtype)
    inputs = _inputs()
    expected, finals = stack(inputs, return_state=True)

    @tf.function
    def generate() -> tuple[tf.Tensor, list[tf.Tensor]]:
        step = stack.stepper(FEATURES)
        outputs = tf.TensorArray(stack.compute_dtype, size=TIME, element_shape=[BATCH, UNITS])
        states = [tf.cast(state, tf.float32) for state in stack.zero_states(BATCH)]

        def body(t: tf.Tensor, outputs: tf.TensorArray, *states: tf.Tensor) -> tuple:
            output, after = step(inputs[:, t], states)
            return (t + 1, outputs.write(t, output), *after)

        _, outputs, *states = tf.while_loop(lambda t, *_: t < TIME, body, (0, outputs, *states))
        return tf.transpose(outputs.stack(), [1, 0, 2]), states

    tolerance = 1e-5 if dtype == "float32" else 0.05
    outputs, states = generate()
    assert {state.dtype for state in states} == {tf.float32}
    for mine, whole in zip((outputs, *states), (expected, *finals), strict=True):
        mine, whole = (tf.cast(value, tf.float32) for value in (mine, whole))
        np.testing.assert_allclose(mine, whole, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("cell", STOCK)
def test_kept_in_bfloat16_a_stack_computes_with_rounded_kernels(cell: str) -> None:
    stack, rounded = (RecurrentStack(cell, UNITS, layers=2) for _ in range(2))
    inputs = _inputs()
    for one in (stack, rounded):
        one.build(inputs.shape)
    weights = [np.asarray(weight) for weight in stack.get_weights()]
    rounded.set_weights(
        [tf.cast(tf.cast(one, tf.bfloat16), tf.float32) if one.ndim == 2 else one for one in weights]
    )
    if cell == "gru":  # whose bias has two rows, which are not rounded
        for mine, theirs in zip(rounded.recurrent_layers, stack.recurrent_layers, strict=True):
            mine.cell.bias.assign(theirs.cell.bias)
    before = stack(inputs)
    stack.keep_in_bfloat16()
    expected = rounded(inputs)
    np.testing.assert_allclose(stack(inputs), expected, atol=1e-6)
    assert np.abs(before - expected).max() > 1e-4
    step, states = stack.stepper(FEATURES), stack.zero_states(BATCH)
    for t in range(TIME):
        output, states = step(inputs[:, t], states)
        np.testing.assert_allclose(output, expected[:, t], atol=0.02)
    assert {state.dtype for state in states} == {tf.float32}


def test_a_stream_cut_in_two_goes_on_from_its_states() -> None:
    stack = RecurrentStack("lstm", UNITS, layers=2)
    inputs = _inputs()
    first, states = stack(inputs[:, :3], return_state=True)
    second = stack(inputs[:, 3:], initial_state=states)
    np.testing.assert_allclose(tf.concat([first, second], 1), stack(inputs), atol=1e-6)


def test_padding_changes_no_real_step() -> None:
    stack = RecurrentStack("lstm", UNITS, layers=2, bidirectional=True)
    inputs = _inputs().numpy()
    noise = np.where(MASK[..., None], inputs, 1e3)
    outputs, noisy = stack(inputs, mask=MASK), stack(noise, mask=MASK)
    np.testing.assert_allclose(outputs[MASK], noisy[MASK], atol=1e-6)
    row = stack(inputs[2:, : LENGTHS[2]])
    np.testing.assert_allclose(outputs[2, : LENGTHS[2]], row[0], atol=1e-6)


def test_dropout_between_layers_is_one_mask_per_sequence() -> None:
    keras.utils.set_random_seed(0)
    stack = RecurrentStack("rnn", UNITS, layers=2, dropout=0.5)
    stack.build((None, None, FEATURES))
    below, above = stack.recurrent_layers
    # The upper layer hands its dropped input on as it is (in the linear range of tanh), without recurrence.
    above.set_weights([1e-3 * np.eye(UNITS), np.zeros((UNITS, UNITS)), np.zeros(UNITS)])
    outputs = np.asarray(stack(_inputs(), training=True))
    dropped = outputs == 0
    assert dropped.any()
    assert not dropped.all()
    assert (dropped == dropped[:, :1]).all()
    assert (dropped[0] != dropped[1]).any() or (dropped[0] != dropped[2]).any()
    assert not (np.asarray(stack(_inputs(), training=False)) == 0).any()
    assert below.dropout == 0


def test_recurrent_dropout_applies_in_training_alone() -> None:
    stack = RecurrentStack("gru", UNITS, recurrent_dropout=0.5)
    still = stack(_inputs(), training=False)
    np.testing.assert_array_equal(still, stack(_inputs(), training=False))
    assert np.abs(still - stack(_inputs(), training=True)).max() > 1e-3


def test_in_a_model_the_mask_goes_on_and_the_file_keeps_all(tmp_path: Path) -> None:
    tokens = np.where(MASK, np.random.default_rng(0).integers(1, 9, MASK.shape), 0)
    inputs = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(9, UNITS, mask_zero=True)(inputs)
    stack = RecurrentStack(
        "lstm", UNITS, layers=2, bidirectional=True, residual=True, layer_normalization=True, dropout=0.2
    )
    states = stack(embedded)
    assert states.shape == (None, None, 2 * UNITS)
    assert states._keras_mask is not None
    model = keras.Model(inputs, states)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(tokens), loaded(tokens))
    (copy,) = (layer for layer in loaded.layers if isinstance(layer, RecurrentStack))
    assert copy.get_config() == stack.get_config()


def test_mixed_precision_keeps_the_outputs_close() -> None:
    full, mixed = (
        RecurrentStack("lstm", 16, layers=2, dtype=dtype) for dtype in ("float32", "mixed_bfloat16")
    )
    full(_inputs()), mixed(_inputs())
    mixed.set_weights(full.get_weights())
    outputs = mixed(_inputs())
    assert outputs.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), full(_inputs()), atol=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell": "ltsm"}, "expected one of lstm, gru, rnn"),
        ({"cell": "gru", "layers": 0}, "expected at least 1"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RecurrentStack(units=3, **arguments)


def test_a_bidirectional_stack_has_no_step() -> None:
    with pytest.raises(ValueError, match="bidirectional"):
        RecurrentStack("gru", 3, bidirectional=True).step(tf.zeros([1, 2]), [])
