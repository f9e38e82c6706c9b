"""The report tells how good the model is, for whom it is not, and what it takes for what."""

import csv
import json

import numpy as np
import pytest

from applications.handwriting.evaluate import Options, evaluate, measure
from applications.handwriting.ink import Ink, Writings
from applications.handwriting.ink_sources import InkSource
from applications.handwriting.predict import Letter

pytestmark = pytest.mark.slow

INK = Ink([np.float32([[0, 0], [1, 1]])])


def test_what_was_read_is_held_against_what_was_written_writer_by_writer_and_with_case_forgiven():
    texts, read = ["Ann", "on", "noon", "no"], ["ann", "on", "non", "no"]
    writings = Writings("made", [INK] * 4, texts, ["a/eve", "a/eve", "a/tom", "b/sue"], [""] * 4)
    letters = [[Letter(letter, 0, 1, 0.9) for letter in text] for text in read]
    metrics = measure(writings, read, np.array([0.5, 1.0, 0.5, 1.0]), letters)
    assert metrics["exact_match"] == 0.5
    assert metrics["case_folded_exact_match"] == 0.75
    assert metrics["character_error_rate"] == pytest.approx(2 / 11)
    assert metrics["case_folded_character_error_rate"] == pytest.approx(1 / 11)
    # Eve's has 1 error in 5, Tom's 1 in 4, Sue's none.
    assert metrics["by_writer"]["worst"] == {"character_error_rate": 0.25, "exact_match": 0.0}
    assert metrics["by_writer"]["median"] == {"character_error_rate": 0.2, "exact_match": 0.5}
    assert metrics["by_writer"]["best"] == {"character_error_rate": 0.0, "exact_match": 1.0}
    assert metrics["by_group"]["a"] == {
        "sentences": 3,
        "character_error_rate": pytest.approx(2 / 9),
        "exact_match": pytest.approx(1 / 3),
    }
    assert metrics["by_group"]["b"]["exact_match"] == 1
    assert set(metrics["by_length"]) == {"1-3 characters", "4-6 characters"}
    # Those of which it was half sure are wrong, and the others right.
    assert metrics["text_calibration_error"] == pytest.approx(0.25)
    assert metrics["letter_calibration_error"] == pytest.approx(0.9 - 9 / 10)


def test_the_report_holds_tables_and_pictures(exported, made, tmp_path):
    data = made.case.write_evaluation_data(tmp_path)[1]
    metrics = evaluate(
        Options(model=exported, source=InkSource(data=data), output=tmp_path / "report", letters=(2,))
    )
    assert metrics == {**metrics, **json.loads((tmp_path / "report" / "metrics.json").read_text())}
    assert metrics["character_error_rate"] <= 0.2
    assert metrics["milliseconds_per_drawing"] > 0
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"letters_2.png", "error_rate_by_length.png", "reliability.png"} <= names
    with (tmp_path / "report" / "writers.tsv").open() as file:
        writers = list(csv.DictReader(file, delimiter="\t"))
    assert {row["writer"] for row in writers} == {"test0", "test1", "test2"}
    rates = [float(row["character_error_rate"]) for row in writers]
    assert rates == sorted(rates, reverse=True)


def test_the_words_of_a_line_count_one_by_one():
    writings = Writings("made", [INK] * 2, ["Dear Ann", "so long"], ["", ""], ["", ""])
    read = ["dear Ann now", "solong"]
    metrics = measure(writings, read, np.ones(2), [[], []])
    # Ann alone was read as it is written; what was read beside takes nothing away.
    assert metrics["word_accuracy"] == 0.25
    assert metrics["case_folded_word_accuracy"] == 0.5
    assert metrics["by_group"] == {}
