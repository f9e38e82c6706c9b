"""Witten-Bell's n-grams against a plain recursion over counted strings."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.decoding.witten_bell import Ngrams, witten_bell

Counted = Callable[[Sequence[Sequence[int]], int, tuple[int, ...], int], float]
LABELS = st.lists(st.lists(st.integers(1, 3), max_size=6), max_size=5)


def tables(ngrams: Ngrams) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities after each context, and the context after each symbol, as the attributes are described."""
    size = (len(ngrams.contexts), ngrams.symbols)
    shares, steps = np.zeros(size), np.zeros(size, int)
    shares.reshape(-1)[ngrams.places] = ngrams.shares
    steps.reshape(-1)[ngrams.steps] = ngrams.targets
    probabilities = np.full(size, 1 / ngrams.symbols)
    after = np.zeros(size, int)
    for row, shorter in enumerate(ngrams.shorter):
        probabilities[row] = ngrams.factors[row] * probabilities[shorter] + shares[row]
        after[row] = np.where(steps[row] > 0, steps[row], after[shorter])
    return probabilities, after


def contexts_of(ngrams: Ngrams, label: Sequence[int]) -> list[int]:
    """The numbers of the contexts before the label's first symbol and after each."""
    _, after = tables(ngrams)
    states = [ngrams.start]
    for number in label:
        states.append(int(after[states[-1], number]))
    return states


@given(order=st.integers(1, 6), symbols=st.integers(4, 5), labels=LABELS, asked=LABELS)
@settings(max_examples=60)
def test_after_each_beginning_stand_the_probabilities_of_its_latest_symbols(
    counted: Counted, order: int, symbols: int, labels: list[list[int]], asked: list[list[int]]
) -> None:
    ngrams = witten_bell(labels, symbols, order)
    probabilities, _ = tables(ngrams)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    for label in [*asked, *labels]:
        for length, state in enumerate(contexts_of(ngrams, label)):
            latest = (0, *label[:length])[-(order - 1) :] if order > 1 else ()
            expected = [counted(labels, symbols, latest, one) for one in range(symbols)]
            np.testing.assert_allclose(probabilities[state], expected, rtol=1e-5)


@given(labels=LABELS, most=st.integers(1, 12))
def test_of_too_many_contexts_the_most_frequent_are_kept_and_lead_to_each_other(
    labels: list[list[int]], most: int
) -> None:
    whole, part = (witten_bell(labels, 4, 4, kept) for kept in (None, most))
    assert set(part.contexts) <= set(whole.contexts)
    assert len(part.contexts) <= most + 2
    for label in labels:
        for length, state in enumerate(contexts_of(part, label)):
            suffixes = ((0, *label[:length])[place:] for place in range(length + 2))
            assert part.contexts[state] == next(one for one in suffixes if one in part.contexts)
    rows = [whole.contexts.index(context) for context in part.contexts]
    np.testing.assert_allclose(tables(part)[0], tables(whole)[0][rows], rtol=1e-5)


def test_what_was_seen_is_more_probable_than_what_was_not_and_nothing_is_impossible() -> None:
    ngrams = witten_bell([[1, 2, 3]] * 50, symbols=5, order=3)
    probabilities, _ = tables(ngrams)
    row = ngrams.contexts.index((1, 2))
    assert probabilities[row].argmax() == 3
    assert probabilities[row, 3] > 0.9
    assert (probabilities > 0).all()


def test_a_wrong_order_and_a_wrong_label_are_named() -> None:
    with pytest.raises(ValueError, match="order=0: expected at least 1"):
        witten_bell([[1]], symbols=3, order=0)
    for label in ([1, 3], [0]):
        with pytest.raises(ValueError, match=r"label \[.*\]: expected numbers from 1 to 2"):
            witten_bell([label], symbols=3, order=2)
