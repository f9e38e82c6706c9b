"""A predict script answers every text or file it is given, in order, to the terminal or to one whole file."""

import csv
import io
import json
import sys
from pathlib import Path

import pytest
from rich.text import Text

from common.errors import FlagError, UserError
from common.predicting.input_files import GivenFiles
from common.predicting.script import (
    Shown,
    TextFlags,
    answer_files,
    answer_texts,
    print_shown,
    write_shown,
)

COLUMNS = ("text", "label")
SETTINGS = {"model": "saved_models/1"}


def labelled(given, show_progress):
    """Labels each text with its length."""
    for one in given:
        label = str(len(one.text))
        yield Shown({"text": one.text, "label": label}, [f"{label}\t{one.text}"])


@pytest.fixture
def typed(monkeypatch):
    """Puts bytes on standard input, of a terminal or not."""

    def put(data, is_terminal=False):
        stream = io.TextIOWrapper(io.BytesIO(data))
        monkeypatch.setattr(stream, "isatty", lambda: is_terminal, raising=False)
        monkeypatch.setattr(sys, "stdin", stream)

    return put


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


# --- where texts come from


def test_texts_are_answered_in_order_from_arguments_files_and_standard_input(tmp_path, capsys, typed):
    texts = ["a", "", "bcd", "é e"]
    expected = "1\ta\n0\t\n3\tbcd\n3\té e\n"
    (tmp_path / "a.txt").write_text("".join(f"{text}\n" for text in texts), "utf-8")
    typed("\n".join(texts).encode())
    for flags in (
        TextFlags(tuple(texts), batch_size=3),
        TextFlags(input=tmp_path / "a.txt", batch_size=1),
        TextFlags(),
    ):
        answer_texts(flags, COLUMNS, labelled, SETTINGS)
        assert capsys.readouterr() == (expected, "")


def test_texts_go_together_in_batches_and_typed_ones_are_answered_one_by_one(capsys, typed):
    sizes = []

    def answer(given, show_progress):
        sizes.append(len(given))
        return labelled(given, show_progress)

    answer_texts(TextFlags(tuple("abcde"), batch_size=2), COLUMNS, answer, SETTINGS)
    assert sizes == [2, 2, 1]
    sizes.clear()
    typed(b"a\nb\n", is_terminal=True)
    capsys.readouterr()
    answer_texts(TextFlags(), COLUMNS, answer, SETTINGS)
    assert sizes == [1, 1]
    assert capsys.readouterr() == ("1\ta\n1\tb\n", "a text per line; Ctrl-D ends\n")


def test_progress_is_shown_only_of_what_goes_to_a_file(tmp_path, capsys):
    shown = []

    def answer(given, show_progress):
        shown.append(show_progress)
        return labelled(given, show_progress)

    for output in (None, tmp_path / "a.txt"):
        answer_texts(TextFlags(("a",), output=output), COLUMNS, answer, SETTINGS)
    assert shown == [False, True]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (
            {"texts": ("a",), "input": Path("a.txt")},
            "--input a.txt: expected texts either as arguments or from a",
        ),
        ({"output": Path("a.xlsx")}, "--output a.xlsx: expected a name in .csv for a table"),
        ({"batch_size": 0}, "--batch-size 0: expected at least 1"),
        ({"input": Path("x.md"), "text_column": "foo"}, "--text-column foo: does not go with --input x.md"),
    ],
)
def test_a_wrong_flag_is_refused_before_anything_is_read(flags, expected):
    with pytest.raises(FlagError) as refused:
        TextFlags(**flags)
    assert str(refused.value).startswith(expected)


# --- files of answers


@pytest.fixture
def table(tmp_path):
    """A table whose other columns have names of the answers'."""
    path = tmp_path / "reviews.csv"
    path.write_text("label,review,input_label,stars\nold,fine,older,5\n,a dull film,,1\n", "utf-8")
    return path


def test_a_table_of_answers_keeps_the_other_columns_under_names_that_are_free(tmp_path, table, capsys):
    output = tmp_path / "answers.csv"
    answer_texts(TextFlags(input=table, text_column="review", output=output), COLUMNS, labelled, SETTINGS)
    assert rows_of(output) == [
        ["text", "label", "input_input_label", "input_label", "stars"],
        ["fine", "4", "old", "older", "5"],
        ["a dull film", "11", "", "", "1"],
    ]


def test_json_lines_of_answers_keep_the_other_columns(tmp_path, table):
    output = tmp_path / "answers.jsonl"
    answer_texts(TextFlags(input=table, text_column="review", output=output), COLUMNS, labelled, SETTINGS)
    records = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    assert [record["text"] for record in records] == ["fine", "a dull film"]
    assert [record["label"] for record in records] == ["4", "11"]
    assert [record["stars"] for record in records] == ["5", "1"]


def test_each_row_of_an_answer_has_the_other_columns_beside_it(tmp_path, table):
    def twice(given, show_progress):
        for one in given:
            rows = [{"text": one.text, "label": label} for label in ("x", "y")]
            yield Shown(rows[0], [], rows)

    output = tmp_path / "answers.csv"
    answer_texts(TextFlags(input=table, text_column="review", output=output), COLUMNS, twice, SETTINGS)
    header, *rows = rows_of(output)
    assert [row[:2] for row in rows] == [
        [text, label] for text in ("fine", "a dull film") for label in ("x", "y")
    ]
    assert [row[header.index("stars")] for row in rows] == ["5", "5", "1", "1"]


def test_where_the_first_answer_fails_nothing_is_made(tmp_path):
    def failing():
        raise UserError("no model")
        yield

    with pytest.raises(UserError, match="no model"):
        write_shown(tmp_path / "new" / "a.csv", COLUMNS, failing())
    assert list(tmp_path.iterdir()) == []


def test_where_a_later_answer_fails_no_half_of_a_file_stays(tmp_path):
    def failing():
        yield Shown({"text": "a"}, ["a"])
        raise UserError("no memory")

    with pytest.raises(UserError, match="no memory"):
        write_shown(tmp_path / "a.txt", COLUMNS, failing())
    assert list(tmp_path.iterdir()) == []


def test_no_text_gives_an_empty_table(tmp_path, typed):
    typed(b"")
    answer_texts(TextFlags(output=tmp_path / "a.csv"), COLUMNS, labelled, SETTINGS)
    assert rows_of(tmp_path / "a.csv") == [list(COLUMNS)]


# --- the terminal


def test_coloured_lines_are_plain_where_there_is_no_terminal(tmp_path, capsys):
    shown = [Shown({}, [Text("good", style="green"), "[bold]as it is[/bold]"])]
    print_shown(shown)
    assert capsys.readouterr() == ("good\n[bold]as it is[/bold]\n", "")
    write_shown(tmp_path / "a.txt", COLUMNS, shown)
    assert (tmp_path / "a.txt").read_text("utf-8") == "good\n[bold]as it is[/bold]\n"


def test_an_answer_is_printed_before_the_next_is_computed(capsys):
    def answers():
        yield Shown({}, ["first"])
        assert capsys.readouterr().out == "first\n"
        yield Shown({}, ["second"])

    print_shown(answers())
    assert capsys.readouterr().out == "second\n"


def test_a_warning_stands_before_the_answer_that_it_is_of(capsys):
    print_shown([Shown({}, ["first"]), Shown({}, ["second"], warning="a.csv, row 2: cut")])
    assert capsys.readouterr() == ("first\nsecond\n", "warning: a.csv, row 2: cut\n")


@pytest.mark.parametrize("output", [None, "answers.jsonl"])
def test_a_file_that_cannot_be_used_fails_the_script_and_the_others_are_answered(tmp_path, capsys, output):
    def read(name):
        if name == "bad":
            raise UserError("bad: no image")
        return name.upper()

    given = GivenFiles(["a", "bad", "c"], lambda name: [(name, lambda: read(name))])
    answers = (Shown({"file": name, "content": content}, [content]) for name, content in given.contents())
    path = output and tmp_path / output
    with pytest.raises(SystemExit) as ended:
        answer_files(given, path, ("file",), answers)
    out, err = capsys.readouterr()
    lines = path.read_text("utf-8") if path else out
    assert (ended.value.code, err.splitlines()[0]) == (1, "error: bad: no image")
    assert (
        lines.replace('{"file": "a", "content": "A"}', "A").replace('{"file": "c", "content": "C"}', "C")
        == "A\nC\n"
    )


def test_where_all_files_can_be_used_the_script_goes_on(capsys):
    answer_files(GivenFiles([], lambda name: []), None, (), [Shown({}, ["a"])])
    assert capsys.readouterr() == ("a\n", "")
