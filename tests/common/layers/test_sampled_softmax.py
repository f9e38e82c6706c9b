"""The sampled loss of a language model follows the full softmax, in both directions, and padding does not count."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.layers.sampled_softmax import NeighbourLoss
from common.text.word_features import TokenEmbedding

pytestmark = pytest.mark.usefixtures("quickly_traced")

WORDS, UNITS, WIDTH = 12, 4, 3
RNG = np.random.default_rng(0)
STATES = RNG.normal(size=(3, 5, UNITS)).astype(np.float32)
NUMBERS = np.array([[2, 3, 1, 9, 13], [4, 4, 2, 0, 0], [7, 0, 0, 0, 0]], np.int32)


def make_layer(neighbour, samples):
    embedding = TokenEmbedding(WORDS, 10, WIDTH)
    embedding.build((None, None, 5))
    embedding.word_table.assign(RNG.normal(size=embedding.word_table.shape))
    layer = NeighbourLoss(neighbour, embedding, samples, seed=1)
    layer(STATES, NUMBERS)
    layer.bias.assign(RNG.normal(size=layer.bias.shape))
    return layer


def full_softmax_nats(layer):
    """Mean nats of each real prediction, by the definition."""
    table = np.asarray(layer.embedding.word_table)[1:]
    scores = STATES @ np.asarray(layer.kernel) @ table.T + np.asarray(layer.bias)
    log_probabilities = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    nats = []
    for row in range(3):
        for step in range(5):
            neighbour = step + (1 if layer.neighbour == "next" else -1)
            if 0 <= neighbour < 5 and NUMBERS[row, step] and NUMBERS[row, neighbour]:
                nats.append(-log_probabilities[row, step, NUMBERS[row, neighbour] - 1])
    assert len(nats) == 6
    return np.mean(nats)


@pytest.mark.parametrize("neighbour", ["next", "previous"])
def test_with_many_samples_the_loss_is_that_of_the_full_softmax(neighbour):
    layer = make_layer(neighbour, 200_000)
    assert float(np.mean(layer(STATES, NUMBERS))) == pytest.approx(full_softmax_nats(layer), rel=0.02)


def test_states_and_words_in_the_padding_do_not_count():
    layer = make_layer("next", 500)
    layer._draw = lambda: np.arange(13)
    changed = STATES.copy()
    changed[NUMBERS == 0] = 99.0
    np.testing.assert_array_equal(layer(STATES, NUMBERS), layer(changed, NUMBERS))


def test_a_drawn_word_that_is_the_target_does_not_count_twice():
    layer = make_layer("next", 2)
    layer._draw = lambda: np.array([2, 2])
    words = np.array([[5, 3]], np.int32)
    assert float(layer(STATES[:1, :2], words)[0]) == pytest.approx(0.0, abs=1e-6)


def test_rare_words_are_drawn_less_than_common_ones_by_zipfs_law():
    layer = make_layer("next", 100_000)
    drawn = np.bincount(np.asarray(layer._draw()), minlength=WORDS + 1) / 100_000
    expected = np.log1p(1 / (np.arange(WORDS + 1) + 1)) / np.log(WORDS + 2)
    np.testing.assert_allclose(drawn, expected, atol=0.005)


def test_a_text_of_one_word_has_nothing_to_predict():
    layer = make_layer("next", 20)
    assert np.asarray(layer(STATES[2:], NUMBERS[2:])).tolist() == [0.0]


def test_it_trains_a_model_to_predict_the_next_word():
    keras.utils.set_random_seed(1)
    embedding = TokenEmbedding(WORDS, 10, 16)
    features = keras.Input((None, 5), dtype="int32")
    loss = NeighbourLoss("next", embedding, 50)(
        keras.layers.Dense(16, "tanh")(embedding(features)), features[..., 0]
    )
    model = keras.Model(features, loss)
    model.compile(keras.optimizers.Adam(0.03), loss=lambda _, nats: nats, jit_compile=False)
    # Made in the first step, its variables would let TensorFlow trace that twice.
    model.optimizer.build(model.trainable_variables)
    cycle = np.zeros((8, 12, 5), np.int32)
    cycle[..., 0] = 2 + (np.arange(8)[:, None] + np.arange(12)) % WORDS
    history = model.fit(cycle, np.zeros(8), epochs=100, verbose=0).history["loss"]
    assert history[-1] < 0.1 < 1.5 < history[0]


@pytest.mark.parametrize("neighbour", ["next", "previous"])
def test_nan_in_the_padding_reaches_no_loss_and_no_gradient(neighbour):
    layer = make_layer(neighbour, 50)
    states = tf.where((NUMBERS != 0)[..., None], STATES, np.nan)
    with tf.GradientTape() as tape:
        tape.watch(states)
        loss = tf.reduce_sum(layer(states, NUMBERS))
    weights = [weight.value for weight in layer.trainable_weights]
    for gradient in tape.gradient(loss, [states, *weights], unconnected_gradients="zero"):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()
    assert np.isfinite(loss)
