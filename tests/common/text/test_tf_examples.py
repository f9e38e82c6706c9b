"""Texts come out of serialised tf.Examples, and what is none leaves its neighbours alone."""

import tensorflow as tf

from common.text.tf_examples import example_texts, serialized_example


def test_texts_are_read_and_what_is_no_example_is_marked():
    other = tf.train.Example()
    other.features.feature["score"].float_list.value.append(1.0)
    inputs = [serialized_example("fine"), b"\xff", other.SerializeToString(), serialized_example("")]
    texts, are_examples = example_texts(tf.constant(inputs))
    assert texts.numpy().tolist() == [b"fine", b"", b"", b""]
    assert are_examples.numpy().tolist() == [True, False, False, True]


def test_an_example_is_what_tensorflow_parses():
    parsed = tf.train.Example.FromString(serialized_example("naïve"))
    assert parsed.features.feature["text"].bytes_list.value == ["naïve".encode()]


def test_no_row_is_no_text():
    texts, are_examples = example_texts(tf.zeros([0], tf.string))
    assert texts.shape == are_examples.shape == (0,)
