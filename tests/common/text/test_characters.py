"""Any text becomes numbers, one for each character, and comes back; what is not known is one mark."""

import json
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from common.text.characters import UNKNOWN, Characters, as_text, choose_characters

VOCABULARY = "\t\n abcäß你👍"
UNICODE = st.text(st.characters(codec="utf-8"), max_size=40)
MIXED = st.text(st.one_of(st.sampled_from(VOCABULARY), st.characters(codec="utf-8")), max_size=40)


@pytest.fixture(scope="module")
def characters():
    return Characters(VOCABULARY)


@given(UNICODE, st.integers(1, 3))
def test_the_frequent_characters_are_chosen_in_the_order_of_their_code_points(text, least):
    chosen = choose_characters(text, least)
    assert set(chosen) == {one for one, count in Counter(text).items() if count >= least}
    assert list(chosen) == sorted(chosen)


@given(st.lists(MIXED, max_size=4))
def test_each_character_has_the_number_of_its_place_and_any_other_0(characters, texts):
    numbers = characters(tf.constant(texts, tf.string)).to_list()
    assert numbers == [[VOCABULARY.find(one) + 1 for one in text] for text in texts]


@given(st.lists(MIXED, max_size=4))
def test_known_text_comes_back_and_the_unknown_as_replacement_characters(characters, texts):
    numbers = characters(tf.constant(texts, tf.string))
    expected = ["".join(one if one in VOCABULARY else "\ufffd" for one in text) for text in texts]
    assert [text.decode("utf-8") for text in characters.text(numbers).numpy()] == expected
    assert [as_text(row, VOCABULARY) for row in numbers.to_list()] == expected


@given(st.binary(max_size=40))
def test_any_bytes_are_numbered(characters, data):
    numbers = characters(tf.constant([data])).to_list()[0]
    assert all(0 <= number < characters.size for number in numbers)


def test_bytes_that_are_not_utf8_are_unknown_among_what_is_known(characters):
    assert characters(tf.constant([b"a\xffb"])).to_list() == [[4, UNKNOWN, 5]]


def test_there_are_as_many_numbers_as_characters_and_one(characters):
    assert characters.size == len(VOCABULARY) + 1
    assert not characters.trainable_weights


def test_one_function_takes_any_batch_and_length(characters):
    traced = tf.function(
        lambda text: characters(text).to_tensor(), input_signature=[tf.TensorSpec([None], tf.string)]
    )
    assert traced(tf.constant([], tf.string)).shape == (0, 0)
    np.testing.assert_array_equal(traced(tf.constant(["ab", ""])), [[4, 5], [0, 0]])
    assert traced(tf.constant(["a" * 70_000])).shape == (1, 70_000)


def test_a_front_end_made_again_from_its_configuration_reads_alike(characters):
    copy = Characters.from_config(json.loads(json.dumps(characters.get_config())))
    text = tf.constant(["a你?", ""])
    np.testing.assert_array_equal(copy(text).to_tensor(), characters(text).to_tensor())
