"""The figures are those of the definitions, over every word or over words of letters alone."""

import math

import numpy as np
import pytest

from applications.keyboard.evaluate import Record, by_words_typed, measure, record_of
from applications.keyboard.predict import Predictor

TEXT = "See you tomorrow at 10:30, Zoë! Bananas on my way.\nDon’t wait.\n"


def record(**changes):
    values = {
        "word_nats": np.array([1.0, 2.0, 3.0, 4.0]),
        "spelling_nats": np.array([0.0, 10.0, 0.0, 0.0]),
        "is_word": np.array([True, True, False, True]),
        "is_known": np.array([True, False, True, True]),
        "ranks": np.array([0, -1, 7, 3]),
        "keys": np.array([1, 6, 2, 3]),
        "letters": np.array([4, 6, 2, 5]),
        "characters": 18,
    }
    return Record(**{**values, **changes})


def test_every_word_costs_and_words_of_letters_alone_are_suggested():
    metrics = measure(record())
    assert metrics["bits_per_character"] == pytest.approx(20 / math.log(2) / 18)
    assert metrics["perplexity"] == pytest.approx(math.exp(2.5))
    assert [metrics[f"top_{count}_accuracy"] for count in (1, 3, 5)] == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert metrics["keystroke_savings"] == pytest.approx(1 - 10 / 15)


def test_without_a_word_nothing_is_claimed():
    metrics = measure(record(is_word=np.zeros(4, bool)))
    assert (metrics["top_3_accuracy"], metrics["keystroke_savings"]) == (None, None)


def test_the_first_thousand_words_are_told_apart():
    ranks = np.repeat([0, 9], [1000, 500])
    of_all = {name: np.ones(1500, int) for name in ("word_nats", "spelling_nats", "keys", "letters")}
    flags = {name: np.ones(1500, bool) for name in ("is_word", "is_known")}
    table = by_words_typed(record(ranks=ranks, **of_all, **flags))
    assert list(table) == ["1,000"]
    assert table["1,000"]["top_3_accuracy"] == 1


def test_what_is_measured_is_what_is_suggested(exported):
    """Each word is typed letter by letter as a user would, and the served suggestions are looked at."""
    with Predictor(exported) as predictor:
        measured = record_of(predictor, TEXT)
        spellings = [word for reading in predictor.read(TEXT) for word in reading.spellings]
        start = 0
        for place, spelling in enumerate(spellings):
            at = TEXT.index(spelling, start)
            before, start = TEXT[:at], at + len(spelling)
            if not measured.is_word[place]:
                continue
            folded = spelling.replace("’", "'").lower()
            letters = next(
                (
                    letters
                    for letters in range(len(spelling))
                    if folded
                    in [
                        word.replace("’", "'").lower()
                        for word in predictor.suggest(before, prefix=spelling[:letters])
                    ]
                ),
                len(spelling),
            )
            assert (measured.keys[place], measured.letters[place]) == (letters + 1, len(spelling) + 1), (
                spelling
            )
