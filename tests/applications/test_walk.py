"""`make run` asks what each application declares, shows the commands, and is never silent for long."""

import sys
import time

import pytest

from applications import catalogue, walk
from common import cli
from common.application import Application, Question

pytestmark = pytest.mark.slow


@pytest.fixture
def run(monkeypatch, capfd, tmp_path):
    """Runs the script in this process and an empty folder -> (exit status, what it prints, what it complains of)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["walk", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.run(walk.main, walk.Options)
        return ended.value.code, *capfd.readouterr()

    return run


def test_an_unknown_application_is_one_line_that_names_the_others(run):
    status, out, err = run("cooking")
    assert (status, out) == (2, "")
    assert err == f"error: no application 'cooking'; expected one of {', '.join(catalogue())}\n"


def test_a_shipped_model_answers_after_a_line_that_says_what_is_asked(capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    declared = catalogue()["speech_commands"]
    walk.ask_shipped_model(declared)
    lines = capfd.readouterr().out.splitlines()
    for question, word in zip(declared.questions, ("yes", "stop"), strict=True):
        place = lines.index(f"? {question.asked}")
        assert lines[place + 1].startswith("$ python -m applications.speech_commands.predict --model ")
        assert lines[place + 2].startswith(f"{word}\t")


def test_an_application_without_a_shipped_model_is_passed_over_in_a_line(capfd):
    new = Application("new", "New", "a text", "its label", (Question("whether it is good", "fine"),))
    walk.ask_shipped_model(new)
    assert capfd.readouterr().out.strip() == "== New: no model is shipped"


def test_silent_work_says_how_long_it_goes_on_and_talking_work_does_not(monkeypatch, capfd):
    monkeypatch.setattr(walk, "_SILENCE_SECONDS", 0.6)
    with walk.signs_of_life():
        time.sleep(1.5)
    assert capfd.readouterr().err.startswith("  ... ")
    with walk.signs_of_life() as said:
        for _ in range(15):
            time.sleep(0.1)
            said()
    assert capfd.readouterr().err == ""


def test_a_script_that_fails_ends_the_walk_with_its_name(run, monkeypatch):
    broken = Application(
        "sentiment_analysis", "Broken", "a text", "a label", (), sample_training=("--epochs", "0")
    )
    monkeypatch.setattr(walk, "catalogue", lambda: {"sentiment_analysis": broken})
    status, out, err = run("sentiment_analysis")
    assert status == 1
    assert "== Broken: a model of your own" in out
    assert [line for line in err.splitlines() if line.startswith("error")] == [
        "error: --epochs 0: expected at least 1",
        "error: sentiment_analysis train ended with status 2",
    ]
