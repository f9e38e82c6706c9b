"""Metrics reach their file as valid JSON whatever the numbers are, and the terminal as a table."""

import json
import math

import numpy as np
import pytest

from common.evaluation.report import print_metrics, write_metrics

METRICS = {
    "examples": 12500,
    "accuracy": 0.91236,
    "roc_auc": None,
    "per_class": {
        "negative": {"precision": 0.9, "support": 6250},
        "[bold]odd[/bold]": {"precision": 0.8, "support": 6250},
    },
}


def test_metrics_read_back_in_the_order_given(tmp_path):
    write_metrics(tmp_path / "new" / "metrics.json", METRICS)
    text = (tmp_path / "new" / "metrics.json").read_text("utf-8")
    assert json.loads(text) == METRICS
    assert list(json.loads(text)) == list(METRICS)


def test_numbers_of_numpy_become_numbers_and_nan_becomes_null(tmp_path):
    path = tmp_path / "metrics.json"
    values = {
        "integer": np.int64(3),
        "float": np.float32(0.5),
        "array": np.array([1.0, np.nan]),
        "infinite": math.inf,
        "nested": {"nan": np.float64("nan")},
        "name": "größer",
    }
    write_metrics(path, values)
    assert "NaN" not in path.read_text("utf-8")
    assert json.loads(path.read_text("utf-8")) == {
        "integer": 3,
        "float": 0.5,
        "array": [1.0, None],
        "infinite": None,
        "nested": {"nan": None},
        "name": "größer",
    }


def test_a_file_that_cannot_be_made_whole_leaves_the_old_one(tmp_path):
    path = tmp_path / "metrics.json"
    write_metrics(path, {"accuracy": 0.9})
    with pytest.raises(TypeError):
        write_metrics(path, {"accuracy": object()})
    assert json.loads(path.read_text("utf-8")) == {"accuracy": 0.9}
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.json"]


def test_terminal_shows_every_value_and_names_as_they_are(capsys):
    print_metrics(METRICS, "reviews.csv [2]")
    shown = capsys.readouterr().out
    for text in (
        "reviews.csv [2]",
        "12,500",
        "0.9124",
        "roc auc",
        "not defined",
        "[bold]odd[/bold]",
        "0.8000",
    ):
        assert text in shown


def test_a_table_too_wide_for_a_terminal_is_turned(capsys):
    row = {f"figure_{number}": number + 0.5 for number in range(9)}
    print_metrics({"by_horizon": {"24": row, "96": row}}, "forecasts")
    lines = [line.split("│")[1:-1] for line in capsys.readouterr().out.splitlines() if "figure" in line]
    assert [[cell.strip() for cell in line] for line in lines] == [
        [f"figure {number}", f"{number}.5000", f"{number}.5000"] for number in range(9)
    ]


def test_nothing_is_cut_off_in_eighty_columns(capsys, monkeypatch):
    row = {
        "top_1_accuracy": 0.5,
        "top_3_accuracy": 0.25,
        "top_5_accuracy": 0.75,
        "after_two_letters_if_typed_twice": 0.125,
    }
    metrics = {
        "lacked_words": {"without_state": row, "with_state": row},
        "data": "folder/" * 12 + "notes.jsonl",
    }
    monkeypatch.setenv("COLUMNS", "80")
    print_metrics(metrics, "notes")
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "…" not in out
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines()]
    for name, value in row.items():
        assert [name.replace("_", " "), f"{value:.4f}", f"{value:.4f}"] in cells
    monkeypatch.setenv("COLUMNS", "200")
    print_metrics(metrics, "notes")
    assert "│ without_state │         0.5000 │" in capsys.readouterr().out, (
        "where there is room it stays as it is"
    )


def test_terminal_shows_counts_by_name_among_the_single_values(capsys):
    print_metrics({**METRICS, "left_out": {"empty text": 3}, "nothing": {}}, "reviews.csv")
    assert "left out: empty text" in capsys.readouterr().out
