"""What music costs to a model that knows no recurrence: n-grams of the notes, one after another."""

from collections.abc import Iterator, Sequence

import numpy as np

from applications.music.piece import HIGHEST, LOWEST, Piece
from common.decoding.witten_bell import Ngrams, witten_bell

_END_OF_STEP = HIGHEST - LOWEST + 2
_SYMBOLS = _END_OF_STEP + 1
_ORDER = 6
_TRANSPOSITIONS = range(-5, 7)


def baseline_nats(training: Sequence[Piece], pieces: Sequence[Piece], order: int = _ORDER) -> float:
    """The mean of -log p over the steps of the pieces, in nats, to interpolated n-grams of the notes of the training
    pieces in all twelve keys: each step is written from its highest note down and ended by a symbol of its own.

    Args:
        training: pieces to count in.
        pieces: pieces to measure on.
        order: notes and ends of each n-gram.
    """
    labels = [_symbols(piece, semitones) for piece in training for semitones in _TRANSPOSITIONS]
    ngrams = witten_bell(labels, _SYMBOLS, order)
    costs = _Costs(ngrams)
    nats = sum(costs.of(_symbols(piece, 0)) for piece in pieces)
    return float(nats / sum(piece.steps for piece in pieces))


def _symbols(piece: Piece, semitones: int) -> list[int]:
    return list(_written(piece.notes, semitones))


def _written(notes: np.ndarray, semitones: int) -> Iterator[int]:
    for step in notes:
        for note in step[step > 0]:
            yield int(np.clip(note + semitones, LOWEST, HIGHEST)) - LOWEST + 1
        yield _END_OF_STEP


class _Costs:
    """Looks the probabilities of n-grams up, from the longest context that is known."""

    def __init__(self, ngrams: Ngrams) -> None:
        self.ngrams = ngrams
        self.shares = dict(zip(ngrams.places.tolist(), ngrams.shares.tolist(), strict=True))
        self.targets = dict(zip(ngrams.steps.tolist(), ngrams.targets.tolist(), strict=True))

    def of(self, symbols: Sequence[int]) -> float:
        """-log p of a sequence, in nats."""
        context, cost = self.ngrams.start, 0.0
        for symbol in symbols:
            cost -= np.log(self.probability(context, symbol))
            context = self.after(context, symbol)
        return float(cost)

    def probability(self, context: int, symbol: int) -> float:
        """Of a symbol after a context."""
        factor, total = 1.0, 0.0
        while True:
            total += factor * self.shares.get(context * self.ngrams.symbols + symbol, 0.0)
            factor *= float(self.ngrams.factors[context])
            if not context:
                return float(total + factor / self.ngrams.symbols)
            context = int(self.ngrams.shorter[context])

    def after(self, context: int, symbol: int) -> int:
        """The context after a symbol."""
        while True:
            target = self.targets.get(context * self.ngrams.symbols + symbol)
            if target is not None or not context:
                return target or 0
            context = int(self.ngrams.shorter[context])
