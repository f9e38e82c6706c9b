"""What is expected of a user's words, against the same sums in plain Python, and what may be suggested."""

import math
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.keyboard.mixture import FEATURES, LEFT_OUT, Mixture, Personal, experts, mixed
from applications.keyboard.user_state import UNITS, Sizes, UserState, empty_state, stacked

WORDS = ("see", "you", "because", "the", "sea")
SIZES = Sizes(words=len(WORDS) + 3, width=4, network=5, lexicon=4, cache=20, counts=60, blocked=3)
NUMBERS = st.integers(1, SIZES.numbers - 1)


def numbers_of(words):
    known = tf.constant(WORDS)
    is_it = words[..., None] == known
    return tf.where(tf.reduce_any(is_it, -1), tf.argmax(tf.cast(is_it, tf.int32), -1, tf.int32) + 3, 0)


PERSONAL = Personal(
    SIZES, lambda numbers: tf.gather(["", "", "", *WORDS], numbers), tf.strings.lower, numbers_of
)


def state_of(text, queries, clock=0, context=None):
    """The state after words, whose counts and cache are written by hand."""
    state = empty_state(SIZES)
    counts = Counter()
    before, last = 2, 2
    for number in text:
        counts.update({((-1, -1), number): 1, ((-1, last), number): 1, ((before, last), number): 1})
        before, last = last, number
    unit = UNITS[clock * 64 // 10_000]
    for slot, ((pair, number), count) in enumerate(counts.items()):
        state.count_contexts[slot], state.count_words[slot] = pair, number
        state.counts[slot] = count * unit
    for place, (number, query) in enumerate(zip(text, queries, strict=True)):
        slot = place % SIZES.cache
        state.cache_keys[slot], state.cache_scales[slot] = np.round(query * 10), 0.1
        state.cache_words[slot] = number
    return state._replace(
        clock=np.int32(clock),
        context=np.array((before, last) if context is None else context, np.int32),
        cached=np.int32(len(text)),
    )


def tensors(*states):
    return UserState(*map(tf.constant, stacked(*states)))


def smoothed(text, context):
    """What followed, by Witten and Bell, one order after the other."""
    words = [2, 2, *text]
    triples = [*zip(words, words[1:], words[2:], strict=False)]
    following = [
        [c for _, _, c in triples],
        [c for _, b, c in triples if b == context[1]],
        [c for a, b, c in triples if (a, b) == tuple(context)],
    ]
    result = np.zeros(SIZES.numbers)
    for order, words in enumerate(following):
        if words:
            counts = np.bincount(words, minlength=SIZES.numbers)
            kinds = len(set(words)) if order else 0
            result = (counts + kinds * result) / (len(words) + kinds)
    return result, [len(words) for words in following]


def remembered(text, queries, query, sharpness):
    """The softmax over the words typed lately, without the last two."""
    result = np.zeros(SIZES.numbers)
    entries = [*zip(text, queries, strict=True)][-SIZES.cache :][:-LEFT_OUT]
    scores = [sharpness * float(np.round(key * 10) / 10 @ query) / 2 for _, key in entries]
    for (number, _), score in zip(entries, scores, strict=True):
        result[number] += math.exp(score) / sum(map(math.exp, scores))
    return result, len(entries)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([3, 4, 5, 9]), max_size=20),
    st.integers(0, 2**32 - 1),
    st.floats(0, 4),
    st.integers(0, 9999),
    st.one_of(st.none(), st.tuples(NUMBERS, NUMBERS)),
)
def test_each_expert_says_what_was_typed_before(text, seed, sharpness, clock, context):
    rng = np.random.default_rng(seed)
    queries = rng.normal(size=(len(text), 4)).astype(np.float32)
    query, logits = rng.normal(size=4).astype(np.float32), rng.normal(size=8).astype(np.float32)
    state = state_of(text, queries, clock, context)
    said = experts(tf.constant(logits[None]), tf.constant(query[None]), tensors(state), sharpness)
    base, cache, counts = said.probabilities.numpy()[0]
    np.testing.assert_allclose(base[:8], np.exp(logits) / np.exp(logits).sum(), rtol=1e-5)
    assert not base[8:].any()
    expected, cached = remembered(text, queries, query, sharpness)
    np.testing.assert_allclose(cache, expected, atol=1e-5)
    expected, occurrences = smoothed(text, state.context)
    np.testing.assert_allclose(counts, expected, atol=1e-5)
    entropy = -float(np.sum(base[:8] * np.log(base[:8])))
    features = [1, math.log1p(cached), entropy, *map(math.log1p, occurrences)]
    np.testing.assert_allclose(said.features.numpy()[0], features, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(NUMBERS, max_size=18), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
    st.lists(st.floats(-3, 3), min_size=12, max_size=12),
)
def test_the_probabilities_of_all_words_sum_to_one_and_users_do_not_mix(texts, seed, coefficients):
    rng = np.random.default_rng(seed)
    states = [state_of(text, rng.normal(size=(len(text), 4))) for text in texts]
    logits, queries = rng.normal(size=(len(texts), 8)), rng.normal(size=(len(texts), 4))
    logits, queries = (tf.constant(one, tf.float32) for one in (logits, queries))
    mixture = Mixture(tuple(coefficients[:6]), tuple(coefficients[6:]), 1.0)
    together = mixed(experts(logits, queries, tensors(*states), 1.0), mixture).numpy()
    np.testing.assert_allclose(together.sum(axis=1), 1.0, rtol=1e-5)
    for row, state in enumerate(states):
        alone = mixed(experts(logits[row : row + 1], queries[row : row + 1], tensors(state), 1.0), mixture)
        np.testing.assert_allclose(alone[0], together[row], atol=1e-6)


def test_a_user_who_typed_nothing_has_the_base():
    logits = tf.random.stateless_normal([1, 8], [1, 2])
    opinions = experts(logits, tf.ones([1, 4]), tensors(empty_state(SIZES)), 1.0)
    expected = mixed(opinions, Mixture(cache=(9.0,) * 6, counts=(9.0,) * 6)).numpy()[0]
    np.testing.assert_allclose(expected[:8], tf.nn.softmax(logits)[0], rtol=1e-5)


def test_the_last_words_typed_are_not_what_the_cache_suggests():
    queries = np.ones((5, 4), np.float32)
    state = state_of([3, 4, 5, 6, 7], queries)
    cache = experts(tf.zeros([1, 8]), tf.ones([1, 4]), tensors(state), 1.0).probabilities[0, 1].numpy()
    np.testing.assert_allclose(cache[3:8], [1 / 3, 1 / 3, 1 / 3, 0, 0], rtol=1e-5)


def test_accepted_suggestions_rise_in_the_base():
    state = empty_state(SIZES)
    state.bias[4] = 20
    base = experts(tf.zeros([1, 8]), tf.ones([1, 4]), tensors(state), 1.0).probabilities[0, 0].numpy()
    assert base[4] == pytest.approx(math.e * base[3])


def with_words(*words):
    """A state whose lexicon has words with their sightings."""
    state = empty_state(SIZES)
    for slot, (word, sightings) in enumerate(words):
        state.lexicon_words[slot] = word.encode()
        state.lexicon_sightings[slot], state.lexicon_required[slot] = 2 * sightings, 2
    return state


FITS = tf.constant([[False, False, False, True, True, True, True, True]])


def suggested(state, prefix, fits=FITS, count=9, probabilities=None):
    if probabilities is None:
        probabilities = np.linspace(1, 2, SIZES.numbers)[None]
    states = tensors(state)
    may = PERSONAL.fitting(states, fits, tf.constant([prefix]))
    best = PERSONAL.best(tf.constant(probabilities, tf.float32), may, states, tf.constant([count]))
    return [word.decode() for word in best[0].numpy()[0] if word], best[1].numpy()[0]


def test_own_words_that_begin_so_are_suggested_with_the_bases():
    state = with_words(("Seville", 2), ("Lindqvist", 3), ("seam", 1))
    fits = tf.constant([[word.startswith("se") for word in ("", "", "", *WORDS)]])
    words, probabilities = suggested(state, "se", fits)
    assert words == ["Seville", "sea", "see"]
    assert probabilities.sum() == pytest.approx(1)


def test_a_word_seen_once_is_silent():
    assert "seam" not in suggested(with_words(("seam", 1)), "")[0]
    assert "seam" in suggested(with_words(("seam", 2)), "")[0]


def test_blocked_words_are_never_suggested():
    state = with_words(("Seville", 2), ("Lindqvist", 3))
    state.blocked[:3] = [b"see", b"seville", b"no such word"]
    assert sorted(suggested(state, "")[0]) == sorted({*WORDS, "Lindqvist"} - {"see"})


def test_neither_marks_nor_unknown_words_are_suggested_however_probable():
    fits = tf.constant([[False, False, False, False, True, False, False, False]])
    probabilities = np.full((1, SIZES.numbers), 1.0)
    probabilities[0, 4] = 0.0
    assert suggested(empty_state(SIZES), "", fits, probabilities=probabilities)[0] == ["you"]


@pytest.mark.parametrize("count", [0, 1, 3, 9])
def test_as_many_words_as_wanted(count):
    assert len(suggested(empty_state(SIZES), "", count=count)[0]) == min(count, len(WORDS))


def test_coefficients_are_as_many_as_features():
    with pytest.raises(ValueError, match=f"{len(FEATURES)} coefficients"):
        Mixture(cache=(1.0,))
