"""The character n-grams of words, hashed, in the graph: what says something of a word that no vocabulary holds."""

import tensorflow as tf

LENGTHS = (3, 4, 5)
LONGEST = 16
"""Characters of a word that count; a longer one is cut."""
COUNT = sum(LONGEST + 2 - length + 1 for length in LENGTHS)
"""How many n-grams a word has at most."""


def ngrams(words: tf.Tensor, buckets: int) -> tf.Tensor:
    """The hashed n-grams of 3 to 5 characters of each word, with marks at its ends (Bojanowski et al. 2017).

    Args:
        words: strings `[words]`.
        buckets: into how many the n-grams are hashed.

    Returns:
        `[words, COUNT]` int32: a bucket from 1 for each n-gram, 0 where there is none.

    Example:
        >>> numbers = ngrams(tf.constant(["it", "bit"]), buckets=100)
        >>> tf.math.count_nonzero(numbers, axis=1).numpy().tolist()  # <it it> <it>, and 3 + 2 + 1 of <bit>
        [3, 6]
    """
    marked = tf.strings.join(["<", tf.strings.substr(words, 0, LONGEST, unit="UTF8_CHAR"), ">"])
    length = tf.strings.length(marked, unit="UTF8_CHAR")[:, None]
    padded = tf.strings.join([marked, " " * (LONGEST + 2)])[:, None]
    numbers = []
    for size in LENGTHS:
        starts = tf.range(LONGEST + 2 - size + 1)[None]
        places = tf.broadcast_to(starts, tf.stack([tf.shape(words)[0], tf.shape(starts)[1]]))
        pieces = tf.strings.substr(
            tf.repeat(padded, tf.shape(starts)[1], axis=1),
            places,
            tf.fill(tf.shape(places), size),
            unit="UTF8_CHAR",
        )
        hashed = 1 + tf.strings.to_hash_bucket_fast(pieces, buckets)
        numbers.append(tf.where(starts + size <= length, tf.cast(hashed, tf.int32), 0))
    return tf.ensure_shape(tf.concat(numbers, axis=1), [None, COUNT])
