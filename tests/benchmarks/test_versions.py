"""Versions of a model are asked the same, and held against the first."""

import pytest

from benchmarks import versions
from common.errors import FlagError
from common.model_folders import SHIPPED_MODELS

MODEL = SHIPPED_MODELS / "sentiment_analysis"


@pytest.mark.slow
def test_each_version_and_batch_has_a_line(capsys, monkeypatch, loaded_once):
    monkeypatch.setattr(versions, "SavedModelRunner", loaded_once)
    options = versions.Options(
        "sentiment_analysis", (MODEL, MODEL / "1"), batch_sizes=(1, 3), calls=1, rounds=1
    )
    versions.main(options)
    rows = [line.split("│")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert [row[0].strip() for row in rows] == ["1", "1", "3", "3"]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"application": "astrology"}, "--application astrology: expected one of"),
        ({"models": ()}, "--models: expected a version"),
        ({"rounds": 0}, "--rounds 0: expected at least 1"),
        ({"batch_sizes": (0,)}, "--batch-sizes 0: expected at least 1"),
    ],
)
def test_a_wrong_flag_is_told(flags, says):
    with pytest.raises(FlagError, match=says):
        versions.Options(**{"application": "sentiment_analysis", "models": (MODEL,), **flags})
