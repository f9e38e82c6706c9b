"""Suggestions begin as the word begun does, are written as the text is, and are never marks or numbers."""

import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from applications.keyboard.suggestions import Suggestions, typed
from applications.keyboard.vocabulary import Vocabulary, Words
from common.text.segmentation import LINE_END

SPELLINGS = ("the", ",", "I", "don't", "café", "Monday", "cab", "ice", "über", "in", "É")
KEYS = tuple(spelling.lower() for spelling in SPELLINGS)
SUGGESTIONS = Suggestions(Words(Vocabulary(KEYS, SPELLINGS), buckets=10))
LOGITS = np.linspace(2, -2, 3 + len(KEYS), dtype=np.float32)
STRINGS = tf.TensorSpec([None], tf.string)


@tf.function(input_signature=[STRINGS, STRINGS, STRINGS, tf.TensorSpec([None], tf.int32)], autograph=False)
def best(text, last, prefix, count):
    logits = tf.tile(LOGITS[None], [tf.shape(text)[0], 1])
    return SUGGESTIONS.best(logits, typed(text, last, prefix), count)


def words_for(prefix, text="so ", last="so", count=20):
    words, _ = best([text], [last], [prefix], [count])
    return [word.decode() for word in words.numpy()[0] if word]


def bare(word):
    return "".join(one for one in unicodedata.normalize("NFKD", word) if not unicodedata.combining(one))


@given(st.text(st.sampled_from("aceiéÉIDT'’ü"), max_size=3))
def test_they_are_all_words_that_begin_so_the_most_probable_first(prefix):
    folded = prefix.replace("’", "'").lower()
    expected = [
        key for key in KEYS if key != "," and (key.startswith(folded) or bare(key).startswith(folded))
    ]
    assert [word.replace("’", "'").lower() for word in words_for(prefix)] == expected


@pytest.mark.parametrize(
    ("prefix", "text", "last", "first"),
    [
        ("", "so ", "so", "the"),
        ("", "", LINE_END, "The"),
        ("", "Yes. ", ".", "The"),
        ("t", "Yes. ", ".", "the"),
        ("T", "so ", "so", "The"),
        ("TH", "SO ", "SO", "THE"),
        ("i", "so ", "so", "I"),
        ("mo", "so ", "so", "Monday"),
        ("d", "it’s ", "it’s", "don’t"),
        ("d", "it's ", "it's", "don't"),
        ("caf", "", LINE_END, "café"),
    ],
)
def test_they_are_written_as_the_text_is(prefix, text, last, first):
    assert words_for(prefix, text, last)[0] == first


def test_probabilities_are_those_among_the_words_that_fit():
    words, probabilities = best([""] * 3, ["a"] * 3, ["c", "", "zz"], [2, 1, 2])
    assert [[one.decode() for one in row] for row in words.numpy()] == [
        ["café", "cab"],
        ["the", ""],
        ["", ""],
    ]
    pair = np.exp(LOGITS[[KEYS.index("café") + 3, KEYS.index("cab") + 3]])
    np.testing.assert_allclose(probabilities[0], pair / pair.sum(), rtol=1e-5)
    suggested = np.exp(np.delete(LOGITS, [0, 1, 2, KEYS.index(",") + 3]))
    np.testing.assert_allclose(probabilities[1], [suggested[0] / suggested.sum(), 0], rtol=1e-5)
    assert probabilities[2].numpy().tolist() == [0, 0]
