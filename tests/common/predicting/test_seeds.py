"""Seeds as users give them, one for all rows or one for each; fresh ones are told."""

import numpy as np
import pytest

from common.errors import FlagError
from common.predicting.seeds import MOST_SEED, checked_seed, checked_seeds, seed_or_fresh


def test_one_seed_serves_all_rows_and_a_list_or_an_array_each_its_own():
    assert checked_seeds(7, 3, "texts", "text") == [7, 7, 7]
    assert checked_seeds(np.array([1, 2]), 2, "texts", "text") == [1, 2]


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ([1, 2], "--seed: 2 seeds for 3 texts; expected one, or one for each text"),
        (MOST_SEED + 1, f"--seed {MOST_SEED + 1}: expected from -2147483648 to 2147483647"),
        (1.5, "--seed 1.5: expected a whole number"),
        ("7", "--seed '7': expected a whole number"),
    ],
)
def test_what_is_no_seed_is_refused_by_its_flag(seed, message):
    with pytest.raises(FlagError, match=message):
        checked_seeds(seed, 3, "texts", "text")


def test_a_seed_may_have_to_leave_room_for_those_after_it():
    assert checked_seed(5, most=5) == 5
    with pytest.raises(FlagError, match="--seed 6: expected from -2147483648 to 5"):
        checked_seed(6, most=5)


def test_a_fresh_seed_is_told_where_it_matters(capfd):
    assert seed_or_fresh(3, is_random=True) == 3
    assert capfd.readouterr() == ("", "")
    seed = seed_or_fresh(None, is_random=True)
    assert capfd.readouterr().err.strip() == f"--seed {seed}"
    seed_or_fresh(None, is_random=False)
    assert capfd.readouterr() == ("", "")
