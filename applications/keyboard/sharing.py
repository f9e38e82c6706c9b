"""Functions that an exported graph holds once, however many signatures call them."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def shared(function: Callable[..., Any], *inputs: tf.TensorSpec) -> Callable[..., Any]:
    """The function as one of the graph's own: what it is made of, and its constants, stand in the file once.

    Args:
        function: of tensors.
        inputs: their types and shapes.

    Example:
        >>> doubled = shared(lambda values: values * 2, tf.TensorSpec([None], tf.int32))
        >>> doubled(tf.constant([1, 2])).numpy().tolist()
        [2, 4]
    """
    function_in_graph: Callable[..., Any] = tf.function(function, input_signature=inputs, autograph=False)
    return function_in_graph
