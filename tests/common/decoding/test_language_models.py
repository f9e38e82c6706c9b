"""The tables of language models say what a plain walk through texts and words says."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import tensorflow as tf

from common.decoding.language_models import LanguageModel, Lexicon, SymbolNgrams
from common.decoding.witten_bell import witten_bell


def log_probabilities(model: LanguageModel, prefix: Sequence[int]) -> np.ndarray:
    """Those after a prefix, which the second of two beams of the second of two rows has."""
    states = tf.tile(model.start(tf.constant(2))[:, None], [1, 2])
    for number in prefix:
        states = model.advance(states, tf.constant([[1, 1], [1, number]]))
    return model.log_probabilities(states)[1, 1].numpy()


@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_ngrams_look_at_the_latest_symbols_of_each_prefix(counted: Callable[..., float], order: int) -> None:
    labels = [[1, 2, 3, 1, 2], [3, 3, 1], [2]]
    model = SymbolNgrams(witten_bell(labels, symbols=4, order=order))
    for prefix in ([], [1], [1, 2], [3, 1, 2], [2, 3, 1, 2, 3]):
        latest = (0, *prefix)[-(order - 1) :] if order > 1 else ()
        expected = [counted(labels, 4, latest, following) for following in range(4)]
        np.testing.assert_allclose(np.exp(log_probabilities(model, prefix)), expected, rtol=1e-5)


def test_models_of_several_texts_live_side_by_side() -> None:
    one, other = (SymbolNgrams(witten_bell([[number] * 9], symbols=3, order=2)) for number in (1, 2))
    assert log_probabilities(one, [1]).argmax() == 1
    assert log_probabilities(other, [2]).argmax() == 2


@pytest.mark.parametrize("separator", [None, 4])
def test_a_lexicon_lets_through_what_can_become_words_and_nothing_else(separator: int | None) -> None:
    words = [(1, 2), (1, 2, 3), (3,)]
    texts = {()} | set(words)
    if separator is not None:
        texts |= {(*one, separator, *other) for one, other in itertools.product(words, repeat=2)}
        texts |= {
            (*one, separator, *two, separator, *three)
            for one, two, three in itertools.product(words, repeat=3)
        }
    prefixes = {text[:length] for text in texts for length in range(len(text) + 1)}
    model = Lexicon(words, symbols=5, separator=separator)
    for prefix in itertools.chain.from_iterable(itertools.product(range(1, 5), repeat=n) for n in range(5)):
        allowed = np.isfinite(log_probabilities(model, prefix))
        assert allowed[0] == (prefix in texts)
        for following in range(1, 5):
            assert allowed[following] == ((*prefix, following) in prefixes)


def test_wrong_words_are_named() -> None:
    for word in ([], [0, 1], [5], [1, 4]):
        with pytest.raises(ValueError, match=r"expected numbers from 1 to 4, without the separator 4"):
            Lexicon([[1], word], symbols=5, separator=4)
    with pytest.raises(ValueError, match=r"word \[7\]: expected numbers from 1 to 4$"):
        Lexicon([[7]], symbols=5)
