"""The keys that a word takes are those of somebody who types letter after letter and looks at the suggestions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications.keyboard.keystrokes import SHOWN, Candidates, Typed

WORDS = st.lists(
    st.text(st.sampled_from("abé"), min_size=1, max_size=4), min_size=1, max_size=12, unique=True
)


def plain(word):
    return word.replace("é", "e")


def by_typing(words, scores, is_suggested, word):
    """Types a word on an imagined keyboard, which sorts all its suggestions anew after each letter."""

    def suggested(prefix):
        fitting = [
            one
            for one in range(len(words))
            if is_suggested[one] and (words[one].startswith(prefix) or plain(words[one]).startswith(prefix))
        ]
        return sorted(fitting, key=lambda one: (-scores[one], one))

    spelling, all_of_them = words[word], suggested("")
    rank = all_of_them.index(word) if word in all_of_them else -1
    for letters in range(len(spelling)):
        if word in suggested(spelling[:letters])[:SHOWN]:
            return Typed(rank, letters + 1, len(spelling) + 1)
    return Typed(rank, len(spelling) + 1, len(spelling) + 1)


@given(WORDS, st.data())
def test_every_word_is_typed_with_as_many_keys_as_by_hand(words, data):
    scores = np.array([data.draw(st.integers(0, 3)) for _ in words], float)
    is_suggested = [data.draw(st.booleans()) for _ in words]
    candidates = Candidates(words, is_suggested, {word: plain(word) for word in words})
    for number, word in enumerate(words):
        assert candidates.typed(scores, number, word) == by_typing(words, scores, is_suggested, number)


def test_a_word_that_no_vocabulary_has_is_typed_letter_by_letter():
    assert Candidates(["the"], [True]).typed(np.array([1.0]), None, "Zoë") == Typed(-1, 4, 4)


@pytest.mark.parametrize(("place", "keys"), [(0, 1), (2, 1), (3, 2)])
def test_a_word_shown_before_its_first_letter_takes_one_key_and_the_fourth_takes_a_letter(place, keys):
    words = ["on", "in", "at", "of"]
    typed = Candidates(words, [True] * 4).typed(np.arange(4.0)[::-1], place, words[place])
    assert typed == Typed(place, keys, 3)
