"""The tables of the README name every application that has a shipped model, and its signatures."""

import re
from pathlib import Path

import pytest

from applications import catalogue
from common.data.file_trees import ARCHIVE_SUFFIXES
from common.images.caption_files import IN_FOLDER
from common.inference.runner import SavedModelRunner
from common.text.tables import is_table

REPOSITORY = Path(__file__).parents[1]
MODELS = REPOSITORY / "saved_models"
README = (REPOSITORY / "README.md").read_text("utf-8")
SHIPPED = [name for name in catalogue() if (MODELS / name).is_dir()]


def tables():
    """The rows of each table of applications, by the name that the first cell begins with."""
    for table in re.findall(r"^\| application \|(?:.*\n)((?:\|.*\n)+)", README, re.MULTILINE):
        rows = (re.match(r"\| \[?(\w+)", line) for line in table.splitlines()[1:])
        yield {row[1]: row.string for row in rows}


def test_every_table_of_applications_has_a_row_for_each():
    found = list(tables())
    assert len(found) >= 4
    for table in found:
        assert sorted(table) == SHIPPED


@pytest.mark.parametrize("application", SHIPPED)
def test_the_table_of_signatures_names_those_of_the_shipped_model(application):
    (table,) = (table for table in tables() if "`serving_default`" in table[application])
    named = set(re.findall(r"`(\w+)`", table[application]))
    with SavedModelRunner(MODELS / application / "1") as model:
        assert set(model.signatures) <= named


def test_every_link_to_a_file_leads_to_one():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert [link for link in links if not (REPOSITORY / link).exists()] == []


def test_every_form_of_file_that_is_named_is_read():
    (table,) = re.findall(r"^\| form \|.*\n\|.*\n((?:\|.*\n)+)", README, re.MULTILINE)
    named = [name for row in table.splitlines() for name in re.findall(r"`([\w.]+)`", row.split("|")[2])]
    assert len(named) > 12
    for name in named:
        assert name in (*ARCHIVE_SUFFIXES, *IN_FOLDER) or is_table(Path(f"a{name}"))
