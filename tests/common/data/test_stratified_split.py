"""A share of each class is held out: always the same examples, equal ones together, and none of a class's last."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.data.splits import held_out, keeps_shares, stable_split, stratified_split

CLASSES = st.lists(st.tuples(st.text("ab ", max_size=4), st.sampled_from("xyz")), min_size=1, max_size=60)


def counts_of(labels, held):
    return Counter(label for label, is_held in zip(labels, held, strict=True) if is_held)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.25, 0.5])
def test_each_class_gives_its_share_to_the_nearest_example(share):
    sizes = {"common": 380, "rare": 20, "middling": 101}
    labels = [label for label, size in sizes.items() for _ in range(size)]
    held = stratified_split([f"text {index}" for index in range(len(labels))], labels, share)
    assert counts_of(labels, held) == {
        label: int(np.floor(size * share + 0.5)) for label, size in sizes.items()
    }


@given(CLASSES, st.floats(0, 1))
def test_equal_texts_stay_together_and_no_class_leaves_training(examples, share):
    keys, labels = zip(*examples, strict=True)
    held = stratified_split(keys, labels, share)
    sides = defaultdict(set)
    for key, is_held in zip(keys, held, strict=True):
        sides[" ".join(key.split())].add(is_held)
    assert all(len(side) == 1 for side in sides.values())
    assert {label for label, is_held in zip(labels, held, strict=True) if not is_held} == set(labels)


@given(CLASSES, st.floats(0, 1), st.randoms())
def test_the_order_of_the_examples_makes_no_difference(examples, share, random):
    shuffled = random.sample(examples, len(examples))
    sides = [
        dict(zip(one, stratified_split(*zip(*one, strict=True), share), strict=True))
        for one in (examples, shuffled)
    ]
    assert sides[0] == sides[1]


def test_a_class_of_a_few_examples_is_all_trained_on():
    labels = ["a"] * 30 + ["b"] * 30 + [f"rare {index}" for index in range(40)]
    held = stratified_split([f"text {index}" for index in range(100)], labels, 0.1)
    assert counts_of(labels, held) == {"a": 3, "b": 3}
    labels = ["a"] * 96 + ["b"] * 4
    assert counts_of(labels, stratified_split([f"text {n}" for n in range(100)], labels, 0.1)) == {"a": 10}


def test_many_classes_of_a_few_examples_are_still_validated_on_their_share():
    labels = [f"intent {index % 50}" for index in range(200)]
    held = counts_of(labels, stratified_split([f"text {n}" for n in range(200)], labels, 0.1))
    assert sum(held.values()) == 20
    assert set(held.values()) == {1}


def test_speakers_who_say_many_words_are_held_out_whole_and_as_each_word_needs_it():
    rng = np.random.default_rng(0)
    clips = [
        (f"speaker {speaker}", word)
        for speaker in range(60)
        for word in ("yes", "no", "rarely")
        if word != "rarely" or speaker < 12
        for _ in range(rng.integers(1, 4))
    ]
    speakers, words = zip(*clips, strict=True)
    held = stratified_split(speakers, words, 0.2)
    assert not {s for s, h in zip(speakers, held, strict=True) if h} & {
        s for s, h in zip(speakers, held, strict=True) if not h
    }
    for word, count in Counter(words).items():
        assert abs(counts_of(words, held)[word] / count - 0.2) < 0.08, word


def test_of_a_handful_of_speakers_one_is_held_out():
    speakers = [name for name in ("anna", "bo", "cy") for _ in range(10)]
    words = [f"{digit}" for _ in range(3) for digit in range(10)]
    held = stratified_split(speakers, words, 0.1)
    assert len({speaker for speaker, is_held in zip(speakers, held, strict=True) if is_held}) == 1


def test_nothing_is_held_out_where_a_class_would_be_lost():
    assert stratified_split(["anna", "bo"], ["yes", "no"], 0.5) == [False, False]
    assert stratified_split(["one"], ["yes"], 0.5) == [False]
    assert stratified_split([], [], 0.5) == []


def test_a_share_beyond_one_is_refused():
    with pytest.raises(ValueError, match="expected a share between 0 and 1"):
        stratified_split(["a"], ["b"], 1.1)


def test_a_split_keeps_shares_if_every_class_is_near_its_own_on_both_sides():
    labels = ["a"] * 20 + ["b"] * 20
    held = [index % 20 < 4 for index in range(40)]
    assert keeps_shares(held, labels, 0.2)
    assert not keeps_shares(
        [is_held and label == "a" for is_held, label in zip(held, labels, strict=True)], labels, 0.2
    )
    assert not keeps_shares([label == "a" for label in labels], labels, 0.2)
    assert keeps_shares([False] * 40, labels, 0.0)
    assert keeps_shares([False] * 4, ["a"] * 4, 0.1)


def test_hashes_choose_among_many_and_counting_among_few():
    many, few = [f"writer {number % 300}" for number in range(900)], ["anna"] * 10 + ["bo"] * 10
    by_hash = [part == "held" for part in stable_split(many, {"held": 0.2, "rest": 0.8})]
    assert held_out(many, [""] * 900, 0.2) == by_hash
    grown = held_out([*many, *(f"more {number}" for number in range(900))], [""] * 1800, 0.2)
    assert grown[:900] == by_hash
    assert held_out(few, [""] * 20, 0.1) == stratified_split(few, [""] * 20, 0.1)
    assert sum(held_out(few, [""] * 20, 0.1)) == 10
