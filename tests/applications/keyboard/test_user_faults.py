"""A row with a state that cannot be is told why, and every other state can be learned into."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.keyboard.learning import Learner, Typed
from applications.keyboard.mixture import Mixture, experts, mixed
from applications.keyboard.user_faults import state_fault
from applications.keyboard.user_state import (
    KINDS,
    RECENT_FIELDS,
    Choice,
    Sizes,
    UserState,
    empty_state,
    stacked,
)

SIZES = Sizes(words=6, width=4, network=5, lexicon=3, cache=20, counts=6, blocked=2)
LEARNER = Learner(SIZES, ["see", "you", "."], tf.strings.lower)
OBSERVE = tf.function(LEARNER.observe)


def tensors(*states):
    return UserState(*map(tf.constant, stacked(*states)))


def typed(rows=1):
    words = ["see", "Zoe", "Zoe", "Zoe", "see"]
    choices = [Choice.PASSED_OVER, Choice.TYPED, Choice.ACCEPTED, Choice.DELETED, Choice.DELETED]
    numbers = [3, 0, 0, 0, 3]
    return Typed(
        tf.constant([words] * rows),
        tf.constant([numbers] * rows),
        tf.ones([rows, 5, 4]),
        tf.constant([choices] * rows, tf.int32),
    )


def with_value(name, value, place=0):
    """An empty state with one value that may be wrong."""
    state = empty_state(SIZES)
    array = np.array(getattr(state, name))
    if array.ndim:
        array.reshape(-1)[place] = value
    else:
        array = array.dtype.type(value)
    return state._replace(**{name: array})


def slot_of(field):
    return RECENT_FIELDS.index(field)


WRONG = [
    ("lexicon_words", b"x" * 49, 0),
    ("blocked", b"x" * 49, 0),
    ("lexicon_sightings", -1, 1),
    ("lexicon_used", -1, 1),
    ("cache_scales", np.nan, 3),
    ("cache_scales", np.inf, 3),
    ("cache_words", 9, 3),
    ("cache_words", -2, 3),
    ("count_words", 9, 1),
    ("count_contexts", 9, 3),
    ("counts", 60_001, 1),
    ("counts", -1, 1),
    ("passed", 9, 2),
    ("recent", 9, slot_of("word")),
    ("recent", 9, slot_of("last")),
    ("recent", 20, slot_of("cache_slot")),
    ("recent", 200, slot_of("bias")),
    ("context", -1, 0),
    ("context", 9, 1),
    ("clock", -1, 0),
    ("cached", -1, 0),
]


@pytest.mark.parametrize(("name", "value", "place"), WRONG)
def test_a_wrong_state_is_told_and_its_neighbours_are_well(name, value, place):
    states = tensors(empty_state(SIZES), with_value(name, value, place), empty_state(SIZES))
    first, wrong, last = state_fault(states, SIZES).numpy().tolist()
    assert (first, last) == (b"", b"")
    assert wrong.decode().startswith(f"{name}: expected ")
    assert b"\n" not in wrong


VALUES = st.dictionaries(
    st.sampled_from([name for name in KINDS if KINDS[name].dtype is np.int32]),
    st.tuples(st.integers(0, 159), st.integers(-2, 30)),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_whatever_a_state_without_fault_holds_it_can_be_used(values):
    state = empty_state(SIZES)
    for name, (place, value) in values.items():
        array = np.array(getattr(state, name))
        if array.ndim:
            array.reshape(-1)[place % array.size] = value
        else:
            array = np.int32(value)
        state = state._replace(**{name: array})
    states = tensors(state)
    if state_fault(states, SIZES).numpy()[0]:
        return
    after = OBSERVE(typed(), states)
    assert state_fault(after, SIZES).numpy().tolist() == [b""]
    probabilities = mixed(experts(tf.zeros([1, 6]), tf.ones([1, 4]), after, 1.0), Mixture()).numpy()
    assert np.isfinite(probabilities).all()
