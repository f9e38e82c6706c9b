"""A new application is made out of one that stands: it changes no other file, trains, and keeps what all must keep."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import applications
from applications import catalogue

pytestmark = pytest.mark.slow

REPOSITORY = Path(applications.__file__).parents[1]
NAME = "ticket_routing"


def in_copy(folder, *arguments, code=""):
    """Runs a module, or code, in a copy of the project."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, *(("-c", code) if code else ("-m",)), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )


def files_of(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".hypothesis" not in path.parts
    }


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A checkout without the shipped models, and what it held before."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("applications", "common", "tests"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    (folder / "saved_models").symlink_to(REPOSITORY / "saved_models")
    return folder


@pytest.fixture(scope="module")
def made(copy):
    """The copy after a sixth application was made in it."""
    before = files_of(copy)
    shown = in_copy(copy, "applications.new", NAME, "--like", "sentiment_analysis")
    assert (shown.returncode, shown.stderr) == (0, "")
    return copy, before


def test_no_other_file_changes(made):
    copy, before = made
    after = files_of(copy)
    assert {path: after[path] for path in before} == before
    new = {
        path.parts[:2] if path.parts[0] == "applications" else path.parts[:3]
        for path in after.keys() - before
    }
    assert new == {("applications", NAME), ("tests", "applications", NAME)}


def test_nothing_of_it_says_what_it_was_made_of_or_claims_a_figure(made):
    copy, _ = made
    texts = [path.read_text("utf-8") for path in (copy / "applications" / NAME).glob("*.[pm][yd]")]
    assert not [
        text for text in texts if "applications.sentiment_analysis" in text or '"sentiment_analysis"' in text
    ]
    readme = (copy / "applications" / NAME / "README.md").read_text("utf-8")
    assert readme.startswith("# Ticket routing\n")
    assert "Nothing has been measured yet" in readme
    assert "%" not in readme.split("## How it works")[0]


MAKE_ALL = """
import runpy, sys
for like in sys.argv[1:]:
    sys.argv = ["new", f"my_{like}", "--like", like]
    try:
        runpy.run_module("applications.new", run_name="__main__")
    except SystemExit as ended:
        assert ended.code in (0, None), like
"""
IMPORT_ROOMS = """
import importlib, sys
from applications import catalogue
from common.application import ROOMS, lacking
for name in sys.argv[1:]:
    rooms = {room: importlib.import_module(f"applications.{name}.{room}") for room in ROOMS}
    print(name, catalogue()[name].title, [gap for room, kind in ROOMS.items() for gap in lacking(rooms[room], kind)])
"""


def test_whatever_it_is_made_of_its_rooms_are_whole(copy):
    """Also of applications that are called as an output, a metric or a data set is, and by a name within another."""
    names = [f"my_{like}" for like in catalogue()]
    shown = in_copy(copy, *catalogue(), code=MAKE_ALL)
    assert (shown.returncode, shown.stderr) == (0, "")
    shown = in_copy(copy, *names, code=IMPORT_ROOMS)
    assert shown.stdout.splitlines() == [
        f"{name} {name.replace('_', ' ').capitalize()} []" for name in names
    ], shown.stderr[-2000:]
    served = (copy / "applications/my_translation/export.py").read_text("utf-8")
    assert '"translation": text_of(result.hypotheses)' in served
    assert "runs/my_translation/base" in served
    readme = (copy / "applications/my_speech_commands/README.md").read_text("utf-8")
    assert readme.startswith("# My speech commands\n")
    assert "a name of tensorflow-datasets (`my_speech_commands`)" not in readme
    for name in names:
        shutil.rmtree(copy / "applications" / name)
        shutil.rmtree(copy / "tests" / "applications" / name)


def test_it_is_listed_with_nothing_that_a_shipped_model_knows(made):
    copy, _ = made
    listed = in_copy(copy, "applications").stdout
    assert f"\n{NAME}\n    a text in, its label and the label's probability out\n    train, " in listed
    assert "    shipped: " in listed


def test_its_scripts_keep_what_the_conformance_test_asks_of_all(copy):
    """Made of the application that is trained and exported soonest."""
    name = "verses"
    made = in_copy(copy, "applications.new", name, "--like", "text_generation")
    assert (made.returncode, made.stderr) == (0, "")
    conformance = "tests/applications/test_every_application.py"
    # Of the rooms' own code only names have changed, so what those reach is asked again: each script, once.
    without_a_model = ("rooms", "flag_is_documented", "mistake_in_the_data")
    with_one = ("training_says", "first_version", "predict_answers", "evaluate_measures")
    asked = (*without_a_model, *with_one)
    shown = in_copy(copy, "pytest", "-q", "-x", conformance, "-k", f"{name} and ({' or '.join(asked)})")
    assert shown.returncode == 0, shown.stdout[-3000:]
    assert shown.stdout.split()[0].count(".") == len(asked)
    shutil.rmtree(copy / "applications" / name)
    shutil.rmtree(copy / "tests" / "applications" / name)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("Tickets",), "Tickets: expected a name of lower-case letters, digits and underscores"),
        (("class",), "class: expected a name of lower-case letters, digits and underscores"),
        (("translation",), "translation: this name is taken; expected another"),
        (("walk",), "walk: this name is taken; expected another"),
        (("list",), "list: this name is taken; expected another"),
    ],
)
def test_a_name_that_cannot_be_is_one_line_and_nothing_is_made(copy, arguments, problem):
    shown = in_copy(copy, "applications.new", *arguments, "--like", "sentiment_analysis")
    assert (shown.returncode, shown.stdout, shown.stderr) == (2, "", f"error: {problem}\n")


def test_an_unknown_model_to_copy_is_one_line(copy):
    shown = in_copy(copy, "applications.new", "other", "--like", "cooking")
    assert shown.returncode == 2
    assert shown.stderr.startswith("error: --like cooking: no such application; expected one of ")
