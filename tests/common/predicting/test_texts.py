"""Texts from arguments, files and standard input come through whole."""

import gzip
import io
import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import FlagError, UserError
from common.predicting.texts import (
    argument_texts,
    chunks,
    given_texts,
    input_columns,
    lines,
    require_fitting_flags,
    require_one_source,
)
from common.text.tables import TableFormat


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))))
def test_each_line_is_a_text(texts):
    data = "".join(f"{text}\n" for text in texts).encode()
    assert list(lines(io.BytesIO(data))) == texts
    assert list(lines(io.BytesIO(data.replace(b"\n", b"\r\n")))) == texts


def test_the_last_line_needs_no_end_and_odd_separators_do_not_end_a_line():
    assert list(lines(io.BytesIO("a\n\nb\u2028c\x0bd".encode()))) == ["a", "", "b\u2028c\x0bd"]


def test_rows_that_cannot_be_read_are_told_of_and_not_kept(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("id,text\n1,a\n" + "2\n" * 30_000, "utf-8")
    tracemalloc.start()
    texts = [one.text for one in given_texts((), path, "text")]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert texts == ["a"]
    assert peak < 1_000_000
    assert capsys.readouterr().err.splitlines() == [
        *(
            f"warning: {path}, row {row} (line {row + 1}): 1 fields; expected 2 as in the header; left out"
            for row in (2, 3, 4)
        ),
        f"warning: {path}: 30,000 rows left out; --strict refuses them",
    ]


def test_a_line_that_is_not_utf8_is_named():
    with pytest.raises(UserError, match="standard input, line 2: byte 0xe9 is not valid UTF-8"):
        list(lines(io.BytesIO(b"fine\ncaf\xe9\n")))


def test_an_argument_that_is_not_utf8_is_named():
    assert argument_texts(["é", ""]) == ["é", ""]
    with pytest.raises(UserError, match="argument 2: not valid UTF-8"):
        argument_texts(["fine", os.fsdecode(b"caf\xe9")])


@given(st.lists(st.integers()), st.integers(1, 7))
def test_chunks_hold_all_items_in_order(items, size):
    parts = list(chunks(items, size))
    assert [item for part in parts for item in part] == items
    assert all(len(part) == size for part in parts[:-1])
    assert all(parts)


def test_items_before_an_error_are_given_before_it():
    parts = chunks(lines(io.BytesIO(b"a\nb\nc\n\xff\n")), 2)
    assert next(parts) == ["a", "b"]
    assert next(parts) == ["c"]
    with pytest.raises(UserError, match="line 4"):
        next(parts)


@pytest.mark.parametrize("packed", [False, True])
def test_a_table_gives_a_column_and_any_other_file_its_lines(tmp_path, packed):
    def file(name, text):
        path = tmp_path / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
        return path

    table = file("a.csv", 'id,review\n1,"one, in\ntwo lines"\n2,\n')
    plain = file("a.txt", "one, as it is\n\nlast")
    of_table, of_lines = list(given_texts((), table, "review")), list(given_texts((), plain, "review"))
    assert [one.text for one in of_table] == ["one, in\ntwo lines", ""]
    assert [one.text for one in of_lines] == ["one, as it is", "", "last"]
    assert [one.place for one in of_table] == [f"{table}, row 1", f"{table}, row 2"]
    assert (of_lines[1].place, of_lines[1].number) == (f"{plain}, line 2", 2)
    with pytest.raises(UserError, match="no column 'text'; the columns are 'id', 'review'"):
        list(given_texts((), table, "text"))


def test_without_a_file_texts_are_the_arguments_or_else_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"one\ntwo\n")))
    arguments, typed = list(given_texts(("a", "b"), None, "text")), list(given_texts((), None, "text"))
    assert [(one.text, one.place) for one in arguments] == [("a", "argument 1"), ("b", "argument 2")]
    assert [one.text for one in typed] == ["one", "two"]
    assert typed[1].place == "standard input, line 2"


def test_the_other_columns_stand_beside_each_text(tmp_path):
    records = [{"id": 7, "text": "a", "more": {"x": [1]}}, {"text": "b", "late": None}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, records)))
    given = list(given_texts((), tmp_path / "a.jsonl", "text"))
    assert [dict(one.others) for one in given] == [{"id": 7, "more": {"x": [1]}}, {"late": None}]
    assert input_columns(tmp_path / "a.jsonl", "text") == ["id", "more", "late"]
    assert input_columns(None, "text") == input_columns(tmp_path / "a.txt", "text") == []


def test_rows_that_cannot_be_read_are_told_of_first_by_line_then_by_number(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("id,text\n1,fine\n2\n3\n4\n5\n6,well\n")
    given = list(given_texts((), path, "text"))
    assert [(one.text, one.number, one.place) for one in given] == [
        ("fine", 1, f"{path}, row 1"),
        ("well", 2, f"{path}, row 6"),
    ]
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"warning: {path}, row 2 (line 3): 1 fields; expected 2 as in the header; left out"
    assert told[3:] == [f"warning: {path}: 4 rows left out; --strict refuses them"]
    with pytest.raises(UserError, match=r"a\.csv, line 3: 1 fields"):
        list(given_texts((), path, "text", TableFormat(strict=True)))
    path.write_text("id,text\n1\n2\n")
    with pytest.raises(UserError, match=r"a\.csv, line 2: 1 fields; .*; no row can be used"):
        list(given_texts((), path, "text"))


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.tsv"])
def test_a_table_is_read_as_it_is_asked_for(tmp_path, name):
    write = {
        "a.csv": "text\n{}\n",
        "a.tsv": "text\n{}\n",
        "a.jsonl": '{{"text": 1}}\n{}\n',
    }[name]
    text = "a b c " * 10
    row = f'{{"text": "{text}"}}\n' if name == "a.jsonl" else f"{text}\n"
    (tmp_path / name).write_text(write.format(row * 30_000))
    assert (tmp_path / name).stat().st_size > 1.5 * 2**20
    tracemalloc.start()
    try:
        assert sum(1 for _ in given_texts((), tmp_path / name, "text")) >= 30_000
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["a.xlsx", "a.ods", "a.pdf", "a.zip"])
def test_a_file_that_is_no_text_is_refused_by_its_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match=rf"--input .*{name}: no text file; expected a \.csv"):
        list(given_texts((), tmp_path / name, "text"))


def test_lines_of_another_encoding(tmp_path):
    for text in ("naive\ncafe\n", "naïve\ncafé\n"):
        (tmp_path / "a.txt").write_bytes(text.encode("utf-16-le"))
        with pytest.raises(UserError, match="give --encoding utf-16"):
            list(given_texts((), tmp_path / "a.txt", "text", TableFormat()))
    given = given_texts((), tmp_path / "a.txt", "text", TableFormat(encoding="utf-16-le"))
    assert [one.text for one in given] == ["naïve", "café"]


@pytest.mark.parametrize(
    "name", [None, "x.md", "x.md.gz", "a.jsonl", "a.json.gz", "a.parquet", "a.csv", "a.TSV.gz"]
)
@pytest.mark.parametrize(
    ("flag", "column", "form"),
    [
        ("", "text", TableFormat()),
        ("--text-column review", "review", TableFormat()),
        ("--delimiter ';'", "text", TableFormat(delimiter=";")),
        ("--encoding cp1252", "text", TableFormat(encoding="cp1252")),
        ("--strict", "text", TableFormat(strict=True)),
    ],
)
def test_a_flag_that_would_be_ignored_is_refused_by_its_name(name, flag, column, form):
    """By what the README says of the forms: a delimiter makes a table of a file of any other name."""
    path = name and Path(name)
    in_a_file, in_a_table = name is not None, name is not None and ".md" not in name
    is_delimited = in_a_file and not any(kind in name for kind in ("json", "parquet"))
    fits = {
        "": True,
        "--text-column": in_a_table,
        "--delimiter": is_delimited,
        "--encoding": in_a_file and "parquet" not in name,
        "--strict": in_a_table,
    }
    if fits[flag.partition(" ")[0]]:
        require_fitting_flags(path, column, form)
        return
    with pytest.raises(FlagError) as refused:
        require_fitting_flags(path, column, form)
    given = f"--input {name}" if name else "texts that are in no file"
    assert str(refused.value).startswith(f"{flag}: does not go with {given}; expected --input with a ")


def test_arguments_beside_a_file_are_refused(tmp_path):
    require_one_source((), tmp_path)
    require_one_source(("a",), None)
    with pytest.raises(
        UserError, match=r"--input .*: expected texts either as arguments or from a file, got both"
    ):
        require_one_source(("a",), tmp_path)
