"""What an operation of TensorFlow makes of a value, or something else where it raises: in the graph, by stock means.

A decoder of TensorFlow raises on a damaged file and fails the whole batch with it. `tf.data` alone can do without the
elements that raised, so each attempt is a data set of one element.
"""

from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf

Tensors = TypeVar("Tensors")


def attempt(compute: Callable[[tf.Tensor], Tensors], value: tf.Tensor, otherwise: Tensors) -> Tensors:
    """`compute(value)`, or `otherwise` where one of its operations raises.

    To begin takes about a tenth of a millisecond, and longer the more operations `compute` has. In a graph with
    automatic control dependencies attempts wait for each other; without (`tf.compat.v1.wrap_function`) they do not.

    Args:
        compute: a tensor or a tuple of tensors from the value.
        value: a tensor.
        otherwise: of the same structure and types as what `compute` gives, its shapes at most as wide.
    """
    options = tf.data.Options()
    # Either would work on the graph anew in each call.
    options.experimental_optimization.apply_default_optimizations = False
    options.autotune.enabled = False
    attempted = tf.data.Dataset.from_tensors(value).map(compute).ignore_errors()
    first = attempted.concatenate(tf.data.Dataset.from_tensors(otherwise)).take(1)
    tensors: Tensors = first.with_options(options).get_single_element()
    return tensors


def each_row(compute: Callable[[tf.Tensor], Tensors], strings: tf.Tensor, outputs: Tensors) -> Tensors:
    """`compute` of each of the strings `[batch]`, in which attempts do not wait for those of other rows.

    Args:
        compute: a tensor or a tuple of tensors from a string; of operations that only a CPU need have.
        strings: `[batch]`.
        outputs: the types and shapes of what `compute` gives, as `tf.TensorSpec`.
    """

    def compute_all(strings: tf.Tensor) -> Tensors:
        rows: Tensors = tf.map_fn(compute, strings, fn_output_signature=outputs)
        return rows

    with tf.device("/CPU:0"):
        # As part of the caller's function one attempt would wait for the other.
        rows: Tensors = tf.compat.v1.wrap_function(compute_all, [tf.TensorSpec([None], tf.string)])(strings)
        return rows


def apart(compute: Callable[..., Tensors]) -> Callable[..., Tensors]:
    """The same function, called in the graph rather than copied into it.

    A graph passes through all operations of a branch that is not taken, one by one. What is seldom needed and has many
    is better one operation.
    """
    function: Callable[..., Tensors] = tf.function(
        compute, autograph=False, experimental_attributes={"_noinline": True}
    )
    return function
