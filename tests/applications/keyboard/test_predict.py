"""The keyboard answers from the terminal and from Python: one text or many, with a word begun or without."""

import csv
import json

import numpy as np
import pytest

from applications.keyboard.pieces import lines_in_pieces
from applications.keyboard.predict import Predictor
from common.errors import FlagError, UserError
from common.model_folders import SHIPPED_MODELS


def test_suggestions_begin_as_the_word_begun_does(predictor):
    assert all(word.startswith("w") for word in predictor.suggest("I am on my w"))
    assert predictor.suggest("I am on my ", prefix="w") == predictor.suggest("I am on my w")
    assert predictor.suggest("I am on my", prefix="w", count=1) == predictor.suggest("I am on my w")[:1]


def test_several_texts_are_answered_as_each_alone(predictor):
    texts = ["See you ", "", "Don’t wait for m"]
    together = predictor(texts, count=2)
    for text, answer in zip(texts, together, strict=True):
        alone = predictor(text, count=2)
        assert alone["words"] == answer["words"]
        assert alone["probabilities"] == pytest.approx(answer["probabilities"], rel=1e-4)


def test_of_a_long_text_the_end_counts(predictor):
    assert predictor.suggest("so " * 9000 + "x. See you ") == predictor.suggest("so " * 100 + "x. See you ")


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "a", "See you.\n\n  Then go.\n" * 60, "word " * 900, "x" * 2500 + " y", "line\n" * 700],
)
def test_pieces_together_are_the_text_without_its_empty_lines(text):
    pieces = list(lines_in_pieces(text))
    assert all(0 < len(piece) <= 1001 for piece in pieces)
    assert "".join(pieces) == "".join(f"{line}\n" for line in text.split("\n") if line.strip())


def test_a_long_text_is_read_as_one_stream(predictor):
    text = "See you tomorrow at 10:30, Zoë!\n" * 60
    readings = list(predictor.read(text))
    assert len(readings) > 1
    assert sum(len(one.spellings) for one in readings) == 60 * 9
    nats = np.concatenate([one.word_nats + one.spelling_nats for one in readings])
    assert predictor.score(text) == pytest.approx(-nats.sum(), rel=1e-5)
    # What was read before is remembered across the pieces: the last sentence costs as the one before.
    assert nats[-9:] == pytest.approx(nats[-18:-9], rel=0.2)


def test_what_is_no_text_or_out_of_range_is_refused(predictor):
    with pytest.raises(FlagError, match="--count 0: expected from 1 to 100"):
        predictor("a", count=0)
    with pytest.raises(FlagError, match="--prefix 'a b': expected one word begun"):
        predictor.suggest("a", prefix="a b")
    with pytest.raises(UserError, match=r"texts\[1\]"):
        predictor(["a", 3])


def test_a_model_of_another_application_is_refused_before_it_is_asked():
    with pytest.raises(UserError, match="text_generation"):
        Predictor(SHIPPED_MODELS / "text_generation")


def test_the_script_writes_a_line_for_each_text_and_files_of_answers(script, tmp_path):
    status, out, err = script("See you ", "zzz", "--count", "2")
    assert (status, err, len(out.splitlines())) == (0, "", 2)
    assert out.splitlines()[1] == "(no word that it knows)"
    table, lines = tmp_path / "answers.csv", tmp_path / "answers.jsonl"
    for path in (table, lines):
        assert script("See you ", "I am on m", "--output", path).status == 0
    (first, second) = map(json.loads, lines.read_text("utf-8").splitlines())
    assert len(first["words"]) == len(first["probabilities"]) == 3
    assert second["words"][0].startswith("m")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["words"].split() for row in rows] == [first["words"], second["words"]]


def test_a_prefix_with_a_blank_is_refused_before_anything_is_read(script):
    status, out, err = script("a", "--prefix", "b c", model="nowhere")
    assert (status, out) == (2, "")
    assert err == "error: --prefix 'b c': expected one word begun, without blanks\n"
