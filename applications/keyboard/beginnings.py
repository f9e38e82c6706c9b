"""Which words begin with given bytes, in the graph: a search in a sorted table, not a comparison with every word."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

_BYTES = 7
"""So many first bytes of a word are one number of the sorted table, which stays positive."""


class Beginnings:
    """Words, each of which may be written in several ways, by the bytes that they begin with.

    Args:
        ways: how each word is written; one that is written in no way begins with nothing, not even with "".

    Example:
        >>> beginnings = Beginnings([(), ("on",), ("été", "ete")])
        >>> beginnings.begin_with(tf.constant(["", "o", "et", "é"])).numpy().astype(int).tolist()
        [[0, 1, 1], [0, 1, 0], [0, 0, 1], [0, 0, 1]]
    """

    def __init__(self, ways: Sequence[Sequence[str]]) -> None:
        encoded = [sorted({way.encode("utf-8") for way in one}) for one in ways]
        self._sorted = sorted({way for one in encoded for way in one})
        self._heads = np.array([_head(way) for way in self._sorted], np.int64)
        places = {way: place for place, way in enumerate(self._sorted)}
        # Most words are written in one way: few of the further rows are needed, and those that are repeat it.
        self._places = np.full([max(map(len, encoded), default=0), len(encoded)], -1, np.int32)
        for number, one in enumerate(encoded):
            for row in range(len(self._places) if one else 0):
                self._places[row, number] = places[one[min(row, len(one) - 1)]]

    def begin_with(self, prefixes: tf.Tensor) -> tf.Tensor:
        """Which words begin with each of the prefixes `[batch]`: bool `[batch, words]`."""
        first, end = self._range(prefixes)
        begins = tf.zeros([tf.shape(prefixes)[0], self._places.shape[1]], tf.bool)
        for places in map(tf.constant, self._places):
            begins |= (places >= first[:, None]) & (places < end[:, None])
        return begins

    def _range(self, prefixes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Where those that begin with each prefix are in the sorted table: from the first to before the end."""
        codes = tf.cast(tf.io.decode_raw(prefixes, tf.uint8, fixed_length=_BYTES), tf.int64)
        lengths = tf.strings.length(prefixes)
        is_given = tf.range(_BYTES) < lengths[:, None]
        weights = tf.constant(256 ** np.arange(_BYTES - 1, -1, -1, dtype=np.int64))
        least = tf.reduce_sum(codes * weights, axis=1)
        most = tf.reduce_sum(tf.where(is_given, codes, 255) * weights, axis=1)
        heads = tf.constant(self._heads)
        first = tf.searchsorted(heads, least, side="left")
        end = tf.searchsorted(heads, most, side="right")
        # A word that ends within these bytes has zeros there, as the prefix may have.
        is_whole = tf.math.count_nonzero(codes, axis=1, dtype=tf.int32) == lengths
        return self._narrowed(prefixes, lengths, is_whole, first, end)

    def _narrowed(
        self, prefixes: tf.Tensor, lengths: tf.Tensor, is_whole: tf.Tensor, first: tf.Tensor, end: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The ranges of prefixes longer than the numbers of the table: the words that begin so are side by side."""
        candidates = tf.ragged.range(first, tf.where(is_whole, first, end))
        rows, places = candidates.value_rowids(), candidates.flat_values
        words = tf.gather(tf.constant(self._sorted, tf.string, [len(self._sorted)]), places)
        row_lengths = tf.gather(lengths, rows)
        begins = tf.strings.substr(words, tf.zeros_like(row_lengths), row_lengths) == tf.gather(
            prefixes, rows
        )
        matching_rows, matching = tf.boolean_mask(rows, begins), tf.boolean_mask(places, begins)
        batch = tf.shape(prefixes)[0]
        least = tf.math.unsorted_segment_min(matching, matching_rows, batch)
        most = tf.math.unsorted_segment_max(matching, matching_rows, batch)
        return tf.where(is_whole, first, least), tf.where(is_whole, end, most + 1)


def _head(word: bytes) -> int:
    return int.from_bytes(word[:_BYTES].ljust(_BYTES, b"\0"), "big")
