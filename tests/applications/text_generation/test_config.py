"""A configuration that cannot be trained is refused in one line that names the flag."""

from dataclasses import replace

import pytest

from applications.text_generation.config import PRESET_DESCRIPTIONS, PRESETS, Config
from common.errors import UserError
from common.training.run_folder import from_json, to_json


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 0}, "--layers 0: expected at least 1"),
        ({"window": 0}, "--window 0: expected at least 1"),
        ({"min_count": 0}, "--min-count 0: expected at least 1"),
        ({"weight_dropout": 1.0}, r"--weight-dropout 1\.0: expected from 0 to less than 1"),
        ({"character_dropout": float("nan")}, "--character-dropout nan: expected from 0"),
        (
            {"tied": True, "embedding_units": 8, "units": 9},
            "--tied: expected .* --embedding-units 8 and --units 9",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_flag(changes, message):
    with pytest.raises(UserError, match=message):
        replace(Config(), **changes)


def test_every_preset_says_what_it_is_for_and_survives_its_file():
    assert PRESETS.keys() == PRESET_DESCRIPTIONS.keys()
    for preset in PRESETS.values():
        assert from_json(Config, to_json(preset)) == preset
