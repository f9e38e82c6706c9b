"""Transcripts have one spelling, and a model is told of characters it cannot write before it trains."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from common.audio.transcript_text import normalised_transcript
from common.errors import FlagError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bin BLUE at F two, now!", "bin blue at f two now"),
        ("  one\ttwo\n three ", "one two three"),
        (
            "It’s the dogs' — 'tis a well-known, half- done thing",
            "it's the dogs tis a well-known half done thing",
        ),
        ("rock--roll", "rock roll"),
        ("Cafe\u0301 A\u030angstro\u0308m", "café ångström"),
        ("soft\u00adhyphen", "softhyphen"),
        ("नमस्ते, दुनिया।", "नमस्ते दुनिया"),
        ("50 % of $3", "50 of 3"),
        ("...", ""),
    ],
)
def test_a_transcript_is_lower_case_without_punctuation(text, expected):
    assert normalised_transcript(text) == expected


def test_case_and_punctuation_stay_where_that_is_asked_for():
    assert normalised_transcript(" Yes,  No!", keep_case=True) == "Yes No"
    assert normalised_transcript(" Yes,  No!", keep_punctuation=True) == "yes, no!"
    assert normalised_transcript(" Yes,  No!", keep_case=True, keep_punctuation=True) == "Yes, No!"


@given(st.text(), st.booleans(), st.booleans(), st.sampled_from(["", "en", "de", "fr"]))
def test_a_normalised_transcript_stays_and_has_single_blanks(text, keep_case, keep_punctuation, numbers):
    once = normalised_transcript(text, keep_case, keep_punctuation, numbers)
    assert normalised_transcript(once, keep_case, keep_punctuation, numbers) == once
    assert once == " ".join(once.split()) == unicodedata.normalize("NFC", once)
    if not keep_punctuation:
        assert {unicodedata.category(character)[0] for character in once} - set(" '-") <= set("LMNZP")
        assert {one for one in once if unicodedata.category(one)[0] in "PZ"} <= set(" '-")


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("5 pm", "en", "five pm"),
        ("at 5pm.", "en", "at five pm"),
        ("3 1 4", "en", "three one four"),
        ("3-4", "en", "three four"),
        ("the 21st and the 2nd", "en", "the twenty-first and the second"),
        ("0.5 or 1,000", "en", "zero point five or one thousand"),
        ("007 at 10:30", "en", "zero zero seven at ten thirty"),
        ("1.000 und 2,5", "de", "eintausend und zwei komma fünf"),
        ("1\u202f234", "fr", "mille deux cent trente-quatre"),
        ("2,5", "it", "due virgola cinque"),
    ],
)
def test_numerals_are_spelled_as_their_language_writes_them(text, language, expected):
    assert normalised_transcript(text, numbers_as_words=language) == expected


@given(st.integers(0, 10**12))
def test_a_whole_number_is_spelled_as_num2words_has_it(number):
    words = " ".join(num2words(number, lang="en").replace(",", " ").split())
    assert normalised_transcript(str(number), numbers_as_words="en") == words
    assert normalised_transcript(f"{number:,}", numbers_as_words="en") == words


def test_a_number_beyond_all_words_is_spelled_digit_by_digit():
    assert normalised_transcript("12" * 200, numbers_as_words="en") == " ".join(["one two"] * 200)


def test_a_language_that_is_not_there_is_refused_by_its_flag():
    with pytest.raises(
        FlagError, match=r"--numbers-as-words xx: num2words has no such language; .*\bde, en\b"
    ):
        normalised_transcript("5", numbers_as_words="xx")
