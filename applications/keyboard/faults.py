"""What is wrong with the texts and the counts of a request: a case for each row, in the graph."""

import tensorflow as tf

from applications.keyboard.predict import MOST_BYTES, MOST_SUGGESTED

Fault = tuple[tf.Tensor, str]


def text_fault(text: tf.Tensor, most: int = MOST_BYTES) -> Fault:
    """Texts `[batch]` that are too long."""
    is_long = tf.strings.length(text) > most
    return is_long, f"text: expected at most {most} bytes; give its end, or read it in pieces"


def prefix_fault(prefix: tf.Tensor) -> Fault:
    """Words begun `[batch]` that are none."""
    has_blank = tf.strings.regex_full_match(prefix, r"(?s).*[\s\p{Z}].*")
    return (
        has_blank | (tf.strings.length(prefix) > MOST_BYTES),
        "prefix: expected one word begun, no blanks",
    )


def count_fault(count: tf.Tensor) -> Fault:
    """Counts of suggestions `[batch]` out of range."""
    return ~((count >= 1) & (count <= MOST_SUGGESTED)), f"count: expected 1 to {MOST_SUGGESTED}"


def finite_fault(name: str, values: tf.Tensor) -> Fault:
    """Floats `[batch, ...]` that are not all finite."""
    is_finite = tf.reduce_all(tf.math.is_finite(values), axis=list(range(1, values.shape.rank)))
    return ~is_finite, f"{name}: expected finite numbers"


def range_fault(name: str, values: tf.Tensor, least: int, most: int) -> Fault:
    """Integers `[batch, ...]` that are not all in a range."""
    is_outside = (values < least) | (values > most)
    return (
        tf.reduce_any(is_outside, axis=list(range(1, values.shape.rank))),
        f"{name}: expected {int(least)} to {int(most)}",
    )
