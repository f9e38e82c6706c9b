"""The probabilities of symbols after the latest few, estimated from labels."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

Context = tuple[int, ...]
_START = 0


class Ngrams(NamedTuple):
    """N-grams as an automaton: a state is a context, the latest symbols of a label as far as they tell something.

    Attributes:
        contexts: each a sequence of symbols, the latest last. A 0 at its beginning is the beginning of the label. The
            first one is that before the first symbol.
        probabilities: `[contexts, symbols]`, of the symbol after each, at place 0 of the label's end; each row sums to
            1.
        after: `[contexts, symbols]` int32, the number of the context after each symbol. After symbol 0 it is that
            itself.
    """

    contexts: list[Context]
    probabilities: np.ndarray
    after: np.ndarray


def witten_bell(
    labels: Iterable[Sequence[int]], symbols: int, order: int, most_contexts: int | None = None
) -> Ngrams:
    """The probability of each symbol after each context, by interpolation (Witten and Bell 1991, method C).

    After a context, P(next) = (c(next) + t P'(next)) / (c + t), where c(next) counts what followed it, c is the sum of
    these counts, t the number of different symbols that followed it, and P' the probability after the context without
    its oldest symbol; after no symbol P' is that of a uniform choice. A context that was never seen has the
    probabilities of the longest part at its end that was.

    Args:
        labels: sequences of symbol numbers from 1.
        symbols: how many symbols there are, 0 among them, which is CTC's blank and never part of a label. As next
            symbol it stands for the end of the label.
        order: how many symbols each n-gram has at most; a context has one less, the label's beginning counting as one.
        most_contexts: how many are kept at most, those that were seen most often; unless given, all.

    Raises:
        ValueError: the order is below 1, or a label holds another number.

    Example:
        >>> ngrams = witten_bell([[1, 2], [1, 1]], symbols=3, order=2)
        >>> row = ngrams.contexts.index((1,))
        >>> ngrams.probabilities[row].round(3).tolist()  # after symbol 1: the end, 1 and 2, each seen once
        [0.333, 0.389, 0.278]
    """
    if order < 1:
        raise ValueError(f"order={order}: expected at least 1")
    counts = _counts(labels, symbols, order)
    contexts = _kept(counts, (_START,) if order > 1 else (), most_contexts)
    number = {context: index for index, context in enumerate(contexts)}
    probabilities = np.empty([len(contexts), symbols])
    after = np.empty([len(contexts), symbols], np.int32)
    for context in sorted(contexts, key=len):
        row = number[context]
        shorter = probabilities[number[context[1:]]] if context else np.full([symbols], 1 / symbols)
        seen = counts.get(context, {})
        total, kinds = sum(seen.values()), len(seen)
        probabilities[row] = kinds * shorter
        probabilities[row, list(seen.keys())] += list(seen.values())
        probabilities[row] = probabilities[row] / (total + kinds) if seen else shorter
        after[row] = after[number[context[1:]]] if context else row
        for symbol in range(1, symbols):
            if (*context, symbol) in number:
                after[row, symbol] = number[*context, symbol]
        after[row, 0] = row
    return Ngrams(contexts, probabilities, after)


def _counts(labels: Iterable[Sequence[int]], symbols: int, order: int) -> Mapping[Context, Mapping[int, int]]:
    """How often each symbol followed each context of fewer symbols than the order."""
    counts: dict[Context, Counter[int]] = defaultdict(Counter)
    for label in labels:
        numbers = tuple(map(int, label))
        if any(not 0 < number < symbols for number in numbers):
            raise ValueError(f"label {list(label)}: expected numbers from 1 to {symbols - 1}")
        text = (_START, *numbers, 0)
        for place in range(1, len(text)):
            for length in range(min(order - 1, place) + 1):
                counts[text[place - length : place]][text[place]] += 1
    return counts


def _kept(counts: Mapping[Context, Mapping[int, int]], first: Context, most: int | None) -> list[Context]:
    """The contexts of a table, the first one at its beginning; with each of them all that is left of it by taking
    symbols from its end or its beginning, which was seen as often or more often."""
    totals = {context: sum(seen.values()) for context, seen in counts.items()}
    always = dict.fromkeys((first, ()))
    # Contexts that were seen equally often are kept together or not at all.
    least = 0
    if most is not None and len(totals) > most:
        least = sorted(totals.values(), reverse=True)[most]
    kept = (context for context, total in totals.items() if total > least)
    return list(always | dict.fromkeys(sorted(kept, key=lambda context: (len(context), context))))
