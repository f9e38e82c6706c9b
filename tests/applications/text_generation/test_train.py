"""A training killed at any moment and resumed ends as one that was never interrupted."""

import csv
import json
import math
import signal
import subprocess
import sys
import time

import pytest

FLAGS = (
    *("--epochs", "6", "--learning-rate", "0.03", "--averaging", "0.5", "--layers", "2", "--residual"),
    *("--character-dropout", "0.05", "--recurrent-dropout", "0.05", "--weight-dropout", "0.1"),
)


def command(play, runs, name, *more):
    script = [sys.executable, "-m", "applications.text_generation.train", "tiny", "--data", str(play)]
    return [*script, "--runs", str(runs), "--name", name, *FLAGS, *more]


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300)


def without_name(folder):
    config = json.loads((folder / "config.json").read_text("utf-8"))
    del config["training"]["runs"], config["training"]["name"]
    return config


def metrics(folder):
    with (folder / "log.csv").open() as file:
        rows = [
            {name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)
        ]
    return rows, json.loads((folder / "outcome.json").read_text("utf-8"))["validation_nats_per_character"]


def kill_after_epochs(process, log, epochs):
    """Kills as soon as the log tells of so many epochs: in the middle of the next one."""
    deadline = time.monotonic() + 240
    while not (log.exists() and log.read_text().count("\n") > epochs):
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)


def test_killed_in_the_middle_of_an_epoch_and_resumed_ends_with_the_same_metrics(
    finished_run, play, tmp_path
):
    folder = tmp_path / "text_generation" / "killed"
    process = subprocess.Popen(command(play, tmp_path, "killed"), stdout=subprocess.DEVNULL)
    kill_after_epochs(process, folder / "log.csv", 2)
    assert not (folder / "outcome.json").exists()
    result = run(play, tmp_path, "killed", "--resume")
    assert (result.returncode, result.stderr) == (0, "")
    assert without_name(folder) == without_name(finished_run)
    assert metrics(folder) == metrics(finished_run)


def test_the_nats_are_those_of_the_validation_text_read_as_one_stream(finished_run, play, reference):
    text = play.read_text("utf-8")
    held_out = text[round(0.9 * len(text)) : round(0.95 * len(text))]
    nats = metrics(finished_run)[1]
    assert nats == pytest.approx(-reference(held_out).mean(), abs=1e-4)
    assert nats < 0.8 * math.log(45), "it has learnt more than how many characters there are"


def test_a_mistake_is_one_clear_line_and_leaves_no_run_behind(tmp_path):
    path = tmp_path / "short.txt"
    path.write_text("too short", "utf-8")
    result = run(path, tmp_path, "wrong")
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {path} (train): 8 characters are fewer than one batch")
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "text_generation").exists()
