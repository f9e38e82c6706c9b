"""The part of a text follows from the text alone, not from order, machine or neighbours; duplicates stay together."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.data.splits import stable_split

FRACTIONS = {"train": 0.8, "validation": 0.1, "test": 0.1}
NUMBERED = [f"review number {index}" for index in range(3000)]


@given(st.lists(st.text(), max_size=20), st.randoms())
def test_order_and_other_examples_make_no_difference(texts, random):
    alone = {text: stable_split([text], FRACTIONS)[0] for text in texts}
    random.shuffle(texts)
    assert stable_split(texts, FRACTIONS) == [alone[text] for text in texts]


@given(st.text(st.characters(codec="ascii")), st.sampled_from([" ", "\t", "\n ", "\u00a0", "  \r\n"]))
def test_case_and_white_space_make_no_difference(text, space):
    dressed = space + space.join(text.upper().split()) + space
    assert stable_split([text], FRACTIONS) == stable_split([dressed], FRACTIONS)


@pytest.mark.parametrize(
    "fractions", [FRACTIONS, {"train": 0.5, "test": 0.5}, {"a": 0.05, "b": 0.9, "c": 0.05}]
)
def test_parts_come_near_their_fractions(fractions):
    parts = stable_split(NUMBERED, fractions)
    for name, fraction in fractions.items():
        # Five standard deviations of the binomial distribution.
        margin = 5 * (fraction * (1 - fraction) / len(NUMBERED)) ** 0.5
        assert abs(parts.count(name) / len(NUMBERED) - fraction) < margin


def test_a_part_of_zero_gets_nothing_and_a_part_of_one_gets_everything():
    assert set(stable_split(NUMBERED, {"none": 0.0, "all": 1.0, "nothing": 0.0})) == {"all"}


def test_another_process_with_another_hash_seed_agrees():
    code = (
        "from common.data.splits import stable_split;"
        f"print(*stable_split([str(n) for n in range(50)], {FRACTIONS}))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert printed == {" ".join(stable_split([str(n) for n in range(50)], FRACTIONS)) + "\n"}


def test_text_that_is_not_valid_unicode_is_still_assigned():
    assert stable_split(["\ud800"], FRACTIONS)[0] in FRACTIONS


@pytest.mark.parametrize(
    "fractions", [{"a": 0.5, "b": 0.4}, {"a": -1.0, "b": 2.0}, {"a": 1.2}, {"a": float("nan")}, {}]
)
def test_shares_that_are_not_a_whole_are_refused(fractions):
    with pytest.raises(ValueError, match="add up to 1"):
        stable_split(["text"], fractions)
