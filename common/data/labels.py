"""The labels of examples as class indices, and the classes that a part of the data lacks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from common.errors import UserError

MOST_LABELS_SHOWN = 12


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


def lacking_line(
    part: str, labels: Sequence[str], present: Sequence[str], trained_on: Mapping[str, int] | None = None
) -> str:
    """Which classes have no example in a part of the data, in a line; "" if all have.

    >>> lacking_line("validation", ["joy", "rage"], ["joy"], {"joy": 9, "rage": 1})
    "validation has no example of 'rage' (1 in training): what is measured on it says nothing of this class"

    Args:
        part: its name.
        labels: the classes.
        present: the label of each example of the part.
        trained_on: how many examples of each class are trained on, where that is known.
    """
    there = set(present)
    lacking = [label for label in labels if label not in there]
    if not lacking:
        return ""
    counts = trained_on or {}
    shown = [
        f"{label!r} ({counts[label]:,} in training)" if label in counts else repr(label)
        for label in lacking[:MOST_LABELS_SHOWN]
    ]
    more = len(lacking) - len(shown)
    named = ", ".join(shown) + (f" and {more:,} other classes" if more else "")
    these = "this class" if len(lacking) == 1 else "these classes"
    return f"{part} has no example of {named}: what is measured on it says nothing of {these}"
