"""A function with a hand-written gradient that refuses to be differentiated twice."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from common.errors import UserError

Tensor: TypeAlias = tf.Tensor


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

    @tf.custom_gradient
    def run(*arguments: Tensor) -> tuple[tuple[Tensor, ...], Callable]:
        outputs, kept = forward(*arguments)

        def gradient(*upstream: Tensor) -> tuple[Tensor, ...]:
            # The arguments enter here too: without them a second derivative that depends on them through what
            # `forward` kept would silently be zero.
            @tf.custom_gradient
            def first_order(*everything: Tensor) -> tuple[tuple[Tensor, ...], Callable]:
                return tuple(backward(arguments, kept, everything[len(arguments) :])), _refuse

            return first_order(*arguments, *upstream)

        return tuple(outputs), gradient

    return run(*arguments)


def _refuse(*_: Tensor) -> tuple[Tensor, ...]:
    raise UserError(
        "recurrent layer: its hand-written gradient has no second derivative;"
        " use the layer of keras.layers, which takes the same weights and configuration"
    )
