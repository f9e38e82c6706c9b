"""The classifier reads a text whole, whatever its padding, and its logits are the sum of what the tokens add."""

from dataclasses import replace

import numpy as np
import pytest

from applications.sentiment_analysis.config import PRESETS
from applications.sentiment_analysis.model import build, build_language_model, explained

pytestmark = pytest.mark.slow

TINY = PRESETS["tiny"]
RNG = np.random.default_rng(0)


def batch(*lengths):
    features = np.zeros((len(lengths), max(lengths), 5), np.int32)
    for row, length in zip(features, lengths, strict=True):
        row[:length] = RNG.integers(2, 50, (length, 5))
    return features


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize(
    ("pooling", "bidirectional", "layers"), [("all", True, 1), ("max", False, 2), ("attention", True, 2)]
)
def test_contributions_of_the_tokens_add_up_to_the_logits(cell, pooling, bidirectional, layers):
    config = replace(
        TINY, cell=cell, pooling=pooling, bidirectional=bidirectional, layers=layers, pretraining_epochs=0
    )
    model = build(config, words=60, classes=3)
    bias = RNG.normal(size=3).astype(np.float32)
    model.get_layer("logits").bias.assign(bias)
    features = batch(7, 3, 1)
    by_step, logits = explained(model, features)
    np.testing.assert_allclose(np.sum(by_step, axis=1) + bias, logits, atol=1e-5)
    np.testing.assert_allclose(logits, model(features), atol=1e-6)
    assert not np.asarray(by_step)[1, 3:].any()


def test_padding_changes_nothing():
    model = build(TINY, words=60, classes=2)
    features = batch(4, 9)
    alone = np.asarray(model(features[:1, :4]))
    np.testing.assert_allclose(model(features)[:1], alone, atol=1e-6)


def test_a_review_of_1000_tokens_is_read_whole():
    model = build(TINY, words=60, classes=2)
    features = batch(1000)
    logits = np.asarray(model(features))
    for step in (0, 500, 999):
        changed = features.copy()
        changed[0, step] = 60 - changed[0, step]
        assert np.abs(np.asarray(model(changed)) - logits).max() > 0


def test_mixed_precision_gives_float32_logits_close_to_full_precision():
    full, mixed = (build(TINY, words=60, classes=2, precision=one) for one in ("float32", "mixed_bfloat16"))
    mixed.set_weights(full.get_weights())
    features = batch(9, 5)
    assert mixed(features).dtype == "float32"
    np.testing.assert_allclose(mixed(features), full(features), atol=0.02)


def test_pretraining_changes_the_classifiers_embedding_and_recurrence():
    config = replace(TINY, pretraining_dropout=0.0, word_dropout=0.0)
    model = build(config, words=60, classes=2)
    before = {layer: model.get_layer(layer).get_weights() for layer in ("token_embedding", "states")}
    language_model = build_language_model(model, config)
    language_model.compile("sgd", loss=lambda _, nats: nats, jit_compile=False)
    # Made in the first step, its variables would let TensorFlow trace that twice.
    language_model.optimizer.build(language_model.trainable_variables)
    language_model.fit(batch(9, 9, 5), np.zeros(3), verbose=0)
    for layer, weights in before.items():
        for old, new in zip(weights, model.get_layer(layer).get_weights(), strict=True):
            assert np.abs(old - new).max() > 0


def test_the_language_model_never_sees_the_word_it_predicts():
    model = build_language_model(build(TINY, words=60, classes=2), TINY)
    for direction, layer in enumerate(layer for layer in model.layers if hasattr(layer, "neighbour")):
        features = batch(6)
        states = read_states(model, features)
        changed = features.copy()
        changed[0, 3] = 60 - changed[0, 3]
        moved = np.abs(read_states(model, changed) - states).max(axis=-1)[0]
        forward, backward = moved[:, 0], moved[:, 1]
        assert layer.neighbour == ("next", "previous")[direction]
        assert not forward[:3].any()
        assert not backward[4:].any()
        assert forward[3:].all()
        assert backward[:4].all()


def read_states(model, features):
    embedded = model.get_layer("token_embedding")(features)
    states = np.asarray(model.get_layer("states")(embedded))
    return states.reshape(*states.shape[:2], 2, -1)
