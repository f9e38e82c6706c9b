"""What a person wrote over time is read from the files that it comes in, in the order in which it was written."""

import gzip
import json

import pytest

from common.errors import UserError
from common.text.entries import read_entries


def written(folder, name, *entries):
    path = folder / name
    text = "".join(f"{json.dumps(entry)}\n" for entry in entries)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def test_dated_notes_come_in_the_order_of_their_dates(tmp_path):
    path = written(
        tmp_path,
        "notes.jsonl.gz",
        {"date": "2024-02-01", "topic": "x", "paragraphs": ["third", "fourth"]},
        {"date": "2023-12-31", "paragraphs": ["first"]},
        {"date": "2024-01-01", "paragraphs": ["second"]},
    )
    assert read_entries(path, "utf-8").text == "first\nsecond\nthird\nfourth"


def test_entries_without_dates_stay_in_their_order(tmp_path):
    path = written(tmp_path, "diary.jsonl", {"text": "b"}, {"date": "2020", "text": "a"}, "c", ["d", "e"])
    assert read_entries(path, "utf-8").text == "b\na\nc\nd\ne"


def test_a_table_has_its_texts_in_a_column(tmp_path):
    path = tmp_path / "reviews.tsv"
    path.write_text("id\ttext\n1\tGood.<br /><br />Really.\n2\tBad.\n", "utf-8")
    assert read_entries(path, "utf-8").text == "Good.\n\nReally.\nBad."


def test_any_other_file_is_the_text_itself(tmp_path):
    path = tmp_path / "letters.txt"
    path.write_bytes("Liebe Zoë,\r\n{wie}\n".encode("cp1252"))
    assert read_entries(path, "cp1252").text == "Liebe Zoë,\n{wie}\n"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "line 2: not valid JSON"),
        (
            '{"title": "no text"}',
            "line 2: no text; expected a text, a list of texts, or an object with one under",
        ),
        ("[1]", "line 2: no text"),
    ],
)
def test_a_line_without_a_text_is_named(tmp_path, line, problem):
    path = tmp_path / "notes.jsonl"
    path.write_text(f'"fine"\n{line}\n', "utf-8")
    with pytest.raises(UserError) as raised:
        read_entries(path, "utf-8")
    assert str(raised.value).startswith(f"{path}, {problem}")
