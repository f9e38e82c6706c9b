"""Texts from arguments, files and standard input come through whole."""

import gzip
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.predicting.texts import (
    argument_texts,
    chunks,
    given_texts,
    lines,
    place_of,
    require_one_source,
)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))))
def test_each_line_is_a_text(texts):
    data = "".join(f"{text}\n" for text in texts).encode()
    assert list(lines(io.BytesIO(data))) == texts
    assert list(lines(io.BytesIO(data.replace(b"\n", b"\r\n")))) == texts


def test_the_last_line_needs_no_end_and_odd_separators_do_not_end_a_line():
    assert list(lines(io.BytesIO("a\n\nb\u2028c\x0bd".encode()))) == ["a", "", "b\u2028c\x0bd"]


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
    assert list(given_texts((), table, "review")) == ["one, in\ntwo lines", ""]
    assert list(given_texts((), plain, "review")) == ["one, as it is", "", "last"]
    assert place_of(2, (), table) == f"{table}, row 2"
    assert place_of(2, (), plain) == f"{plain}, line 2"
    with pytest.raises(UserError, match="no column 'text'; the columns are 'id', 'review'"):
        list(given_texts((), table, "text"))


def test_without_a_file_texts_are_the_arguments_or_else_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"one\ntwo\n")))
    assert list(given_texts(("a", "b"), None, "text")) == ["a", "b"]
    assert list(given_texts((), None, "text")) == ["one", "two"]
    assert place_of(2, ("a", "b"), None) == "argument 2"
    assert place_of(2, (), None) == "standard input, line 2"


def test_arguments_beside_a_file_are_refused(tmp_path):
    require_one_source((), tmp_path)
    require_one_source(("a",), None)
    with pytest.raises(
        UserError, match=r"--input .*: expected texts either as arguments or from a file, got both"
    ):
        require_one_source(("a",), tmp_path)
