"""The probabilities of symbols after the latest few, estimated from labels."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

Context = tuple[int, ...]
_START = 0


class Ngrams(NamedTuple):
    """N-grams as an automaton whose states are contexts: the latest symbols of a label, as many as tell something.

    Most symbols are as probable after a context as after the one without its oldest symbol, times a factor; so only the
    others are told, and only the transitions that lead to a longer context than the shorter one's do.
    `common.decoding.language_models.SymbolNgrams` makes full tables of this.

    Attributes:
        symbols: how many there are.
        contexts: each a sequence of symbols, the latest last, from the empty one to the longest. A 0 at its beginning
            is the beginning of the label.
        start: the number of the context before the first symbol.
        shorter: `[contexts]` int32, the number of the context without its oldest symbol.
        factors: `[contexts]` float32, what the probabilities after that are multiplied with.
        places: `[seen]` int32, which symbol was seen after which context: context times `symbols` plus symbol.
        shares: `[seen]` float32, what is added to its probability.
        steps: `[transitions]` int32, a context and the symbol after it, likewise.
        targets: `[transitions]` int32, the context after that.
    """

    symbols: int
    contexts: list[Context]
    start: int
    shorter: np.ndarray
    factors: np.ndarray
    places: np.ndarray
    shares: np.ndarray
    steps: np.ndarray
    targets: np.ndarray


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
        most_contexts: how many are kept at most beside the empty one and the label's beginning, those that were seen
            most often; unless given, all.

    Raises:
        ValueError: the order is below 1, or a label holds another number.

    Example:
        >>> ngrams = witten_bell([[1, 2], [1, 1]], symbols=3, order=2)
        >>> ngrams.contexts  # none, the beginning, 1 and 2
        [(), (0,), (1,), (2,)]
        >>> ngrams.factors.astype(float).round(2).tolist()  # after the beginning stood a single symbol, twice
        [0.33, 0.33, 0.5, 0.5]
    """
    if order < 1:
        raise ValueError(f"order={order}: expected at least 1")
    counts = _counts(labels, symbols, order)
    first = (_START,) if order > 1 else ()
    contexts = _kept(counts, first, most_contexts)
    number = {context: index for index, context in enumerate(contexts)}
    seen = {index: counts[context] for context, index in number.items() if context in counts}
    totals = [sum(seen[index].values()) if index in seen else 0 for index in range(len(contexts))]
    kinds = [len(seen.get(index, ())) for index in range(len(contexts))]
    transitions = [
        (number[context[:-1]] * symbols + context[-1], index)
        for context, index in number.items()
        if context not in ((), first)
    ]
    return Ngrams(
        symbols,
        contexts,
        number[first],
        np.array([number[context[1:]] for context in contexts], np.int32),
        # After what was never seen stands what does after the shorter context.
        np.array([t / (c + t) if t else 1.0 for c, t in zip(totals, kinds, strict=True)], np.float32),
        np.array([row * symbols + one for row, after in seen.items() for one in after], np.int32),
        np.array(
            [times / (totals[row] + kinds[row]) for row, after in seen.items() for times in after.values()],
            np.float32,
        ),
        np.array([step for step, _ in transitions], np.int32),
        np.array([target for _, target in transitions], np.int32),
    )


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
    return dict(counts)


def _kept(counts: Mapping[Context, Mapping[int, int]], first: Context, most: int | None) -> list[Context]:
    """The contexts of a table; with each of them all that is left of it by taking symbols from its end or its
    beginning, which was seen as often or more often."""
    totals = {context: sum(seen.values()) for context, seen in counts.items()}
    # Contexts that were seen equally often are kept together or not at all.
    least = 0 if most is None else sorted([0, *totals.values()], reverse=True)[min(most, len(totals))]
    kept = {context for context, total in totals.items() if total > least} | {(), first}
    return sorted(kept, key=lambda context: (len(context), context))
