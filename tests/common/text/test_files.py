"""A file is read as the text it holds, gzipped or not; one that is no text is named in one line with the place."""

import gzip

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.errors import UserError
from common.text.files import read_text_file


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@given(st.text(st.characters(codec="utf-8")))
@example("\ufeffZoë\r\n")
def test_a_text_reads_back_as_written_plain_or_gzipped(folder, text):
    data = text.encode("utf-8")
    for name, content in (
        ("a.txt", data),
        ("noname", data),
        ("a.gz", gzip.compress(data)),
        ("A.TXT.GZ", gzip.compress(data)),
    ):
        (folder / name).write_bytes(content)
        assert read_text_file(folder / name) == text.removeprefix("\ufeff")


def test_a_leading_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.txt").write_text("Zoë", "utf-8")
    assert read_text_file(type(tmp_path)("~/a.txt")) == "Zoë"


WHOLE = gzip.compress(b"fine\n" * 1000, mtime=0)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.txt", None, ": no such file; expected a text file (.gz too)"),
        ("", None, ": Is a directory; expected a text file (.gz too)"),
        ("a.txt", b"fine\ncaf\xe9\n", ", line 2: byte 0xe9 is not valid UTF-8; save the file as UTF-8"),
        (
            "a.gz",
            gzip.compress(b"fine\n\n\xff\n", mtime=0),
            ", line 3: byte 0xff is not valid UTF-8; save the file as UTF-8",
        ),
        ("a.gz", b"not gzip", ": not a whole gzip file (Not a gzipped file (b'no'))"),
        ("a.gz", WHOLE[: len(WHOLE) // 2], ": not a whole gzip file (Compressed file ended"),
        ("a.gz", WHOLE[:-8] + b"\x00" * 8, ": not a whole gzip file (CRC check failed"),
    ],
)
def test_a_file_that_is_no_text_is_named_in_one_line_with_the_place(tmp_path, name, data, expected):
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UserError) as error:
        read_text_file(path)
    assert str(error.value).startswith(f"{path}{expected}")
    assert "\n" not in str(error.value)


def test_what_was_expected_is_what_the_caller_says(tmp_path):
    with pytest.raises(UserError, match=r"a\.csv: no such file; expected a table$"):
        read_text_file(tmp_path / "a.csv", "a table")
