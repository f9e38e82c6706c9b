"""Texts in tf.Examples, which TensorFlow Serving's classification API takes."""

import tensorflow as tf

from common.attempt import attempt, each_row

_FEATURE = "text"


def example_texts(inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The feature `text` of serialised tf.Examples `[batch]`, and which of them have it: `[batch]` each.

    >>> texts, are_examples = example_texts(tf.constant([serialized_example("fine"), b"none"]))
    >>> texts.numpy().tolist(), are_examples.numpy().tolist()
    ([b'fine', b''], [True, False])
    """
    feature = {_FEATURE: tf.io.FixedLenFeature([], tf.string)}

    def parse(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.io.parse_single_example(serialized, feature)[_FEATURE], tf.constant(True)

    def read(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return attempt(parse, serialized, (tf.constant(""), tf.constant(False)))

    return each_row(read, inputs, (tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.bool)))


def serialized_example(text: str) -> bytes:
    """The tf.Example whose feature `text` is the text, as bytes."""
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode("utf-8")]))
    example = tf.train.Example(features=tf.train.Features(feature={_FEATURE: feature}))
    return bytes(example.SerializeToString())
