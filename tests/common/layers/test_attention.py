"""Attention and pooling equal the published equations in NumPy, and padding never has a say."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.layers.attention import (
    AdditiveAttention,
    AttentionPooling,
    MaskedMaxPooling,
    MaskedMeanPooling,
    MultiplicativeAttention,
)

Array = np.ndarray
BATCH, TIME, FEATURES, QUERIES = 3, 5, 4, 2
LENGTHS = np.array([5, 1, 3])
MASK = np.arange(TIME) < LENGTHS[:, None]
GENERATOR = np.random.default_rng(0)
VALUES = GENERATOR.normal(size=(BATCH, TIME, FEATURES)).astype("float32")
QUERY = GENERATOR.normal(size=(BATCH, QUERIES, 6)).astype("float32")

POOLINGS = {"max": MaskedMaxPooling, "mean": MaskedMeanPooling, "attention": AttentionPooling}
ATTENTIONS = {"additive": lambda **kw: AdditiveAttention(3, **kw), "multiplicative": MultiplicativeAttention}


def _softmax(scores: Array) -> Array:
    exponentials = np.exp(scores - scores.max())
    return exponentials / exponentials.sum()


def _pooled(name: str, weights: list[Array], row: Array) -> Array:
    """One row's real steps `[time, features]` pooled."""
    if name == "max":
        return row.max(0)
    if name == "mean":
        return row.mean(0)
    kernel, bias, vector = weights
    scores = [float(vector[:, 0] @ np.tanh(state @ kernel + bias)) for state in row]
    return _softmax(np.array(scores)) @ row


def _context(name: str, weights: list[Array], query: Array, row: Array) -> Array:
    """The context of one query over one row's real steps."""
    if name == "additive":
        query_kernel, key_kernel, vector = weights
        scores = [vector @ np.tanh(query @ query_kernel + state @ key_kernel) for state in row]
    else:
        scores = [query @ (state @ weights[0]) for state in row]
    return _softmax(np.array(scores)) @ row


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(sorted(POOLINGS)),
    lengths=st.lists(st.integers(1, TIME), min_size=BATCH, max_size=BATCH),
    padding=st.sampled_from([0.0, 1e30, -1e30, float("inf"), float("nan")]),
)
def test_pooling_sees_the_real_steps_alone(name: str, lengths: list[int], padding: float) -> None:
    mask = np.arange(TIME) < np.array(lengths)[:, None]
    layer = POOLINGS[name]()
    pooled = layer(np.where(mask[..., None], VALUES, padding).astype("float32"), mask=mask)
    expected = [
        _pooled(name, layer.get_weights(), row[:length]) for row, length in zip(VALUES, lengths, strict=True)
    ]
    np.testing.assert_allclose(pooled, expected, atol=1e-5)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(sorted(ATTENTIONS)),
    lengths=st.lists(st.integers(1, TIME), min_size=BATCH, max_size=BATCH),
    padding=st.sampled_from([0.0, 1e30, float("inf"), float("nan")]),
)
def test_attention_sees_the_real_steps_alone(name: str, lengths: list[int], padding: float) -> None:
    mask = np.arange(TIME) < np.array(lengths)[:, None]
    layer = ATTENTIONS[name]()
    padded = np.where(mask[..., None], VALUES, padding).astype("float32")
    contexts, weights = layer(QUERY, padded, values_mask=mask, return_attention_scores=True)
    for row, length in enumerate(lengths):
        for query in range(QUERIES):
            expected = _context(name, layer.get_weights(), QUERY[row, query], VALUES[row, :length])
            np.testing.assert_allclose(contexts[row, query], expected, atol=1e-5)
    assert not np.asarray(weights)[np.broadcast_to(~mask[:, None], weights.shape)].any()
    np.testing.assert_allclose(np.sum(weights, -1), 1, atol=1e-6)


@pytest.mark.parametrize("name", ATTENTIONS)
def test_a_single_query_and_keys_made_beforehand_give_the_same(name: str) -> None:
    layer = ATTENTIONS[name]()
    contexts = layer(QUERY, VALUES, values_mask=MASK)
    keys = layer.project_keys(VALUES)
    for query in range(QUERIES):
        one = layer(QUERY[:, query], VALUES, values_mask=MASK, keys=keys)
        np.testing.assert_allclose(one, contexts[:, query], atol=1e-6)


@pytest.mark.parametrize("name", POOLINGS)
def test_without_a_mask_every_step_counts(name: str) -> None:
    layer = POOLINGS[name]()
    np.testing.assert_allclose(layer(VALUES), layer(VALUES, mask=np.ones_like(MASK)), atol=1e-6)


@pytest.mark.parametrize("name", POOLINGS)
def test_a_row_of_padding_alone_gives_zeros_and_finite_gradients(name: str) -> None:
    layer = POOLINGS[name]()
    values = tf.constant(VALUES)
    with tf.GradientTape() as tape:
        tape.watch(values)
        pooled = layer(values, mask=np.zeros_like(MASK))
    assert not np.any(pooled)
    assert not np.any(tape.gradient(pooled, values))


@pytest.mark.parametrize("layer", [*POOLINGS.values(), *ATTENTIONS.values()])
def test_bfloat16_is_close_to_float32(layer: Any) -> None:
    long = np.random.default_rng(1).normal(size=(2, 600, FEATURES)).astype("float32")
    results = []
    for dtype in ("float32", "mixed_bfloat16"):
        keras.utils.set_random_seed(0)
        made = layer(dtype=dtype)
        arguments = (long,) if type(made) in POOLINGS.values() else (QUERY[:2], long)
        results.append(made(*arguments))
    assert results[1].dtype == tf.bfloat16
    np.testing.assert_allclose(results[0], tf.cast(results[1], tf.float32), atol=0.03)


def test_keras_hands_the_mask_of_an_embedding_to_every_layer(tmp_path: Path) -> None:
    tokens = np.where(MASK, GENERATOR.integers(1, 9, MASK.shape), 0)
    inputs = keras.Input((None,), dtype="int32")
    values = keras.layers.Embedding(9, FEATURES, mask_zero=True)(inputs)
    pooled = [layer()(values) for layer in POOLINGS.values()]
    contexts = [layer()(pooled[0], values) for layer in ATTENTIONS.values()]
    model = keras.Model(inputs, keras.layers.Concatenate()(pooled + contexts))
    answer = model(tokens)
    longer = np.pad(tokens, ((0, 0), (0, 3)))
    np.testing.assert_allclose(answer, model(longer), atol=1e-6)
    assert np.abs(answer - model(np.where(longer == 0, 1, longer))).max() > 1e-3
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(answer, keras.models.load_model(tmp_path / "model.keras")(tokens))


@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("name", [*POOLINGS, *ATTENTIONS, *(f"{name} with keys" for name in ATTENTIONS)])
def test_what_stands_at_padding_reaches_no_output_and_no_gradient(name: str, poison: float) -> None:
    layer = {**POOLINGS, **ATTENTIONS}[name.removesuffix(" with keys")]()
    query = tf.constant(QUERY)

    def results(values: tf.Tensor) -> list[tf.Tensor]:
        # Keys made beforehand are those of what stands at padding, too.
        keys = layer.project_keys(values) if name.endswith("with keys") else None
        with tf.GradientTape() as tape:
            tape.watch([values, query])
            if name in POOLINGS:
                outputs = layer(values, mask=MASK)
            else:
                outputs = layer(query, values, values_mask=MASK, keys=keys)
            loss = tf.reduce_sum(outputs**2)
        weights = [weight.value for weight in layer.trainable_weights]
        return [outputs, *tape.gradient(loss, [values, query, *weights], unconnected_gradients="zero")]

    clean = tf.where(MASK[..., None], VALUES, 0.0)
    _ = layer(clean) if name in POOLINGS else layer(query, clean)
    for poisoned, expected in zip(
        results(tf.where(MASK[..., None], VALUES, poison)), results(clean), strict=True
    ):
        np.testing.assert_allclose(poisoned, expected, rtol=1e-6)


@pytest.mark.parametrize("steps", [1, TIME - 1, TIME + 1])
@pytest.mark.parametrize("name", [*POOLINGS, *ATTENTIONS])
def test_a_mask_of_other_steps_is_refused(name: str, steps: int) -> None:
    layer, mask = {**POOLINGS, **ATTENTIONS}[name](), tf.ones([BATCH, steps], tf.bool)
    with pytest.raises(ValueError, match="expected a mask of as many steps as the input"):
        layer(VALUES, mask=mask) if name in POOLINGS else layer(QUERY, VALUES, values_mask=mask)


@pytest.mark.parametrize("name", [*POOLINGS, *ATTENTIONS])
def test_integers_are_cast_and_one_row_of_mask_serves_all(name: str) -> None:
    layer = {**POOLINGS, **ATTENTIONS}[name]()
    numbers = tf.constant(np.random.default_rng(0).integers(0, 5, VALUES.shape))

    def attended(values: tf.Tensor, mask: np.ndarray) -> tf.Tensor:
        return layer(values, mask=mask) if name in POOLINGS else layer(values, values, values_mask=mask)

    outputs = attended(numbers, MASK[2:])
    assert outputs.dtype == tf.float32
    expected = attended(tf.cast(numbers, tf.float32), np.repeat(MASK[2:], BATCH, 0))
    np.testing.assert_allclose(outputs, expected, rtol=1e-6)
