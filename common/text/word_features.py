"""The in-graph text front end: raw strings in, integer features of tokens out.

The same layer prepares the training batches and is traced into the exported graph, so a served model reads text exactly
as the trained one did. It uses stock TensorFlow operations only.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from common.keras_package import PACKAGE

LATEST = 2
"""The version of the front end that new models have."""
PADDING, UNKNOWN, FIRST_WORD = 0, 1, 2
AFFIXES = (("prefix", 3), ("prefix", 5), ("suffix", 3), ("suffix", 4))
FEATURES = 1 + len(AFFIXES)

LINE_BREAK_TAG = r"(?i)<\s*/?\s*(br|p|div|li|ul|i|b|em|strong|hr)\b[^<>]{0,200}>"
ENTITIES = (
    ("&quot;", '"'),
    ("&(#39|#x27|apos);", "'"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&nbsp;", " "),
    ("&amp;", "&"),
)
APOSTROPHES = "[’‘ʼ]"
INVISIBLE = r"[\p{Cf}\x{FE0E}\x{FE0F}]"
BLANK = r"[\s\p{Z}\p{Cc}\x{FFFD}]+"
CONTRACTION = r" (n't|'(?:s|m|re|ve|ll|d))\b"
UNSPACED_SCRIPT = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])"
TOKEN = r"([\p{L}\p{M}\p{N}_]+(?:'[\p{L}\p{M}\p{N}]+)*|[^\s\p{L}\p{M}\p{N}_])"
LONGEST_TOKEN = 40
FNV_OFFSET, FNV_PRIME, _32_BITS = 2_166_136_261, 16_777_619, 0xFFFFFFFF
_READ_AT_ONCE = 512


def normalize(text: tf.Tensor, version: int = LATEST) -> tf.Tensor:
    """Lower-cased text without markup: strings `[batch]` -> strings `[batch]`.

    Bytes that are not UTF-8 become blanks, HTML breaks and tags of emphasis too; the commonest entities are resolved
    and typographic apostrophes become plain ones. Contractions that a treebank's tokens set apart ("is n't", "it 's")
    are joined, so that published data sets read like what a person types; version 1 leaves them apart.
    """
    text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
    text = tf.strings.regex_replace(text, LINE_BREAK_TAG, " ")
    for entity, character in ENTITIES:
        text = tf.strings.regex_replace(text, entity, character)
    text = tf.strings.regex_replace(text, APOSTROPHES, "'")
    text = tf.strings.regex_replace(text, INVISIBLE, "")
    text = tf.strings.regex_replace(text, BLANK, " ")
    text = tf.strings.lower(text, encoding="utf-8")
    return text if version == 1 else tf.strings.regex_replace(text, CONTRACTION, r"\1")


def tokenize(text: tf.Tensor, version: int = LATEST) -> tf.RaggedTensor:
    """Words (with inner apostrophes) and single punctuation marks: strings `[batch]` -> `[batch, (tokens)]`.

    In scripts written without spaces each character is a token. Tokens are cut at 40 characters.
    """
    text = tf.strings.regex_replace(normalize(text, version), UNSPACED_SCRIPT, r" \1 ")
    tokens = tf.strings.split(tf.strings.regex_replace(text, TOKEN, r" \1 "))
    return tf.ragged.map_flat_values(
        lambda token: tf.strings.substr(token, 0, LONGEST_TOKEN, unit="UTF8_CHAR"), tokens
    )


def keep_ends(tokens: tf.RaggedTensor, max_tokens: int) -> tf.RaggedTensor:
    """Cuts the middle out of rows longer than `max_tokens`: a long review tells its verdict first or last."""
    lengths = tokens.row_lengths()
    row_length = tf.repeat(lengths, lengths)
    position = tf.ragged.range(lengths).flat_values
    head = max_tokens // 2
    is_within = (position < head) | (position >= row_length - (max_tokens - head))
    return tf.ragged.boolean_mask(tokens, tokens.with_flat_values(is_within))


def count_words(texts: Iterable[str], version: int = LATEST, batch_size: int = 1024) -> Counter[str]:
    """How often each token occurs in `texts`, as `tokenize` sees them."""
    counts: Counter[bytes] = Counter()
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == batch_size:
            counts.update(tokenize(tf.constant(batch), version).flat_values.numpy())
            batch = []
    if batch:
        counts.update(tokenize(tf.constant(batch), version).flat_values.numpy())
    return Counter({token.decode("utf-8"): count for token, count in counts.items()})


def choose_vocabulary(counts: Counter[str], size: int, min_count: int) -> list[str]:
    """The `size` commonest words that occur `min_count` times or more; ties in alphabetical order."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [word for word, count in ranked[:size] if count >= min_count]


def affix_hashes(points: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """A hash of each affix of each token: code points `[tokens, length]` and their numbers `[tokens]` -> `[tokens, 4]`.

    FNV-1a of 32 bits (Fowler, Noll and Vo) over the number of the affix in `AFFIXES` and then its code points, in 64
    bits: any language has it in three lines. The tokens stand between "<" and ">"; an affix is one code point longer
    than its name says, for the mark, and a shorter token is its own affix.
    """
    hashes = []
    for number, (kind, letters) in enumerate(AFFIXES):
        first = tf.zeros_like(lengths) if kind == "prefix" else tf.maximum(lengths - letters - 1, 0)
        state = tf.fill(tf.shape(lengths), tf.constant(_mixed(FNV_OFFSET, number), tf.int64))
        for step in range(letters + 1):
            place = first + step
            is_there = place < lengths
            point = tf.gather(points, tf.where(is_there, place, 0), axis=1, batch_dims=1)
            state = tf.where(is_there, _mix(state, tf.cast(point, tf.int64)), state)
        hashes.append(state)
    return tf.stack(hashes, axis=-1)


def _mix(state: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.bitwise_and(tf.bitwise.bitwise_xor(state, value) * FNV_PRIME, _32_BITS)


def _mixed(state: int, value: int) -> int:
    return (state ^ value) * FNV_PRIME & _32_BITS


def _affix_buckets_by_farmhash(token: tf.Tensor, buckets: int) -> tf.Tensor:
    """The bucket of each affix of each token as version 1 has it: strings `[tokens]` -> `[tokens, 4]`."""
    marked = tf.strings.join(["<", token, ">"])
    widened = tf.strings.join([" " * max(letters for _, letters in AFFIXES), marked])
    hashes = []
    for kind, letters in AFFIXES:
        start, source = (0, marked) if kind == "prefix" else (-(letters + 1), widened)
        affix = tf.strings.substr(source, start, letters + 1, unit="UTF8_CHAR")
        hashes.append(tf.strings.to_hash_bucket_fast(tf.strings.join([f"{kind}{letters}:", affix]), buckets))
    return tf.stack(hashes, axis=-1)


@keras.saving.register_keras_serializable(PACKAGE)
class TextFeatures(keras.layers.Layer):
    """Turns strings `[batch]` into integer features `[batch, time, 5]` of their tokens, right-padded with 0.

    Feature 0 is the word: 1 for a word outside the vocabulary, 2 and up for the words in their given order. The
    others are the token's first 3 and 5 and last 3 and 4 characters, hashed into `affix_buckets` buckets (1 and up),
    so that a word never seen in training still says what its stem and its ending say (the idea of Bojanowski et al.
    2017, with a fixed number of features per word). A text without any token becomes one unknown word: each row holds
    at least one real step.

    Args:
        words: the vocabulary, without duplicates.
        affix_buckets: into how many buckets the affixes are hashed.
        max_tokens: longer texts lose their middle.
        version: 2, or 1 for models of before: contractions as they stand (see `normalize`), and affixes hashed by
            TensorFlow's `to_hash_bucket_fast` (FarmHash, 64 bits) in place of FNV-1a.

    Example:
        >>> features = TextFeatures(["the", "cat"], affix_buckets=100, max_tokens=8)
        >>> features(tf.constant(["The cat purrs"]))[..., 0].numpy().tolist()
        [[2, 3, 1]]
    """

    def __init__(
        self, words: Sequence[str], affix_buckets: int, max_tokens: int, version: int = LATEST, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.words = tuple(words)
        self.affix_buckets = affix_buckets
        self.max_tokens = max_tokens
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(self.words, tf.string), tf.range(len(self.words), dtype=tf.int64) + FIRST_WORD
            ),
            default_value=UNKNOWN,
        )

    def tokens(self, text: tf.Tensor) -> tf.RaggedTensor:
        """The token of each time step: strings `[batch]` -> `[batch, (time)]`; an empty text has the token ""."""
        tokens = keep_ends(tokenize(text, self.version), self.max_tokens)
        is_empty = tf.cast(tokens.row_lengths() == 0, tf.int64)
        filler = tf.RaggedTensor.from_row_lengths(tf.fill([tf.reduce_sum(is_empty)], ""), is_empty)
        return tf.concat([tokens, filler], axis=1)

    def call(self, text: tf.Tensor) -> tf.Tensor:
        tokens = self.tokens(text)
        words = self.table.lookup(tokens.flat_values)
        features = tf.concat([words[:, tf.newaxis], self._affixes(tokens.flat_values)], axis=-1)
        return tokens.with_flat_values(tf.cast(features, tf.int32)).to_tensor(PADDING)

    def read_all(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """The features `[time, 5]` of each text, without padding."""
        read = tf.function(self.call, input_signature=[tf.TensorSpec([None], tf.string)])
        rows: list[NDArray[np.int32]] = []
        for start in range(0, len(texts), _READ_AT_ONCE):
            batch = read(tf.constant(texts[start : start + _READ_AT_ONCE])).numpy()
            rows += [row[: np.count_nonzero(row[:, 0])] for row in batch]
        return rows

    def _affixes(self, token: tf.Tensor) -> tf.Tensor:
        if self.version == 1:
            return 1 + _affix_buckets_by_farmhash(token, self.affix_buckets)
        points = tf.strings.unicode_decode(tf.strings.join(["<", token, ">"]), "UTF-8")
        return (
            1 + affix_hashes(points.to_tensor(), tf.cast(points.row_lengths(), tf.int32)) % self.affix_buckets
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "words": list(self.words),
            "affix_buckets": self.affix_buckets,
            "max_tokens": self.max_tokens,
            "version": self.version,
        }


@keras.saving.register_keras_serializable(PACKAGE)
class TokenEmbedding(keras.layers.Layer):
    """The sum of a token's word vector and its affix vectors: `[batch, time, 5]` -> `[batch, time, units]`.

    In training each word is hidden (taken as unknown) with probability `word_dropout`, so that affixes and context
    learn to stand in for it. Padding is masked.

    Args:
        words: size of the vocabulary.
        affix_buckets: as in `TextFeatures`.
        units: width of the vectors.
        word_dropout: share of words hidden in training.
        seed: of the hiding.

    Example:
        >>> embedding = TokenEmbedding(words=2, affix_buckets=100, units=8)
        >>> embedding(tf.ones([2, 3, 5], tf.int32)).shape.as_list()
        [2, 3, 8]
    """

    def __init__(
        self,
        words: int,
        affix_buckets: int,
        units: int,
        word_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.words, self.affix_buckets, self.units, self.word_dropout = (
            words,
            affix_buckets,
            units,
            word_dropout,
        )
        self.seed, self.seed_generator = seed, keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        initializer = keras.initializers.RandomNormal(stddev=0.1)
        self.word_table = self.add_weight(
            shape=(FIRST_WORD + self.words, self.units), initializer=initializer, name="words"
        )
        self.affix_table = self.add_weight(
            shape=(1 + self.affix_buckets, self.units), initializer=initializer, name="affixes"
        )

    def call(self, features: Any, training: bool | None = None) -> Any:
        word, affixes = features[..., 0], features[..., 1:]
        if training and self.word_dropout:
            hidden = keras.random.uniform(ops.shape(word), seed=self.seed_generator) < self.word_dropout
            word = ops.where(hidden & (word >= FIRST_WORD), UNKNOWN, word)
        vector = ops.take(self.word_table, word, axis=0)
        for index in range(len(AFFIXES)):
            vector += ops.take(self.affix_table, affixes[..., index], axis=0) / len(AFFIXES) ** 0.5
        return ops.cast(vector, self.compute_dtype)

    def compute_mask(self, features: Any, mask: Any = None) -> Any:
        return features[..., 0] != PADDING

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "words": self.words,
            "affix_buckets": self.affix_buckets,
            "units": self.units,
            "word_dropout": self.word_dropout,
            "seed": self.seed,
        }
