"""Variables of a SavedModel that stand for a layer's own, and the names by which these are found again."""

import tensorflow as tf


def stored_name(variable: tf.Variable) -> str:
    """What a variable is called in a SavedModel."""
    return str(variable.name.removesuffix(":0"))


def stored_instead(variable: tf.Variable, values: tf.Tensor) -> tf.Variable:
    """Other values of a variable, under its name."""
    return tf.Variable(values, trainable=False, name=stored_name(variable))
