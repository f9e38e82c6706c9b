"""Words are found by the bytes they begin with, as Python's `startswith` finds them."""

from functools import cache

import pytest
import tensorflow as tf
from hypothesis import example, given
from hypothesis import strategies as st

from applications.keyboard.beginnings import Beginnings

WORDS = st.text(st.sampled_from("aab'’éeüßЖ語👍\0\u0301"), max_size=12)
ANY_WORDS = st.one_of(WORDS, st.text(max_size=6))
WAYS = st.lists(st.lists(ANY_WORDS, max_size=3), min_size=1, max_size=12)
VOCABULARY = (
    *((), ("international",), ("internationally", "intern"), ("internat",), ("interna",), ("intern\0",)),
    *(("étéétéétés", "eteetees"), ("été", "ete"), ("don't",), ("don’t",), ("語語語語",), ("",), ("\0",)),
)


@cache
def compiled(ways):
    beginnings = Beginnings(ways)
    return tf.function(
        beginnings.begin_with, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
    )


def assert_as_python_says(begin_with, ways, prefixes):
    expected = [[any(way.encode().startswith(prefix) for way in one) for one in ways] for prefix in prefixes]
    assert begin_with(tf.constant(prefixes, tf.string, [len(prefixes)])).numpy().tolist() == expected


@given(WAYS, st.lists(ANY_WORDS, max_size=4), st.data())
def test_any_words_are_found_by_any_prefix(ways, others, data):
    """Also by one that ends within a character of several bytes."""
    words = st.sampled_from([word.encode() for one in [*ways, others] for word in one] or [b""])
    cuts = st.builds(lambda word, size: word[:size], words, st.integers(0, 30))
    assert_as_python_says(Beginnings(ways).begin_with, ways, data.draw(st.lists(cuts, max_size=5)))


@given(st.lists(st.one_of(ANY_WORDS.map(str.encode), st.binary(max_size=9)), max_size=5))
@example([word.encode()[:size] for one in VOCABULARY for word in one for size in range(24)])
def test_in_a_graph_as_well(prefixes):
    assert_as_python_says(compiled(VOCABULARY), VOCABULARY, prefixes)


@pytest.mark.parametrize("ways", [[], [()], [(), ()]])
def test_no_words_begin_with_nothing(ways):
    assert not Beginnings(ways).begin_with(tf.constant(["", "a", "longer than a head"])).numpy().any()
