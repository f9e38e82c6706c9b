"""The probabilities of symbols after the last few, estimated from labels."""

from collections.abc import Iterable, Sequence

import numpy as np


def witten_bell(labels: Iterable[Sequence[int]], symbols: int, order: int) -> np.ndarray:
    """The probability of each symbol after each context, by interpolation (Witten and Bell 1991, method C).

    After a context of n symbols, P(next) = (c(next) + t P'(next)) / (c + t), where c(next) counts what followed it, c
    is the sum of these counts, t the number of different symbols that followed it, and P' the probability after the
    n - 1 latest symbols; after none it is that of a uniform choice. A context that was never seen has the probabilities
    of the shorter one.

    The table grows as `symbols ** order`: four symbols of an alphabet of 29 take 2.8 MB as float32.

    Args:
        labels: sequences of symbol numbers from 1. Before the first of each stands 0 as often as the context wants.
        symbols: how many symbols there are, 0 among them, which is CTC's blank and never part of a label. As next
            symbol it stands for the end of the label.
        order: how many symbols each n-gram has, 1 to 4; a context has one less.

    Returns:
        `[symbols ** (order - 1), symbols]` float64, each row summing to 1. The context of the symbols a, b, c (c the
        latest) has the row `(a * symbols + b) * symbols + c`.

    Raises:
        ValueError: the order is out of its range, or a label holds another number.

    Example:
        >>> table = witten_bell([[1, 2], [1, 1]], symbols=3, order=2)
        >>> table[1].round(3).tolist()  # after symbol 1: the end, 1 and 2, each seen once
        [0.333, 0.389, 0.278]
    """
    if not 1 <= order <= 4:
        raise ValueError(f"order={order}: expected 1 to 4")
    counts = _counts(labels, symbols, order)
    by_order = [counts]
    for _ in range(order - 1):
        # Without its oldest symbol an n-gram is one of the next lower order.
        by_order.append(by_order[-1].sum(axis=0))
    probabilities = np.full([symbols], 1 / symbols)
    for counts in reversed(by_order):
        total = counts.sum(axis=-1, keepdims=True)
        kinds = np.count_nonzero(counts, axis=-1, keepdims=True)
        interpolated = (counts + kinds * probabilities) / np.maximum(total + kinds, 1)
        probabilities = np.where(total > 0, interpolated, probabilities)
    return probabilities.reshape(-1, symbols)


def _counts(labels: Iterable[Sequence[int]], symbols: int, order: int) -> np.ndarray:
    """How often each n-gram occurs: as many axes of size `symbols` as the order, the latest symbol's last."""
    counts = np.zeros([symbols] * order, np.int64)
    for label in labels:
        numbers = np.asarray(label, np.int64)
        if ((numbers < 1) | (numbers >= symbols)).any():
            raise ValueError(f"label {list(label)}: expected numbers from 1 to {symbols - 1}")
        text = np.concatenate([np.zeros(order - 1, np.int64), numbers, [0]])
        grams = np.lib.stride_tricks.sliding_window_view(text, order)
        np.add.at(counts, tuple(grams.T), 1)
    return counts
