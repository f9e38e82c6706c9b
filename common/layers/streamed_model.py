"""A model of layers that never look ahead, run over a stream block by block with the weights of whole sequences."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import keras
import tensorflow as tf

from common.layers.stack import RecurrentStack


@runtime_checkable
class Streamed(Protocol):
    """A layer that goes on with a stream where it left it, such as `CausalConvolution`."""

    def step(self, block: tf.Tensor, state: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What it makes of the next steps, and the state after them."""

    def zero_states(self, batch: Any) -> Any:
        """The state before the first step."""


def zero_states(model: keras.Model, batch_size: int | tf.Tensor) -> list[tf.Tensor]:
    """The states of a model before it has read anything, `[batch, ...]` each, in float32.

    Args:
        model: layers one after another, of which those that remember are `Streamed`, or a `RecurrentStack` of one
            direction.
        batch_size: rows.
    """
    return zero_states_of(model.layers, batch_size)


def zero_states_of(layers: Sequence[keras.layers.Layer], batch_size: int | tf.Tensor) -> list[tf.Tensor]:
    """As `zero_states`, of layers that follow one another."""
    states = []
    for layer in layers:
        if isinstance(layer, Streamed):
            of_layer = layer.zero_states(batch_size)
            states += of_layer if isinstance(of_layer, list) else [of_layer]
    return [tf.cast(state, tf.float32) for state in states]


def step(
    model: keras.Model, block: tf.Tensor, states: Sequence[tf.Tensor]
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Lets a model read on.

    Args:
        model: see `zero_states`; what Keras's operations outside of layers do to whole sequences is left out.
        block: the next input `[batch, steps, ...]`, as many steps as make whole outputs.
        states: `zero_states`, or those after the block before.

    Returns:
        The outputs, which equal those of the whole sequence, and the states after.
    """
    return step_through(model.layers[1:], block, states)


def step_through(
    layers: Sequence[keras.layers.Layer], block: tf.Tensor, states: Sequence[tf.Tensor]
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """As `step`, of layers that follow one another."""
    after: list[tf.Tensor] = []
    remaining = list(states)
    values = block
    for layer in layers:
        if isinstance(layer, RecurrentStack):
            before, remaining = remaining[: layer.state_count], remaining[layer.state_count :]
            if values.shape[1] == 1:
                # No loop for a single step, which other runtimes take longest to get ready for.
                outputs, finals = layer.step(values[:, 0], before)
                values = outputs[:, None]
            else:
                values, finals = layer(values, initial_state=before, return_state=True)
            after += [tf.cast(state, tf.float32) for state in finals]
        elif isinstance(layer, Streamed):
            values, state = layer.step(values, remaining.pop(0))
            after.append(state)
        else:
            values = layer(values, training=False)
    return values, after
