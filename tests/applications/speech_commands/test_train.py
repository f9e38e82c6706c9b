"""A training killed at any moment and resumed ends as one that was never interrupted."""

import json
import sys

SIZES = ("--batch-size", "24", "--epochs", "4", "--patience", "4", "--averaging", "0.9")


def command(recordings, runs, name, *more):
    script = [sys.executable, "-m", "applications.speech_commands.train", "tiny", "--data", str(recordings)]
    return [*script, *SIZES, *more, "--runs", str(runs), "--name", name]


def outcome_of(folder):
    outcome = json.loads((folder / "outcome.json").read_text("utf-8"))
    return outcome["temperature"], outcome["validation_accuracy"]


def test_killed_in_the_middle_of_an_epoch_and_resumed_ends_with_the_same_metrics(
    run, kill_and_resume, epochs_of, recordings, tmp_path
):
    result = run(command(recordings, tmp_path, "whole"))
    assert (result.returncode, result.stderr) == (0, "")
    whole, killed = (tmp_path / "speech_commands" / name for name in ("whole", "killed"))
    kill_and_resume(command(recordings, tmp_path, "killed"), killed, (".", 2))
    assert epochs_of(killed) == epochs_of(whole)
    assert len(epochs_of(killed)) == 4
    assert outcome_of(killed) == outcome_of(whole)


def test_a_mistake_is_one_clear_line_and_leaves_no_run_behind(run, recordings, tmp_path):
    result = run(command(recordings, tmp_path, "wrong", "--labels", "high", "medium"))
    assert result.returncode == 1
    assert result.stderr.startswith("error: --labels medium: ")
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "speech_commands").exists()
