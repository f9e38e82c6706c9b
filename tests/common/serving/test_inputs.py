"""Texts from arguments and standard input come through whole, and what is not UTF-8 is named by its place."""

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.serving.inputs import argument_texts, chunks, lines


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
