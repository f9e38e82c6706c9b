"""Pieces are read from JSON and tables of steps; what is wrong in one is a line with its piece and step."""

import gzip
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications.music.reading import PieceError, Reading
from applications.music.roll_files import pieces_of_json, pieces_of_table
from common.errors import UserError

STEP = st.lists(st.one_of(st.integers(21, 108), st.sampled_from([-1, 0])), max_size=5)
PIECE = st.lists(STEP, min_size=1, max_size=6).filter(
    lambda steps: any(note > 0 for step in steps for note in step)
)


def of_json(value, name="x.json", **options):
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return list(pieces_of_json(content, name, Reading(**options)))


def of_table(tmp_path, text, name="x.csv", delimiter=",", **options):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return list(pieces_of_table(path, Reading(**options), delimiter))


def notes(given_piece):
    return given_piece.piece.notes.tolist()


@given(st.lists(PIECE, max_size=3))
def test_steps_hold_their_notes_from_the_highest_down_repeated_ones_too(pieces):
    read = of_json(pieces)
    for number, (given_piece, steps) in enumerate(zip(read, pieces, strict=True), start=1):
        piece = given_piece.piece
        assert (piece.name, piece.steps, piece.steps_per_quarter) == (
            f"x.json, piece {number}",
            len(steps),
            4,
        )
        assert piece.notes.dtype == np.int32
        assert [[note for note in step if note] for step in notes(given_piece)] == [
            sorted((note for note in step if note > 0), reverse=True) for step in steps
        ]
        assert (given_piece.part, given_piece.left_out) == ("", {})


def test_an_object_has_a_list_for_each_part_and_may_tell_its_grid():
    value = {"train": [[[60, 64]], [[62]]], "valid": [[[65]]], "test_dev": [[[67]]], "steps_per_quarter": 1}
    read = of_json(value, usual=2)
    assert [one.part for one in read] == ["train", "train", "validation", "test"]
    assert [one.piece.name for one in read][1:3] == ["x.json, piece 2 of train", "x.json, piece 1 of valid"]
    assert {one.piece.steps_per_quarter for one in read} == {1}
    (undivided,) = of_json({"pieces": [[[60]]]})
    assert (undivided.part, undivided.piece.name) == ("", "x.json, piece 1")


def test_the_grid_is_the_files_or_the_flags_or_the_names_or_the_usual_one():
    def grid(value, name, **options):
        return of_json(value, name, **options)[0].piece.steps_per_quarter

    own, none = {"train": [[[60]]], "steps_per_quarter": 2}, {"train": [[[60]]]}
    assert grid(own, "a_quarter.json", steps_per_quarter=4, usual=1) == 2
    assert grid(none, "a_quarter.json", steps_per_quarter=4, usual=1) == 4
    assert [grid(none, name, usual=2) for name in ("data/jsb_quarter.json.gz", "a-8th.json", "b.16th")] == [
        1,
        2,
        4,
    ]
    assert grid(none, "16th/headquarters.json", usual=2) == 2


def test_rests_may_be_null_or_nan_and_notes_may_be_whole_floats():
    content = b"[[[60.0, NaN, -1], [null, 0, -1.0, 62]]]"
    assert notes(of_json(content)[0]) == [[60], [62]]


def test_notes_beyond_the_voices_are_left_out_and_counted():
    (given_piece,) = of_json([[[40, 50, 60, 70], [50, 50]]], voices=2)
    assert notes(given_piece) == [[70, 40], [50, 50]]
    assert given_piece.left_out == {"notes beyond 2 at once": 2}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            b"",
            r"x.json: not valid JSON \(Expecting value: .*\); expected a list of pieces, each a list of steps",
        ),
        (b"[[[60]]", "x.json: not valid JSON"),
        (b"\xff[]", "x.json: not valid JSON"),
        (b"[" * 100_000, r"x.json: not valid JSON \(nested too deeply\)"),
        (7, "x.json: got 7; expected a list of pieces"),
        ({}, "x.json: no list of pieces; expected a list of pieces"),
        ({"steps_per_quarter": 4}, "x.json: no list of pieces"),
        ({"trains": []}, 'x.json: unknown key "trains"; expected .* such as train, valid and test'),
        ({"train": {"a": 1}}, r'x.json: "train" holds \{"a": 1\}; expected a list of pieces'),
        (
            {"train": [], "steps_per_quarter": 3},
            "x.json: steps_per_quarter is 3; expected 1, 2 or 4",
        ),
        ({"train": [], "steps_per_quarter": True}, "x.json: steps_per_quarter is true; expected 1, 2 or 4"),
    ],
)
def test_what_is_no_list_of_pieces_is_one_line(value, message):
    with pytest.raises(PieceError, match=f"^{message}") as error:
        of_json(value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("piece", "place", "message"),
    [
        (60, "", "got 60; expected a list of steps"),
        (
            [[60], 62],
            ", step 2",
            "got 62; expected a list of MIDI numbers from 21 to 108, -1 or 0 for a rest",
        ),
        ([[60], [62, 20]], ", step 2", "got 20; expected MIDI numbers from 21 to 108, -1 or 0 for a rest"),
        ([[109]], ", step 1", "got 109; expected MIDI numbers"),
        ([[10**30]], ", step 1", "got 10+; expected MIDI numbers"),
        ([[-2]], ", step 1", "got -2; expected MIDI numbers"),
        ([[60.5]], ", step 1", "got 60.5; expected MIDI numbers"),
        ([["C4"]], ", step 1", 'got "C4"; expected MIDI numbers'),
        ([[True]], ", step 1", "got true; expected MIDI numbers"),
        ([[[60]]], ", step 1", r"got \[60\]; expected MIDI numbers"),
        ([], "", "no note in 0 steps; expected one at least"),
        ([[], [-1], [0]], "", "no note in 3 steps; expected one at least"),
    ],
)
def test_a_piece_that_cannot_be_read_is_named_with_its_step_and_leaves_the_others_alone(
    piece, place, message
):
    before, error, after = of_json({"valid": [[[60]], piece, [[62]]]})
    assert (notes(before), notes(after)) == ([[60]], [[62]])
    assert error.part == "validation"
    assert re.match(rf"x\.json, piece 2 of valid{place}: {message}", str(error)), error
    assert "\n" not in str(error)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["train", "test", "steps_per_quarter", "x"]), inner, max_size=2),
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_pieces_or_lines(value):
    errors = []
    try:
        errors = [str(one) for one in of_json(value) if isinstance(one, PieceError)]
    except UserError as error:
        errors = [str(error)]
    assert all(error.startswith("x.json") and "\n" not in error for error in errors)


TABLE = """piece,step,soprano,alto,bass
a,0,72,67,48
a,1,72,,-1
b,5,60, 64 ,0
"""


@pytest.mark.parametrize(
    ("text", "name", "delimiter"),
    [
        (TABLE, "x.csv", ","),
        (TABLE.split("\n", 1)[1], "x.csv.gz", ","),
        (TABLE.replace(",", "\t"), "x.tsv", "\t"),
        ("\ufeff" + TABLE.replace(",", ";").replace("\n", "\r\n"), "x.csv", ";"),
    ],
)
def test_a_row_of_a_table_is_a_step_and_a_column_a_voice(tmp_path, text, name, delimiter):
    first, second = of_table(tmp_path, text, name, delimiter, usual=1)
    assert (first.piece.name, first.piece.steps_per_quarter) == (f"{tmp_path / name}, piece a", 1)
    assert notes(first) == [[72, 67, 48], [72, 0, 0]]
    assert notes(second) == [[64, 60]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": no rows; expected a piece, the number of its step, and a note of each voice"),
        ("piece,step,bass\n", ": no rows; expected a piece"),
        ("text\nhello\n", ", line 1: expected a piece, the number of its step"),
        ("piece,step,bass\na,0,60\na,x,60\n", ", line 3: expected a piece, the number"),
        ("a,0,60\na,2,60\n", ", line 2: step 2 of 'a' after step 0; expected 1"),
        ("a,0,60\na,0,60\n", ", line 2: step 0 of 'a' after step 0; expected 1"),
        ('a,0,60\n"a\n', r", line 2: not valid CSV \(.*\); expected a piece"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_line_with_its_place(tmp_path, text, message):
    with pytest.raises(PieceError, match=f"^{re.escape(str(tmp_path))}/x.csv{message}") as error:
        of_table(tmp_path, text)
    assert "\n" not in str(error.value)


def test_a_note_of_a_table_that_is_none_is_named_with_its_line(tmp_path):
    error, good = of_table(tmp_path, "piece,step,s,b\na,0,60,48\na,1,C4,48\na,2,7,48\nb,0,61,\n")
    expected = 'got "C4"; expected MIDI numbers from 21 to 108, -1 or 0 for a rest'
    assert str(error) == f"{tmp_path}/x.csv, line 3: {expected}"
    assert notes(good) == [[61]]
