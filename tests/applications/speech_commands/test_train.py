"""A training killed at any moment and resumed ends as one that was never interrupted, of clips and of streams."""

import csv
import json
import signal
import subprocess
import sys
import time

import pytest

SIZES = ("--batch-size", "24", "--epochs", "4", "--patience", "4", "--averaging", "0.9")
STREAMING = ("--kind", "streaming", "--recordings", "20", "--recording-seconds", "2", "--batch-size", "10")


def command(recordings, runs, name, *more):
    script = [sys.executable, "-m", "applications.speech_commands.train", "tiny", "--data", str(recordings)]
    return [*script, *SIZES, *more, "--runs", str(runs), "--name", name]


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=600)


def metrics(folder):
    with (folder / "log.csv").open() as file:
        rows = [
            {name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)
        ]
    outcome = json.loads((folder / "outcome.json").read_text("utf-8"))
    return rows, outcome["temperature"], outcome["validation_accuracy"]


@pytest.mark.parametrize("more", [(), STREAMING], ids=["clip", "streaming"])
def test_killed_in_the_middle_of_an_epoch_and_resumed_ends_with_the_same_metrics(recordings, tmp_path, more):
    result = run(recordings, tmp_path, "whole", *more)
    assert (result.returncode, result.stderr) == (0, "")
    folder = tmp_path / "speech_commands" / "killed"
    process = subprocess.Popen(command(recordings, tmp_path, "killed", *more), stdout=subprocess.DEVNULL)
    log, deadline = folder / "log.csv", time.monotonic() + 400
    while not (log.exists() and log.read_text().count("\n") > 2):
        assert process.poll() is None, "the training ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    assert not (folder / "outcome.json").exists()
    result = run(recordings, tmp_path, "killed", *more, "--resume")
    assert (result.returncode, result.stderr) == (0, "")
    assert metrics(folder) == metrics(tmp_path / "speech_commands" / "whole")
    assert len(metrics(folder)[0]) == 4


def test_a_mistake_is_one_clear_line_and_leaves_no_run_behind(recordings, tmp_path):
    result = run(recordings, tmp_path, "wrong", "--labels", "high", "medium")
    assert result.returncode == 1
    assert result.stderr.startswith("error: --labels medium: ")
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "speech_commands").exists()
