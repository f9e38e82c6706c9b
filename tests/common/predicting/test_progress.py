"""A notebook shows how far long work is, a terminal where it is asked to, and any other program nothing."""

import io
import sys
import time
from types import ModuleType

import pytest
from rich.console import Console

from common import cli
from common.predicting.progress import line_of, progress, progress_of


class Notebook(ModuleType):
    """What stands in the place of IPython: what was displayed, and what each became."""

    def __init__(self):
        super().__init__("IPython.display")
        self.shown = []

    def display(self, content, raw, display_id):
        assert raw
        assert display_id
        self.shown.append([content["text/plain"]])
        return self

    def update(self, content, raw):
        assert raw
        self.shown[-1].append(content["text/plain"])


@pytest.fixture
def notebook(monkeypatch):
    page = Notebook()
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", page)
    monkeypatch.setattr(cli, "console", lambda stderr: Console(force_jupyter=True, file=io.StringIO()))
    return page


def seconds_apart(monkeypatch, seconds):
    clock = iter(seconds * turn for turn in range(1_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))


@pytest.mark.parametrize("is_shown", [None, True])
def test_a_notebook_shows_one_line_that_grows(notebook, monkeypatch, is_shown):
    seconds_apart(monkeypatch, 1)
    assert list(progress("abcd", "reading", is_shown)) == list("abcd")
    assert notebook.shown == [[line_of("reading", done, 4, done) for done in (1, 2, 3, 4)]]
    assert notebook.shown[0][-1].split()[-3:] == ["100%", "4", "s"]


def test_a_notebook_shows_nothing_of_what_is_quick_or_one_or_unwanted(notebook, monkeypatch):
    seconds_apart(monkeypatch, 0.01)
    assert list(progress(range(9), "reading")) == list(range(9))
    seconds_apart(monkeypatch, 60)
    assert list(progress("a", "reading")) == ["a"]
    assert list(progress("", "reading")) == []
    assert list(progress("abcd", "reading", False)) == list("abcd")
    assert notebook.shown == []


@pytest.mark.parametrize(
    ("is_shown", "is_terminal", "says"), [(True, True, True), (None, True, False), (True, False, False)]
)
def test_elsewhere_only_a_terminal_shows_it_where_it_is_asked_to(monkeypatch, is_shown, is_terminal, says):
    stream = io.StringIO()
    made = Console(file=stream, force_terminal=is_terminal, force_jupyter=False)
    monkeypatch.setattr(cli, "console", lambda stderr: made)
    assert list(progress("abcd", "reading", is_shown)) == list("abcd")
    assert ("reading" in stream.getvalue()) == says


def test_a_terminal_counts_what_is_done_of_a_work_with_a_unit(monkeypatch):
    stream = io.StringIO()
    made = Console(file=stream, force_terminal=True, force_jupyter=False, width=150)
    monkeypatch.setattr(cli, "console", lambda stderr: made)
    assert list(progress_of(iter([1_000, 3_000]), "reading", 4_000, float, True, "rows")) == [1_000, 3_000]
    assert "4,000 of 4,000 rows, " in stream.getvalue()
    assert " in a second" in stream.getvalue()


def test_parts_that_differ_move_the_bar_by_what_they_are_of_the_whole(notebook, monkeypatch):
    seconds_apart(monkeypatch, 1)
    assert list(progress_of(iter([1, 2, 5]), "hearing", 10, float)) == [1, 2, 5]
    assert [line.split()[-3] for line in notebook.shown[0]] == ["10%", "30%", "80%"]


def test_a_whole_that_was_told_too_short_is_never_more_than_done(notebook, monkeypatch):
    seconds_apart(monkeypatch, 1)
    assert list(progress_of(iter([3, 4]), "hearing", 5, float)) == [3, 4]
    assert [line.split()[-3] for line in notebook.shown[0]] == ["60%", "100%"]
