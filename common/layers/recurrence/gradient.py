"""A function with a hand-written gradient that refuses to be differentiated twice.

In forward mode TensorFlow differentiates the operations of the function itself.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from common.layers.recurrence.steps import unstacked

Tensor: TypeAlias = tf.Tensor
_Gradient: TypeAlias = Callable[..., Sequence[Tensor | None]]


def with_gradient(
    forward: Callable[..., tuple[Sequence[Tensor], Any]],
    backward: Callable[[Sequence[Tensor], Any, Sequence[Tensor]], Sequence[Tensor]],
    arguments: Sequence[Tensor],
) -> tuple[Tensor, ...]:
    """Calls `forward` so that its outputs are differentiated by `backward`.

    Args:
        forward: `(*arguments)` -> `(outputs, whatever backward needs)`.
        backward: `(arguments, what forward kept, gradients of the outputs)` -> gradients of the arguments.
        arguments: tensors.

    Returns:
        The outputs of `forward`.
    """
    if in_forward_mode(arguments):
        return tuple(forward(*arguments)[0])
    is_eager = tf.executing_eagerly()

    @tf.custom_gradient
    def run(*arguments: Tensor) -> tuple[tuple[Tensor, ...], _Gradient]:
        outputs, kept = forward(*arguments)

        def gradient(*upstream: Tensor) -> tuple[Tensor, ...]:
            saved = (
                tf.nest.map_structure(_in_graph, kept) if is_eager and not tf.executing_eagerly() else kept
            )

            # The arguments enter here too: without them a second derivative that depends on them through what
            # `forward` kept would silently be zero.
            @tf.custom_gradient
            def first_order(*everything: Tensor) -> tuple[tuple[Tensor, ...], _Gradient]:
                return tuple(backward(arguments, saved, everything[len(arguments) :])), _refuse

            derivatives: tuple[Tensor, ...] = first_order(*arguments, *upstream)
            return derivatives

        return tuple(outputs), gradient

    results: tuple[Tensor, ...] = run(*arguments)
    return results


def in_forward_mode(arguments: Sequence[Tensor]) -> bool:
    """Whether a `tf.autodiff.ForwardAccumulator` follows one of the arguments, outside of graphs.

    It asks for the gradient of what it follows at once, where a tape would ask later.
    """
    asked: list[bool] = []

    @tf.custom_gradient
    def probe(*arguments: Tensor) -> tuple[Tensor, _Gradient]:
        def gradient(_: Tensor) -> list[None]:
            asked.append(True)
            return [None] * len(arguments)

        return tf.constant(0.0), gradient

    if tf.executing_eagerly():
        probe(*arguments)
    return bool(asked)


def _in_graph(kept: Any) -> Any:
    """What was kept outside of a graph, for use within: an eager list cannot be read at a step unknown yet."""
    if not isinstance(kept, tf.TensorArray):
        return kept
    with tf.init_scope():
        values = kept.stack()
    return unstacked(values)


def _refuse(*_: Tensor) -> tuple[Tensor, ...]:
    raise ValueError(
        "recurrent layer: its hand-written gradient has no second derivative, nor forward mode around a tf.function;"
        " use the layer of keras.layers, which takes the same weights and configuration"
    )
