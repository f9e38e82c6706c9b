"""The evaluation measures the exported model on the text as one stream, and writes the report."""

import csv
import json
import math

import numpy as np
import pytest

from applications.text_generation.evaluate import Options, evaluate
from common.errors import UserError
from common.text.running import RawTextSource


@pytest.fixture(scope="module")
def report(exported, play, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    evaluate(Options(exported.parent, RawTextSource(str(play)), output=folder))
    return folder


def test_the_metrics_are_those_of_the_equations(report, play, reference):
    metrics = json.loads((report / "metrics.json").read_text("utf-8"))
    text = play.read_text("utf-8")
    nats = -reference(text).mean()
    assert metrics["characters"] == len(text)
    assert metrics["unknown_characters"] == 1
    assert metrics["nats_per_character"] == pytest.approx(nats, rel=1e-5)
    assert metrics["bits_per_character"] == pytest.approx(nats / math.log(2), rel=1e-5)
    assert metrics["perplexity"] == pytest.approx(math.exp(nats), rel=1e-4)
    assert {"seconds", "characters_per_second", "model", "data"} <= metrics.keys()


def test_the_report_holds_a_picture_and_the_most_surprising_places_first(report, play, reference):
    assert (report / "nats_by_position.png").read_bytes().startswith(b"\x89PNG")
    with (report / "most_surprising.tsv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    probabilities = [float(row["probability"]) for row in rows]
    assert probabilities == sorted(probabilities)
    assert probabilities[0] == pytest.approx(np.exp(reference(play.read_text("utf-8")).min()), rel=0.01)


def test_a_part_of_the_text_can_be_measured(exported, play, tmp_path):
    text = play.read_text("utf-8")
    options = Options(exported, RawTextSource(str(play)), "validation", tmp_path)
    metrics = evaluate(options)
    assert metrics["characters"] == round(0.95 * len(text)) - round(0.9 * len(text))
    assert metrics["data"] == f"{play} (validation)"


def test_a_text_of_one_character_has_a_report(exported, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("A", "utf-8")
    assert (
        evaluate(Options(exported, RawTextSource(str(path)), output=tmp_path / "report"))["characters"] == 1
    )


def test_an_empty_text_is_named_and_no_report_is_written(exported, tmp_path):
    path = tmp_path / "empty.txt"
    path.touch()
    with pytest.raises(UserError, match=r"empty\.txt: no text"):
        evaluate(Options(exported, RawTextSource(str(path)), output=tmp_path / "report"))
    assert not (tmp_path / "report").exists()
