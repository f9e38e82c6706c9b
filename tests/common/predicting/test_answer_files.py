"""A file of answers is what its name says, read back by other readers as it was given; other names are refused."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import FlagError, UserError
from common.predicting.answer_files import (
    answer_file,
    probability_columns,
    require_answer_file,
    require_picture,
    require_unread,
)

TEXTS = st.lists(st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\x00"))] * 2))
COLUMNS = ("text", "label")


def write_answers(path, records, columns, lines=(), rows=()):
    with answer_file(path, columns) as add:
        for number, record in enumerate(records):
            add(record, lines[number : number + 1], rows[number : number + 1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("answers")


@given(TEXTS)
def test_any_answers_are_read_back_from_a_table_and_from_json_lines(folder, pairs):
    records = [{"text": text, "label": label, "more": [1.5]} for text, label in pairs]
    for name in ("a.csv", "a.jsonl"):
        write_answers(folder / name, records, COLUMNS, ["not asked for"])
    with (folder / "a.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert (tuple(header), [tuple(row) for row in rows]) == (COLUMNS, pairs)
    lines = (folder / "a.jsonl").read_bytes().decode("utf-8").split("\n")
    assert [json.loads(line) for line in lines[:-1]] == records


@pytest.mark.parametrize("name", ["answers.de", "answers", "answers.txt"])
def test_any_other_name_gives_the_lines(tmp_path, name, capsys):
    write_answers(tmp_path / "new" / name, [{"label": "fine"}] * 2, COLUMNS, ["eins", "zwei"])
    assert (tmp_path / "new" / name).read_bytes() == b"eins\nzwei\n"
    assert capsys.readouterr() == ("", f"2 answers written to {tmp_path / 'new' / name}\n")


def test_a_table_can_have_other_rows_than_the_records(tmp_path):
    with answer_file(tmp_path / "a.CSV", ("label",)) as add:
        add({"label": "a"}, [], [{"label": "b"}, {"label": "c"}])
    assert (tmp_path / "a.CSV").read_text("utf-8").split() == ["label", "b", "c"]


def test_a_table_has_a_column_for_the_probability_of_each_label(tmp_path):
    record = {"label": "a, b", "probabilities": {"a, b": 0.75, "c": 0.25}, "more": {"x": None}, "none": None}
    columns = ["label", *probability_columns(["a, b", "c"]), "more", "none"]
    write_answers(tmp_path / "a.csv", [record], columns)
    frame = pd.read_csv(tmp_path / "a.csv", keep_default_na=False)
    assert frame.to_dict("records") == [
        {"label": "a, b", "probability_a, b": 0.75, "probability_c": 0.25, "more": '{"x": null}', "none": ""}
    ]


def test_answers_reach_the_file_as_they_come_and_none_stays_if_they_end_in_an_error(tmp_path):
    def write():
        with answer_file(tmp_path / "a.jsonl", ()) as add:
            for _ in range(10_000):
                add({"label": "a"}, ())
            (begun,) = tmp_path.iterdir()
            assert begun.stat().st_size > 100_000
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "a.tsv",
        "a.csv.gz",
        "a.TSV",
        "a.gz",
        "a.xlsx",
        "a.XLS",
        "a.ods",
        "a.parquet",
        "a.json",
        "a.png",
        "a.zip",
    ],
)
def test_a_name_that_promises_something_else_is_refused(name):
    with pytest.raises(UserError, match=rf"--output {name}: expected a name in \.csv for a table"):
        require_answer_file(Path(name))


def test_names_that_can_be_kept_to_are_taken():
    for path in (None, Path("a.csv"), Path("a.jsonl"), Path("a.de"), Path("a")):
        require_answer_file(path)


@pytest.mark.parametrize("name", ["looked_at.png", "LOOKED.PNG", None])
def test_a_picture_is_a_png(name):
    require_picture(name and Path(name), "--attention")


@pytest.mark.parametrize("name", ["looked_at.jpg", "looked_at", ".png"])
def test_any_other_picture_is_refused_by_its_flag(name):
    with pytest.raises(FlagError) as refused:
        require_picture(Path(name), "--attention")
    assert str(refused.value) == f"--attention {name}: expected a name that ends in .png"


def test_a_file_that_is_read_is_not_written_over_by_whatever_name(tmp_path):
    read = tmp_path / "readings.csv"
    (tmp_path / "link.csv").symlink_to(read)
    for written in (read, tmp_path / "." / "readings.csv", tmp_path / "link.csv"):
        with pytest.raises(
            FlagError, match=f"--output {written}: this is what is read; expected another file"
        ):
            require_unread("--output", [None, written], [None, read])
    require_unread("--output", [tmp_path / "alarms.csv", None], [read, None])
