"""Losses that several applications train with."""

from collections.abc import Callable
from typing import Any

from keras import ops


def smoothed_cross_entropy(smoothing: float) -> Callable[[Any, Any], Any]:
    """Cross-entropy in nats of logits `[..., classes]` against class indices `[...]` whose probability is shared: all
    classes get an equal part of `smoothing` (Szegedy et al. 2016)."""

    def loss(labels: Any, logits: Any) -> Any:
        log_probabilities = ops.log_softmax(logits, axis=-1)
        labels = ops.reshape(labels, (*ops.shape(logits)[:-1], 1))
        true = ops.take_along_axis(log_probabilities, labels, axis=-1)[..., 0]
        return -(1 - smoothing) * true - smoothing * ops.mean(log_probabilities, axis=-1)

    return loss


def output_itself(_: Any, output: Any) -> Any:
    """The loss of a model whose output `[batch]` is its loss."""
    return output


def quantile_loss(truth: Any, quantiles: Any, levels: Any, weights: Any) -> Any:
    """The quantile (pinball) loss of each row, summed over levels, averaged over what is there (Koenker and Bassett
    1978).

    Args:
        truth: `[batch, steps, columns]`; what is missing is NaN, and counts for nothing.
        quantiles: `[batch, steps, columns, levels]`.
        levels: of the quantiles, between 0 and 1.
        weights: of each step, `[steps]`.

    Returns:
        The losses `[batch]`, of which the mean is the loss per value over the whole batch.
    """
    is_there = ops.logical_not(ops.isnan(truth))
    error = ops.where(is_there, truth, 0)[..., None] - quantiles
    levels = ops.convert_to_tensor(levels, quantiles.dtype)
    losses = ops.sum(ops.maximum(levels * error, (levels - 1) * error), axis=-1)
    weight = ops.cast(is_there, quantiles.dtype) * ops.convert_to_tensor(weights, quantiles.dtype)[:, None]
    count = ops.maximum(ops.mean(ops.sum(weight, axis=(1, 2))), 1e-6)
    return ops.sum(losses * weight, axis=(1, 2)) / count


# --- what these and the losses of layers are means over, for several workers (`counts` of `fit`)


def count_nonzero(_: Any, labels: Any) -> Any:
    """How many of each row's labels `[batch, ...]` are not 0, `[batch]`: tokens that are no padding, steps that are
    real."""
    return ops.count_nonzero(ops.reshape(labels, (ops.shape(labels)[0], -1)), axis=1)


def count_values(weights: Any) -> Callable[[Any, Any], Any]:
    """How much each row of an input `truth` `[batch, steps, ...]` adds to what `quantile_loss` is a mean over.

    Args:
        weights: of each step, `[steps]`, as of that loss.
    """

    def counts(inputs: Any, _: Any) -> Any:
        is_there = ops.logical_not(ops.isnan(inputs["truth"]))
        of_steps = ops.reshape(ops.cast(is_there, "float32"), (*ops.shape(is_there)[:2], -1))
        return ops.sum(of_steps * ops.convert_to_tensor(weights)[:, None], axis=(1, 2))

    return counts
