"""The figures are those of the definitions, over every word or over words of letters alone."""

import math

import numpy as np
import pytest

from applications.keyboard.evaluate import by_words_typed, foreign_metrics, measure, metrics_of_lacked_words
from applications.keyboard.records import Record, record_of, record_of_most_frequent, record_of_user
from applications.keyboard.user_file import new_user
from applications.keyboard.user_state import Event
from common.text.running import RawText

TEXT = "See you tomorrow at 10:30, Zoë! Bananas on my way.\nDon’t wait.\n"


def record(**changes):
    values = {
        "spellings": ["see", "Zoltán", ",", "waits"],
        "nats": np.array([1.0, 12.0, 3.0, 4.0]),
        "class_nats": np.array([1.0, 2.0, 3.0, 4.0]),
        "is_word": np.array([True, True, False, True]),
        "is_known": np.array([True, False, True, True]),
        "ranks": np.array([0, -1, 7, 3]),
        "keys": np.array([1, 6, 2, 3]),
        "letters": np.array([4, 6, 2, 5]),
    }
    return Record(**{**values, **changes})


def test_every_word_costs_and_words_of_letters_alone_are_suggested():
    metrics = measure(record(), characters=18)
    assert metrics["bits_per_character"] == pytest.approx(20 / math.log(2) / 18)
    assert metrics["perplexity"] == pytest.approx(math.exp(2.5))
    assert [metrics[f"top_{count}_accuracy"] for count in (1, 3, 5)] == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert metrics["keystroke_savings"] == pytest.approx(1 - 10 / 15)


def test_without_a_word_nothing_is_claimed():
    metrics = measure(record(is_word=np.zeros(4, bool)), characters=18)
    assert (metrics["top_3_accuracy"], metrics["keystroke_savings"]) == (None, None)


def test_the_first_thousand_words_are_told_apart():
    ranks = np.repeat([0, 9], [1000, 500])
    of_all = {name: np.ones(1500, int) for name in ("nats", "class_nats", "keys", "letters")}
    flags = {name: np.ones(1500, bool) for name in ("is_word", "is_known")}
    table = by_words_typed(record(spellings=["a"] * 1500, ranks=ranks, **of_all, **flags))
    assert list(table) == ["1,000"]
    assert table["1,000"]["top_3_accuracy"] == 1


def test_what_is_measured_is_what_is_suggested(predictor):
    """Each word is typed letter by letter as a user would, and the served suggestions are looked at."""
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
        assert (measured.keys[place], measured.letters[place]) == (letters + 1, len(spelling) + 1), spelling


def test_words_that_the_base_lacks_are_told_apart():
    words = ["Zoltán", "see", "Zoltán", "zoltán", "it", "it", "it"]
    known = np.array([False, True, False, False, False, False, False])
    ranks, letters = np.array([-1, 0, 5, 1, -1, -1, -1]), np.array([7, 4, 7, 7, 3, 3, 3])
    metrics = metrics_of_lacked_words(
        record(
            spellings=words,
            nats=np.ones(7),
            class_nats=None,
            is_word=np.ones(7, bool),
            is_known=known,
            ranks=ranks,
            keys=np.array([7, 1, 4, 3, 3, 3, 3]),
            letters=letters,
        )
    )
    assert metrics["top_3_accuracy"] == pytest.approx(1 / 6)
    assert metrics["keystroke_savings"] == pytest.approx(1 - 23 / 30)
    # The third sighting took two letters and the choice; a word of two letters cannot be suggested after them.
    assert metrics["after_two_letters_if_typed_twice"] == 1


def test_with_a_state_each_word_is_suggested_as_to_a_user_who_typed_all_before(predictor):
    """Each word is typed letter by letter, and learned when it is complete."""
    text = "See Zoltán at the sea. Zoltán waits on the way to Zoltán. Bananas, bananas: bananas.\n"
    measured, after = record_of_user(predictor, text)
    assert (measured.spellings, len(measured.nats)) == (
        record_of(predictor, text).spellings,
        len(measured.keys),
    )
    user, start = new_user(predictor.base), 0
    for place, spelling in enumerate(measured.spellings):
        at = text.index(spelling, start)
        before, start = text[:at], at + len(spelling)
        if measured.is_word[place]:
            shown = (
                [word.lower() for word in predictor.suggest(before, prefix=spelling[:letters], user=user)]
                for letters in range(len(spelling))
            )
            tried = (letters for letters, words in enumerate(shown) if spelling.lower() in words)
            letters = next(tried, len(spelling))
            assert measured.keys[place] == letters + 1, spelling
        user = predictor.observe([Event(spelling)], user=user, now=0)
    assert user.state.lexicon_words.tolist() == after.state.lexicon_words.tolist()
    assert measured.keys[[word == "Zoltán" for word in measured.spellings]].tolist()[-1] < 7


def test_the_most_frequent_words_are_the_baseline(predictor):
    measured = record_of_most_frequent(predictor, record_of(predictor, TEXT))
    suggested = [
        word
        for word, may in zip(
            predictor.described["words"], predictor.described["is_suggested"][3:], strict=True
        )
        if may
    ]
    ranks = [
        suggested.index(word.lower()) if word.lower() in suggested else -1 for word in measured.spellings
    ]
    words = measured.is_word & (np.array(ranks) >= 0)
    assert measured.ranks[words].tolist() == np.array(ranks)[words].tolist()


def test_a_text_of_another_costs_the_same_with_a_state_that_knows_nothing(predictor):
    text = RawText("another", TEXT)
    metrics = foreign_metrics(predictor, text, new_user(predictor.base))
    learned = predictor.observe("See tomorrow Zoltán. " * 30, user=new_user(predictor.base))
    other = foreign_metrics(predictor, text, learned)
    assert metrics["loss_frozen"] == pytest.approx(0, abs=1e-3)
    assert other["loss_frozen"] != pytest.approx(0, abs=1e-3)
    # The text repeats none of its unknown words, but what is typed again is learned.
    assert metrics["bits_per_character_learning"] < metrics["bits_per_character_frozen"]
    assert other["bits_per_character_without_state"] == metrics["bits_per_character_without_state"]
