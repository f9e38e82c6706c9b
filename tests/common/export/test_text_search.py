"""A model that is exported anew searches as it did, unless the flags say otherwise."""

from pathlib import Path

import pytest

from common.errors import FlagError
from common.export.script import ExportOptions
from common.export.text_search import Search, SearchOptions
from common.model_folders import SHIPPED_MODELS


def options(run, **flags):
    return SearchOptions(ExportOptions(run), **flags)


@pytest.fixture
def version(tmp_path):
    """A SavedModel whose card tells of its search."""
    (tmp_path / "assets.extra").mkdir()
    told = f"A text in; a text out, {Search(7, 0.25)}."
    (tmp_path / "assets.extra" / "README.md").write_text(f"# Echo\n\n{told}\n", "utf-8")
    return tmp_path


def test_a_training_is_searched_as_usual(tmp_path):
    assert options(tmp_path).search() == (5, 1.0)


def test_a_version_is_searched_as_it_was(version):
    assert options(version).search() == (7, 0.25)


@pytest.mark.parametrize(("application", "penalty"), [("translation", 1.2), ("image_captioning", 0.7)])
def test_shipped_models_are_searched_as_they_were(application, penalty):
    assert options(SHIPPED_MODELS / application / "1").search() == (5, penalty)


def test_what_the_flags_say_counts(version):
    assert options(version, beam_width=1).search() == (1, 0.25)
    assert options(version, length_penalty=0.0).search() == (7, 0.0)


def test_a_flag_out_of_its_range_is_refused():
    for flags in ({"beam_width": 0}, {"length_penalty": -0.1}):
        with pytest.raises(FlagError, match="expected at least"):
            options(Path("run"), **flags)
