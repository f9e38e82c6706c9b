"""The decoder computes Luong's equations with stock Keras cells, gradients included, and steps as it trains."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.layers.attention_decoder import AttentionDecoder

pytestmark = pytest.mark.slow

BATCH, TIME, SOURCE, FEATURES, VALUES, UNITS = 5, 4, 6, 3, 7, 8
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(BATCH, TIME, FEATURES)).astype("float32")
SOURCES = RNG.normal(size=(BATCH, SOURCE, VALUES)).astype("float32")
MASK = np.arange(SOURCE) < np.array([6, 1, 3, 5, 2])[:, None]
UPSTREAM = RNG.normal(size=(BATCH, TIME, UNITS)).astype("float32")
CELLS = {"lstm": keras.layers.LSTMCell, "gru": keras.layers.GRUCell, "rnn": keras.layers.SimpleRNNCell}
FORMS = [
    (cell, score, feeding, False)
    for cell in CELLS
    for score in ("additive", "multiplicative")
    for feeding in (True, False)
]
FORMS += [
    ("lstm", "additive", True, True),
    ("gru", "multiplicative", True, True),
    ("rnn", "additive", False, True),
]


def decoder(cell, score="multiplicative", feeding=True, gate=False, **arguments):
    layer = AttentionDecoder(cell, UNITS, score, feeding, gate, **arguments)
    layer.build(INPUTS.shape, SOURCES.shape)
    for weight in layer.trainable_variables:
        weight.assign(RNG.normal(size=weight.shape, scale=0.4).astype("float32"))
    return layer


def by_the_equations(layer, inputs, values, weights):
    """The outputs and attention weights, step by step from the equations; `weights` stands for the layer's own."""
    named = dict(
        zip([weight.path.split("/", 1)[1] for weight in layer.trainable_variables], weights, strict=True)
    )
    cell = CELLS[layer.cell](UNITS)
    cell.build((None, FEATURES + (UNITS if layer.input_feeding else 0)))
    recurrent = [value for name, value in named.items() if "recurrence" in name]
    real = tf.constant(MASK, tf.float32)[..., None]
    mean = tf.reduce_sum(values * real, 1) / tf.reduce_sum(real, 1)
    bridged = tf.tanh(mean @ named["bridge/kernel"] + named["bridge/bias"])
    states, fed = tf.split(bridged, layer.recurrence.state_count, 1), tf.zeros([BATCH, UNITS])
    outputs, shares = [], []
    for t in range(TIME):
        read = tf.concat([fed, inputs[:, t]], 1) if layer.input_feeding else inputs[:, t]
        scope = keras.StatelessScope(zip(cell.trainable_variables, recurrent, strict=True))
        with scope:
            hidden, states = cell(read, states)
        if layer.score == "additive":
            keys = values @ named["attention/key_kernel"]
            query = (hidden @ named["attention/query_kernel"])[:, None]
            scores = tf.reduce_sum(tf.tanh(keys + query) * named["attention/score_vector"], -1)
        else:
            scores = tf.einsum("bu,bju->bj", hidden, values @ named["attention/kernel"])
        exponentials = tf.exp(scores) * real[..., 0]
        share = exponentials / tf.reduce_sum(exponentials, 1, keepdims=True)
        context = tf.einsum("bj,bjf->bf", share, values)
        if layer.gate:
            context *= tf.sigmoid(hidden @ named["gate_kernel"] + named["gate_bias"])
        fed = tf.tanh(tf.concat([context, hidden], 1) @ named["combination"])
        outputs.append(fed)
        shares.append(share)
    return tf.stack(outputs, 1), tf.stack(shares, 1)


@pytest.mark.parametrize(("cell", "score", "feeding", "gate"), FORMS)
def test_outputs_weights_and_gradients_are_those_of_the_equations(cell, score, feeding, gate):
    layer = decoder(cell, score, feeding, gate)
    variables = [weight.value for weight in layer.trainable_variables]
    arguments = [tf.constant(INPUTS), tf.constant(SOURCES)]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(arguments)
        expected, shares = by_the_equations(layer, *arguments, variables)
        trained = layer(*arguments, values_mask=MASK, training=True)
        losses = [tf.reduce_sum(values * UPSTREAM) for values in (expected, trained)]
    np.testing.assert_allclose(trained, expected, atol=1e-5)
    outputs, weights = layer(*arguments, values_mask=MASK, return_attention_scores=True)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    np.testing.assert_allclose(weights, shares, atol=1e-5)
    reference, ours = (tape.gradient(loss, [*arguments, *variables]) for loss in losses)
    for one, other in zip(reference, ours, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5 * max(1.0, float(np.abs(one).max())))


@pytest.mark.parametrize(("cell", "score", "feeding", "gate"), FORMS)
def test_step_by_step_equals_the_whole_sequence(cell, score, feeding, gate):
    layer = decoder(cell, score, feeding, gate)
    expected, shares = layer(INPUTS, SOURCES, values_mask=MASK, return_attention_scores=True)
    memory = layer.memory(SOURCES, MASK)
    step, states = layer.stepper(memory), layer.initial_states(memory)
    for t in range(TIME):
        outputs, states, weights = step(INPUTS[:, t], states)
        np.testing.assert_allclose(outputs, expected[:, t], atol=1e-5)
        np.testing.assert_allclose(weights, shares[:, t], atol=1e-5)


def test_several_hypotheses_for_a_sentence_attend_to_one_memory():
    layer = decoder("lstm")
    memory, repeated = (layer.memory(np.repeat(SOURCES, n, 0), np.repeat(MASK, n, 0)) for n in (1, 3))
    inputs = RNG.normal(size=(BATCH * 3, FEATURES)).astype("float32")
    states = layer.initial_states(repeated)
    for shared, alone in zip(
        layer.stepper(memory)(inputs, states)[::2], layer.stepper(repeated)(inputs, states)[::2], strict=True
    ):
        np.testing.assert_allclose(shared, alone, atol=1e-6)


def test_what_stands_at_padding_has_no_say():
    layer = decoder("gru", "additive")
    noisy = np.where(MASK[..., None], SOURCES, np.float32(1e3))
    np.testing.assert_array_equal(
        layer(INPUTS, noisy, values_mask=MASK), layer(INPUTS, SOURCES, values_mask=MASK)
    )
    alone = layer(INPUTS[2:3], SOURCES[2:3, :3])
    np.testing.assert_allclose(layer(INPUTS, SOURCES, values_mask=MASK)[2:3], alone, atol=1e-6)


@pytest.mark.parametrize("feeding", [True, False])
def test_dropout_hides_the_same_units_at_all_steps_and_only_in_training(feeding):
    layer = decoder("gru", feeding=feeding, dropout=0.5, seed=1)
    zero = np.asarray(layer(INPUTS, SOURCES, training=True)) == 0
    assert 0.2 < zero.mean() < 0.8
    assert (zero == zero[:, :1]).all()
    assert (zero[0] != zero[1]).any()
    assert not (np.asarray(layer(INPUTS, SOURCES)) == 0).any()


def test_dropout_reaches_the_gradient():
    layer = decoder("lstm", dropout=0.5, seed=1)
    with tf.GradientTape() as tape:
        outputs = layer(INPUTS, SOURCES, training=True)
        loss = tf.reduce_sum(outputs * UPSTREAM)
    gradient = tape.gradient(loss, layer.combination.value)
    kept = np.asarray(outputs)[:, 0] != 0
    layer.seed_generator.state.assign(keras.random.SeedGenerator(1).state)
    moved = layer.combination.value + 1e-2 * tf.sign(gradient)
    assert kept.any()
    layer.combination.assign(moved)
    after = tf.reduce_sum(layer(INPUTS, SOURCES, training=True) * UPSTREAM)
    layer.seed_generator.state.assign(keras.random.SeedGenerator(1).state)
    layer.combination.assign(moved - 2e-2 * tf.sign(gradient))
    before = tf.reduce_sum(layer(INPUTS, SOURCES, training=True) * UPSTREAM)
    rise = 2e-2 * tf.reduce_sum(tf.abs(gradient))
    np.testing.assert_allclose(after - before, rise, rtol=0.05)


@pytest.mark.parametrize("gate", [False, True])
def test_bfloat16_is_close_to_full_precision(gate):
    full = decoder("lstm", gate=gate)
    mixed = decoder("lstm", gate=gate, dtype="mixed_bfloat16")
    mixed.set_weights(full.get_weights())
    expected = full(INPUTS, SOURCES, values_mask=MASK)
    for training in (True, False):
        outputs = mixed(INPUTS, SOURCES, values_mask=MASK, training=training)
        np.testing.assert_allclose(tf.cast(outputs, tf.float32), expected, atol=0.03)
    memory = mixed.memory(SOURCES, MASK)
    outputs, *_ = mixed.stepper(memory)(INPUTS[:, 0], mixed.initial_states(memory))
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), expected[:, 0], atol=0.03)


def test_a_closed_gate_hides_the_context_and_an_open_one_changes_nothing():
    gated, plain = decoder("lstm", gate=True), decoder("lstm")
    combination, _, _, *others = gated.get_weights()
    plain.set_weights([combination, *others])
    gated.gate_kernel.assign(tf.zeros([UNITS, 1]))
    gated.gate_bias.assign([30.0])
    expected = plain(INPUTS, SOURCES, values_mask=MASK)
    np.testing.assert_allclose(gated(INPUTS, SOURCES, values_mask=MASK), expected, atol=1e-6)
    gated.gate_bias.assign([-30.0])
    plain.combination.assign(tf.concat([tf.zeros([VALUES, UNITS]), plain.combination[VALUES:]], 0))
    expected = plain(INPUTS, SOURCES, values_mask=MASK)
    np.testing.assert_allclose(gated(INPUTS, SOURCES, values_mask=MASK), expected, atol=1e-6)


def test_it_works_in_a_graph_of_unknown_sizes_and_is_restored_from_its_configuration():
    inputs, values = keras.Input((None, FEATURES)), keras.Input((None, VALUES))
    layer = AttentionDecoder("lstm", UNITS, "additive", gate=True, dropout=0.1)
    model = keras.Model([inputs, values], layer(inputs, values))
    copy = keras.Model.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    np.testing.assert_allclose(
        copy.predict([INPUTS, SOURCES], verbose=0), model([INPUTS, SOURCES]), atol=1e-6
    )
    before = model.get_weights()
    model.compile("sgd", "mse", jit_compile=False)
    # Made in the first step, its variables would let TensorFlow trace that twice.
    model.optimizer.build(model.trainable_variables)
    model.fit([INPUTS, SOURCES], UPSTREAM, epochs=1, batch_size=BATCH, shuffle=False, verbose=0)
    assert all((one != other).any() for one, other in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("cell", "score", "feeding", "gate"), FORMS[:2] + FORMS[-3:])
def test_nan_at_padding_reaches_no_output_and_no_gradient(cell, score, feeding, gate, training):
    layer = decoder(cell, score, feeding, gate)
    read = np.arange(TIME) < np.array([4, 1, 2, 3, 4])[:, None]

    def results(padding):
        inputs, values = (
            tf.where(mask[..., None], numbers, padding) for mask, numbers in ((read, INPUTS), (MASK, SOURCES))
        )
        with tf.GradientTape() as tape:
            tape.watch([inputs, values])
            outputs = layer(inputs, values, values_mask=MASK, training=training, inputs_mask=read)
            loss = tf.reduce_sum(tf.boolean_mask(outputs * UPSTREAM, read))
        sources = [inputs, values, *(weight.value for weight in layer.trainable_weights)]
        return [tf.boolean_mask(outputs, read), *tape.gradient(loss, sources)]

    for poisoned, clean in zip(results(np.nan), results(0.0), strict=True):
        np.testing.assert_allclose(poisoned, clean, atol=1e-5)


def test_one_row_of_mask_serves_all_rows_and_one_of_other_steps_is_refused():
    layer = decoder("gru")
    one = layer(INPUTS, SOURCES, values_mask=MASK[2:3])
    np.testing.assert_allclose(
        one, layer(INPUTS, SOURCES, values_mask=np.repeat(MASK[2:3], BATCH, 0)), atol=1e-6
    )
    with pytest.raises(ValueError, match="expected a mask of as many steps as the input"):
        layer(INPUTS, SOURCES, values_mask=MASK[:, 1:])


def test_an_unknown_score_is_refused():
    with pytest.raises(ValueError, match="expected additive or multiplicative"):
        AttentionDecoder("lstm", UNITS, "dot")
