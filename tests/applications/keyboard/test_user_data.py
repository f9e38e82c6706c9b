"""What a user may see, block, forget and merge."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.keyboard.learning import Learner, Typed
from applications.keyboard.user_data import (
    block,
    export,
    forget,
    forget_all,
    forget_since,
    knowledge,
    unblock,
)
from applications.keyboard.user_file import Base, User, encoded, learned, new_user
from applications.keyboard.user_merge import merge
from applications.keyboard.user_state import KINDS, Choice, UserState, row, stacked
from common.errors import UserError

BASE = Base(("see", "you", ".", "because", "secretive"), width=8, network=24)
NUMBERS = {word: number for number, word in enumerate(BASE.words, start=3)} | {"\n": 2}
SPECS = UserState(
    *(
        tf.TensorSpec([None, *BASE.sizes.shapes[name]], tf.string if kind.dtype is object else kind.dtype)
        for name, kind in KINDS.items()
    )
)
PARTS = Typed(
    *(
        tf.TensorSpec([None, None, *more], kind)
        for kind, more in ((tf.string, ()), (tf.int32, ()), (tf.float32, (8,)), (tf.int32, ()))
    )
)
OBSERVE = tf.function(
    Learner(BASE.sizes, BASE.words, tf.strings.lower).observe, input_signature=[PARTS, SPECS]
)


def after(line, user=None, time=1000, choice=Choice.TYPED):
    """A user who typed a line of words."""
    user = new_user(BASE) if user is None else user
    words = line.split(" ")
    rng = np.random.default_rng(len(line))
    parts = Typed(
        tf.constant([[word.encode() for word in words]]),
        tf.constant([[NUMBERS.get(word.lower(), 0) for word in words]], tf.int32),
        tf.constant(rng.normal(size=(1, len(words), 8)), tf.float32),
        tf.fill([1, len(words)], int(choice)),
    )
    states = OBSERVE(parts, UserState(*map(tf.constant, stacked(user.state))))
    return learned(user, row(states, 0), time)


LINE = "see Lindqvist because Lindqvist you see Zoe Zoe Zoe Lindqvist's ."


def own_words(user):
    return {one["word"]: one["rung"] for one in knowledge(user, BASE)["words"]}


def test_what_it_knows_is_told_in_words():
    told = knowledge(after(LINE), BASE)
    assert {one["word"]: (one["times"], one["rung"]) for one in told["words"]} == {
        "Lindqvist": (2, "offered"),
        "Zoe": (3, "own"),
        "Lindqvist's": (1, "silent"),
    }
    assert told["words_typed"] == 11
    assert " ".join(told["last_words"]) == LINE
    assert {"after": "Zoe", "word": "Zoe", "count": 2.0} in told["follow"]
    assert {"after": "see Lindqvist", "word": "because", "count": 1.0} in told["follow"]
    assert json.loads(export(after(LINE), BASE)) == told


def traces(user, word):
    """Where a word still is: in the bytes of the file, or by its number in a tensor."""
    content = encoded(user, BASE)
    found = [re.search(re.escape(word.encode()), content, re.IGNORECASE) is not None]
    told = json.dumps(knowledge(user, BASE), ensure_ascii=False)
    found.append(re.search(rf"\b{re.escape(word)}\b", told, re.IGNORECASE) is not None)
    return found


def numbers_in(state):
    tensors = (state.cache_words, state.count_words, state.count_contexts, state.context)
    return np.unique(
        np.concatenate([np.ravel(one) for one in (*tensors, state.recent[:, :3], state.passed[:, :3])])
    )


@pytest.mark.parametrize("word", ["Lindqvist", "LINDQVIST", "zoe"])
def test_nothing_of_a_forgotten_word_is_left_in_the_file(word):
    user = block(after("see Zoe", after(LINE), choice=Choice.PASSED_OVER), word)
    assert any(traces(user, word))
    number = BASE.sizes.words + [one.lower() for one in user.state.lexicon_words].index(word.lower().encode())
    assert number in numbers_in(user.state)
    user = forget(user, word, BASE)
    assert not any(traces(user, word))
    assert number not in numbers_in(user.state)
    assert user.state.bias[number] == 0
    slot = number - BASE.sizes.words
    assert [getattr(user.state, name)[slot] for name in KINDS if name.startswith("lexicon_")] == [
        b"",
        0,
        0,
        0,
        0,
    ]
    is_empty = user.state.cache_words == -1
    assert not user.state.cache_keys[is_empty].any()
    assert (user.state.counts == 0).tolist() == (user.state.count_words == -1).tolist()


def test_a_word_of_the_base_is_forgotten_too():
    user = after("because because", after(LINE), choice=Choice.ACCEPTED)
    assert user.state.bias[NUMBERS["because"]] == 2
    user = forget(user, "Because", BASE)
    assert NUMBERS["because"] not in numbers_in(user.state)
    assert user.state.bias[NUMBERS["because"]] == 0


def test_forgetting_a_word_leaves_the_others_alone():
    user = forget(after(LINE), "Lindqvist", BASE)
    assert own_words(user) == {"Zoe": "own"}
    assert {"after": "Zoe", "word": "Zoe", "count": 2.0} in knowledge(user, BASE)["follow"]
    assert encoded(forget(user, "Lindqvist", BASE), BASE) == encoded(user, BASE)


def test_a_forgotten_word_can_be_learned_again():
    user = forget(after(LINE), "Zoe", BASE)
    assert own_words(after("Zoe", user))["Zoe"] == "silent"


def followers(user):
    return {(one["after"], one["word"]) for one in knowledge(user, BASE)["follow"]}


def test_what_was_typed_since_a_time_is_forgotten():
    # Counts know the time to 64 words.
    early = after(" ".join(["see Zoe you see Zoe", *["you"] * 64]), time=1000)
    user = after("because Lindqvist because Lindqvist Zoe", early, time=5000)
    user = forget_since(user, 4000, BASE)
    assert not any(traces(user, "Lindqvist"))
    assert own_words(user) == {"Zoe": "own"}
    assert "because" not in knowledge(user, BASE)["last_words"]
    assert {("see", "Zoe"), ("Zoe", "you")} <= followers(user) <= followers(early)
    assert user.times == early.times


def test_since_a_time_after_the_last_word_nothing_is_forgotten():
    user = after(LINE, time=1000)
    assert encoded(forget_since(user, 1001, BASE), BASE) == encoded(user, BASE)


@pytest.mark.parametrize("time", [0, 1000])
def test_since_the_beginning_all_is_forgotten(time):
    user = forget_since(after("see Zoe", after(LINE, time=1000), time=2000), time, BASE)
    told = knowledge(user, BASE)
    assert not any(told[name] for name in ("words", "follow", "last_words", "preferred", "times"))


def test_all_can_be_forgotten():
    assert encoded(forget_all(BASE), BASE) == encoded(new_user(BASE), BASE)


def test_blocked_words_are_told_and_unblocked():
    user = block(block(new_user(BASE), "Zoe’s"), "zoe's")
    assert knowledge(user, BASE)["blocked"] == ["zoe's"]
    assert encoded(unblock(user, "Zoe's"), BASE) == encoded(new_user(BASE), BASE)


@pytest.mark.parametrize("word", ["", "two words", "x" * 49])
def test_what_is_no_word_cannot_be_blocked(word):
    with pytest.raises(UserError, match="expected one word"):
        block(new_user(BASE), word)


def test_no_more_words_are_blocked_than_there_is_room_for():
    user = new_user(BASE)
    for number in range(BASE.sizes.blocked):
        user = block(user, f"word{number}")
    with pytest.raises(UserError, match="at most 64"):
        block(user, "another")


def known(user):
    """What is known, without what depends on how it came about."""
    told = knowledge(user, BASE)
    return {
        name: told[name] for name in ("words", "follow", "last_words", "preferred", "blocked", "words_typed")
    }


LINES = st.lists(st.sampled_from(["see", "you", ".", "Zoe", "Lindqvist", "abroad"]), min_size=1, max_size=12)


@settings(max_examples=15, deadline=None)
@given(LINES, st.sampled_from([Choice.TYPED, Choice.ACCEPTED]))
def test_merged_with_a_new_user_one_stays_as_one_is(words, choice):
    user = after(" ".join(words), choice=choice)
    for merged in (merge(user, new_user(BASE), BASE), merge(new_user(BASE), user, BASE)):
        assert known(merged) == known(user)
        assert merged.times == user.times


@settings(max_examples=15, deadline=None)
@given(LINES, LINES)
def test_what_two_devices_know_adds_up_in_either_order(mine, theirs):
    one, other = after(" ".join(mine), time=1000), block(after(" ".join(theirs), time=2000), "see")
    first, second = known(merge(one, other, BASE)), known(merge(other, one, BASE))
    for name in ("words", "follow", "blocked"):
        assert first[name] == second[name]
    times = {word.lower(): (mine + theirs).count(word) for word in ("Zoe", "Lindqvist", "abroad")}
    assert {own["word"].lower(): own["times"] for own in first["words"]} == {
        word: count for word, count in times.items() if count
    }
    counts = {one["word"]: one["count"] for one in first["follow"] if one["after"] == ""}
    assert counts == {word: pytest.approx((mine + theirs).count(word)) for word in {*mine, *theirs}}
    assert sorted(first["last_words"]) == sorted([*mine, *theirs])


def test_what_either_device_learned_since_a_time_is_forgotten_of_both():
    one = after("see Lindqvist", after("see Zoe", time=1000), time=3000)
    early = " ".join([*["you"] * 50, *["abroad"] * 50])
    other = after("you later", after(early, time=2000), time=4000)
    user = forget_since(merge(one, other, BASE), 2500, BASE)
    assert not any(traces(user, word)[0] for word in ("Lindqvist", "later"))
    assert own_words(user) == {"Zoe": "silent", "abroad": "own"}


def test_a_full_lexicon_keeps_the_words_used_last():
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = [f"q{a}{b}{c}" for a in letters[:5] for b in letters for c in letters][: BASE.sizes.lexicon]
    one, other = after(" ".join(names)), after("Zoe Zoe")
    merged = merge(one, other, BASE)
    words = own_words(merged)
    assert len(words) == BASE.sizes.lexicon
    assert "Zoe" in words
    assert names[0] not in words


def test_reading_a_users_file_needs_no_tensorflow():
    code = """
import sys
import applications.keyboard.mixture_fitting
import applications.keyboard.user_merge
print([name for name in ("tensorflow", "keras") if name in sys.modules])
"""
    command = [sys.executable, "-c", code]
    answer = subprocess.run(
        command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_users_are_values():
    user = after(LINE)
    content = encoded(user, BASE)
    forget(block(user, "zoe"), "zoe", BASE)
    forget_since(user, 0, BASE)
    merge(user, user, BASE)
    assert encoded(user, BASE) == content
    assert isinstance(user, User)
