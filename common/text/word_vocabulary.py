"""Whole words of captions: text to ids for training, ids to text in graph."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from common.errors import UserError
from common.text.caption_words import caption_tokens
from common.text.subwords import END, FIRST_PIECE, UNKNOWN

FIRST_WORD = FIRST_PIECE


@dataclass(frozen=True)
class WordVocabulary:
    """The words that a caption may hold, numbered from `FIRST_WORD` in their order.

    The ids before them are padding, unknown, start and end, as of `SubwordText`. Words are those of `caption_tokens`:
    lower case, no punctuation.

    Example:
        >>> vocabulary = WordVocabulary.choose(["A dog runs.", "A dog"])
        >>> vocabulary.words
        ('a', 'dog', 'runs')
        >>> [ids] = vocabulary.encode(["A cat runs."])
        >>> ids.tolist()
        [4, 1, 6, 3]
    """

    words: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many ids there are: padding, unknown, start, end, then the words in their order."""
        return FIRST_WORD + len(self.words)

    @classmethod
    def choose(cls, captions: Iterable[str], min_count: int = 1) -> "WordVocabulary":
        """The words that occur `min_count` times or more in the captions, the commonest first.

        Raises:
            UserError: there is no such word.
        """
        counts = Counter(word for caption in captions for word in caption_tokens(caption))
        words = sorted(
            (word for word in counts if counts[word] >= min_count), key=lambda word: (-counts[word], word)
        )
        if not words:
            raise UserError(f"captions: no word occurs {min_count:,} times; expected captions with words")
        return cls(tuple(words))

    def encode(self, captions: Iterable[str]) -> list[np.ndarray]:
        """The ids of each caption's words and `END` `[words + 1]` int32; a word that is not known is `UNKNOWN`."""
        ids = self._ids
        return [
            np.array([*(ids.get(word, UNKNOWN) for word in caption_tokens(caption)), END], np.int32)
            for caption in captions
        ]

    def detokenize(self, ids: tf.Tensor) -> tf.Tensor:
        """The words before the first `END` of each row, in graph: ids `[batch, time]` -> strings `[batch]`.

        Words stand a blank apart, contractions joined ("isn't"), so that `caption_tokens` gives the words back. Ids
        that are no words leave nothing.
        """
        with tf.device("/CPU:0"):
            ended = tf.cumsum(tf.cast(ids == END, tf.int32), axis=1) > 0
            words = tf.where(ended, "", self.spelling(ids))
            text = tf.strings.reduce_join(words, axis=1, separator=" ")
            text = tf.strings.strip(tf.strings.regex_replace(text, " +", " "))
            return tf.strings.regex_replace(text, r" ('|n't( |$))", r"\1")

    def spelling(self, ids: tf.Tensor) -> tf.Tensor:
        """The word of each id, and "" for the ids that are no words; shape and all."""
        with tf.device("/CPU:0"):
            return tf.gather(tf.constant([""] * FIRST_WORD + list(self.words)), ids)

    def to_json(self) -> dict[str, list[str]]:
        return {"words": list(self.words)}

    @classmethod
    def from_json(cls, values: Mapping[str, Sequence[str]]) -> "WordVocabulary":
        return cls(tuple(values["words"]))

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: index for index, word in enumerate(self.words, start=FIRST_WORD)}
