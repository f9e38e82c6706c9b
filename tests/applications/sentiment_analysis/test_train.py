"""A training killed at any moment and resumed ends as one that was never interrupted."""

import json
import signal
import sys

COLUMNS = ("--text-column", "review", "--label-column", "stars")
EPOCHS = 6
SIZES = ("--batch-size", "4", "--min-count", "1")


def command(reviews, runs, name, epochs=EPOCHS):
    script = [sys.executable, "-m", "applications.sentiment_analysis.train", "tiny", "--data", str(reviews)]
    length = ("--epochs", str(epochs), "--patience", str(epochs))
    return [*script, *COLUMNS, *SIZES, *length, "--runs", str(runs), "--name", name]


def outcome_of(folder):
    outcome = json.loads((folder / "outcome.json").read_text("utf-8"))
    return outcome["temperature"], outcome["validation_accuracy"]


def test_killed_in_the_middle_of_an_epoch_and_resumed_ends_with_the_same_metrics(
    run, kill_and_resume, epochs_of, reviews, tmp_path
):
    result = run(command(reviews, tmp_path, "whole"))
    assert (result.returncode, result.stderr) == (0, "")
    whole, killed = (tmp_path / "sentiment_analysis" / name for name in ("whole", "killed"))
    kill_and_resume(command(reviews, tmp_path, "killed"), killed, ("pretraining", 1), (".", 2))
    assert epochs_of(killed / "pretraining") == epochs_of(whole / "pretraining")
    assert epochs_of(killed) == epochs_of(whole)
    assert len(epochs_of(whole)) == EPOCHS
    assert outcome_of(killed) == outcome_of(whole)


def test_control_c_says_how_to_go_on(stop, reviews, tmp_path):
    script = command(reviews, tmp_path, "stopped", epochs=1000)
    status, err = stop(script, tmp_path / "sentiment_analysis/stopped/pretraining", 1, signal.SIGINT)
    assert status == 130
    assert err.startswith("error: interrupted; ")
    assert "--resume" in err
    assert len(err.splitlines()) == 1


def test_a_mistake_is_one_clear_line_and_leaves_no_run_behind(run, tmp_path):
    path = tmp_path / "one_class.csv"
    path.write_text("review,stars\n" + "".join(f"review {index},1\n" for index in range(60)), "utf-8")
    result = run(command(path, tmp_path, "wrong"))
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {path}: every training example is labelled '1'")
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "sentiment_analysis").exists()
