"""A word has the n-grams of 3 to 5 characters of itself between marks, each in a bucket that is always the same."""

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from common.text.character_ngrams import COUNT, LONGEST, ngrams

BUCKETS = 1000
WORDS = st.lists(st.text(st.sampled_from("abé中'-"), max_size=LONGEST + 5), max_size=5)
GRAPH = tf.function(
    lambda words: ngrams(words, BUCKETS), input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
)


def parts(word):
    marked = f"<{word[:LONGEST]}>"
    return [marked[start : start + n] for n in (3, 4, 5) for start in range(len(marked) - n + 1)]


@given(WORDS)
def test_they_are_those_that_a_loop_finds(words):
    numbers = GRAPH(tf.constant(words, tf.string)).numpy()
    assert numbers.shape == (len(words), COUNT)
    for word, row in zip(words, numbers, strict=True):
        expected = [1 + int(tf.strings.to_hash_bucket_fast(part, BUCKETS)) for part in parts(word)]
        assert row[row > 0].tolist() == expected


def test_words_of_one_stem_share_some():
    numbers = GRAPH(tf.constant(["walking", "walked"])).numpy()
    assert np.intersect1d(*numbers).size > 3
