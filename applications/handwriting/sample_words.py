"""The sample's words: of names of characters, of months and days, of numbers in words; numbers; and codes."""

import re
import string
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from babel import Locale
from num2words import num2words

from applications.handwriting.alphabet import CHARACTERS
from common.data.splits import stable_split

LONGEST = 12
"""Letters of a word at most."""
SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
"""Share of all words that belongs to each part."""

_LANGUAGES = ("en", "de", "nl", "fr", "it", "es", "pt", "sv")
_WORD = re.compile(rf"[A-Za-z]{{2,{LONGEST}}}")
_NUMBERS = (*range(21), *range(30, 101, 10))
# Words of names of characters that are shorter are mostly syllables of other scripts.
_SHORTEST_OF_NAMES = 4
_CHARACTERS_WITH_NAMES_IN_WORDS = 0x3000
_MOST_DRAWS = 100
_CASES: Sequence[Callable[[str], str]] = (str.lower, str.capitalize, str.upper)
_SHARES_OF_CASES = (0.55, 0.3, 0.15)


@cache
def vocabulary() -> tuple[str, ...]:
    """Some two thousand words in lower case.

    The names of characters are those of Unicode 3.2, which every Python has and which never change.
    """
    names = (unicodedata.ucd_3_2_0.name(chr(code), "") for code in range(_CHARACTERS_WITH_NAMES_IN_WORDS))
    words = {word for name in names for word in name.split() if len(word) >= _SHORTEST_OF_NAMES}
    for language in _LANGUAGES:
        locale = Locale(language)
        for calendar in (locale.months, locale.days):
            words.update(calendar["format"]["wide"].values())
        words.update(str(num2words(number, lang=language)) for number in _NUMBERS)
    return tuple(sorted({word.lower() for word in words if _WORD.fullmatch(word)}))


@cache
def _words_of(part: str) -> Sequence[str]:
    words = vocabulary()
    return [word for word, one in zip(words, stable_split(words, SHARES), strict=True) if one == part]


def draw_word(part: str, rng: np.random.Generator) -> str:
    """A word of the part: of letters and digits, up to 12 of them.

    Words that differ in case alone belong to the same part.
    """
    while True:
        draw = _KINDS[int(rng.choice(len(_KINDS), p=_SHARES_OF_KINDS))]
        # A part may have no word of a kind, such as none of a single character.
        for _ in range(_MOST_DRAWS):
            word = draw(part, rng)
            if stable_split([word], SHARES) == [part]:
                return word


def _word(part: str, rng: np.random.Generator) -> str:
    words = _words_of(part)
    change = _CASES[int(rng.choice(len(_CASES), p=_SHARES_OF_CASES))]
    return change(words[int(rng.integers(len(words)))])


def _number(part: str, rng: np.random.Generator) -> str:
    return "".join(rng.choice(list(string.digits), rng.integers(2, 7)))


def _code(part: str, rng: np.random.Generator) -> str:
    """Letters and digits mixed, such as B12."""
    return "".join(rng.choice(list(CHARACTERS), rng.integers(2, 6)))


def _character(part: str, rng: np.random.Generator) -> str:
    return str(rng.choice(list(CHARACTERS)))


_KINDS: Sequence[Callable[[str, np.random.Generator], str]] = (_word, _number, _code, _character)
_SHARES_OF_KINDS = (0.75, 0.15, 0.07, 0.03)
