"""Texts are written in the symbols that training saw, in and out of the graph alike."""

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.text.symbols import Symbols, choose_symbols

TEXTS = st.lists(st.text("abcé ", min_size=1, max_size=8), min_size=1, max_size=5)


@given(TEXTS)
def test_a_text_comes_back_from_its_numbers(texts):
    symbols = choose_symbols(texts, "characters")
    for text in texts:
        numbers = symbols.encode(text)
        assert symbols.decode(numbers) == text
        padded = tf.constant([[*numbers.tolist(), 0, 0]])
        assert symbols.texts(padded).numpy()[0].decode() == text


def test_whole_words_are_symbols_where_they_are_asked_for():
    symbols = choose_symbols(["no yes", "yes"], "words")
    assert symbols.names == ("no", "yes")
    assert symbols.texts(tf.constant([[2, 1, 2, 0], [0, 0, 0, 0]])).numpy().tolist() == [b"yes no yes", b""]
    assert symbols.lacks("yes perhaps no never") == ["never", "perhaps"]


def test_zero_is_the_blank_of_ctc_and_no_symbol():
    symbols = Symbols("characters", ("a",))
    assert symbols.count == 2
    assert symbols.encode("aa").tolist() == [1, 1]
    assert symbols.decode([0, 1, 0]) == "a"


def test_texts_that_say_nothing_are_refused():
    with pytest.raises(UserError, match="the texts of all training examples are empty"):
        choose_symbols(["", ""], "characters")
