"""The sample is running English text that is on every machine, in parts that do not overlap."""

import re
from collections.abc import Iterator
from functools import cache

import pytest

from applications.keyboard import sample as room
from applications.keyboard.sample import _paragraphs, sample


@pytest.fixture(scope="module", autouse=True)
def _read_once() -> Iterator[None]:
    """The library's source code is read once for all parts."""
    docstrings = room._docstrings
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_docstrings", cache(lambda folder: list(docstrings(folder))))
        yield


def test_parts_together_are_the_whole():
    whole = sample("all").text
    assert "".join(sample(part).text for part in ("train", "validation", "test")) == whole
    assert len(whole.split()) > 50_000


def test_its_lines_are_sentences_each_once():
    lines = sample("all").text.split("\n")
    assert len(set(lines)) == len(lines)
    assert all(re.match(r"[\"'(]*[A-Z]", line) and len(line.split()) > 5 for line in lines)


def test_code_and_grammar_and_headings_are_left_out():
    chapter = (
        "Assertions\n**********\n\n"
        "Assert statements are a convenient way to\ninsert assertions:\n\n"
        "   assert_stmt ::= 'assert' expression\n\n"
        "    if not expression: raise AssertionError now or never.\n\n>>> Is this a sentence or code that runs?\n\n"
        "Too short.\n"
    )
    assert _paragraphs(chapter) == ["Assert statements are a convenient way to insert assertions:"]
