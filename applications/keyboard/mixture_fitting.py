"""Finds out how much a user's cache and counts should weigh, from users whose text was not trained on.

Imports neither Keras nor TensorFlow.
"""

from typing import NamedTuple

import numpy as np

_STEPS, _PRECISION, _PENALTY = 500, 1e-8, 1e-4


class Collected(NamedTuple):
    """What each expert expected of words that were typed.

    Attributes:
        probabilities: `[words, 3]` of the word typed, by the base, the cache and the counts; the base has one for each.
        features: `[words, features]` of the situation, see `mixture.FEATURES`.
        knows: `[words, 3]`, whether the expert knew anything at all.
    """

    probabilities: np.ndarray
    features: np.ndarray
    knows: np.ndarray


class Fitted(NamedTuple):
    """The coefficients of a `mixture.Mixture`, and how well it expects the words.

    Attributes:
        cache: `[features]`.
        counts: `[features]`.
        nats: per word, on the words that it was fitted on.
    """

    cache: tuple[float, ...]
    counts: tuple[float, ...]
    nats: float


def fit(collected: Collected) -> Fitted:
    """The coefficients under which the words were most probable.

    Each step is as Böhning's bound of the curvature (1992) allows it, which never makes the words less probable, or a
    multiple of that while it makes them more so. Large coefficients cost a little, so that there is a best answer.

    Raises:
        ValueError: there are no words.
    """
    features = np.asarray(collected.features, np.float64)
    if not len(features):
        raise ValueError("expected words to fit the mixture to, got none")
    kinds = features.shape[1]
    bound = np.kron([[1 / 3, -1 / 6], [-1 / 6, 1 / 3]], features.T @ features / len(features))
    curvature = bound + _PENALTY * np.eye(2 * kinds)
    coefficients = np.zeros((2, kinds))
    cost, gradient = _cost(coefficients, collected)
    pace = 1.0
    for _ in range(_STEPS):
        step = np.linalg.solve(curvature, -gradient.ravel()).reshape(2, kinds)
        tried = ((_cost(coefficients + one * step, collected), one) for one in (1.0, 2 * pace))
        (after, gradient), pace = min(tried, key=lambda result: result[0][0])
        coefficients = coefficients + pace * step
        if cost - after < _PRECISION:
            break
        cost = after
    nats = -float(np.mean(np.log(_mixed(coefficients, collected)[0])))
    cache, counts = (tuple(float(one) for one in row) for row in coefficients)
    return Fitted(cache, counts, nats)


def _cost(coefficients: np.ndarray, collected: Collected) -> tuple[float, np.ndarray]:
    """Nats per word and the penalty, and their gradient `[2, features]`."""
    probabilities, weights = _mixed(coefficients, collected)
    nats = -float(np.mean(np.log(probabilities)))
    responsible = weights * collected.probabilities / probabilities[:, None]
    gradient = -(responsible - weights)[:, 1:].T @ collected.features / len(weights)
    penalty = _PENALTY / 2 * float(np.sum(coefficients**2))
    return nats + penalty, gradient + _PENALTY * coefficients


def _mixed(coefficients: np.ndarray, collected: Collected) -> tuple[np.ndarray, np.ndarray]:
    """The probability of each word `[words]`, and the weights of the experts `[words, 3]`."""
    scores = np.concatenate([np.zeros((len(collected.features), 1)), collected.features @ coefficients.T], 1)
    scores = np.where(collected.knows, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    mixed = np.sum(weights * collected.probabilities, axis=1)
    return np.maximum(mixed, np.finfo(np.float64).tiny), weights
