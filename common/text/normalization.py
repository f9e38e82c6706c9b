"""Text in one spelling, in graph: single plain spaces, nothing invisible, accents composed with their letters."""

import unicodedata
from functools import cache

import numpy as np
import tensorflow as tf

INVISIBLE = r"[\x{AD}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2069}\x{FEFF}]"
BLANK = r"[\s\p{Z}\p{Cc}\x{FFFD}\x{2581}]+"
MARKS_ON_A_LETTER = 2
_CODE_POINT_BITS = 21
_LETTERS_WITH_MARKS = range(0xC0, 0x30000)


def normalize(text: tf.Tensor) -> tf.Tensor:
    """Text in one spelling: strings `[batch]` -> strings `[batch]`.

    Every run of white space, control characters, "▁" and bytes that are not UTF-8 becomes one space, none at the ends.
    Soft hyphens, zero-width spaces and marks of direction vanish. A letter followed by up to two combining marks
    becomes the one character that Unicode composes of them, if there is one (as NFC has it, for marks in canonical
    order). Case, punctuation and all else stay as they are.
    """
    text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
    return tf.strings.strip(tf.strings.regex_replace(composed(text), BLANK, " "))


def composed(text: tf.Tensor) -> tf.Tensor:
    """Text without invisible characters, its letters joined with their marks: strings `[batch]` -> strings `[batch]`.

    What `normalize` does but for blanks. The text must be UTF-8.
    """
    text = tf.strings.regex_replace(text, INVISIBLE, "")
    characters = tf.strings.unicode_decode(text, "UTF-8")
    keys, values = (tf.constant(array) for array in _compositions())
    for _ in range(MARKS_ON_A_LETTER):
        characters = _compose(characters, keys, values)
    return tf.strings.unicode_encode(characters, "UTF-8")


def _compose(characters: tf.RaggedTensor, keys: tf.Tensor, composed: tf.Tensor) -> tf.RaggedTensor:
    flat, row = characters.flat_values, characters.value_rowids()
    key = tf.cast(flat[:-1], tf.int64) * 2**_CODE_POINT_BITS + tf.cast(flat[1:], tf.int64)
    index = tf.minimum(tf.searchsorted(keys, key), keys.shape[0] - 1)
    is_composed = (tf.gather(keys, index) == key) & (row[:-1] == row[1:])
    joined = tf.concat([tf.where(is_composed, tf.gather(composed, index), flat[:-1]), flat[-1:]], axis=0)
    is_first = tf.concat([[True], ~is_composed], axis=0)[: tf.size(flat)]
    return tf.ragged.boolean_mask(characters.with_flat_values(joined), characters.with_flat_values(is_first))


@cache
def _compositions() -> tuple[np.ndarray, np.ndarray]:
    """Two characters as one key, in ascending order, and the character that each two compose."""
    pairs = {}
    for code_point in _LETTERS_WITH_MARKS:
        decomposed = unicodedata.decomposition(chr(code_point)).split()
        if len(decomposed) == 2 and not decomposed[0].startswith("<"):
            first, second = (int(part, 16) for part in decomposed)
            if unicodedata.normalize("NFC", chr(first) + chr(second)) == chr(code_point):
                pairs[first * 2**_CODE_POINT_BITS + second] = code_point
    keys = np.array(sorted(pairs), np.int64)
    return keys, np.array([pairs[key] for key in keys], np.int32)
