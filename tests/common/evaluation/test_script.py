"""An evaluation says what it measures, how fast the answers came, and writes what it prints."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from common.evaluation.script import announce, facts_of, report, timed, warn_of_lacking


@dataclass(frozen=True)
class Clips:
    name: str = "clips (test)"
    left_out: dict = field(default_factory=lambda: {"silent": 2, "damaged": 0})

    def __len__(self):
        return 30

    def describe(self):
        return f"{self.name}: 30 clips; 2 left out: silent"


def test_the_model_and_the_data_are_named(capsys):
    announce(Path("models/1"), Clips())
    assert capsys.readouterr().out == "models/1 on clips (test): 30 clips; 2 left out: silent\n"


def test_the_seconds_are_those_of_the_answers():
    answers, seconds = timed(lambda: time.sleep(0.1) or "done")
    assert answers == "done"
    assert seconds >= 0.1


def test_the_first_answers_are_not_timed_where_they_prepare_the_graph():
    calls = []
    answers, seconds = timed(lambda: calls.append("timed"), warm_up=lambda: calls.append(time.sleep(0.2)))
    assert (answers, calls) == (None, [None, "timed"])
    assert seconds < 0.2


def test_the_speed_is_in_examples_and_only_what_was_left_out_is_counted():
    assert facts_of(Path("models/1"), Clips(), 4.0, "clips", 8) == {
        "seconds": 4.0,
        "clips_per_second": 7.5,
        "batch_size": 8,
        "left_out": {"silent": 2},
        "model": "models/1",
        "data": "clips (test)",
    }


@pytest.mark.parametrize("stream", [None, {"recall": 0.25}])
def test_all_metrics_are_written_and_groups_have_tables_of_their_own(tmp_path, capsys, stream):
    metrics = {"accuracy": 0.75, "stream": stream}

    def draw(folder):
        (folder / "picture.png").write_bytes(b"drawn")

    titles = {"stream": "Words in a stream"}
    assert report(metrics, "Speech", Clips(), tmp_path / "report", draw, titles) == metrics
    assert json.loads((tmp_path / "report/metrics.json").read_text("utf-8")) == metrics
    assert (tmp_path / "report/picture.png").exists()
    out = capsys.readouterr().out
    assert out.startswith("Speech on clips (test)\n")
    assert ("Words in a stream" in out) == ("0.2500" in out) == (stream is not None)
    assert out.endswith(f"written to {tmp_path / 'report'}\n")


def test_classes_of_the_model_without_an_example_are_named_in_one_line(capsys):
    warn_of_lacking("reviews.csv", ["bad", "fair", "good"], ["good", "bad", "good"])
    assert capsys.readouterr().err == (
        "warning: reviews.csv has no example of 'fair': what is measured on it says nothing of this class\n"
    )
    warn_of_lacking("clips", ["_silence_", "yes"], ["yes"], but=["_silence_"])
    assert capsys.readouterr() == ("", "")
