"""Tables in the forms that people have are read as pandas reads them; what cannot be read is counted by its place."""

import csv
import io
import json

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.errors import FlagError, UserError
from common.text.files import read_text_file
from common.text.labelled import TextSource, load_evaluation
from common.text.parallel import PairSource
from common.text.parallel import load_evaluation as load_pairs
from common.text.tables import Table, TableFormat

FRAME = pd.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "text": ['He said "hi",\nand left\tus', "Zoë: naïve; café", "fine, really", "plain"],
        "label": ["positive", "negative", "positive", "negative"],
    }
)
PAIRS = list(zip(FRAME["text"], FRAME["label"], strict=True))
SEMICOLON, TAB = TableFormat(delimiter=";"), TableFormat(delimiter="\\t")
FORMATS = {
    "a.csv": (lambda path: FRAME.to_csv(path, index=False), None),
    "b.csv.gz": (lambda path: FRAME.to_csv(path, index=False), None),
    "semicolon.csv": (lambda path: FRAME.to_csv(path, index=False, sep=";"), SEMICOLON),
    "tabs.csv": (lambda path: FRAME.to_csv(path, index=False, sep="\t"), TAB),
    "bars.txt": (lambda path: FRAME.to_csv(path, index=False, sep="|"), TableFormat(delimiter="|")),
    "mark.csv": (lambda path: FRAME.to_csv(path, index=False, encoding="utf-8-sig"), None),
    "windows.csv": (
        lambda path: FRAME.to_csv(path, index=False, encoding="cp1252"),
        TableFormat(encoding="cp1252"),
    ),
    "utf16.csv": (
        lambda path: FRAME.to_csv(path, index=False, encoding="utf-16"),
        TableFormat(encoding="utf-16"),
    ),
    "excel.txt": (
        lambda path: FRAME.to_csv(path, index=False, sep="\t", encoding="utf-16", lineterminator="\r\n"),
        TableFormat("\\t", "UTF-16"),
    ),
    "a.tsv": (lambda path: FRAME.to_csv(path, index=False, sep="\t"), None),
    "b.tsv.gz": (lambda path: FRAME.to_csv(path, index=False, sep="\t"), None),
    "all.tsv": (lambda path: FRAME.to_csv(path, index=False, sep="\t", quoting=csv.QUOTE_ALL), None),
    "a.jsonl": (lambda path: FRAME.to_json(path, orient="records", lines=True), None),
    "b.jsonl.gz": (lambda path: FRAME.to_json(path, orient="records", lines=True), None),
    "lines.json": (lambda path: FRAME.to_json(path, orient="records", lines=True), None),
    "list.json": (lambda path: FRAME.to_json(path, orient="records", indent=2), None),
    "a.parquet": (lambda path: FRAME.to_parquet(path), None),
}


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_of_pandas_gives_the_same_texts_and_labels(tmp_path, name):
    write, form = FORMATS[name]
    write(tmp_path / name)
    table = Table(tmp_path / name, ("text", "label"), form)
    assert [row.values for row in table] == PAIRS
    assert [str(row.others["id"]) for row in table] == ["1", "2", "3", "4"]
    assert (table.left_out, table.other_columns()) == ({}, ["id"])
    examples = load_evaluation(TextSource(str(tmp_path / name), table=form or TableFormat()), lambda _: None)
    assert list(zip(examples.texts, examples.labels, strict=True)) == PAIRS
    pairs = load_pairs(PairSource(str(tmp_path / name), "label", "text", table=form or TableFormat()), None)
    assert list(zip(pairs.targets, pairs.sources, strict=True)) == PAIRS


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), min_size=1, max_size=12)
PLAIN = st.text(st.sampled_from('ab "é'), min_size=1, max_size=8).filter(str.strip)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@given(st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=6))
@example([('"', "a"), ("\n", '""'), ("\t", "a\tb")])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
def test_what_pandas_writes_is_read_back(folder, name, rows):
    frame, path = pd.DataFrame(rows, columns=["first", "second"]), folder / name
    if name == "a.jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif name == "a.parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if name == "a.tsv" else ",")
    assert [row.values for row in Table(path, ("first", "second"))] == rows


@given(st.lists(st.tuples(PLAIN, PLAIN), min_size=1, max_size=6))
def test_a_tsv_is_read_as_pandas_reads_it_with_its_quoting_or_without(folder, rows):
    path = folder / "raw.tsv"
    path.write_text("first\tsecond\n" + "".join(f"{a}\t{b}\n" for a, b in rows), "utf-8")
    values = [row.values for row in Table(path, ("first", "second"))]
    plain = by_pandas(path, csv.QUOTE_NONE)
    try:
        assert values in (plain, by_pandas(path, csv.QUOTE_MINIMAL))
    except pd.errors.ParserError:
        assert values == plain
    if any(field[0] == '"' and (len(field) < 2 or field[-1] != '"') for row in rows for field in row):
        assert values == plain


def by_pandas(path, quoting):
    frame = pd.read_csv(path, sep="\t", quoting=quoting, dtype=str, keep_default_na=False)
    return list(frame.itertuples(index=False, name=None))


@pytest.mark.parametrize(
    "lines",
    [
        '"Bad" is not the word\t1\n6" of pain\t0\n',
        '"Go!"\tVa !\nHe said "hi".\tIl a dit « salut ».\n',
        '"Never closed\t1\n"Go!"\t0\n',
        '"Hello, he said.\tx\nHe said "\ty\n',
    ],
)
def test_quotes_that_are_characters_stay(tmp_path, lines):
    (tmp_path / "raw.tsv").write_text(lines, "utf-8")
    values = [row.values for row in Table(tmp_path / "raw.tsv", ("1", "2"))]
    assert values == [tuple(line.split("\t")) for line in lines.splitlines()]


def test_the_case_of_pandas_with_windows_line_ends(tmp_path):
    data = 'text\tlabel\r\n"fun, order 0\nline with ""quotes""\nI loved it"\tpositive\r\nawful\tnegative\r\n'
    (tmp_path / "a.tsv").write_bytes(data.encode())
    expected = pd.read_csv(io.StringIO(data), sep="\t")
    assert [row.values for row in Table(tmp_path / "a.tsv", ("text", "label"))] == [
        tuple(row) for row in expected.itertuples(index=False)
    ]


@pytest.mark.parametrize(
    ("name", "data", "columns", "hint"),
    [
        ("a.csv", "text;label\nfine;1\n", "text", "a semicolon stands between them: give --delimiter ';'"),
        ("a.csv", "text\tlabel\nfine\t1\n", "text", r"give --delimiter '\t'"),
        ("a.tsv", "text,label\nfine,1\n", "text", "a comma stands between them: give --delimiter ','"),
        ("a.csv", "fine|1\nbad|0\n", "2", "line 1: 1 fields; expected at least 2; a bar stands between"),
        ("a.csv", "Review,label\nfine,1\n", "review", 'did you mean "Review"?'),
        ("a.csv", "id, My Text\n1,fine\n", "mytext", 'did you mean " My Text"?'),
        ("a.jsonl", '{"Text": "fine"}\n', "text", 'did you mean "Text"?'),
        ("a.csv", "text,label\nfine,1\n".encode("utf-16"), "text", "give --encoding utf-16"),
        ("a.csv", "text,label\nfine,1\n".encode("utf-16-le"), "text", "give --encoding utf-16"),
        ("a.csv", "text,label\nfine,1\n".encode("utf-16-be"), "text", "give --encoding utf-16-be"),
        (
            "a.csv",
            "text,label\ncafé,1\n".encode("cp1252"),
            "text",
            "line 2: byte 0xe9 is not valid UTF-8; save the",
        ),
        ("a.csv", "text,label\ncafé,1\n".encode("cp1252"), "text", "--encoding, such as cp1252"),
        ("a.jsonl", '{"text": "café"}\n'.encode("cp1252"), "text", "--encoding, such as cp1252"),
        ("a.parquet", b"no parquet", "text", "not a whole Parquet file"),
        ("a.json", "[{", "text", "not valid JSON"),
        ("a.jsonl", "fine\nbad\n", "text", "line 1: not valid JSON"),
        ("a.jsonl", "", "text", "the file is empty"),
        ("a.xlsx", b"PK\x03\x04", "text", "unknown kind of file; expected a .csv or .tsv"),
    ],
)
def test_a_refusal_names_the_flag_that_helps(tmp_path, name, data, columns, hint):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(UserError) as refused:
        list(Table(path, (columns,), flags=("--text-column",)))
    assert hint in str(refused.value)
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", 'text,label\nfine,1\nonly text\na,b,c\n"stray" quote,0\n\n"two\nlines",1\n'),
        ("a.tsv", 'text\tlabel\nfine\t1\nonly text\na\tb\tc\nx\ty\tz\n\n"two\nlines"\t1\n'),
        ("a.csv", 'text,label\nfine,1\nonly text\na,b,c\n"never closed,0\n"two\nlines",1\n'),
        (
            "a.jsonl",
            '{"text": "fine", "label": 1}\n{"text"\n[1]\n{"text": [1], "label": 1}\n'
            '{"text": "two\\nlines", "label": "1"}\n',
        ),
    ],
)
def test_a_bad_row_is_left_out_and_counted_and_refused_when_strict(tmp_path, name, data):
    path = tmp_path / name
    path.write_text(data, "utf-8")
    examples = load_evaluation(TextSource(str(path)), lambda _: None)
    assert list(zip(examples.texts, examples.labels, strict=True)) == [("fine", "1"), ("two\nlines", "1")]
    assert sum(examples.left_out.values()) == 3
    first = 2 if name == "a.jsonl" else 3
    assert any(f"line {first}" in reason or f"lines {first}," in reason for reason in examples.left_out)
    assert f"line {first}" in examples.describe()
    with pytest.raises(UserError, match=rf"line {first}: "):
        load_evaluation(TextSource(str(path), table=TableFormat(strict=True)), lambda _: None)


def test_only_the_first_bad_lines_are_named(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nfine,1\n" + "bad\n" * 9)
    table = Table(tmp_path / "a.csv", ("text", "label"))
    assert len(list(table)) == 1
    assert table.left_out == {"too few fields (lines 3, 4, 5, ...)": 9}


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
def test_labels_that_are_missing_are_left_out_as_pandas_leaves_them(tmp_path, name):
    labels = ["1", "NaN", "nan", "None", "null", "", "0", "NA", "<NA>", "none", "N/A", " NaN "]
    frame = pd.DataFrame({"text": [f"text {n}" for n in range(len(labels) + 1)], "label": [*labels, None]})
    path = tmp_path / name
    if name == "a.jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif name == "a.parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if name == "a.tsv" else ",")
    examples = load_evaluation(TextSource(str(path)), lambda _: None)
    assert list(examples.labels) == ["1", "0", "none"]
    assert examples.left_out == {"no label": len(labels) + 1 - 3}
    named = load_evaluation(TextSource(str(path), label_map=("None=neutral",)), lambda _: None)
    assert list(named.labels) == ["1", "neutral", "0", "none"]


HEADLESS = [(f"a text, number {n}", ("good", "bad")[n % 2]) for n in range(20)]


@pytest.mark.parametrize(
    "header", [None, ("text", "label"), ("Urteil im Text", "Urteil"), ("review", "stars")]
)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_columns_by_number_and_a_header_seen_as_such(tmp_path, header, name):
    frame = pd.DataFrame(HEADLESS, columns=header or ["", ""])
    frame.to_csv(
        tmp_path / name, index=False, header=header is not None, sep="\t" if name == "a.tsv" else ","
    )
    examples = load_evaluation(TextSource(str(tmp_path / name), "1", "2"), lambda _: None)
    assert list(zip(examples.texts, examples.labels, strict=True)) == HEADLESS
    assert examples.left_out == ({"taken for a header (line 1)": 1} if header else {})


@pytest.mark.parametrize(
    "first", ["hello there\tbonjour", "Go.\tVa !", "text number one\t1", "hello\tbonjour"]
)
def test_a_first_row_is_no_header(tmp_path, first):
    rows = [first, "a dog runs\tun chien court", "two\t2", "a dog\tun chien", "no\tnon"]
    (tmp_path / "a.tsv").write_text("\n".join(rows))
    assert [row.values for row in Table(tmp_path / "a.tsv", ("1", "2"))] == [
        tuple(row.split("\t")) for row in rows
    ]


def test_a_number_beside_a_name_is_a_column_of_the_header(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nfine,1\n")
    assert [row.values for row in Table(tmp_path / "a.csv", ("text", "2"))] == [("fine", "1")]
    with pytest.raises(FlagError, match="--text-column 0: expected at least 1"):
        load_evaluation(TextSource(str(tmp_path / "a.csv"), "0", "1"), lambda _: None)


def test_values_that_are_no_strings_read_as_they_are_written(tmp_path):
    records = [
        {"text": "a", "label": 1},
        {"text": 2.5, "label": True},
        {"text": "c", "label": 0, "more": {"x": 1}},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, records)))
    table = Table(tmp_path / "a.jsonl", ("text", "label"))
    assert [row.values for row in table] == [("a", "1"), ("2.5", "True"), ("c", "0")]
    assert table.other_columns() == ["more"]


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n"])
def test_a_delimiter_is_one_character(delimiter):
    with pytest.raises(FlagError, match=r"--delimiter .*: expected one character"):
        TableFormat(delimiter)


@pytest.mark.parametrize("encoding", ["utf-9", "rot13", "base64", ""])
def test_an_encoding_is_one_that_python_knows(encoding):
    with pytest.raises(FlagError, match=r"--encoding .*: no encoding of that name"):
        TableFormat(encoding=encoding)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252", "utf-8"])
def test_a_text_file_of_another_encoding(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes("naïve\r\ncafé".encode(encoding))
    assert read_text_file(tmp_path / "a.txt", encoding=encoding) == "naïve\r\ncafé"


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    FRAME.to_parquet(tmp_path / "a.parquet")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(UserError, match=r"a\.parquet: .*pip install 'recurrent-applications\[parquet\]'"):
        list(Table(tmp_path / "a.parquet", ("text",)))
