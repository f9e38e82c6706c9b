"""Tables and folders are read as they stand, and what is wrong with them is said in one line that names the place."""

import csv
import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.text.tables import Table, read_columns, read_folders, read_lines

FIELDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)


@given(st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=10))
def test_csv_of_any_text_reads_back_as_written(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("csv") / "reviews.csv"
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("text", "label"), *records])
    path.write_bytes(text.getvalue().encode("utf-8"))
    assert [row.values for row in read_columns(path, ("text", "label"))] == records


def test_tsv_has_no_quoting(tmp_path):
    path = tmp_path / "reviews.tsv"
    path.write_text('label\ttext\n1\t"Bad" is not the word, it\'s 6" of pain\n', "utf-8")
    assert read_columns(path, ("text", "label"))[0].values == ('"Bad" is not the word, it\'s 6" of pain', "1")


@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.csv.gz", "r.tsv.gz", "R.CSV"])
def test_plain_and_gzipped_files_windows_line_ends_and_byte_order_mark(tmp_path, name):
    separator = "," if ".csv" in name.lower() else "\t"
    data = f"text{separator}label\r\nfine{separator}1\r\n".encode("utf-8-sig")
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert [row.values for row in read_columns(tmp_path / name, ("text", "label"))] == [("fine", "1")]


def test_text_of_100000_words_is_read_whole(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("text,label\n" + "word " * 100_000 + ",1\n", "utf-8")
    assert len(read_columns(path, ("text",))[0].values[0].split()) == 100_000


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("r.csv", b"", "empty"),
        ("r.csv", b"text,label\n", "no rows"),
        ("r.csv", b"review,label\na,1\n", "no column 'text'; the columns are 'review', 'label'"),
        ("r.csv", b"text,label\nfine,1\nonly text\n", "line 3: 1 fields; expected 2"),
        ("r.csv", b"text,label\nfine,1\n\xff\xfe,0\n", "line 3: byte 0xff is not valid UTF-8"),
        ("r.csv", b'text,label\n"never closed,1\n', "line 2: not valid CSV"),
        ("r.tsv.gz", b"not gzip", "not a whole gzip file"),
        ("r.xlsx", b"PK", "unknown kind of file; expected a .csv or .tsv"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_that_names_the_file_and_the_place(tmp_path, name, data, expected):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UserError) as error:
        read_columns(path, ("text", "label"))
    assert str(path) in str(error.value)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.csv: no such file"):
        read_columns(tmp_path / "nowhere.csv", ("text",))


def test_folders_give_their_name_as_label(tmp_path):
    for label, name, text in (
        ("pos", "1_8.txt", "Fine."),
        ("neg", "0_2.txt", "Dull."),
        ("unsup", "5_0.txt", "?"),
    ):
        (tmp_path / label).mkdir()
        (tmp_path / label / name).write_text(text, "utf-8")
    assert [row.values for row in read_folders(tmp_path, ["neg", "pos"])] == [
        ("Dull.", "neg"),
        ("Fine.", "pos"),
    ]


def test_folder_without_texts_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"expected <label>/<name>\.txt"):
        read_folders(tmp_path)


def test_a_table_without_a_header_is_read_from_its_first_line(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("a\tb\tc\n\nd\te\tf\tmore\n", "utf-8")
    rows = list(Table(path, ["3", "1"]))
    assert [(row.values, row.origin) for row in rows] == [(("c", "a"), "line 1"), (("f", "d"), "line 3")]
    with pytest.raises(UserError, match=r"pairs\.tsv, line 1: 3 fields; expected at least 4"):
        list(Table(path, ["4"]))
    path.write_text("", "utf-8")
    with pytest.raises(UserError, match="the file is empty"):
        list(Table(path, ["1"]))


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\ufeff"))))
def test_lines_of_any_text_read_back_as_written_whatever_ends_the_last(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("lines") / "text.gz"
    for end in ("\n", "\r\n"):
        path.write_bytes(gzip.compress("".join(line + end for line in lines).encode("utf-8")))
        assert read_lines(path) == lines
    path.write_bytes(gzip.compress("\n".join([*lines, "last"]).encode("utf-8")))
    assert read_lines(path) == [*lines, "last"]
