"""Texts that a reader cannot tell apart become the same text, and what a reader sees stays."""

import unicodedata

import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from common.text.normalization import normalize

traced = tf.function(normalize, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


def normalized(*texts):
    return [text.decode("utf-8") for text in traced(tf.constant(texts, tf.string)).numpy()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  one\t two \r\n three\u00a0\u202ffour ", "one two three four"),
        ("soft\u00adhyphen zero\u200bwidth \ufeffmark \u200eleft", "softhyphen zerowidth mark left"),
        ("a▁b", "a b"),
        (b"good \xff\xfe film", "good film"),
        ("\x00\x07 bell", "bell"),
        ("“Größe” – it’s 5 €… 👍🏽", "“Größe” – it’s 5 €… 👍🏽"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_white_space_and_what_nobody_sees_are_unified_and_the_rest_stays(text, expected):
    assert normalized(text) == [expected]


def test_letters_typed_as_letter_and_accent_are_the_composed_letters():
    text = "Zwölf Äpfel, façade, naïveté, Việt Nam, Ångström, й, が"
    decomposed = unicodedata.normalize("NFD", text)
    assert decomposed != text
    assert normalized(decomposed, text) == [text, text]


@given(st.text("aeouAnи\u0300\u0301\u0302\u0308\u0323\u0327 ", max_size=12))
@settings(max_examples=100)
def test_one_mark_upon_a_letter_is_composed_as_unicode_composes_it(text):
    marks = "".join(str(min(unicodedata.combining(character), 1)) for character in text)
    assume("11" not in marks)
    assert normalized(text) == [" ".join(unicodedata.normalize("NFC", text).split())]


def test_a_mark_is_never_joined_to_the_letter_of_another_text():
    assert normalized("e", "\u0301", "") == ["e", "\u0301", ""]
    assert normalized() == []


@given(st.lists(st.one_of(st.text(max_size=30), st.binary(max_size=30)), max_size=4))
@settings(max_examples=100)
def test_any_bytes_become_a_text_that_normalising_again_leaves_alone(texts):
    texts = [text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text for text in texts]
    once = normalized(*texts)
    assert once == [" ".join(text.split()) for text in once]
    assert normalized(*once) == once
