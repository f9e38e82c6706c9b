"""A training killed at any moment and resumed ends as one that was never interrupted."""

import json
import math
import sys

import pytest

FLAGS = (
    *("--epochs", "6", "--learning-rate", "0.03", "--averaging", "0.5", "--layers", "2", "--residual"),
    *("--character-dropout", "0.05", "--recurrent-dropout", "0.05", "--weight-dropout", "0.1"),
)


def command(play, runs, name):
    script = [sys.executable, "-m", "applications.text_generation.train", "tiny", "--data", str(play)]
    return [*script, "--runs", str(runs), "--name", name, *FLAGS]


def without_name(folder):
    config = json.loads((folder / "config.json").read_text("utf-8"))
    del config["training"]["runs"], config["training"]["name"]
    return config


def nats_of(folder):
    return json.loads((folder / "outcome.json").read_text("utf-8"))["validation_nats_per_character"]


def test_killed_in_the_middle_of_an_epoch_and_resumed_ends_with_the_same_metrics(
    kill_and_resume, epochs_of, finished_run, play, tmp_path
):
    folder = tmp_path / "text_generation" / "killed"
    kill_and_resume(command(play, tmp_path, "killed"), folder, (".", 2))
    assert without_name(folder) == without_name(finished_run)
    # On some processors a sum depends in its last digit on where its numbers lie in memory.
    for resumed, uninterrupted in zip(epochs_of(folder), epochs_of(finished_run), strict=True):
        assert {name: float(value) for name, value in resumed.items()} == pytest.approx(
            {name: float(value) for name, value in uninterrupted.items()}, rel=1e-6
        )
    assert nats_of(folder) == pytest.approx(nats_of(finished_run), rel=1e-6)


def test_the_nats_are_those_of_the_validation_text_read_as_one_stream(finished_run, play, reference):
    text = play.read_text("utf-8")
    held_out = text[round(0.9 * len(text)) : round(0.95 * len(text))]
    nats = nats_of(finished_run)
    assert nats == pytest.approx(-reference(held_out).mean(), abs=1e-4)
    assert nats < 0.8 * math.log(45), "it has learnt more than how many characters there are"


def test_a_mistake_is_one_clear_line_and_leaves_no_run_behind(run, tmp_path):
    path = tmp_path / "short.txt"
    path.write_text("too short", "utf-8")
    result = run(command(path, tmp_path, "wrong"))
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {path} (train): 8 characters are fewer than one batch")
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "text_generation").exists()
