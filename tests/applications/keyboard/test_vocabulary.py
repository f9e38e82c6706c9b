"""Words are known by their frequency whatever their case, and are spelled as people spell them."""

from collections import Counter

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from applications.keyboard.vocabulary import Vocabulary, Words
from applications.keyboard.word_numbers import END, NUMBER, UNKNOWN
from common.text.segmentation import segment

TEXT = "So I went. Monday is fine on Monday, I’d say 3 times. Don't. I don’t go: Paris, paris? so so.\n"
TOKENS = st.lists(
    st.sampled_from(["I", "i", "so", "So", "SO", "Zoë", "zoë", "don’t", "don't", ".", "\n", "7"])
)


def spelled(text):
    return [word.decode() for word in segment(tf.constant([text]))[0].to_list()[0]]


def spelling_of(vocabulary, word):
    return dict(zip(vocabulary.words, vocabulary.spellings, strict=True))[word]


@pytest.mark.parametrize(
    ("word", "spelling"), [("i", "I"), ("monday", "Monday"), ("so", "so"), ("don't", "don't"), (".", ".")]
)
def test_a_word_has_the_spelling_that_it_has_within_sentences(word, spelling):
    assert spelling_of(Vocabulary.choose([spelled(TEXT)], size=50), word) == spelling


@given(TOKENS, st.integers(1, 6), st.integers(1, 3))
def test_known_are_the_commonest_words_by_a_plain_count(tokens, size, min_count):
    counts = Counter(token.replace("’", "'").lower() for token in tokens if token not in ("\n", "7"))
    expected = sorted((word for word in counts if counts[word] >= min_count), key=lambda w: (-counts[w], w))
    vocabulary = Vocabulary.choose([tokens], size, min_count)
    assert list(vocabulary.words) == expected[:size]
    assert [one.lower() for one in vocabulary.spellings] == list(vocabulary.words)
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_numbers_line_ends_and_unknown_words_are_classes():
    words = Words(Vocabulary(("go", "don't", "ζωή"), ("go", "don't", "Ζωή")), buckets=10)
    read = words.numbers(tf.constant(["GO", "Don’t", "ΖΩΉ", "3.14", "\n", "gone", "x2"]))
    assert read.numpy().tolist() == [3, 4, 5, NUMBER, END, UNKNOWN, UNKNOWN]


def test_tokenised_text_keeps_its_case_and_its_tokens():
    vocabulary = Vocabulary.choose([["the", "N", "<unk>", "N", "\n"]], size=9, at_blanks=True)
    assert vocabulary.words == ("N", "<unk>", "the")
    words = Words(vocabulary, buckets=10)
    assert words.numbers(tf.constant(["N", "n", "<unk>", "\n"])).numpy().tolist() == [3, UNKNOWN, 4, END]


def test_marks_numbers_and_unknown_words_are_never_suggested():
    vocabulary = Vocabulary(("go", ",", "x2", "<unk>", "don't", "well-known"), ("",) * 6)
    assert vocabulary.is_suggested.tolist() == [False] * 3 + [True, False, True, False, True, True]
