"""The labels of examples as class indices."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from common.errors import UserError


class Labelled(Protocol):
    """Examples of any kind: what they are called, their labels, and where each stands."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> Sequence[str]: ...

    @property
    def origins(self) -> Sequence[str]: ...


def classes_of(name: str, labels: Iterable[str]) -> list[str]:
    """The classes of a training, in alphabetical order.

    >>> classes_of("reviews.csv", ["good", "bad", "good"])
    ['bad', 'good']

    Raises:
        UserError: there are fewer than two.
    """
    classes = sorted(set(labels))
    if len(classes) < 2:
        raise UserError(
            f"{name}: every training example is labelled {classes[0]!r}; expected at least two classes"
        )
    return classes


def label_indices(examples: Labelled, labels: Sequence[str], advice: str = "") -> list[int]:
    """The index of each example's label among the model's.

    Args:
        examples: what is labelled.
        labels: the model's.
        advice: what a user can do about a label that the model does not know, for the error's end.

    Raises:
        UserError: naming the data and the place of a label that the model does not know.
    """
    known = {label: index for index, label in enumerate(labels)}
    for label, origin in zip(examples.labels, examples.origins, strict=True):
        if label not in known:
            raise UserError(
                f"{examples.name}, {origin}: label {label!r} was not seen in training; the model knows "
                f"{', '.join(labels)}{f' ({advice})' if advice else ''}"
            )
    return [known[label] for label in examples.labels]
