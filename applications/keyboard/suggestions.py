"""Which words are suggested and how they are written, in the graph."""

import unicodedata
from typing import NamedTuple

import tensorflow as tf

from applications.keyboard.beginnings import Beginnings
from applications.keyboard.sharing import shared
from applications.keyboard.vocabulary import Vocabulary, Words
from applications.keyboard.word_numbers import FIRST_WORD, SENTENCE_ENDS
from common.text.segmentation import LINE_END

_NEVER = -1e9
_CURLY = "’"


class Typed(NamedTuple):
    """What stands before a suggestion.

    Attributes:
        prefix: the word begun `[batch]`, as typed.
        starts_sentence: whether the word is the first of a sentence `[batch]`.
        is_curly: whether the text has typographic apostrophes `[batch]`.
    """

    prefix: tf.Tensor
    starts_sentence: tf.Tensor
    is_curly: tf.Tensor


def typed(text: tf.Tensor, last: tf.Tensor, prefix: tf.Tensor) -> Typed:
    """What a suggestion must fit.

    Args:
        text: all of it `[batch]`.
        last: its last complete word `[batch]`, `LINE_END` before any.
        prefix: the word begun `[batch]`.
    """
    ends = tf.constant((LINE_END, *SENTENCE_ENDS))
    starts = tf.reduce_any(last[:, None] == ends, axis=1)
    is_curly = tf.strings.regex_full_match(tf.strings.join([text, prefix]), f"(?s).*{_CURLY}.*")
    return Typed(prefix, starts, is_curly)


class Suggestions:
    """The words of a vocabulary that may be suggested, by how they begin.

    A prefix fits a word that begins with it in lower case; one without accents also fits a word that begins with it
    once the word's accents are taken away.

    Args:
        words: the vocabulary and how it folds case.

    Example:
        >>> suggestions = Suggestions(Words(Vocabulary(("on", "only", ","), ("on", "only", ",")), buckets=9))
        >>> suggestions.fits(tf.constant(["", "ON", "onl"])).numpy().astype(int).tolist()
        [[0, 0, 0, 1, 1, 0], [0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 1, 0]]
    """

    def __init__(self, words: Words) -> None:
        vocabulary = words.vocabulary
        self._folded, self._size = words.folded, vocabulary.size
        spellings = ["", "", "", *vocabulary.spellings]
        self._keeps_case = vocabulary.at_blanks
        beginnings = Beginnings([_ways_to_begin(vocabulary, number) for number in range(vocabulary.size)])
        self._begin_with = shared(beginnings.begin_with, tf.TensorSpec([None], tf.string))
        self.spelled = shared(
            lambda numbers: tf.gather(tf.constant(spellings), numbers), tf.TensorSpec([None, None], tf.int32)
        )
        """Numbers `[batch, n]` -> how their words are usually written."""

    def fits(self, prefixes: tf.Tensor) -> tf.Tensor:
        """Which words may be suggested for the words begun `[batch]`: `[batch, words]`."""
        return tf.ensure_shape(self._begin_with(self._folded(prefixes)), [None, self._size])

    def best(self, logits: tf.Tensor, before: Typed, counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The most probable words that fit, and their probabilities among all that do.

        Args:
            logits: of the words `[batch, words]`.
            before: what they must fit.
            counts: how many are wanted `[batch]`.

        Returns:
            Strings and float32 `[batch, most wanted]`, "" and 0 where fewer fit or are wanted.
        """
        fits = self.fits(before.prefix)
        scores = tf.where(fits, logits, _NEVER)
        most = tf.clip_by_value(tf.reduce_max(tf.concat([counts, [0]], 0)), 0, tf.shape(logits)[1])
        best, numbers = tf.math.top_k(scores, most)
        probabilities = tf.exp(best - tf.reduce_logsumexp(scores, axis=1, keepdims=True))
        is_answer = tf.gather(fits, numbers, batch_dims=1) & (tf.range(most) < counts[:, None])
        words = self.written(self.spelled(numbers), before)
        return tf.where(is_answer, words, ""), tf.where(is_answer, probabilities, 0.0)

    def written(self, spellings: tf.Tensor, before: Typed) -> tf.Tensor:
        """Words `[batch, count]` as they are written after what is typed.

        In capitals after two capitals or more; with a capital after one, or at the beginning of a sentence; otherwise
        as they are usually spelled; with the text's apostrophes.
        """
        if self._keeps_case:
            return spellings
        prefix = before.prefix
        upper, lower = (change(prefix, encoding="utf-8") for change in (tf.strings.upper, tf.strings.lower))
        first = tf.strings.substr(prefix, 0, 1, unit="UTF8_CHAR")
        first_lower = tf.strings.lower(first, encoding="utf-8")
        is_long = tf.strings.length(prefix, unit="UTF8_CHAR") > 1
        is_upper = is_long & (prefix == upper) & (prefix != lower)
        is_capital = (first != first_lower) | (before.starts_sentence & (prefix == ""))
        words = tf.where(is_capital[:, None], _capitalized(spellings), spellings)
        words = tf.where(is_upper[:, None], tf.strings.upper(words, encoding="utf-8"), words)
        return tf.where(before.is_curly[:, None], tf.strings.regex_replace(words, "'", _CURLY), words)


def without_accents(word: str) -> str:
    """A word without the marks on its letters, in compatibility characters (NFKD)."""
    parts = unicodedata.normalize("NFKD", word)
    return "".join(part for part in parts if not unicodedata.combining(part))


def _capitalized(words: tf.Tensor) -> tf.Tensor:
    first = tf.strings.upper(tf.strings.substr(words, 0, 1, unit="UTF8_CHAR"), encoding="utf-8")
    return tf.strings.join([first, tf.strings.regex_replace(words, "(?s)^.", "", replace_global=False)])


def _ways_to_begin(vocabulary: Vocabulary, number: int) -> tuple[str, ...]:
    """A word as it is, and without accents; nothing if it is not suggested."""
    if not vocabulary.is_suggested[number]:
        return ()
    word = vocabulary.words[number - FIRST_WORD]
    return word, without_accents(word)
