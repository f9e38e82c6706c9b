"""How far the answers of a converted graph are from those of the function that it was made from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.export.runtimes.core import Arrays, Core


@dataclass(frozen=True)
class Loss:
    """Of one output, over all steps of all examples.

    Attributes:
        output: its name.
        largest: the largest difference of a number.
        mean: the mean difference.
        agreement: the share of steps with the same best place; None where the output has no best.
        nats: what the other graph's probabilities cost on average where the function's are the truth
            (Kullback-Leibler divergence); None as above.
    """

    output: str
    largest: float
    mean: float
    agreement: float | None = None
    nats: float | None = None


def losses(core: Core, expected: Arrays, answers: Arrays) -> list[Loss]:
    """The loss of each output that holds real numbers."""
    names = [key.partition("/")[2] for key in expected if key.startswith("0/")]
    measured = []
    for name in names:
        pairs = [
            (expected[f"{index}/{name}"], answers[f"{index}/{name}"]) for index in range(len(core.examples))
        ]
        if pairs[0][0].dtype.kind == "f":
            measured.append(_loss(name, pairs, name in core.scores))
    return measured


def _loss(name: str, pairs: Sequence[tuple[np.ndarray, np.ndarray]], has_best: bool) -> Loss:
    differences = np.concatenate([np.abs(true - other).ravel() for true, other in pairs])
    largest, mean = float(differences.max()), float(differences.mean())
    if not has_best:
        return Loss(name, largest, mean)
    true, other = (
        np.concatenate([pair[side].reshape(-1, pair[side].shape[-1]) for pair in pairs]) for side in (0, 1)
    )
    agreement = float(np.mean(true.argmax(-1) == other.argmax(-1)))
    return Loss(name, largest, mean, agreement, _divergence(true, other))


def _divergence(true: np.ndarray, other: np.ndarray) -> float:
    logs = [_log_probabilities(values) for values in (true, other)]
    return float(np.mean(np.sum(np.exp(logs[0]) * (logs[0] - logs[1]), axis=-1)))


def _log_probabilities(values: np.ndarray) -> np.ndarray:
    """Of logits; of probabilities as well, which are known by their sum."""
    values = values.astype(np.float64)
    if np.allclose(values.sum(-1), 1, atol=1e-3) and values.min() >= 0:
        values = np.log(np.maximum(values, 1e-30))
    highest = values.max(-1, keepdims=True)
    logs: np.ndarray = values - highest
    logs -= np.log(np.exp(logs).sum(-1, keepdims=True))
    return logs
