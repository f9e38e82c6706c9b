"""What a training heeds of its classes: weights for those of few examples, and what validation lacks."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from common.cli import console, warn
from common.data.labels import lacking_line

ClassWeights = Literal["none", "balanced"]

_IMBALANCED = 10


def balanced_weights(targets: ArrayLike, classes: int) -> NDArray[np.float32]:
    """Weights `[classes]` with which all classes count alike: all examples over those of the class times the number of
    classes (King and Zeng 2001, as scikit-learn's `balanced`); 0 for a class without examples.

    >>> balanced_weights([0, 0, 0, 1], 2)
    array([0.6666667, 2.       ], dtype=float32)

    Args:
        targets: class indices, of any shape.
        classes: how many there are.
    """
    counts = np.bincount(np.ravel(targets), minlength=classes)
    weights = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.where(counts > 0, weights, 0).astype(np.float32)


def weighted(loss: Callable[[Any, Any], Any], weights: NDArray[np.float32]) -> Callable[[Any, Any], Any]:
    """A loss of class indices `[...]` and logits `[..., classes]`, times the weight of each one's class."""

    def weighted_loss(labels: Any, logits: Any) -> Any:
        losses = loss(labels, logits)
        of_class = ops.take(ops.convert_to_tensor(weights), ops.cast(labels, "int32"))
        return losses * ops.reshape(of_class, ops.shape(losses))

    return weighted_loss


def tell_of_classes(
    training: Sequence[str],
    validation: Sequence[str],
    class_weights: ClassWeights,
    *,
    balanced: Collection[str] = (),
) -> None:
    """Says which classes validation lacks, and what helps where one has far more examples than another.

    Args:
        training: the label of each example to train on.
        validation: the label of each example to validate on.
        class_weights: as the flag has it.
        balanced: classes that training draws as often as others, however many examples they have.
    """
    counts = Counter(training)
    lacking = lacking_line("validation", sorted(counts), validation, counts)
    if lacking:
        warn(lacking)
    compared = sorted(counts.keys() - set(balanced), key=lambda label: (-counts[label], label))
    if class_weights == "none" and compared and counts[compared[0]] >= _IMBALANCED * counts[compared[-1]]:
        most, fewest = compared[0], compared[-1]
        console().print(
            f"classes: {most!r} has {counts[most] / counts[fewest]:,.0f} times as many examples as {fewest!r}; "
            "--class-weights balanced lets all classes count alike"
        )
