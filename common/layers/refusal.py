"""Requests that cannot be answered are refused in the graph, in one line that names the row.

Rows are counted from 0.
"""

import tensorflow as tf


def first_fault(*cases: tuple[tf.Tensor, tf.Tensor | str]) -> tf.Tensor:
    """The text of the first case that holds, in each row; an empty string if none does.

    Args:
        cases: a bool `[batch]`, or `[]`, and the text that it calls for, `[batch]` or `[]`.

    Returns:
        Strings, shaped as the cases.
    """
    fault = tf.constant("")
    for holds, text in reversed(cases):
        fault = tf.where(holds, text, fault)
    return fault


def refuse(row: tf.Tensor, fault: tf.Tensor) -> tf.Operation:
    """Fails with a row's number and the text of its fault, unless that is empty; `[]` both."""
    message = tf.strings.join(["row ", tf.strings.as_string(row), ": ", fault])
    return tf.debugging.Assert(fault == "", [message])


def refuse_first(faults: tf.Tensor) -> tf.Operation:
    """Fails with the row and the text of the first fault `[batch]` that is not empty."""
    ended = tf.concat([faults, [""]], axis=0)
    row = tf.argmax(tf.concat([faults != "", [True]], axis=0), output_type=tf.int32)
    return refuse(row, tf.gather(ended, row))
