"""The spelling of an unknown word has a probability, and all spellings together have no more than there is."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from applications.keyboard.speller import Speller

WORDS = ["the", "and", "abba", "baa", "ab"]


def by_hand(word, rare):
    """Witten and Bell's interpolation over trigrams, by the definition, one character after another."""
    alphabet = sorted(set("".join(rare)))
    symbols = ["other", *alphabet, "edge"]
    streams = [["edge", "edge", *spelled, "edge"] for spelled in rare]

    def probability(context, symbol, order):
        if order == 0:
            return 1 / len(symbols)
        history = context[2 - (order - 1) :]
        followers = [
            stream[place]
            for stream in streams
            for place in range(2, len(stream))
            if tuple(stream[place - len(history) : place]) == tuple(history)
        ]
        kinds = len(set(followers))
        below = probability(context, symbol, order - 1)
        if not followers:
            return below
        return (followers.count(symbol) + kinds * below) / (len(followers) + kinds)

    stream = ["edge", "edge", *(one if one in alphabet else "other" for one in word), "edge"]
    nats = sum(one not in alphabet for one in word) * math.log(0x110000)
    return nats - sum(
        math.log(probability(stream[place - 2 : place], stream[place], 3)) for place in range(2, len(stream))
    )


@pytest.mark.parametrize("word", ["ab", "baab", "b", "", "abz", "日本"])
def test_it_is_the_smoothed_trigram_model_of_the_rarer_half(word):
    nats = Speller.of_words(WORDS).nats(tf.constant([word, "a longer one beside it"]))[0]
    assert float(nats) == pytest.approx(by_hand(word, WORDS[2:]), rel=1e-5)


def test_after_each_two_symbols_the_probabilities_sum_to_one():
    logs = Speller.of_words(WORDS).log_probabilities
    np.testing.assert_allclose(np.exp(logs.astype(np.float64)).sum(-1), 1, rtol=1e-5)


def test_all_numbers_of_a_length_together_are_less_than_certain():
    total = 0.0
    for length in (1, 2, 3):
        nats = Speller.digit_nats(
            tf.constant(["".join(one) for one in itertools.product("0123456789", repeat=length)])
        )
        total += float(np.exp(-nats.numpy().astype(np.float64)).sum())
    assert 0 < total < 1
