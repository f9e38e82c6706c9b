"""How probable the spelling of a word is that the vocabulary does not hold, in the graph."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from common.text.characters import Characters

_MOST_CHARACTERS = 60
_CODE_POINTS = 0x110000
_NUMBER_SYMBOLS = 15  # ten digits, four joiners, and the end


@dataclass(frozen=True)
class Speller:
    """A trigram model of characters, smoothed as by Witten and Bell (1991), estimated from words.

    Unknown words are like the rarest known ones, so these teach it. A character that it does not know costs, beside its
    place, a choice among all code points, so that every word has a probability.

    Attributes:
        characters: the characters that it knows.
        log_probabilities: `[symbols, symbols, symbols]` of the third symbol after the first two; symbol 0 is any other
            character, the last one the beginning and the end of a word.

    Example:
        >>> speller = Speller.of_words(["banana", "bandana"] * 9)
        >>> likely, unlikely = speller.nats(tf.constant(["nana", "qxz"])).numpy()
        >>> bool(likely < unlikely)
        True
    """

    characters: Characters
    log_probabilities: np.ndarray

    @classmethod
    def of_words(cls, words: Sequence[str]) -> "Speller":
        """The model of the rarer half of words that stand in the order of their frequency."""
        rare = words[len(words) // 2 :]
        counts = Counter(character for word in rare for character in word)
        known = sorted(counts, key=lambda one: (-counts[one], one))[:_MOST_CHARACTERS]
        vocabulary = "".join(sorted(known))
        number = {character: index for index, character in enumerate(vocabulary, start=1)}
        edge = len(vocabulary) + 1
        trigrams = np.zeros((edge + 1,) * 3)
        for word in rare:
            symbols = [edge, edge, *(number.get(character, 0) for character in word), edge]
            np.add.at(trigrams, (symbols[:-2], symbols[1:-1], symbols[2:]), 1)
        return cls(Characters(vocabulary), _smoothed(trigrams))

    def nats(self, words: tf.Tensor) -> tf.Tensor:
        """What the characters and the end of each word `[words]` cost."""
        numbers = self.characters(words)
        edge = self.log_probabilities.shape[0] - 1
        symbols = numbers.to_tensor(edge)
        padded = tf.pad(symbols, [[0, 0], [2, 1]], constant_values=edge)
        trigrams = tf.stack([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], axis=-1)
        logs = tf.gather_nd(tf.constant(self.log_probabilities, tf.float32), trigrams)
        is_read = tf.sequence_mask(numbers.row_lengths() + 1, tf.shape(logs)[1])
        others = tf.cast(tf.math.count_nonzero(is_read & (padded[:, 2:] == 0), axis=1), tf.float32)
        return others * math.log(_CODE_POINTS) - tf.reduce_sum(tf.where(is_read, logs, 0.0), axis=1)

    @staticmethod
    def digit_nats(numbers: tf.Tensor) -> tf.Tensor:
        """What the digits and the end of each number `[words]` cost, all being equally probable."""
        length = tf.strings.length(numbers, unit="UTF8_CHAR")
        return tf.cast(length + 1, tf.float32) * math.log(_NUMBER_SYMBOLS)


def _smoothed(trigrams: np.ndarray) -> np.ndarray:
    """The log-probabilities `[n, n, n]` of counts of that shape; each order falls back on the one below."""
    probabilities = np.full(trigrams.shape[0], 1 / trigrams.shape[0])
    for counts in (trigrams.sum((0, 1)), trigrams.sum(0), trigrams):
        kinds = (counts > 0).sum(-1, keepdims=True)
        total = counts.sum(-1, keepdims=True)
        weight = kinds + (total == 0)
        probabilities = (counts + weight * probabilities) / (total + weight)
    logs: np.ndarray = np.log(probabilities).astype(np.float32)
    return logs
