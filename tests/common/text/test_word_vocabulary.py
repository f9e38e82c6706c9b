"""Captions become the numbers of their words and come back; what is not known is never written."""

import json
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.text.caption_words import caption_tokens
from common.text.subwords import END, PADDING, START, UNKNOWN
from common.text.word_vocabulary import FIRST_WORD, WordVocabulary

CAPTIONS = [
    "A man's dog isn't here.",
    "The dog runs, and the man runs!",
    "a T-shirt, 2 dogs",
    "they’re in the café",
]
WORDS = sorted({word for caption in CAPTIONS for word in caption_tokens(caption)})


@pytest.fixture(scope="module")
def vocabulary():
    return WordVocabulary.choose(CAPTIONS)


@pytest.fixture(scope="module")
def decode(vocabulary):
    traced = tf.function(vocabulary.detokenize, input_signature=[tf.TensorSpec([None, None], tf.int32)])
    return lambda ids: [text.decode("utf-8") for text in traced(tf.constant(ids, tf.int32)).numpy()]


def padded(rows):
    return tf.ragged.constant([row.tolist() for row in rows]).to_tensor(PADDING)


@given(st.lists(st.sampled_from(CAPTIONS), min_size=1), st.integers(1, 2))
def test_the_frequent_words_are_chosen_commonest_first(captions, least):
    counts = Counter(word for caption in captions for word in caption_tokens(caption))
    expected = {word for word, count in counts.items() if count >= least}
    if not expected:
        with pytest.raises(UserError, match="no word occurs 2 times"):
            WordVocabulary.choose(captions, least)
        return
    words = WordVocabulary.choose(captions, least).words
    assert len(words) == len(expected)
    assert set(words) == expected
    assert list(words) == sorted(words, key=lambda word: (-counts[word], word))


def test_captions_without_words_are_refused():
    for captions in ([], ["", "..."]):
        with pytest.raises(UserError, match="expected captions with words"):
            WordVocabulary.choose(captions)


def test_each_word_is_a_number_and_the_end_follows(vocabulary):
    number = {word: FIRST_WORD + index for index, word in enumerate(vocabulary.words)}
    first, unknown, empty = vocabulary.encode(["The dog RUNS.", "a zebra runs", ""])
    np.testing.assert_array_equal(first, [number["the"], number["dog"], number["runs"], END])
    np.testing.assert_array_equal(unknown, [number["a"], UNKNOWN, number["runs"], END])
    np.testing.assert_array_equal(empty, [END])
    assert {row.dtype for row in (first, unknown, empty)} == {np.dtype(np.int32)}
    assert vocabulary.size == max(number.values()) + 1


def test_a_caption_is_written_in_lower_case_without_punctuation_and_with_contractions(vocabulary, decode):
    written = decode(padded(vocabulary.encode(CAPTIONS)))
    assert written == [
        "a man's dog isn't here",
        "the dog runs and the man runs",
        "a t-shirt 2 dogs",
        "they're in the café",
    ]


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=6), min_size=1, max_size=4))
def test_the_words_that_are_written_are_read_again(vocabulary, decode, rows):
    written = decode(padded(vocabulary.encode([" ".join(row) for row in rows])))
    assert [caption_tokens(text) for text in written] == rows


@given(st.lists(st.integers(0, 12), min_size=1, max_size=8))
def test_what_is_no_word_is_never_written_nor_is_what_follows_the_end(vocabulary, decode, ids):
    before = ids[: ids.index(END)] if END in ids else ids
    words = [vocabulary.words[number - FIRST_WORD] for number in before if number >= FIRST_WORD]
    assert decode([ids, [PADDING, UNKNOWN, START, *[END] * (len(ids) - 3)][: len(ids)]]) == [
        decode([[*(vocabulary.encode([word])[0][0] for word in words), END]])[0],
        "",
    ]
    assert caption_tokens(decode([ids])[0]) == words


def test_the_spelling_of_ids_is_told_one_by_one(vocabulary):
    spelt = vocabulary.spelling(tf.constant([[FIRST_WORD, END], [UNKNOWN, FIRST_WORD + 1]])).numpy()
    assert spelt.tolist() == [
        [vocabulary.words[0].encode(), b""],
        [b"", vocabulary.words[1].encode()],
    ]


def test_a_vocabulary_comes_back_from_json(vocabulary):
    assert WordVocabulary.from_json(json.loads(json.dumps(vocabulary.to_json()))) == vocabulary
