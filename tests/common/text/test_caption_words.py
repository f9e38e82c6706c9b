"""Captions are compared by their words: in lower case, contractions cut, without punctuation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.text.caption_words import caption_tokens

TEXT = st.text(st.one_of(st.sampled_from("aAnstrelv'’-.,3 "), st.characters()), max_size=30)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('A man, two Dogs; and (a) "cat"!', "a man two dogs and a cat"),
        ("a dog . the end ... -- `` ''", "a dog the end"),
        ("A man's T-shirt isn't snow-covered.", "a man 's t-shirt is n't snow-covered"),
        ("A man 's T-shirt is n't", "a man 's t-shirt is n't"),
        ("They can't, we'll, I'm, you've, she'd, they're", "they ca n't we 'll i 'm you 've she 'd they 're"),
        ("don’t", "do n't"),
        ("the boys' dogs at 5 o'clock", "the boys dogs at 5 o'clock"),
        ("1,000 people, 3.5 m of rope, 10:30", "1,000 people 3.5 m of rope 10:30"),
        ("black/white dog_house #4", "black white dog house 4"),
        ("paws.The dog", "paws the dog"),
        ("two\ttabs\nand\u00a0lines\x00", "two tabs and lines"),
        ("cafe\u0301 ÉTÉ", "café été"),
        ("कुत्ता दौड़ता है।", "कुत्ता दौड़ता है"),
        ("狗在跑。 犬", "狗在跑 犬"),
    ],
)
def test_words_are_those_of_the_penn_treebank_without_punctuation(text, words):
    assert caption_tokens(text) == words.split()


def test_text_without_words_has_none():
    for text in ("", " ", " . ! ?", "''", "\ud800"):
        assert caption_tokens(text) == []


@given(TEXT)
def test_words_stay_as_they_are_and_can_be_written_as_text(text):
    words = caption_tokens(text)
    assert caption_tokens(" ".join(words)) == words
    for word in words:
        assert word == word.lower()
        assert word.split() == [word]
        word.encode("utf-8")
