"""What a language model makes of a text: how probable it is, and where it surprised."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from common.files import atomic_write

_BESIDE = 20


class Surprise(NamedTuple):
    """A character that the model hardly expected.

    Attributes:
        line: the number of its line, from 1.
        character: itself.
        probability: that it was given.
        before: what stands before it, a few characters.
        after: what stands after it.
    """

    line: int
    character: str
    probability: float
    before: str
    after: str


def likelihood_metrics(log_likelihoods: ArrayLike) -> dict[str, Any]:
    """Cross-entropy of a model on a text: how many nats or bits each character costs, and of how many equally probable
    ones it is like a choice.

    Args:
        log_likelihoods: the natural logarithm of each character's probability, `[characters]`.

    Returns:
        `characters`, `nats_per_character`, `bits_per_character` and `perplexity`.

    Raises:
        ValueError: there are no characters.
    """
    log_likelihoods = np.asarray(log_likelihoods, np.float64)
    if not len(log_likelihoods):
        raise ValueError("no characters to measure; expected at least one")
    nats = -float(log_likelihoods.mean())
    with np.errstate(over="ignore"):
        perplexity = float(np.exp(nats))
    return {
        "characters": len(log_likelihoods),
        "nats_per_character": nats,
        "bits_per_character": nats / math.log(2),
        "perplexity": perplexity,
    }


def most_surprising(text: str, log_likelihoods: ArrayLike, count: int = 50) -> list[Surprise]:
    """The least probable characters of a text, the least probable first, none within the excerpt of another.

    Args:
        text: as long as `log_likelihoods`.
        log_likelihoods: of each of its characters, in nats, `[characters]`.
        count: return at most so many.
    """
    log_likelihoods = np.asarray(log_likelihoods, np.float64)
    is_free, surprises = np.ones(len(text), bool), list[Surprise]()
    for place in map(int, np.argsort(log_likelihoods, kind="stable")):
        if len(surprises) == count:
            break
        if is_free[place]:
            start, end = max(place - _BESIDE, 0), place + 1 + _BESIDE
            is_free[start:end] = False
            line = text.count("\n", 0, place) + 1
            probability = math.exp(log_likelihoods[place])
            surprises.append(
                Surprise(line, text[place], probability, text[start:place], text[place + 1 : end])
            )
    return surprises


def write_most_surprising(path: Path, surprises: Sequence[Surprise]) -> None:
    """Writes surprises as a TSV with the columns line, character, probability, before, after."""
    rows = [Surprise._fields]
    rows += [
        (
            str(one.line),
            visible(one.character),
            f"{one.probability:.3g}",
            visible(one.before),
            visible(one.after),
        )
        for one in surprises
    ]
    atomic_write(path, "".join("\t".join(row) + "\n" for row in rows))


def visible(text: str) -> str:
    """The text on one line: line ends, tabs and all else that is not printable as Python's escapes."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
