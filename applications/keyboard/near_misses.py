"""Whether a new word looks like a mistyped frequent one, in the graph."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

FREQUENT = 1000
"""How many words of the base count as frequent."""
SHORTEST = 4
"""Letters of the shortest word that can be a near miss: most shorter ones are an edit away from some word."""
_LONGEST = 24


class NearMisses:
    """Tells whether a word is one edit away from a frequent word.

    An edit inserts, deletes or replaces one character, or exchanges two neighbours. A word of fewer than `SHORTEST`
    characters is none.

    Args:
        words: the frequent words; those of more than 24 characters are left out.

    Example:
        >>> near_misses = NearMisses(["because", "from"])
        >>> [bool(near_misses(tf.constant(word))) for word in ("becuase", "form", "fro", "farmer")]
        [True, True, False, False]
    """

    def __init__(self, words: Sequence[str]) -> None:
        # By length, so that those that are as long as a word, or one shorter or longer, are side by side.
        self._words = sorted((word for word in words if 0 < len(word) <= _LONGEST), key=len)
        self._lengths = np.array([*map(len, self._words)], np.int32)
        self._starts = np.searchsorted(self._lengths, np.arange(_LONGEST + 4)).astype(np.int32)

    def __call__(self, word: tf.Tensor) -> tf.Tensor:
        """Whether the word `[]` is one edit away from a frequent one, which it is not itself: bool `[]`."""
        codes = tf.strings.unicode_decode(word, "UTF-8")
        length = tf.size(codes)
        codes = codes[:_LONGEST]
        shortest = tf.clip_by_value(length - 1, 0, _LONGEST)
        starts = tf.constant(self._starts)
        nearest = slice(tf.gather(starts, shortest), tf.gather(starts, shortest + 3))
        # Spelled, the words take a tenth of the room in a graph that their codes would.
        spelled = tf.strings.unicode_decode(tf.constant(self._words, tf.string)[nearest], "UTF-8")
        lengths = tf.constant(self._lengths)[nearest]
        # A column more than the longest word has: there, nothing agrees with anything.
        frequent = spelled.to_tensor(shape=[None, _LONGEST + 1])
        begin = _agreeing(frequent, _padded(codes))
        end = _agreeing(tf.reverse_sequence(frequent, lengths, seq_axis=1), _padded(codes[::-1]))
        agreeing, shorter = begin + end, tf.minimum(length, lengths)
        is_as_long = lengths == length
        is_replaced = is_as_long & (agreeing == length - 1)
        is_longer_by_one = (tf.abs(lengths - length) == 1) & (agreeing >= shorter)
        here = _padded(codes)
        exchanged = tf.stack([tf.gather(here, begin + 1), tf.gather(here, begin)], axis=1)
        # Past the last column is only what agrees with a longest word to its end, where nothing is exchanged.
        places = tf.minimum(tf.stack([begin, begin + 1], axis=1), _LONGEST)
        pair = tf.gather(frequent, places, batch_dims=1)
        is_exchanged = is_as_long & (agreeing == length - 2) & tf.reduce_all(pair == exchanged, axis=1)
        return (
            (length >= SHORTEST)
            & (length <= _LONGEST)
            & tf.reduce_any(is_replaced | is_longer_by_one | is_exchanged)
        )


def _padded(codes: tf.Tensor) -> tf.Tensor:
    """`[_LONGEST + 2]`; what follows the word agrees with nothing."""
    return tf.pad(codes, [[0, _LONGEST + 2 - tf.size(codes)]], constant_values=-1)


def _agreeing(words: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
    """With how many characters each of the words begins as the given one does: int32 `[words]`."""
    differs = words != codes[: _LONGEST + 1]
    return tf.argmax(tf.cast(differs, tf.int8), axis=1, output_type=tf.int32)
