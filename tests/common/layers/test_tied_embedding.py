"""Tokens are read and written by one table, and the loss is the cross-entropy of the scores, smoothed in training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.layers.tied_embedding import TiedEmbedding, TokenLoss

TOKENS, UNITS = 11, 4
RNG = np.random.default_rng(0)
WRITTEN = np.array([[3, 5, 10, 2], [7, 2, 0, 0], [1, 1, 2, 0]], np.int32)
VECTORS = RNG.normal(size=(3, 4, UNITS)).astype("float32")


@pytest.fixture
def embedding():
    layer = TiedEmbedding(TOKENS, UNITS)
    layer.build((None, None))
    layer.set_weights([RNG.normal(size=weight.shape).astype("float32") for weight in layer.weights[:2]])
    return layer


def probabilities(embedding):
    table, bias = embedding.get_weights()[:2]
    exponentials = np.exp(VECTORS @ table.T + bias)
    return exponentials / exponentials.sum(-1, keepdims=True)


def test_a_token_is_read_and_scored_by_the_same_vector(embedding):
    table, bias = embedding.get_weights()[:2]
    np.testing.assert_allclose(embedding(WRITTEN), table[WRITTEN] * 2, rtol=1e-6)
    np.testing.assert_allclose(embedding.logits(VECTORS), VECTORS @ table.T + bias, atol=1e-5)
    np.testing.assert_array_equal(embedding.compute_mask(WRITTEN), WRITTEN != 0)


@pytest.mark.parametrize(("training", "smoothing"), [(False, 0.3), (True, 0.3), (True, 0.0)])
def test_the_mean_over_the_rows_is_the_cross_entropy_per_token_against_smoothed_targets(
    embedding, training, smoothing
):
    share = smoothing if training else 0.0
    targets = (1 - share) * np.eye(TOKENS)[WRITTEN] + share / TOKENS
    nats = -(targets * np.log(probabilities(embedding))).sum(-1)
    losses = TokenLoss(embedding, smoothing)(VECTORS, WRITTEN, training=training)
    assert losses.shape == (3,)
    np.testing.assert_allclose(np.mean(losses), nats[WRITTEN != 0].mean(), rtol=1e-5)
    np.testing.assert_allclose(
        losses[1] / np.sum(losses), nats[1, :2].sum() / nats[WRITTEN != 0].sum(), rtol=1e-5
    )


def test_its_gradient_is_that_of_the_smoothed_cross_entropy(embedding):
    targets = tf.constant(0.7 * np.eye(TOKENS)[WRITTEN] + 0.3 / TOKENS, tf.float32)
    vectors, weights = tf.constant(VECTORS), [weight.value for weight in embedding.trainable_variables]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(vectors)
        ours = tf.reduce_mean(TokenLoss(embedding, 0.3)(vectors, WRITTEN, training=True))
        nats = tf.nn.softmax_cross_entropy_with_logits(targets, embedding.logits(vectors))
        expected = tf.reduce_mean(nats[WRITTEN != 0])
    for one, other in zip(
        tape.gradient(ours, [vectors, *weights]), tape.gradient(expected, [vectors, *weights]), strict=True
    ):
        np.testing.assert_allclose(tf.convert_to_tensor(one), tf.convert_to_tensor(other), atol=1e-6)


def test_dropped_tokens_are_zero_vectors_in_training_alone():
    layer = TiedEmbedding(TOKENS, UNITS, token_dropout=0.5, seed=1)
    tokens = RNG.integers(1, TOKENS, (20, 20))
    missing = (np.asarray(layer(tokens, training=True)) == 0).all(-1)
    assert 0.4 < missing.mean() < 0.6
    assert (np.asarray(layer(tokens)) != 0).any(-1).all()


def test_kept_in_half_it_reads_and_scores_by_the_rounded_table(embedding):
    table, bias = embedding.get_weights()[:2]
    rounded = table.astype(np.float16).astype(np.float32)
    embedding.keep_in_half()
    tokens = tf.constant(WRITTEN)
    np.testing.assert_allclose(embedding(tokens), rounded[WRITTEN] * UNITS**0.5, rtol=1e-6)
    np.testing.assert_allclose(embedding.logits(VECTORS), VECTORS @ rounded.T + bias, rtol=1e-5, atol=1e-6)
    assert len(embedding.weights) == 2
    assert embedding.kept.name.removesuffix(":0") == embedding.table.value.name.removesuffix(":0")


def test_it_is_restored_from_its_configuration(embedding):
    copy = TiedEmbedding.from_config(embedding.get_config())
    copy.build((None, None))
    copy.set_weights(embedding.get_weights())
    np.testing.assert_array_equal(copy(WRITTEN), embedding(WRITTEN))


@pytest.mark.parametrize("training", [False, True])
def test_reduced_precision_keeps_scores_and_losses_in_float32(embedding, training):
    mixed = TiedEmbedding(TOKENS, UNITS, dtype="mixed_bfloat16")
    mixed.build((None, None))
    mixed.set_weights(embedding.get_weights())
    loss = TokenLoss(mixed, 0.1, dtype="mixed_bfloat16")(
        keras.ops.cast(VECTORS, "bfloat16"), WRITTEN, training=training
    )
    assert (mixed.logits(VECTORS).dtype, loss.dtype) == (tf.float32, tf.float32)
    np.testing.assert_allclose(
        loss, TokenLoss(embedding, 0.1)(VECTORS, WRITTEN, training=training), rtol=0.02
    )


def test_a_token_that_is_all_but_impossible_costs_a_finite_loss(embedding):
    with tf.GradientTape() as tape:
        vectors = tf.constant(1e3 * VECTORS)
        tape.watch(vectors)
        losses = TokenLoss(embedding, 0.1)(vectors, WRITTEN, training=True)
    assert np.isfinite(losses).all()
    assert np.isfinite(tape.gradient(losses, vectors)).all()


def test_keras_does_not_choose_xla_for_the_loss() -> None:
    # It gathers the tokens that count, and XLA compiles no size that it does not know.
    assert not TokenLoss(TiedEmbedding(5, 3)).supports_jit
