"""Rows whose logits are no distribution of tokens: each gets its own error, and its neighbours go on."""

import tensorflow as tf

NO_DISTRIBUTION = "the model's logits give no probabilities: they are not numbers (NaN), or infinite"


def lacks_distribution(logits: tf.Tensor) -> tf.Tensor:
    """Which rows of logits `[batch, vocabulary]` have no softmax: `[batch]`.

    One NaN or plus infinity spoils a row, and so does minus infinity at all places; at some it is a token that cannot
    be chosen.
    """
    largest, total = tf.reduce_max(logits, axis=-1), tf.reduce_sum(logits, axis=-1)
    # A maximum may pass over a NaN, a sum does not.
    return ~tf.math.is_finite(largest) | tf.math.is_nan(total)


def errors_of(is_faulty: tf.Tensor) -> tf.Tensor:
    """The errors `[batch]`, strings, of rows that met such logits, `[batch]` booleans; "" for the others."""
    return tf.where(is_faulty, NO_DISTRIBUTION, "")


def require_none_outside_of_graphs(is_faulty: tf.Tensor) -> None:
    """Raises ValueError naming the first row that met such logits, `[batch]` booleans.

    It does nothing in a graph, where one row must not fail the others.
    """
    if tf.executing_eagerly() and tf.reduce_any(is_faulty):
        raise ValueError(f"row {int(tf.argmax(is_faulty))}: {NO_DISTRIBUTION}")
