"""Rows that cannot be answered: each gets one line that says why, in the graph, and leaves its neighbours alone.

A server joins the rows of strangers to one batch, so a graph that raised for one row would fail them all. What concerns
a request as a whole, such as inputs that differ in rows, is still asserted.
"""

from collections.abc import Mapping

import tensorflow as tf

from common.errors import ROW_ERROR

Tensors = Mapping[str, tf.Tensor]


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


def first_error(*errors: tf.Tensor) -> tf.Tensor:
    """The first error of each row that is not empty, if it has one: strings `[batch]` each."""
    return first_fault(*((error != "", error) for error in errors))


def neutral_where(is_bad: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """`values` `[batch, ...]` with zeros, empty strings or False in the rows where `is_bad` `[batch]` is true."""
    shape = tf.concat([tf.shape(is_bad), tf.ones([tf.rank(values) - 1], tf.int32)], axis=0)
    masked = tf.where(tf.reshape(is_bad, shape), tf.zeros([], values.dtype), values)
    return tf.ensure_shape(masked, values.shape)


def with_row_errors(outputs: Tensors) -> dict[str, tf.Tensor]:
    """The outputs of a served function with the output `error`, strings `[batch]`: empty in each row that was answered.

    Where `error` says what is wrong with a row, the row's other outputs become neutral: zeros, empty strings, False. A
    function whose rows can all be answered need not return it.

    Raises:
        ValueError: `error` is no vector of strings.
    """
    others = {name: values for name, values in outputs.items() if name != ROW_ERROR}
    if ROW_ERROR not in outputs:
        rows = tf.shape(next(iter(outputs.values())))[:1]
        return {**others, ROW_ERROR: tf.fill(rows, "")}
    error = outputs[ROW_ERROR]
    if error.dtype != tf.string or error.shape.rank != 1:
        raise ValueError(
            f"output {ROW_ERROR!r}: expected strings [batch], got {error.dtype.name} {error.shape}"
        )
    is_bad = error != ""
    return {**{name: neutral_where(is_bad, values) for name, values in others.items()}, ROW_ERROR: error}


def with_equal_rows(inputs: Tensors) -> dict[str, tf.Tensor]:
    """The inputs of a request as they are, if all have as many rows.

    Raises:
        tf.errors.InvalidArgumentError: they differ; the one line tells the rows of each.
    """
    if len(inputs) < 2:
        return dict(inputs)
    names = sorted(inputs)
    rows = tf.stack([tf.shape(inputs[name])[0] for name in names])
    listed = tf.strings.reduce_join(tf.stack(names) + " " + tf.strings.as_string(rows), separator=", ")
    message = tf.strings.join(["expected as many rows in every input, got ", listed])
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(rows == rows[0]), [message])]):
        return {name: tf.identity(values) for name, values in inputs.items()}
