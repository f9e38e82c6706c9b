"""The words that the keyboard knows, each with its usual spelling, and text as their numbers, in the graph."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from applications.keyboard.sharing import shared
from applications.keyboard.speller import Speller
from applications.keyboard.word_numbers import END, FIRST_WORD, NUMBER, SENTENCE_ENDS, UNKNOWN
from common.text.character_ngrams import ngrams
from common.text.segmentation import LINE_END, is_number, is_word, segment, split_at_blanks

_ENDS_A_SENTENCE = frozenset((LINE_END, *SENTENCE_ENDS, ":", '"', "“", "(", "-", "—"))


@dataclass(frozen=True)
class Vocabulary:
    """The known words in the order of their frequency, folded, and the usual spelling of each.

    Attributes:
        words: in lower case, with plain apostrophes; the word at place k has the number k + 3.
        spellings: as they are mostly written within a sentence, such as "I" and "Monday".
        at_blanks: whether text is split at its blanks alone, as tokenised text is; words then keep their case.

    Example:
        >>> vocabulary = Vocabulary.choose([["So", "I", "am", "on", "my", "way", ",", "\\n"]] * 2, size=4)
        >>> vocabulary.words
        (',', 'am', 'i', 'my')
        >>> vocabulary.spellings
        (',', 'am', 'I', 'my')
    """

    words: tuple[str, ...]
    spellings: tuple[str, ...]
    at_blanks: bool = False

    @property
    def size(self) -> int:
        """How many numbers there are: unknown, number, end of a line, and the words."""
        return FIRST_WORD + len(self.words)

    @classmethod
    def choose(
        cls, texts: Iterable[Sequence[str]], size: int, min_count: int = 1, at_blanks: bool = False
    ) -> "Vocabulary":
        """The `size` commonest words that occur `min_count` times or more; ties in alphabetical order.

        Args:
            texts: words as they are spelled.
            size: most words.
            min_count: least occurrences.
            at_blanks: see the class.
        """
        written: Counter[str] = Counter()
        within_sentences: Counter[str] = Counter()
        for text in texts:
            written.update(text)
            within_sentences.update(
                word
                for before, word in zip([LINE_END, *text], text, strict=False)
                if before not in _ENDS_A_SENTENCE
            )
        spellings = tf.constant([*written], tf.string)
        is_class = is_number(spellings).numpy() & (not at_blanks) | (spellings == LINE_END).numpy()
        counts: Counter[str] = Counter()
        spelled: dict[str, list[str]] = {}
        words_of = _decoded(spellings if at_blanks else folded(spellings))
        for (spelling, count), word, is_left_out in zip(written.items(), words_of, is_class, strict=True):
            if not is_left_out:
                counts[word] += count
                spelled.setdefault(word, []).append(spelling)
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        words = [word for word in ranked[:size] if counts[word] >= min_count]

        def usual(word: str) -> str:
            # At the beginning of a sentence a capital says nothing; a word that is met only there has none.
            return max(
                [word, *spelled[word]],
                key=lambda spelling: (within_sentences[spelling], spelling == word, spelling),
            )

        usual_ones = [word if at_blanks else usual(word).replace("’", "'") for word in words]
        return cls(tuple(words), tuple(usual_ones), at_blanks)

    @cached_property
    def is_suggested(self) -> np.ndarray:
        """Which numbers are words that may be suggested `[size]`: neither marks nor unknown words, numbers and ends."""
        words: np.ndarray = is_word(tf.constant(self.words, tf.string)).numpy()
        return np.concatenate([np.zeros(FIRST_WORD, bool), words])

    def to_json(self) -> dict[str, Any]:
        """The vocabulary as values of JSON."""
        return {
            "words": list(self.words),
            "spellings": list(self.spellings),
            "at_blanks": self.at_blanks,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Vocabulary":
        """The inverse of `to_json`."""
        return cls(tuple(values["words"]), tuple(values["spellings"]), bool(values["at_blanks"]))


def folded(spellings: tf.Tensor) -> tf.Tensor:
    """Words as the vocabulary holds them: in lower case, with plain apostrophes; strings of any shape."""
    return tf.strings.lower(tf.strings.regex_replace(spellings, "’", "'"), encoding="utf-8")


def _decoded(words: tf.Tensor) -> list[str]:
    return [word.decode("utf-8") for word in words.numpy()]


class Words:
    """Text as the numbers of its words, in the graph.

    Args:
        vocabulary: the known words.
        buckets: into how many the character n-grams of unknown words are hashed.

    Example:
        >>> words = Words(Vocabulary(("am", "i"), ("am", "I")), buckets=100)
        >>> spellings, begun = words.segment(tf.constant(["I am 22, Zo"]))
        >>> words.numbers(spellings.flat_values).numpy().tolist(), begun.numpy()[0].decode()
        ([4, 3, 1, 0], 'Zo')
    """

    def __init__(self, vocabulary: Vocabulary, buckets: int) -> None:
        self.vocabulary, self.buckets = vocabulary, buckets
        suggested = vocabulary.is_suggested[FIRST_WORD:]
        self.speller = Speller.of_words(
            [word for word, is_one in zip(vocabulary.words, suggested, strict=True) if is_one]
        )
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(vocabulary.words, tf.string),
                tf.range(len(vocabulary.words), dtype=tf.int32) + FIRST_WORD,
            ),
            default_value=UNKNOWN,
        )
        strings = tf.TensorSpec([None], tf.string)
        self._segment = shared(split_at_blanks if vocabulary.at_blanks else segment, strings)
        self._nats = shared(self.speller.nats, strings)

    @property
    def resources(self) -> list[Any]:
        """The tables that an exported graph needs."""
        return [self.table, self.speller.characters.table]

    def segment(self, texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """The complete words of texts `[batch]`, as spelled `[batch, (words)]`, and the word begun `[batch]`."""
        spellings, begun = self._segment(texts)
        return spellings, begun

    def folded(self, spellings: tf.Tensor) -> tf.Tensor:
        """Spelled words as the vocabulary holds them."""
        return spellings if self.vocabulary.at_blanks else folded(spellings)

    def numbers(self, spellings: tf.Tensor) -> tf.Tensor:
        """The number of each spelled word, int32 of the same shape."""
        numbers = self.table.lookup(self.folded(spellings))
        numbers = tf.where(is_number(spellings) & (numbers == UNKNOWN), NUMBER, numbers)
        return tf.where(spellings == LINE_END, END, numbers)

    def ngrams(self, spellings: tf.Tensor) -> tf.Tensor:
        """The hashed character n-grams of spelled words `[words]`: `[words, COUNT]`."""
        return ngrams(self.folded(spellings), self.buckets)

    def spelling_nats(self, spellings: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        """What the characters of each word `[words]` cost in nats, given its number: 0 of the words that are known."""
        return tf.where(
            numbers == UNKNOWN,
            self._nats(self.folded(spellings)),
            tf.where(numbers == NUMBER, self.speller.digit_nats(spellings), 0.0),
        )
