"""Sentences of random ids, as long as those of Multi30k in 6,000 subwords."""

from statistics import NormalDist

import numpy as np

from applications.translation.data import EncodedPairs, validation_batches
from benchmarks.translation.cases import Batch
from common.data.batching import pad
from common.text.subwords import END, FIRST_PIECE

_MEDIAN, _SPREAD = 16.0, 0.35
_SHORTEST, _LONGEST = 5, 60
_BATCHES = 32


def random_pairs(count: int, tokens: int, seed: int = 0) -> EncodedPairs:
    """Pairs of random ids with `END`; lengths of sources are log-normal, and targets are about as long."""
    rng = np.random.default_rng(seed)
    sources = np.exp(rng.normal(np.log(_MEDIAN), _SPREAD, count))
    targets = sources * np.exp(rng.normal(0.0, 0.15, count))
    return EncodedPairs(*([_sentence(rng, length, tokens) for length in side] for side in (sources, targets)))


def training_batches(tokens: int, batch_size: int, count: int) -> list[Batch]:
    """`count` of the batches of a training, from short to long sentences; they hold `batch_size` pairs on average."""
    pairs = random_pairs(_BATCHES * batch_size, tokens)
    dataset, _ = validation_batches(pairs, round(batch_size * float(pairs.lengths.mean())))
    batches = [Batch(labels=labels, **fed) for fed, labels in dataset.as_numpy_iterator()]
    return [batches[int(len(batches) * (index + 0.5) / count)] for index in range(count)]


def sentences(count: int, tokens: int) -> np.ndarray:
    """Ids `[count, time]`, right-padded, whose lengths are evenly spread over the distribution; one alone is of the
    median length."""
    rng = np.random.default_rng(1)
    places = (NormalDist().inv_cdf((index + 0.5) / count) for index in range(count))
    return pad([_sentence(rng, _MEDIAN * np.exp(_SPREAD * place), tokens) for place in places])


def _sentence(rng: np.random.Generator, length: float, tokens: int) -> np.ndarray:
    written = int(np.clip(round(length), _SHORTEST, _LONGEST)) - 1
    return np.append(rng.integers(FIRST_PIECE, tokens, written), END).astype(np.int32)
