"""A flag's value out of range is named, with what was expected."""

import math

import numpy as np
import pytest

from common.checks import require_at_least, require_fraction, require_integer, require_number
from common.errors import UserError
from common.training.options import TrainingOptions


@pytest.mark.parametrize("value", [0, -3, math.nan])
def test_too_small_a_value_is_named_by_its_flag(value):
    with pytest.raises(UserError, match=rf"--batch-size {value}: expected at least 1"):
        require_at_least(1, epochs=2, batch_size=value)


@pytest.mark.parametrize("value", [-0.1, 1.0, 7, math.nan])
def test_a_share_lies_between_0_and_1(value):
    with pytest.raises(UserError, match=rf"--word-dropout {value}: expected from 0 to less than 1"):
        require_fraction(dropout=0.0, word_dropout=value)


def test_numbers_and_whole_numbers_of_any_library_are_taken():
    require_number(length=1, top_p=0.5, temperature=np.float32(0.5), units=np.int64(3))
    require_integer(length=2**70, units=np.int32(3))


@pytest.mark.parametrize("value", [None, "7", 7j, [7]])
def test_what_is_no_number_is_named_by_its_flag(value):
    for require, expected in ((require_number, "a number"), (require_integer, "a whole number")):
        with pytest.raises(UserError) as error:
            require(length=1, top_k=value)
        assert str(error.value) == f"--top-k {value!r}: expected {expected}"


def test_half_a_number_is_no_whole_one():
    with pytest.raises(UserError, match=r"--length 1\.5: expected a whole number"):
        require_integer(length=1.5)


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"learning_rate": 0.0}, {"warmup": 1.5}, {"name": "a/b"}, {"name": ""}, {"name": ".."}],
)
def test_training_flags_out_of_range_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(UserError, match=f"--{name.replace('_', '-')}"):
        TrainingOptions(**wrong)
