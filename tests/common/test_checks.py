"""A flag's value out of range is named, with what was expected."""

import math

import pytest

from common.checks import require_at_least, require_share
from common.errors import UserError
from common.training.options import TrainingOptions


@pytest.mark.parametrize("value", [0, -3, math.nan])
def test_too_small_a_value_is_named_by_its_flag(value):
    with pytest.raises(UserError, match=rf"--batch-size {value}: expected at least 1"):
        require_at_least(1, epochs=2, batch_size=value)


@pytest.mark.parametrize("value", [-0.1, 1.0, 7, math.nan])
def test_a_share_lies_between_0_and_1(value):
    with pytest.raises(UserError, match=rf"--word-dropout {value}: expected from 0 to less than 1"):
        require_share(dropout=0.0, word_dropout=value)


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"learning_rate": 0.0}, {"warmup": 1.5}, {"name": "a/b"}, {"name": ""}, {"name": ".."}],
)
def test_training_flags_out_of_range_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(UserError, match=f"--{name.replace('_', '-')}"):
        TrainingOptions(**wrong)
