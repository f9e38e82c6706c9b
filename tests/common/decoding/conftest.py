"""What tests of n-grams hold them against."""

from collections.abc import Sequence

import pytest


def _probability(
    labels: Sequence[Sequence[int]], symbols: int, context: tuple[int, ...], following: int
) -> float:
    """P(following | context) as the definition says it, each context counted in the texts anew."""
    after = [
        text[place]
        for text in ((0, *label, 0) for label in labels)
        for place in range(1, len(text))
        if text[max(place - len(context), 0) : place] == context
    ]
    shorter = _probability(labels, symbols, context[1:], following) if context else 1 / symbols
    kinds = len(set(after))
    return (after.count(following) + kinds * shorter) / (len(after) + kinds) if after else shorter


@pytest.fixture(scope="session")
def counted():
    """The probability of a symbol after a context, from labels, by a plain recursion over counted strings."""
    return _probability
