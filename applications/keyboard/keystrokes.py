"""How many keys a keyboard saves: the rank of each typed word among the suggestions, letter by letter."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

SHOWN = 3
"""Suggestions that a keyboard shows at once."""
_LONGEST = 24


class Typed(NamedTuple):
    """How a word is typed.

    Attributes:
        rank: its place among all suggestions before its first letter, from 0; -1 if it is never suggested.
        keys: letters typed and the suggestion accepted, or all its letters and the blank.
        characters: the letters and the blank.
    """

    rank: int
    keys: int
    characters: int


class Candidates:
    """The words that may be suggested, and how each begins.

    The user types a letter after another until the word is among the `SHOWN` best that begin so, and accepts it, which
    is one key and writes the blank after it too; a word that is never shown is typed with its blank.

    Args:
        words: folded; the word at place k has the score k.
        is_suggested: which of them may be.
        without_accents: words as one may type them without accents, where they have some.

    Example:
        >>> candidates = Candidates(["the", "this", "that"], [True, True, True])
        >>> candidates.typed(np.array([3.0, 2.0, 1.0]), 0, "the")
        Typed(rank=0, keys=1, characters=4)
    """

    def __init__(
        self,
        words: Sequence[str],
        is_suggested: Sequence[bool] | np.ndarray,
        without_accents: Mapping[str, str] | None = None,
    ) -> None:
        self._is_suggested = np.array(is_suggested, bool)
        self._codes: dict[str, int] = {}
        self._beginnings = _beginnings(words, self._codes)
        plain = without_accents or {}
        self._plain = _beginnings([plain.get(word, word) for word in words], self._codes)

    def put(self, place: int, word: str) -> None:
        """Another word in place of one."""
        self._beginnings[place] = self._plain[place] = _beginnings([word], self._codes)[0]

    def typed(
        self, scores: np.ndarray, word: int | None, spelling: str, offered: np.ndarray | None = None
    ) -> Typed:
        """How a word is typed.

        Args:
            scores: of all words, or of the first ones `[words]`.
            word: which it is; None for one that is not among them.
            spelling: as it is written.
            offered: which of the last words may be suggested now; unless given, as at first.
        """
        characters = len(spelling) + 1
        is_suggested = self._is_suggested[: len(scores)]
        if offered is not None:
            is_suggested = np.concatenate([is_suggested[: len(is_suggested) - len(offered)], offered])
        if word is None or not is_suggested[word]:
            return Typed(-1, characters, characters)
        score = scores[word]
        # Of equals the first ones are shown first.
        is_better = scores > score
        is_better[:word] |= scores[:word] == score
        better = np.flatnonzero(is_better & is_suggested)
        rank, letters = len(better), 0
        while len(better) >= SHOWN and letters < min(len(spelling), _LONGEST):
            code = self._beginnings[word, letters]
            fits = (self._beginnings[better, letters] == code) | (self._plain[better, letters] == code)
            better, letters = better[fits], letters + 1
        keys = letters + 1 if len(better) < SHOWN else characters
        return Typed(rank, min(keys, characters), characters)


def _beginnings(words: Sequence[str], codes: dict[str, int]) -> np.ndarray:
    """A number for the first one, two, ... letters of each word `[words, most letters]`, -1 after its end."""
    table = np.full((len(words), _LONGEST), -1, np.int32)
    for row, word in zip(table, words, strict=True):
        for length in range(1, min(len(word), _LONGEST) + 1):
            row[length - 1] = codes.setdefault(word[:length], len(codes))
    return table
