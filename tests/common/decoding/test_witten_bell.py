"""Witten-Bell's n-grams against a plain recursion over counted strings."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.decoding.witten_bell import witten_bell


def plain(labels: Sequence[Sequence[int]], symbols: int, context: tuple[int, ...], following: int) -> float:
    """P(following | context) as the definition says it, each context counted in the texts anew."""
    pad = [0] * len(context)
    after = [
        text[place]
        for text in ([*pad, *label, 0] for label in labels)
        for place in range(len(pad), len(text))
        if tuple(text[place - len(context) : place]) == context
    ]
    shorter = plain(labels, symbols, context[1:], following) if context else 1 / symbols
    kinds = len(set(after))
    return (after.count(following) + kinds * shorter) / (len(after) + kinds) if after else shorter


@given(
    order=st.integers(1, 4),
    symbols=st.integers(2, 4),
    labels=st.lists(st.lists(st.integers(1, 3), max_size=6), max_size=5),
)
@settings(max_examples=40)
def test_the_table_is_what_the_definition_says_and_each_row_sums_to_1(
    order: int, symbols: int, labels: list[list[int]]
) -> None:
    labels = [[number for number in label if number < symbols] for label in labels]
    table = witten_bell(labels, symbols, order)
    contexts = list(itertools.product(range(symbols), repeat=order - 1))
    assert table.shape == (len(contexts), symbols)
    np.testing.assert_allclose(table.sum(axis=1), 1, rtol=1e-12)
    expected = [[plain(labels, symbols, context, one) for one in range(symbols)] for context in contexts]
    np.testing.assert_allclose(table, expected, rtol=1e-12)


def test_what_was_seen_is_more_probable_than_what_was_not_and_nothing_is_impossible() -> None:
    table = witten_bell([[1, 2, 3]] * 50, symbols=5, order=3)
    row = 1 * 5 + 2
    assert table[row].argmax() == 3
    assert table[row, 3] > 0.9
    assert (table > 0).all()


def test_a_wrong_order_and_a_wrong_label_are_named() -> None:
    with pytest.raises(ValueError, match="order=5: expected 1 to 4"):
        witten_bell([[1]], symbols=3, order=5)
    for label in ([1, 3], [0]):
        with pytest.raises(ValueError, match=r"label \[.*\]: expected numbers from 1 to 2"):
            witten_bell([label], symbols=3, order=2)
