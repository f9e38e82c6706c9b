"""What an application declares is asked alike by `predict` and by a server, and rooms are held to their protocols."""

import types

import pytest

from applications import catalogue
from common.application import ROOMS, Application, Question, SampleRoom, lacking


def test_a_text_is_an_argument_and_a_row():
    question = Question("how it goes on", "ROMEO:", flags=("--seed", "7"), inputs={"seed": 7})
    assert question.arguments(None) == ["ROMEO:", "--seed", "7"]
    assert question.row("prefix") == {"prefix": "ROMEO:", "seed": 7}


def test_a_file_is_written_for_predict_and_sent_as_its_bytes(tmp_path):
    question = Question("what it shows", lambda: b"pixels", file="picture.png")
    (path,) = question.arguments(tmp_path / "new")
    assert path == str(tmp_path / "new/picture.png")
    assert (tmp_path / "new/picture.png").read_bytes() == b"pixels"
    assert question.row("image_bytes") == {"image_bytes": b"pixels"}


def test_a_flag_takes_the_file_where_predict_has_one_for_it(tmp_path):
    question = Question(
        "what comes", lambda: b"a,b", file="table.csv", flag="--input", flags=("--horizon", "3")
    )
    assert question.arguments(tmp_path) == ["--input", str(tmp_path / "table.csv"), "--horizon", "3"]


def test_a_request_is_made_where_the_row_does_not_hold_the_content():
    question = Question("what comes", lambda: b"a,b", file="table.csv", request=lambda: {"values": [1.0]})
    assert question.row("values") == {"values": [1.0]}


def test_what_a_room_lacks_is_named():
    room = types.ModuleType("sample")
    assert lacking(room, SampleRoom) == ["sample"]
    room.sample = len
    assert lacking(room, SampleRoom) == []


@pytest.mark.parametrize("name", catalogue())
def test_each_declaration_is_of_its_own_package_and_asks_something(name):
    declared = catalogue()[name]
    assert isinstance(declared, Application)
    assert declared.name == name
    assert declared.questions
    assert declared.summary == f"{declared.takes} in, {declared.gives} out"
    assert set(ROOMS) >= {"config", "data", "model", "train", "evaluate", "export", "predict"}
