"""The network reads unknown words through their characters, ties its tables, and learns by all words or a few drawn."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from applications.keyboard import model as module
from applications.keyboard.config import PRESETS
from applications.keyboard.model import WordVectors, build, read
from common.text.character_ngrams import COUNT

CONFIG = PRESETS["tiny"]
ROWS, WORDS = CONFIG.training.batch_size, 30
RNG = np.random.default_rng(0)


def batch(time=8):
    numbers = RNG.integers(0, WORDS, (ROWS, time + 1)).astype(np.int32)
    return {
        "words": numbers[:, :-1],
        "ngrams": RNG.integers(0, CONFIG.ngram_buckets + 1, (ROWS, time, COUNT)).astype(np.int32),
        "targets": numbers[:, 1:],
        "starts": np.ones(ROWS, bool),
    }


def test_an_unknown_word_has_the_mean_of_its_n_grams_and_a_known_one_its_row():
    vectors = WordVectors(words=5, units=4, buckets=9)
    ngrams = np.array([[[3, 9, 0], [1, 2, 3], [0, 0, 0]]], np.int32)
    embedded = vectors(np.array([[0, 4, 0]], np.int32), ngrams).numpy()[0]
    table = np.asarray(vectors.ngram_table)
    np.testing.assert_allclose(embedded[0], (table[3] + table[9]) / 2, rtol=1e-6)
    np.testing.assert_allclose(embedded[1], np.asarray(vectors.tied.table)[4] * 2, rtol=1e-6)
    np.testing.assert_array_equal(embedded[2], np.zeros(4))


def test_its_output_is_the_cross_entropy_of_queries_with_the_words_vectors():
    model, inputs = build(CONFIG, WORDS), batch()
    vectors = model.get_layer("vectors")
    vectors.tied.bias.assign(RNG.normal(size=WORDS))
    states = model.get_layer("states").stack.zero_states(ROWS)
    queries, _ = read(model, inputs["words"], inputs["ngrams"], states)
    scores = queries.numpy() @ np.asarray(vectors.tied.table).T + np.asarray(vectors.tied.bias)
    logs = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    expected = -np.take_along_axis(logs, inputs["targets"][..., None], -1)[..., 0]
    padded = {name: np.resize(value, (16, *value.shape[1:])) for name, value in inputs.items()}
    np.testing.assert_allclose(model(padded).numpy()[:ROWS], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scored", [10_000, 10])
def test_it_learns_what_follows_what_whether_all_words_are_scored_or_some_drawn(scored, monkeypatch):
    monkeypatch.setattr(module, "MOST_SCORED", scored)
    config = CONFIG.__class__(
        **{
            **vars(CONFIG),
            "word_dropout": 0.0,
            "input_dropout": 0.0,
            "weight_dropout": 0.0,
            "output_dropout": 0.0,
        }
    )
    model = build(config, WORDS)
    cycle = (3 + (np.arange(ROWS)[:, None] * 5 + np.arange(17)) % (WORDS - 3)).astype(np.int32)
    inputs = {
        "words": cycle[:, :-1],
        "ngrams": np.zeros((ROWS, 16, COUNT), np.int32),
        "targets": cycle[:, 1:],
        "starts": np.ones(ROWS, bool),
    }
    model.compile(keras.optimizers.Adam(0.02), loss=lambda _, nats: nats, jit_compile=False)
    # Made in the first step, its variables would let TensorFlow trace that twice.
    model.optimizer.build(model.trainable_variables)
    history = model.fit(
        tf.data.Dataset.from_tensors((inputs, cycle[:, 1:])).repeat(),
        epochs=10,
        steps_per_epoch=10,
        shuffle=False,
        verbose=0,
    ).history["loss"]
    assert history[-1] < 0.3 < 1.0 < history[0]
