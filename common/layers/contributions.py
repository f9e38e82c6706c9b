"""What each time step adds to the logits of a classifier that pools its states over time."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from common.layers.attention import AttentionPooling, MaskedMaxPooling, MaskedMeanPooling

POOLING = (MaskedMaxPooling, MaskedMeanPooling, AttentionPooling)


def contributions(
    pooling: Sequence[keras.layers.Layer], logits: keras.layers.Dense, states: Any, mask: Any
) -> Any:
    """What each step adds to each logit: states `[batch, time, units]` -> `[batch, time, classes]`.

    Pooling makes the logits a weighted sum of the states: the maximum takes each unit from the step where it is
    largest, the mean takes all alike, attention by its weights. The contributions of a row add up to its logits less
    the bias.

    Args:
        pooling: the layers, of the kinds in `POOLING`, whose outputs the logits are made of, one after another.
        logits: the layer that makes them.
        states: what is pooled.
        mask: `[batch, time]`, false at padding.
    """
    states, real = ops.cast(states, "float32"), ops.cast(mask, "float32")[..., None]
    kernels = ops.split(ops.convert_to_tensor(logits.kernel), len(pooling), axis=0)
    weighted = (states * _weights(layer, states, real) for layer in pooling)
    return sum(ops.matmul(values, kernel) for values, kernel in zip(weighted, kernels, strict=True))


def _weights(layer: keras.layers.Layer, states: Any, real: Any) -> Any:
    """How much of each state `[batch, time, units]` the pooling layer takes."""
    if isinstance(layer, AttentionPooling):
        return layer(states, mask=ops.squeeze(real, -1) > 0, return_attention_scores=True)[1][..., None]
    if isinstance(layer, MaskedMeanPooling):
        return real / ops.sum(real, axis=1, keepdims=True)
    largest = ops.max(ops.where(real > 0, states, -float("inf")), axis=1, keepdims=True)
    chosen = ops.cast(states == largest, "float32") * real
    return chosen / ops.sum(chosen, axis=1, keepdims=True)
