"""A training killed at any moment and resumed ends as one that was never interrupted."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

COLUMNS = ("--text-column", "review", "--label-column", "stars")
SIZES = ("--batch-size", "4", "--min-count", "1")


def command(reviews, runs, name, *more, epochs=8):
    script = [sys.executable, "-m", "applications.sentiment_analysis.train", "tiny", "--data", str(reviews)]
    length = ("--epochs", str(epochs), "--patience", str(epochs))
    return [*script, *COLUMNS, *SIZES, *length, "--runs", str(runs), "--name", name, *more]


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300)


def metrics(folder):
    with (folder / "log.csv").open() as file:
        rows = [
            {name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)
        ]
    outcome = json.loads((folder / "outcome.json").read_text("utf-8"))
    return rows, outcome["temperature"], outcome["validation_accuracy"]


def stop_after_epochs(process, log, epochs, stop_signal):
    """Sends the signal as soon as the log tells of so many epochs: in the middle of the next one."""
    deadline = time.monotonic() + 240
    while not (log.exists() and log.read_text().count("\n") > epochs):
        assert process.poll() is None, "the training ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(stop_signal)
    return process.communicate(timeout=120)


@pytest.fixture(scope="module")
def uninterrupted(reviews, tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    result = run(reviews, runs, "whole")
    assert (result.returncode, result.stderr) == (0, "")
    return runs / "sentiment_analysis" / "whole"


@pytest.mark.parametrize("phase", ["pretraining", "."])
def test_killed_in_the_middle_of_an_epoch_and_resumed_ends_with_the_same_metrics(
    uninterrupted, reviews, tmp_path, phase
):
    epochs = {"pretraining": 1, ".": 2}[phase]
    folder = tmp_path / "sentiment_analysis" / "killed"
    process = subprocess.Popen(command(reviews, tmp_path, "killed"), stdout=subprocess.DEVNULL)
    stop_after_epochs(process, folder / phase / "log.csv", epochs, signal.SIGKILL)
    assert not (folder / "outcome.json").exists()
    result = run(reviews, tmp_path, "killed", "--resume")
    assert (result.returncode, result.stderr) == (0, "")
    assert metrics(folder) == metrics(uninterrupted)


def test_control_c_says_how_to_go_on(reviews, tmp_path):
    process = subprocess.Popen(
        command(reviews, tmp_path, "stopped", epochs=1000),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # A shell lets what it starts in the background ignore Ctrl-C, and the tests may have been started so.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    _, err = stop_after_epochs(process, tmp_path / "sentiment_analysis/stopped/log.csv", 1, signal.SIGINT)
    assert process.returncode == 130
    assert err.startswith("error: interrupted; ")
    assert "--resume" in err
    assert len(err.splitlines()) == 1


def test_a_mistake_is_one_clear_line_and_leaves_no_run_behind(tmp_path):
    path = tmp_path / "one_class.csv"
    path.write_text("review,stars\n" + "".join(f"review {index},1\n" for index in range(60)), "utf-8")
    result = run(path, tmp_path, "wrong")
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {path}: every training example is labelled '1'")
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "sentiment_analysis").exists()
