"""Symbols with their frames become words with their times."""

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from common.decoding.label_words import words_of
from common.text.symbols import Symbols, choose_symbols

ALPHABET = Symbols("characters", (" ", "a", "b"))
ROWS = st.lists(st.lists(st.integers(1, 3), max_size=9), min_size=1, max_size=4)


def padded(rows):
    table = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for row, numbers in zip(table, rows, strict=True):
        row[: len(numbers)] = numbers
    return table


@given(ROWS)
def test_words_are_what_stands_between_blanks(rows):
    labels = padded(rows)
    frames = np.cumsum(np.ones_like(labels), axis=1) * 3
    words = words_of(ALPHABET, labels, frames, frames + 1, np.full(labels.shape, 0.9, np.float32), 1.0)
    for row, numbers in enumerate(rows):
        spelt = ALPHABET.decode(numbers).split()
        count = int(words.count[row])
        assert [word.decode() for word in words.words[row].numpy()[:count]] == spelt
        assert words.texts()[row].numpy().decode() == " ".join(spelt)
        assert not words.words[row].numpy()[count:].astype(bool).any()
        start, end = words.start[row, :count].numpy(), words.end[row, :count].numpy()
        assert (start < end).all()
        assert (end[:-1] <= start[1:]).all()


def test_a_word_lasts_from_its_first_symbol_to_its_last():
    labels = np.array([[2, 3, 1, 2, 0]])
    first, last = np.array([[5, 9, 12, 20, 0]]), np.array([[6, 10, 14, 24, 0]])
    confidence = np.array([[0.9, 0.7, 0.1, 0.6, 0.0]], np.float32)
    words = words_of(ALPHABET, labels, first, last, confidence, 1.0, frame=0.02)
    assert words.words.numpy().tolist() == [[b"ab", b"a"]]
    np.testing.assert_allclose(words.start, [[0.10, 0.40]], rtol=1e-6)
    np.testing.assert_allclose(words.end, [[0.22, 0.50]], rtol=1e-6)
    np.testing.assert_allclose(words.confidence, [[0.8, 0.6]], rtol=1e-4)


def test_a_temperature_divides_the_log_odds_of_a_confidence():
    labels, frames = np.array([[2]]), np.array([[0]])
    words = words_of(ALPHABET, labels, frames, frames, np.array([[0.9]], np.float32), 2.0)
    np.testing.assert_allclose(words.confidence, [[3 / 4]], rtol=1e-4)  # odds of 9 to 1 become 3 to 1


def test_each_symbol_is_a_word_where_symbols_are_words():
    symbols = choose_symbols(["no yes"], "words")
    frames = np.array([[0, 4]])
    words = words_of(symbols, np.array([[2, 1]]), frames, frames + 1, np.ones((1, 2), np.float32), 1.0)
    assert words.words.numpy().tolist() == [[b"yes", b"no"]]


def test_no_rows_and_no_symbols_are_no_words():
    empty = tf.zeros([0, 4], tf.int32)
    assert words_of(ALPHABET, empty, empty, empty, tf.zeros([0, 4]), 1.0).words.shape == (0, 0)
    silent = tf.zeros([2, 0], tf.int32)
    words = words_of(ALPHABET, silent, silent, silent, tf.zeros([2, 0]), 1.0)
    assert words.texts().numpy().tolist() == [b"", b""]
