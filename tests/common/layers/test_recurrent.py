"""SimpleRNN, LSTM and GRU compute exactly what Keras's layers compute: outputs, final states and all gradients."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.layers import recurrent

pytestmark = pytest.mark.slow

STATES = {"SimpleRNN": 1, "LSTM": 2, "GRU": 1}
FEATURES, UNITS = 3, 4


def _pair(name: str, shape: tuple[int, ...], **arguments: Any) -> tuple[keras.layers.RNN, keras.layers.RNN]:
    """Our layer and Keras's with the same weights."""
    ours = getattr(recurrent, name)(**arguments)
    stock = getattr(keras.layers, name)(**arguments)
    for layer in (ours, stock):
        layer.build(shape)
    generator = np.random.default_rng(1)
    for mine, theirs in zip(ours.trainable_weights, stock.trainable_weights, strict=True):
        mine.assign(generator.normal(scale=0.5, size=mine.shape))
        theirs.assign(mine)
    return ours, stock


def _results(
    layer: keras.layers.RNN, inputs: tf.Tensor, states: list[tf.Tensor] | None, **call: Any
) -> list[np.ndarray]:
    """All outputs of a call, and the gradients of a random weighting of them by inputs, states and weights."""
    watched = [inputs, *(states or [])]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        outputs = keras.tree.flatten(layer(inputs, initial_state=states, **call))
        generator = np.random.default_rng(2)
        loss = tf.add_n(
            [
                tf.reduce_sum(tf.cast(output, tf.float64) * generator.normal(size=output.shape))
                for output in outputs
            ]
        )
    sources = watched + [weight.value for weight in layer.trainable_weights]
    gradients = tape.gradient(loss, sources, unconnected_gradients="zero")
    return [np.asarray(tf.cast(value, tf.float64)) for value in (*outputs, *gradients)]


def _assert_close(ours: list[np.ndarray], theirs: list[np.ndarray], tolerance: float) -> None:
    """Every tensor agrees to `tolerance` of its largest entry."""
    assert len(ours) == len(theirs)
    for mine, reference in zip(ours, theirs, strict=True):
        assert mine.shape == reference.shape
        np.testing.assert_allclose(
            mine, reference, rtol=0, atol=tolerance * max(np.abs(reference).max(), 1e-3)
        )


def _mask(kind: str, batch: int, time: int, seed: int) -> np.ndarray | None:
    generator = np.random.default_rng(seed)
    lengths = generator.integers(0, time + 1, batch)[:, None]
    steps = np.arange(time)[None]
    return {
        "none": None,
        "right-padded": steps < lengths,
        "left-padded": steps >= time - lengths,
        "broken": generator.random((batch, time)) < 0.6,
    }[kind]


@st.composite
def _cases(draw: st.DrawFn) -> dict[str, Any]:
    flags = ("return_sequences", "return_state", "go_backwards", "zero_output_for_mask")
    return {
        "name": draw(st.sampled_from(sorted(STATES))),
        # 49 rows and more take another loop in inference than few; two or fewer take a third one.
        "batch": draw(st.sampled_from([1, 2, 3, 50])),
        "time": draw(st.integers(1, 13)),
        "mask": draw(st.sampled_from(["none", "right-padded", "left-padded", "broken"])),
        "given_states": draw(st.booleans()),
        "training": draw(st.booleans()),
        "seed": draw(st.integers(0, 99)),
        "arguments": {flag: draw(st.booleans()) for flag in flags}
        | {
            "use_bias": draw(st.booleans()),
            "dropout": draw(st.sampled_from([0.0, 0.0, 0.4])),
            "recurrent_dropout": draw(st.sampled_from([0.0, 0.0, 0.3])),
        },
    }


@settings(max_examples=25, deadline=None)
@given(case=_cases())
def test_outputs_states_and_gradients_equal_those_of_keras(case: dict[str, Any]) -> None:
    name, batch, time = case["name"], case["batch"], case["time"]
    shape = (batch, time, FEATURES)
    ours, stock = _pair(name, shape, units=UNITS, seed=case["seed"], **case["arguments"])
    generator = np.random.default_rng(case["seed"])
    inputs = tf.constant(generator.normal(size=shape), tf.float32)
    states = None
    if case["given_states"]:
        states = [tf.constant(generator.normal(size=(batch, UNITS)), tf.float32) for _ in range(STATES[name])]
    call = {"mask": _mask(case["mask"], batch, time, case["seed"]), "training": case["training"]}
    _assert_close(_results(ours, inputs, states, **call), _results(stock, inputs, states, **call), 1e-5)


@pytest.mark.parametrize(("dropout", "recurrent_dropout"), [(0.4, 0.0), (0.0, 0.4), (0.4, 0.3)])
@pytest.mark.parametrize("name", STATES)
def test_dropout_draws_and_applies_the_masks_of_keras(
    name: str, dropout: float, recurrent_dropout: float
) -> None:
    shape = (4, 12, FEATURES)
    ours, stock = _pair(
        name,
        shape,
        units=UNITS,
        seed=5,
        return_sequences=True,
        dropout=dropout,
        recurrent_dropout=recurrent_dropout,
    )
    inputs = tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)
    _assert_close(
        _results(ours, inputs, None, training=True), _results(stock, inputs, None, training=True), 1e-5
    )


# Each layer by turns; an LSTM has a loop that the others have not.
@pytest.mark.parametrize(
    ("name", "training"), [("SimpleRNN", True), ("LSTM", False), ("LSTM", True), ("GRU", False)]
)
def test_one_traced_function_serves_every_batch_size_and_length(
    name: str, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fewer steps are unrolled, which are traced faster; the lengths below are of whole iterations, of single steps and
    # of both.
    monkeypatch.setattr("common.layers.recurrence.steps.STEPS_PER_ITERATION", 2)
    ours, stock = _pair(name, (None, None, FEATURES), units=UNITS, return_sequences=True)

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, FEATURES]), tf.TensorSpec([None, None], tf.bool)]
    )
    def traced(inputs: tf.Tensor, mask: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = ours(inputs, mask=mask, training=training)
            loss = tf.reduce_sum(outputs**2)
        return [outputs, *tape.gradient(loss, [inputs] + [weight.value for weight in ours.trainable_weights])]

    generator = np.random.default_rng(0)
    for batch, time in ((1, 1), (2, 12), (5, 21), (60, 3)):
        inputs = tf.constant(generator.normal(size=(batch, time, FEATURES)), tf.float32)
        mask = tf.constant(_mask("right-padded", batch, time, 3))
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = stock(inputs, mask=mask, training=training)
            loss = tf.reduce_sum(outputs**2)
        sources = [inputs] + [weight.value for weight in stock.trainable_weights]
        reference = [outputs, *tape.gradient(loss, sources)]
        _assert_close([v.numpy() for v in traced(inputs, mask)], [v.numpy() for v in reference], 1e-5)


def test_an_lstm_of_few_rows_without_a_step_leaves_the_states_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("common.layers.recurrence.steps.STEPS_PER_ITERATION", 1)
    layer = recurrent.LSTM(UNITS, return_sequences=True, return_state=True)
    sizes = ([None, None, FEATURES], [None, UNITS], [None, UNITS])

    @tf.function(input_signature=[tf.TensorSpec(size) for size in sizes], autograph=False)
    def traced(inputs: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor) -> list[tf.Tensor]:
        return layer(inputs, initial_state=[hidden, cell], training=False)

    # An empty batch has no step; some rows without one are not served.
    for batch in (0, 1):
        states = [tf.random.normal([batch, UNITS]) for _ in range(2)]
        outputs, *after = traced(tf.zeros([batch, 0, FEATURES]), *states)
        assert outputs.shape == (batch, 0, UNITS)
        for one, other in zip(after, states, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("merge_mode", ["concat", "sum", None])
def test_in_bidirectional(merge_mode: str | None) -> None:
    shape = (3, 6, FEATURES)
    ours, stock = (
        keras.layers.Bidirectional(
            layer(UNITS, return_sequences=True, return_state=True), merge_mode=merge_mode
        )
        for layer in (recurrent.LSTM, keras.layers.LSTM)
    )
    for layer in (ours, stock):
        layer.build(shape)
    stock.set_weights(ours.get_weights())
    assert isinstance(ours.backward_layer, recurrent.LSTM)
    inputs = tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)
    call = {"mask": _mask("right-padded", 3, 6, 4), "training": True}
    _assert_close(_results(ours, inputs, None, **call), _results(stock, inputs, None, **call), 1e-5)


def _deviation(theirs: list[np.ndarray], reference: list[np.ndarray]) -> float:
    """The largest difference of any tensor, relative to its largest entry."""
    pairs = zip(theirs, reference, strict=True)
    return max(np.abs(one - other).max() / max(np.abs(other).max(), 1e-3) for one, other in pairs)


BFLOAT16_BOUNDS = {"SimpleRNN": 0.02, "LSTM": 0.005, "GRU": 0.006}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("name", "bound"), BFLOAT16_BOUNDS.items())
def test_bfloat16_stays_within_the_stated_bound_of_float32(name: str, bound: float, training: bool) -> None:
    shape = (20, 25, 16)
    keras.utils.set_random_seed(5)
    ours = getattr(recurrent, name)(32, return_sequences=True, dtype="mixed_bfloat16")
    stock, stock_bfloat16 = (
        getattr(keras.layers, name)(32, return_sequences=True, dtype=policy)
        for policy in ("float32", "mixed_bfloat16")
    )
    for layer in (ours, stock, stock_bfloat16):
        layer.build(shape)
        layer.set_weights(ours.get_weights())
    inputs = tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)
    mine, reference, rough = (
        _results(layer, inputs, None, training=training) for layer in (ours, stock, stock_bfloat16)
    )
    assert np.abs(mine[0] - reference[0]).max() < bound
    # A processor without instructions for bfloat16 rounds the sums of products too, and Keras's layers with them.
    _assert_close(mine[1:], reference[1:], max(0.01, 1.05 * _deviation(rough[1:], reference[1:])))


@pytest.mark.parametrize(("in_graph", "training"), [(False, True), (True, True), (False, False)])
def test_a_second_derivative_is_refused_and_not_wrong(
    in_graph: bool, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fewer steps are unrolled, which are traced faster.
    monkeypatch.setattr("common.layers.recurrence.steps.STEPS_PER_ITERATION", 1)
    layer = recurrent.GRU(2)
    inputs = tf.ones([1, 3, 2])

    def second_derivative() -> tf.Tensor:
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                # A sum: the upstream gradient is constant, and only the kept activations depend on the
                # inputs.
                loss = tf.reduce_sum(layer(inputs, training=training))
            gradient = inner.gradient(loss, inputs)
        return outer.gradient(gradient, inputs)

    with pytest.raises(ValueError, match="no second derivative"):
        (tf.function(second_derivative, autograph=False) if in_graph else second_derivative)()


RARE_ARGUMENTS = [
    ("SimpleRNN", {"activation": "relu"}),
    ("LSTM", {"activation": "relu"}),
    ("LSTM", {"recurrent_activation": "hard_sigmoid"}),
    ("LSTM", {"unroll": True}),
    ("LSTM", {"dtype": "float16"}),
    ("LSTM", {"implementation": 1, "dropout": 0.5, "use_cudnn": False}),
    ("LSTM", {"dropout": 1.0}),
    ("GRU", {"reset_after": False}),
    ("GRU", {"unroll": True, "recurrent_dropout": 0.5}),
    ("GRU", {"implementation": 1, "dropout": 0.5, "use_cudnn": False}),
]


@pytest.mark.parametrize(("name", "arguments"), RARE_ARGUMENTS)
def test_rare_arguments_equal_keras_too(name: str, arguments: dict[str, Any]) -> None:
    shape = (3, 4, FEATURES)
    ours, stock = _pair(name, shape, units=UNITS, return_sequences=True, seed=7, **arguments)
    inputs = tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)
    call = {"mask": _mask("right-padded", 3, 4, 1), "training": True}
    tolerance = 1e-2 if arguments.get("dtype") == "float16" else 1e-5
    _assert_close(_results(ours, inputs, None, **call), _results(stock, inputs, None, **call), tolerance)


@pytest.mark.parametrize("name", STATES)
def test_stateful_layers_go_on_where_the_last_batch_ended(name: str) -> None:
    shape = (3, 5, FEATURES)
    ours, stock = _pair(name, shape, units=UNITS, stateful=True)
    generator = np.random.default_rng(0)
    for seed in range(3):
        inputs = tf.constant(generator.normal(size=shape), tf.float32)
        mask = _mask("right-padded", 3, 5, seed)
        np.testing.assert_allclose(ours(inputs, mask=mask), stock(inputs, mask=mask), atol=1e-6)
        for mine, theirs in zip(ours.states, stock.states, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-6)
    ours.reset_state()
    assert not np.any(ours.states[0])


def test_demanding_cudnn_without_a_gpu_is_refused_as_by_keras() -> None:
    with pytest.raises(ValueError, match="cuDNN is not supported"):
        recurrent.LSTM(2, use_cudnn=True)(tf.zeros([1, 3, 2]))


def test_on_another_backend_the_loop_is_that_of_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = recurrent.LSTM(2)
    called = []
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    monkeypatch.setattr(
        keras.layers.LSTM,
        "inner_loop",
        lambda *_, **__: called.append(True) or (tf.zeros([1, 2]),) * 2 + ([],),
    )
    layer(tf.zeros([1, 3, 2]))
    assert called
