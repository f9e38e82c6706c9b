"""Whether a new word looks like a mistyped frequent one, in the graph."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

FREQUENT = 5000
"""How many words of the base count as frequent."""
_LONGEST = 24


class NearMisses:
    """Tells whether a word is one edit away from a frequent word.

    An edit inserts, deletes or replaces one character, or exchanges two neighbours.

    Args:
        words: the frequent words; those of more than 24 characters are left out.

    Example:
        >>> near_misses = NearMisses(["because", "from"])
        >>> [bool(near_misses(tf.constant(word))) for word in ("becuase", "form", "fro", "farmer")]
        [True, True, True, False]
    """

    def __init__(self, words: Sequence[str]) -> None:
        codes = [[ord(character) for character in word] for word in words if 0 < len(word) <= _LONGEST]
        self._lengths = np.array([len(word) for word in codes], np.int32)
        # A column more than the longest word has: there, nothing agrees with anything.
        self._codes, self._reversed = (
            np.array([row + [0] * (_LONGEST + 1 - len(row)) for row in rows], np.int32).reshape(
                -1, _LONGEST + 1
            )
            for rows in (codes, [word[::-1] for word in codes])
        )

    def __call__(self, word: tf.Tensor) -> tf.Tensor:
        """Whether the word `[]` is one edit away from a frequent one, which it is not itself: bool `[]`."""
        codes = tf.strings.unicode_decode(word, "UTF-8")
        length = tf.size(codes)
        codes = codes[:_LONGEST]
        frequent = tf.constant(self._codes)
        begin = _agreeing(frequent, _padded(codes))
        end = _agreeing(tf.constant(self._reversed), _padded(codes[::-1]))
        agreeing, shorter = begin + end, tf.minimum(length, self._lengths)
        is_as_long = self._lengths == length
        is_replaced = is_as_long & (agreeing == length - 1)
        is_longer_by_one = (tf.abs(self._lengths - length) == 1) & (agreeing >= shorter)
        here = _padded(codes)
        exchanged = tf.stack([tf.gather(here, begin + 1), tf.gather(here, begin)], axis=1)
        pair = tf.gather(frequent, tf.stack([begin, begin + 1], axis=1), batch_dims=1)
        is_exchanged = is_as_long & (agreeing == length - 2) & tf.reduce_all(pair == exchanged, axis=1)
        return (length <= _LONGEST) & tf.reduce_any(is_replaced | is_longer_by_one | is_exchanged)


def _padded(codes: tf.Tensor) -> tf.Tensor:
    """`[_LONGEST + 2]`; what follows the word agrees with nothing."""
    return tf.pad(codes, [[0, _LONGEST + 2 - tf.size(codes)]], constant_values=-1)


def _agreeing(words: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
    """With how many characters each of the words begins as the given one does: int32 `[words]`."""
    differs = words != codes[: _LONGEST + 1]
    return tf.argmax(tf.cast(differs, tf.int8), axis=1, output_type=tf.int32)
