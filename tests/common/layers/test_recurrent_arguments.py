"""What recurrent layers take as Keras's own do, what they refuse, and what a mask keeps out."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.layers import recurrent
from common.layers.stack import RecurrentStack

pytestmark = pytest.mark.slow

NAMES = ("SimpleRNN", "LSTM", "GRU")
BATCH, TIME, FEATURES, UNITS = 4, 6, 3, 5
MASK = tf.sequence_mask([6, 2, 4, 1], TIME)
RIGHT_PADDED, LEFT_PADDED = MASK, tf.reverse(MASK, [1])
BROKEN = tf.constant([[1, 0, 1, 1, 0, 0], [0, 1, 0, 0, 1, 1], [0] * 6, [1] * 6]) == 1


def by_turns(names: Sequence[Any], others: Sequence[Any]) -> list[tuple[Any, Any, bool]]:
    """Each of the names with each of the others, and each of both with and without training: all pairs of the three."""
    return [
        (name, other, (place + turn) % 2 == 1)
        for turn, other in enumerate(others)
        for place, name in enumerate(names)
    ]


@pytest.fixture(autouse=True)
def _unrolled_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unrolled part of the loops runs in so few steps, too, and takes a fifth of the time to trace."""
    monkeypatch.setattr("common.layers.recurrence.steps.STEPS_PER_ITERATION", 2)


def pair(name: str, **arguments: Any) -> tuple[Any, Any]:
    """Our layer and Keras's with the same weights."""
    ours, stock = (
        getattr(recurrent, name)(UNITS, **arguments),
        getattr(keras.layers, name)(UNITS, **arguments),
    )
    for layer in (ours, stock):
        layer.build((None, None, FEATURES))
    generator = np.random.default_rng(1)
    ours.set_weights([generator.normal(scale=0.5, size=weight.shape) for weight in ours.get_weights()])
    stock.set_weights(ours.get_weights())
    return ours, stock


def numbers(*shape: int, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


def gradients(layer: Any, inputs: tf.Tensor, **call: Any) -> list[tf.Tensor]:
    """The outputs, and the gradients of a weighting of them by the inputs and all weights."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = keras.tree.flatten(layer(inputs, **call))
        loss = tf.add_n([tf.reduce_sum(output * numbers(*output.shape, seed=2)) for output in outputs])
    sources = [inputs, *(weight.value for weight in layer.trainable_weights)]
    return [*outputs, *tape.gradient(loss, sources, unconnected_gradients="zero")]


def check_close(ours: list[tf.Tensor], theirs: list[tf.Tensor]) -> None:
    for mine, reference in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, reference, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "kind", "training"),
    by_turns(NAMES, ("int32", "int64", "uint8", "bool", "float64", "float16")),
)
def test_any_type_of_number_is_cast_first(name: str, kind: str, training: bool) -> None:
    ours, stock = pair(name, return_sequences=True)
    inputs = np.random.default_rng(0).integers(0, 3, (BATCH, TIME, FEATURES))
    given = tf.cast(inputs, tf.bool if kind == "bool" else kind)
    outputs = ours(given, training=training)
    assert outputs.dtype == tf.float32
    np.testing.assert_allclose(outputs, stock(tf.cast(given, tf.float32)), atol=1e-5)


def test_integers_of_a_model_train_as_their_floats() -> None:
    one_hot = np.eye(FEATURES, dtype="int32")[np.random.default_rng(0).integers(0, FEATURES, (BATCH, TIME))]
    trained = []
    for kind in ("int32", "float32"):
        keras.utils.set_random_seed(3)
        inputs = keras.Input((TIME, FEATURES), BATCH, dtype=kind)
        outputs = recurrent.SimpleRNN(UNITS, dropout=0.2)(inputs)
        model = keras.Model(inputs, keras.layers.Dense(1)(outputs))
        model.compile("sgd", "mse", jit_compile=False)
        # Made in the first step, its variables would let TensorFlow trace that twice.
        model.optimizer.build(model.trainable_variables)
        model.fit(one_hot.astype(kind), np.ones([BATCH, 1]), epochs=2, verbose=0, shuffle=False)
        trained.append(model.get_weights())
    check_close(*trained)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_stack_takes_integers_and_one_row_of_mask_and_states(bidirectional: bool) -> None:
    stack = RecurrentStack("lstm", UNITS, layers=2, residual=True, bidirectional=bidirectional)
    inputs = tf.constant(np.random.default_rng(0).integers(0, 3, (BATCH, TIME, FEATURES)))
    states = [numbers(1, UNITS, seed=seed) for seed in range(stack.state_count)]
    whole = [tf.repeat(state, BATCH, 0) for state in states]
    one = stack(inputs, mask=MASK[1:2], initial_state=states)
    all_rows = stack(tf.cast(inputs, tf.float32), mask=tf.repeat(MASK[1:2], BATCH, 0), initial_state=whole)
    np.testing.assert_allclose(one, all_rows, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "training", "in_graph"),
    [
        ("SimpleRNN", True, False),
        ("GRU", True, False),
        # An LSTM has a loop that the others have not.
        ("LSTM", False, True),
    ],
)
def test_one_row_of_state_and_mask_serves_all_rows_with_its_gradient(
    name: str, training: bool, in_graph: bool
) -> None:
    layer, _ = pair(name, return_sequences=True)
    states = [numbers(1, UNITS, seed=seed) for seed in range(2 if name == "LSTM" else 1)]

    def both(inputs: tf.Tensor, mask: tf.Tensor, *states: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(states)
            outputs = layer(inputs, mask=mask, initial_state=list(states), training=training)
            loss = tf.reduce_sum(outputs**2)
        return [outputs, *tape.gradient(loss, states)]

    function: Callable = both
    if in_graph:
        sizes = ([None, None, FEATURES], [None, None], *[[None, UNITS]] * len(states))
        kinds = (tf.float32, tf.bool, *[tf.float32] * len(states))
        function = tf.function(both, input_signature=list(map(tf.TensorSpec, sizes, kinds)))
    inputs = numbers(BATCH, TIME, FEATURES)
    outputs, *one = function(inputs, LEFT_PADDED[1:2], *states)
    repeated, *each = both(
        inputs, tf.repeat(LEFT_PADDED[1:2], BATCH, 0), *(tf.repeat(state, BATCH, 0) for state in states)
    )
    np.testing.assert_allclose(outputs, repeated, atol=1e-6)
    check_close(one, [tf.reduce_sum(gradient, 0, keepdims=True) for gradient in each])


@pytest.mark.parametrize("name", NAMES)
def test_many_states_for_one_row_give_many_rows_as_with_keras(name: str) -> None:
    ours, stock = pair(name)
    states = [numbers(3, UNITS, seed=seed) for seed in range(2 if name == "LSTM" else 1)]
    inputs = numbers(1, TIME, FEATURES)
    np.testing.assert_allclose(
        ours(inputs, initial_state=states), stock(inputs, initial_state=states), atol=1e-6
    )


MISFITS = ((BATCH, TIME - 1), (BATCH, TIME + 1), (BATCH, 1), (1, TIME - 1), (2, TIME))


# The layers share what looks at a mask.
@pytest.mark.parametrize("name", ["LSTM", "stack", "bidirectional"])
def test_a_mask_that_does_not_fit_is_refused(name: str) -> None:
    layer: Any = {
        "stack": lambda: RecurrentStack("gru", UNITS),
        "bidirectional": lambda: keras.layers.Bidirectional(recurrent.LSTM(UNITS)),
    }.get(name, lambda: pair(name)[0])()
    inputs = numbers(BATCH, TIME, FEATURES)
    refusal = "expected a mask of as many steps as the input"
    for shape in MISFITS:
        with pytest.raises(ValueError, match=refusal):
            layer(inputs, mask=tf.ones(shape, tf.bool))

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, FEATURES]), tf.TensorSpec([None, None], tf.bool)]
    )
    def run(inputs: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        return layer(inputs, mask=mask)

    assert run(inputs, MASK).shape[0] == BATCH
    for shape in MISFITS:
        with pytest.raises(tf.errors.InvalidArgumentError, match=refusal):
            run(inputs, tf.ones(shape, tf.bool))


def test_no_assertion_stands_where_the_shapes_are_known_to_fit() -> None:
    layer = recurrent.LSTM(UNITS)

    @tf.function(
        input_signature=[tf.TensorSpec([None, TIME, FEATURES]), tf.TensorSpec([1, TIME], tf.bool)],
        autograph=False,
    )
    def run(inputs: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        return layer(inputs, mask=mask)

    assert "Assert" not in {node.op for node in run.get_concrete_function().graph.as_graph_def().node}


@pytest.mark.parametrize("shape", [(2, UNITS), (BATCH, UNITS - 1), (UNITS,)])
def test_a_state_that_does_not_fit_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected initial states of 5 units and as many rows as the input"):
        recurrent.GRU(UNITS)(numbers(BATCH, TIME, FEATURES), initial_state=[tf.ones(shape)])


@pytest.mark.parametrize(
    ("kind", "masked", "training"),
    by_turns((*NAMES, "backward LSTM", "unrolled GRU"), ("right", "left", "broken")),
)
def test_what_stands_at_a_masked_step_reaches_nothing(kind: str, masked: str, training: bool) -> None:
    mask = {"right": RIGHT_PADDED, "left": LEFT_PADDED, "broken": BROKEN}[masked]
    arguments = {"backward LSTM": {"go_backwards": True}, "unrolled GRU": {"unroll": True}}.get(kind, {})
    name = kind.split()[-1]
    layer, _ = pair(name, return_sequences=True, return_state=True, **arguments)
    inputs = numbers(BATCH, TIME, FEATURES)
    poison = tf.where(tf.range(FEATURES) % 2 == 0, np.float32(np.nan), np.float32(np.inf))
    poisoned = tf.where(mask[..., None], inputs, poison)
    call = {"mask": mask, "training": training}
    ours, clean = gradients(layer, poisoned, **call), gradients(layer, inputs, **call)
    check_close(ours, clean)
    of_inputs = ours[3 if name == "LSTM" else 2]
    assert not np.any(of_inputs[~mask])


@pytest.mark.parametrize(
    ("name", "batch", "training"), by_turns((*NAMES, "stack", "bidirectional stack"), (1, 2, 60))
)
def test_nor_in_the_loops_for_one_row_and_for_many_nor_in_a_stack(
    name: str, batch: int, training: bool
) -> None:
    mask = tf.sequence_mask(tf.range(batch) % TIME + 1, TIME)
    inputs = numbers(batch, TIME, FEATURES)
    poisoned = tf.where(mask[..., None], inputs, np.nan)
    if name in NAMES:
        layer, _ = pair(name, return_sequences=True, recurrent_dropout=0.2, dropout=0.2, seed=1)
    else:
        bidirectional = name != "stack"
        layer = RecurrentStack("lstm", FEATURES, layers=2, bidirectional=bidirectional, residual=True)
    results = gradients(layer, poisoned, mask=mask, training=training)
    assert all(np.isfinite(result).all() for result in results)
    assert not np.any(results[1][~mask])


# The fewest operations: each is traced anew for a vector of gradients.
@pytest.mark.parametrize(("name", "training"), [("GRU", True), ("SimpleRNN", False)])
def test_jacobians_are_those_of_keras(name: str, training: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.layers.recurrence.steps.STEPS_PER_ITERATION", 1)
    jacobians = []
    for layer in pair(name):
        inputs = numbers(2, 3, FEATURES)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=training, mask=MASK[1:3, :3])
        jacobians.append([tape.batch_jacobian(outputs, inputs)])
    check_close(*jacobians)


@pytest.mark.parametrize(("name", "batch", "training"), by_turns(NAMES, (1, 60)))
def test_forward_mode_is_that_of_keras(name: str, batch: int, training: bool) -> None:
    inputs, tangent = numbers(batch, TIME, FEATURES), numbers(batch, TIME, FEATURES, seed=5)
    products = []
    for layer in pair(name):
        kernel = layer.cell.recurrent_kernel.value
        found = []
        for primal, along in ((inputs, tangent), (kernel, numbers(*kernel.shape, seed=6))):
            with tf.autodiff.ForwardAccumulator(primal, along) as accumulator:
                outputs = layer(inputs, mask=tf.repeat(MASK[:1], batch, 0), training=training)
            found.append(accumulator.jvp(outputs))
        products.append(found)
    check_close(*products)


def test_forward_mode_around_a_graph_is_refused_in_one_line() -> None:
    layer, _ = pair("GRU")
    function = tf.function(lambda inputs: layer(inputs, training=True))
    inputs = numbers(BATCH, TIME, FEATURES)
    with (
        pytest.raises(ValueError, match=r"nor forward mode around a tf\.function; use the layer"),
        tf.autodiff.ForwardAccumulator(inputs, tf.ones_like(inputs)),
    ):
        function(inputs)


@pytest.mark.parametrize(("name", "batch", "training"), by_turns(NAMES, (1, BATCH)))
def test_xla_compiles_inference_and_training_of_a_batch_unknown_before(
    name: str, batch: int, training: bool
) -> None:
    layer, stock = pair(name)

    @tf.function(jit_compile=True, input_signature=[tf.TensorSpec([None, None, FEATURES])])
    def run(inputs: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            outputs = layer(inputs, training=training)
        return [outputs, *tape.gradient(outputs, [weight.value for weight in layer.trainable_weights])]

    outputs, *_ = run(numbers(batch, TIME, FEATURES))
    np.testing.assert_allclose(outputs, stock(numbers(batch, TIME, FEATURES)), atol=1e-5)


def test_keras_trains_a_model_by_xla() -> None:
    weights = []
    for jit in (False, True):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((None, FEATURES))
        hidden = RecurrentStack("rnn", UNITS)(keras.layers.Masking()(inputs))
        outputs = keras.layers.GlobalAveragePooling1D()(hidden)
        model = keras.Model(inputs, keras.layers.Dense(1)(outputs))
        model.compile("sgd", "mse", jit_compile=jit)
        model.optimizer.build(model.trainable_variables)
        model.fit(numbers(BATCH, TIME, FEATURES), tf.ones([BATCH, 1]), verbose=0)
        weights.append(model.get_weights())
    check_close(*weights)
