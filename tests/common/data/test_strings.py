"""Short examples of one author become strings, drawn anew."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.data.strings import plan_strings, require_join, singles_of
from common.errors import FlagError

LETTERS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "long"]), st.sampled_from(["ann", "bob", ""])),
    min_size=1,
    max_size=30,
)


@given(LETTERS, st.integers(0, 9))
def test_what_can_be_joined_is_joined_with_others_of_its_author_and_the_rest_stays_alone(examples, seed):
    texts, authors = map(list, zip(*examples, strict=True))
    singles = singles_of(texts, authors, lambda text: len(text) == 1)
    plans = plan_strings(len(texts), singles, (2, 4), 1.0, 0.5, np.random.default_rng(seed))
    for plan in plans:
        assert len({authors[index] for index in plan.members}) == 1
        assert len(set(plan.members)) == len(plan.members) == len(plan.gaps) <= 4
        assert all(0 <= gap <= 0.5 for gap in plan.gaps)
    alone = sorted(plan.members[0] for plan in plans if texts[plan.members[0]] == "long")
    assert alone == [index for index, text in enumerate(texts) if text == "long"]
    others = plan_strings(len(texts), singles, (2, 4), 1.0, 0.5, np.random.default_rng(seed + 1))
    assert len(others) == len(plans)


@given(LETTERS)
def test_nothing_is_joined_unless_it_is_asked_for(examples):
    texts, authors = map(list, zip(*examples, strict=True))
    singles = singles_of(texts, authors, lambda text: len(text) == 1)
    plans = plan_strings(len(texts), singles, (0, 0), 1.0, 0.5, np.random.default_rng(0))
    assert [plan.members for plan in plans] == [(index,) for index in range(len(texts))]


@pytest.mark.parametrize("join", [(3, 2), (0, 2), (-1, -1)])
def test_numbers_of_joined_examples_that_are_none_are_refused(join):
    with pytest.raises(FlagError, match=r"--join .* numbers of letters from 1"):
        require_join(join, "letters")
