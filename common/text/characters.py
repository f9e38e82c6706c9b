"""Characters as numbers and back, in the graph: the text front end of models that read and write single characters."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from common.keras_package import PACKAGE

UNKNOWN = 0
_REPLACEMENT = 0xFFFD


def choose_characters(text: str, min_count: int) -> str:
    """The characters that occur `min_count` times or more in `text`, in the order of their code points."""
    return "".join(sorted(character for character, count in Counter(text).items() if count >= min_count))


@keras.saving.register_keras_serializable(PACKAGE)
class Characters(keras.layers.Layer):
    """Numbers characters from 1 in the order of `vocabulary`; 0 is any other, and stands before a text begins.

    A character is a Unicode code point. The same layer prepares the training text and is traced into the exported
    graph; it uses stock TensorFlow operations only.

    Args:
        vocabulary: the known characters, without duplicates.

    Example:
        >>> characters = Characters("abc")
        >>> numbers = characters(tf.constant(["cab!"]))
        >>> numbers.to_list(), characters.text(numbers).numpy()[0].decode()
        ([[3, 1, 2, 0]], 'cab�')
    """

    def __init__(self, vocabulary: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocabulary = vocabulary
        code_points = [ord(character) for character in vocabulary]
        self._code_points = tf.constant([_REPLACEMENT, *code_points], tf.int32)
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(code_points, tf.int32), tf.range(1, len(code_points) + 1, dtype=tf.int32)
            ),
            default_value=UNKNOWN,
        )

    @property
    def size(self) -> int:
        """How many numbers there are: the known characters and 0."""
        return len(self.vocabulary) + 1

    def call(self, text: tf.Tensor) -> tf.RaggedTensor:
        """Strings `[batch]` -> numbers `[batch, (characters)]` int32; bytes that are not UTF-8 count as unknown."""
        code_points = tf.strings.unicode_decode(text, "UTF-8", errors="replace")
        return code_points.with_flat_values(self.table.lookup(code_points.flat_values))

    def text(self, numbers: tf.RaggedTensor) -> tf.Tensor:
        """Numbers `[batch, (characters)]` -> strings `[batch]`; 0 becomes U+FFFD, the replacement character."""
        code_points = tf.gather(self._code_points, numbers.flat_values)
        return tf.strings.unicode_encode(numbers.with_flat_values(code_points), "UTF-8")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vocabulary": self.vocabulary}


def as_text(numbers: Sequence[int], vocabulary: str) -> str:
    """What `Characters(vocabulary).text` gives for one row, without TensorFlow."""
    return "".join(vocabulary[number - 1] if number else chr(_REPLACEMENT) for number in numbers)
