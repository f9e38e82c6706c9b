"""A flag's value out of range is named, with what was expected."""

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pytest

from common.checks import (
    FRACTION,
    SHARE,
    Above,
    AtLeast,
    Between,
    check_ranges,
    require_at_least,
    require_integer,
    require_number,
)
from common.errors import FlagError, UserError
from common.training.options import TrainingOptions


@dataclass(frozen=True)
class Config:
    units: Annotated[int, AtLeast(1)] = 2
    rate: Annotated[float, Above(0)] = 0.1
    dropout: Annotated[float, FRACTION] = 0.0
    smallest_crop: Annotated[float, Above(0), SHARE] = 1.0
    seed: Annotated[int, Between(0, 7)] = 0
    channels: tuple[Annotated[int, AtLeast(1)], ...] = (1, 2)
    speed: tuple[Annotated[float, AtLeast(0.1)], float] = (0.9, 1.1)
    sharpness: Annotated[float, Above(0)] | None = None
    gain: float = -3.0
    is_tied: bool = False
    name: str = "run"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("units", 0, "--units 0: expected at least 1"),
        ("rate", 0.0, "--rate 0.0: expected more than 0"),
        ("rate", math.inf, "--rate inf: expected a finite number"),
        ("dropout", 1.0, "--dropout 1.0: expected from 0 to less than 1"),
        ("dropout", -0.1, "--dropout -0.1: expected from 0 to less than 1"),
        ("dropout", math.nan, "--dropout nan: expected from 0 to less than 1"),
        ("smallest_crop", 0.0, "--smallest-crop 0.0: expected more than 0"),
        ("smallest_crop", 3.0, "--smallest-crop 3.0: expected from 0 to 1"),
        ("seed", 8, "--seed 8: expected from 0 to 7"),
        ("channels", (0, 4), "--channels 0 4: expected at least 1"),
        ("channels", (4, 0), "--channels 4 0: expected at least 1"),
        ("speed", (0.0, 1.0), "--speed 0.0 1.0: expected at least 0.1"),
        ("speed", (1.0, math.nan), "--speed 1.0 nan: expected a finite number"),
        ("sharpness", -1.0, "--sharpness -1.0: expected more than 0"),
        ("gain", -math.inf, "--gain -inf: expected a finite number"),
        ("gain", math.nan, "--gain nan: expected a finite number"),
    ],
)
def test_a_number_out_of_its_declared_range_is_named_by_its_flag(field, value, message):
    with pytest.raises(FlagError) as error:
        check_ranges(Config(**{field: value}))
    assert str(error.value) == message


def test_numbers_in_their_ranges_are_taken():
    check_ranges(Config())
    check_ranges(Config(units=1, dropout=0.999, seed=7, channels=(), sharpness=0.5, speed=(0.1, -2.0)))


@pytest.mark.parametrize("value", [0, -3, math.nan])
def test_too_small_a_value_is_named_by_its_flag(value):
    with pytest.raises(FlagError, match=rf"--batch-size {value}: expected at least 1"):
        require_at_least(1, epochs=2, batch_size=value)


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
