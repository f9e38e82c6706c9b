"""Ink in any form is read, from files or Python; what is none gets one clear line."""

import csv
import io
import json
import re
from itertools import pairwise

import numpy as np
import pytest

from applications.handwriting.ink import Ink, points_of, text_of
from applications.handwriting.ink_json import to_json
from common.errors import UserError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ozo(drawn):
    return drawn("ozo", np.random.default_rng(5))


def test_each_form_of_a_drawing_gives_a_dictionary_and_a_list_a_list(predictor, ozo):
    events = [
        {"x": float(x), "y": float(y), "stroke": number}
        for number, stroke in enumerate(ozo.strokes)
        for x, y in stroke
    ]
    forms = {
        "ink": ozo,
        "text": text_of(ozo),
        "points": points_of(ozo),
        "arrays": list(ozo.strokes),
        "lists": [stroke.tolist() for stroke in ozo.strokes],
        "tuples": [[tuple(point) for point in stroke.tolist()] for stroke in ozo.strokes],
        "events": events,
        "object": json.loads(to_json(ozo)),
    }
    answers = {name: predictor(form) for name, form in forms.items()}
    assert {name: answer["text"] for name, answer in answers.items()} == dict.fromkeys(forms, "ozo")
    assert 0 < answers["ink"]["confidence"] <= 1
    together = predictor(list(forms.values()))
    assert [answer["text"] for answer in together] == ["ozo"] * len(forms)
    assert predictor([]) == []


def test_letters_are_told_with_their_points(predictor, ozo):
    letters = predictor.letters(ozo)
    assert [one.letter for one in letters] == ["o", "z", "o"]
    assert letters[0].first_point == 0
    assert letters[-1].last_point == sum(map(len, ozo.strokes)) - 1
    assert all(one.last_point + 1 == other.first_point for one, other in pairwise(letters))
    assert [[one.letter for one in row] for row in predictor.letters([ozo, ozo])] == [["o", "z", "o"]] * 2


def test_the_best_readings_come_with_their_scores(predictor, ozo):
    best = predictor.n_best(ozo)
    assert best[0][0] == "ozo"
    assert [score for _, score in best] == sorted((score for _, score in best), reverse=True)
    assert not predictor.has_language_model


def test_a_drawing_is_read_after_each_stroke_that_may_be_a_tap(predictor, ozo):
    read_so_far = list(predictor.stream(ozo.strokes))
    assert read_so_far == [predictor(list(ozo.strokes[:count]))["text"] for count in (1, 2, 3)]
    assert next(predictor.stream([[(3, 4)], ozo.strokes[1], text_of(ozo)])) == ""
    with pytest.raises(UserError, match=r"^stroke 2: got float64 \[5, 3\] .*expected points \[points, 2\]"):
        list(predictor.stream([ozo.strokes[0], np.zeros((5, 3))]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, "drawings: got 3 (int)"),
        (None, "drawings: got None"),
        ("hello", "drawing: stroke 1, point 1: 'hello'; expected x,y"),
        ("3,4", "drawing: a single point"),
        (np.zeros((5, 4)), "drawing: got float64 [5, 4]"),
        (np.zeros((5, 2)), "drawing: all 5 points are in one place"),
        (Ink([np.float32([[0, 0], [np.nan, 1]])]), "drawing: stroke 1, point 2 is at nan,1"),
        ([[[0, 0], [1, 1]], "x"], "drawing: stroke 2"),
        (["0,0 1,1", 4], "drawings[1]: got 4 (int)"),
    ],
)
def test_what_is_no_drawing_is_refused_in_one_line(predictor, value, expected):
    with pytest.raises(UserError) as refused:
        predictor(value)
    assert str(refused.value).startswith(expected)
    assert "\n" not in str(refused.value)


# --- the script


@pytest.fixture
def file(tmp_path, ozo):
    path = tmp_path / "ozo.json"
    path.write_text(to_json(ozo))
    return path


def test_files_folders_and_standard_input_give_a_line_for_each_drawing(script, file, ozo, drawn, tmp_path):
    assert script(file) == (0, "ozo\n", "")
    assert script("-", data=file.read_bytes())[1] == "ozo\n"
    other = drawn("zz", np.random.default_rng(32))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "both.jsonl").write_text(f"{to_json(ozo)}\n{to_json(other)}\n")
    status, out, err = script(file, tmp_path / "folder", tmp_path / "absent.json")
    assert (status, err.count("\n")) == (1, 1)
    assert [line.split("\t")[1] for line in out.splitlines()] == ["ozo", "ozo", "zz"]
    assert all(line.startswith(str(tmp_path)) for line in out.splitlines())


def test_a_drawing_that_cannot_be_used_is_told_of_and_the_others_are_read(script, ozo, tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text(f"{text_of(ozo)}\n3,4\n{text_of(ozo)}\n")
    status, out, err = script(path)
    assert status == 1
    assert err == f"error: {path}, line 2: a single point; expected at least two\n"
    assert [line.split("\t")[1] for line in out.splitlines()] == ["ozo", "ozo"]


def test_letters_are_printed_and_written_with_their_points(script, file, tmp_path):
    _, out, _ = script(file, "--letters")
    assert re.fullmatch(r"( +\d+  +\d+  [01]\.\d\d  [oz]\n){3}", out)
    script(file, "--letters", "--output", tmp_path / "letters.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "letters.csv").read_text())))
    assert [row["letter"] for row in rows] == ["o", "z", "o"]
    assert list(rows[0]) == ["ink", "letter", "first_point", "last_point", "confidence"]
    script(file, "--output", tmp_path / "texts.jsonl")
    record = json.loads((tmp_path / "texts.jsonl").read_text())
    assert (record["text"], set(record)) == ("ozo", {"ink", "text", "confidence"})


def test_strokes_are_read_as_they_come(script, file, ozo, predictor, tmp_path):
    expected = "".join(f"{text}\n" for text in predictor.stream(ozo.strokes))
    assert script(file, "--stream") == (0, expected, "")
    lines = "\n".join(text_of(Ink([stroke])) for stroke in ozo.strokes)
    assert script("--stream", data=lines.encode()) == (0, expected, "")
    status, out, err = script("--stream", data=f"{lines}\n1,1 2\n".encode())
    assert (status, out) == (1, expected)
    assert err == "error: stroke 4: stroke 4, point 2: expected x,y such as 3,4.5, got 2\n"
    assert script(file, "--stream", "--letters")[0] == 2
    assert script(file, "--stream", "--picture", tmp_path / "no.png")[0] == 2


def test_a_picture_is_of_a_single_drawing(script, file, ozo, tmp_path):
    picture = tmp_path / "ozo.png"
    assert script(file, "--picture", picture)[0] == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    (tmp_path / "two.txt").write_text(f"{text_of(ozo)}\n" * 2)
    status, _, err = script(tmp_path / "two.txt", "--picture", tmp_path / "no.png")
    assert (status, err) == (
        1,
        f"error: --picture {tmp_path}/no.png: got 2 drawings; expected a single one\n",
    )
    assert script(file, file, "--picture", tmp_path / "no.png")[0] == 2
    assert not (tmp_path / "no.png").exists()
