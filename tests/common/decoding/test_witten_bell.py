"""Witten-Bell's n-grams against a plain recursion over counted strings."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.decoding.witten_bell import Ngrams, witten_bell


def plain(labels: Sequence[Sequence[int]], symbols: int, context: tuple[int, ...], following: int) -> float:
    """P(following | context) as the definition says it, each context counted in the texts anew."""
    after = [
        text[place]
        for text in ((0, *label, 0) for label in labels)
        for place in range(1, len(text))
        if text[max(place - len(context), 0) : place] == context
    ]
    shorter = plain(labels, symbols, context[1:], following) if context else 1 / symbols
    kinds = len(set(after))
    return (after.count(following) + kinds * shorter) / (len(after) + kinds) if after else shorter


LABELS = st.lists(st.lists(st.integers(1, 3), max_size=6), max_size=5)


def state_after(ngrams: Ngrams, label: Sequence[int]) -> int:
    state = 0
    for number in label:
        state = ngrams.after[state, number]
    return state


@given(order=st.integers(1, 6), symbols=st.integers(4, 5), labels=LABELS, asked=LABELS)
@settings(max_examples=60)
def test_after_each_beginning_stand_the_probabilities_of_its_latest_symbols(
    order: int, symbols: int, labels: list[list[int]], asked: list[list[int]]
) -> None:
    ngrams = witten_bell(labels, symbols, order)
    np.testing.assert_allclose(ngrams.probabilities.sum(axis=1), 1, rtol=1e-12)
    for beginning in (one[:length] for one in [*asked, *labels] for length in range(len(one) + 1)):
        latest = (0, *beginning)[-(order - 1) :] if order > 1 else ()
        expected = [plain(labels, symbols, latest, one) for one in range(symbols)]
        found = ngrams.probabilities[state_after(ngrams, beginning)]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@given(labels=LABELS, most=st.integers(1, 12))
def test_of_too_many_contexts_the_most_frequent_are_kept_and_lead_to_each_other(
    labels: list[list[int]], most: int
) -> None:
    whole, part = (witten_bell(labels, 4, 4, kept) for kept in (None, most))
    always = {(0,), ()}
    assert set(part.contexts) <= set(whole.contexts) | always
    assert len(set(part.contexts) | always) <= max(most + len(always), len(always))
    for label in labels:
        for length in range(len(label) + 1):
            state = part.contexts[state_after(part, label[:length])]
            longest = next(
                suffix
                for suffix in ((0, *label[:length])[place:] for place in range(length + 2))
                if suffix in part.contexts
            )
            assert state == longest
    rows = [whole.contexts.index(context) for context in part.contexts if context in whole.contexts]
    kept = [index for index, context in enumerate(part.contexts) if context in whole.contexts]
    np.testing.assert_allclose(part.probabilities[kept], whole.probabilities[rows], rtol=1e-12)


def test_what_was_seen_is_more_probable_than_what_was_not_and_nothing_is_impossible() -> None:
    ngrams = witten_bell([[1, 2, 3]] * 50, symbols=5, order=3)
    row = ngrams.contexts.index((1, 2))
    assert ngrams.probabilities[row].argmax() == 3
    assert ngrams.probabilities[row, 3] > 0.9
    assert (ngrams.probabilities > 0).all()


def test_a_wrong_order_and_a_wrong_label_are_named() -> None:
    with pytest.raises(ValueError, match="order=0: expected at least 1"):
        witten_bell([[1]], symbols=3, order=0)
    for label in ([1, 3], [0]):
        with pytest.raises(ValueError, match=r"label \[.*\]: expected numbers from 1 to 2"):
            witten_bell([label], symbols=3, order=2)
