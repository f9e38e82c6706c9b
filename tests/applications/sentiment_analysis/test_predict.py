"""Any text gets an answer, from arguments, standard input, files or Python; a mistake gets one clear line."""

import csv
import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applications import load
from common.errors import UserError
from common.model_folders import SHIPPED_MODELS


def test_a_text_gives_a_dictionary_and_a_list_a_list(exported):
    classify = load("sentiment_analysis", exported.parent)
    single = classify("what a lovely song !")
    assert single["label"] == "positive"
    assert single["probability"] == max(single["probabilities"].values())
    assert single["probabilities"].keys() == {"negative", "positive"}
    assert [answer["label"] for answer in classify(["a fine book", "I hated this book"])] == [
        "positive",
        "negative",
    ]
    assert classify([]) == []


@pytest.mark.parametrize("value", [None, 7, [1, 2], b"fine", ["fine", None], "\ud800"])
def test_what_is_no_text_is_refused(predictor, value):
    for explain in (False, True):
        with pytest.raises(UserError, match=r"^texts.*: got .*; expected "):
            predictor(value, explain=explain)


def test_a_data_frame_is_answered_by_its_column_and_the_answers_are_a_table(predictor):
    frame = pd.DataFrame({"id": [7, 8], "review": ["a fine book", "I hated this book"]}, index=["x", "y"])
    answers = predictor(frame, column="review")
    assert answers == predictor(frame["review"]) == predictor(list(frame["review"]))
    table = pd.DataFrame(answers)
    assert list(table) == ["label", "probability", "probabilities"]
    assert table["label"].tolist() == ["positive", "negative"]
    assert table["probability"].dtype == np.float64
    assert table["probabilities"][0] == answers[0]["probabilities"]
    with pytest.raises(UserError, match="the columns 'id', 'review'; expected column="):
        predictor(frame)


def test_the_most_probable_classes_alone_are_told_the_most_probable_first(predictor):
    whole = predictor("I hated this")
    for count in (1, 2, 99):
        found = predictor("I hated this", top_k=count)
        ranked = sorted(whole["probabilities"].items(), key=lambda one: -one[1])[:count]
        assert list(found["probabilities"].items()) == ranked
        assert (found["label"], found["probability"]) == ranked[0]
    for wrong in (0, -1, 1.5, "2"):
        with pytest.raises(UserError, match="--top-k"):
            predictor("I hated this", top_k=wrong)


def test_an_unknown_application_is_refused():
    with pytest.raises(UserError, match=r"there are .*, sentiment_analysis, "):
        load("sentimental_analysis")


def test_the_order_of_the_texts_is_kept_whatever_their_length(predictor):
    texts = [f"{'very ' * (index * 7 % 11)}{'fine' if index % 3 else 'dull'} film" for index in range(23)]
    together = predictor.probabilities(texts)
    alone = np.concatenate([predictor.probabilities([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=200))
def test_any_text_has_an_answer(predictor, text):
    answer = predictor(text.encode("utf-8", "replace").decode("utf-8"))
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_an_explanation_names_each_token_and_adds_up_to_the_answer(predictor):
    for text in ("what a lovely song !", "I hated this", ""):
        answer = predictor(text, explain=True)
        assert "".join(token for token, _ in answer["tokens"]) == text.lower().replace(" ", "")
        assert {name: answer[name] for name in ("label", "probability")} == pytest.approx(
            {name: predictor(text)[name] for name in ("label", "probability")}, abs=1e-5
        )
    fine, dull = (predictor(f"a {word} film", explain=True)["tokens"][1][1] for word in ("fine", "lovely"))
    assert fine > 0
    assert dull > 0


def test_arguments_give_a_line_each(script):
    status, out, err = script("a fine film", "a dull film", "--", "- awful -")
    assert (status, err) == (0, "")
    assert [line.split("\t")[0] for line in out.splitlines()] == ["positive", "negative", "negative"]
    assert all(0.5 <= float(line.split("\t")[1]) <= 1 for line in out.splitlines())


@pytest.mark.parametrize(
    "data",
    [b"word " * 50_000 + b"\n", b"a\nb\nc", "очень 👍🏽 很好\n".encode(), b"<b>&amp;\x00\x1b[31m"],
    ids=["long", "lines", "beyond ASCII", "marks"],
)
def test_each_line_of_standard_input_has_an_answer(script, data):
    status, out, err = script(data=data)
    assert (status, err) == (0, "")
    assert len(out.split("\n")) - 1 == len(data.rstrip(b"\n").split(b"\n"))


def test_a_text_without_a_word_is_answered_with_a_warning_that_names_its_place(script, tmp_path):
    def warning(place):
        return f"warning: {place}: no text; its label means nothing\n"

    status, out, err = script(data=b"a fine film\n\n \t\na dull film\n")
    assert (status, out.count("\n")) == (0, 4)
    assert err == warning("standard input, line 2") + warning("standard input, line 3")
    assert script("", "a fine film")[2] == warning("argument 1")
    table = tmp_path / "reviews.csv"
    table.write_text("text,id\na fine film,1\n,2\n", "utf-8")
    output = tmp_path / "answers.jsonl"
    status, _, err = script("--input", str(table), "--output", str(output))
    assert (status, err) == (0, warning(f"{table}, row 2") + f"2 answers written to {output}\n")


def test_a_text_file_is_read_line_by_line_and_answered_so(script, tmp_path):
    texts = ["a fine film", "a dull film, I hated it", "what a lovely song !"]
    (tmp_path / "lines.txt").write_text("\n".join(texts), "utf-8")
    flags = ("--input", str(tmp_path / "lines.txt"))
    status, out, err = script(*flags)
    assert (status, err) == (0, "")
    assert [line.split("\t")[2] for line in out.splitlines()] == texts
    assert script(*flags, "--output", str(tmp_path / "answers.txt"))[:2] == (0, "")
    assert (tmp_path / "answers.txt").read_text("utf-8") == out


def test_invalid_utf8_is_one_clear_line_and_earlier_answers_are_kept(script):
    status, out, err = script(data=b"a fine film\n\xff\xfe\n")
    assert status == 1
    assert out.startswith("positive\t")
    assert err == "error: standard input, line 2: byte 0xff is not valid UTF-8\n"


def test_a_file_of_reviews_gives_a_file_of_answers(script, reviews, tmp_path):
    for name in ("answers.jsonl", "answers.csv"):
        output = tmp_path / name
        flags = ("--input", str(reviews), "--text-column", "review", "--output", str(output))
        status, out, _ = script(*flags)
        assert (status, out) == (0, "")
    records = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text("utf-8").splitlines()]
    with (tmp_path / "answers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["text"], row["label"]) for row in rows] == [(one["text"], one["label"]) for one in records]
    assert [row["stars"] for row in rows] == [one["stars"] for one in records]
    for row, one in zip(rows, records, strict=True):
        assert {name: float(row[f"probability_{name}"]) for name in one["probabilities"]} == one[
            "probabilities"
        ]
        assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert len(records) == 96
    assert records[0]["text"] == "a fine film"
    assert records[0]["label"] == "positive"


@pytest.mark.parametrize("name", ["a.jsonl", "a.tsv", "a.parquet", "semicolon.csv"])
@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_every_kind_of_table_is_answered_with_its_other_columns(script, tmp_path, name, ending):
    texts = ["a fine film", 'a "dull" film,\nI hated it']
    frame = pd.DataFrame({"id": [7, 8], "text": texts, "label": ["gold", "tin"]})
    path, output, flags = tmp_path / name, tmp_path / f"answers{ending}", ()
    if name == "a.jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif name == "a.parquet":
        frame.to_parquet(path)
    elif name == "a.tsv":
        frame.to_csv(path, index=False, sep="\t")
    else:
        frame.to_csv(path, index=False, sep=";", encoding="utf-16")
        flags = ("--delimiter", ";", "--encoding", "utf-16")
    assert script("--input", str(path), "--output", str(output), *flags)[:2] == (0, "")
    answers = pd.read_csv(output) if ending == ".csv" else pd.read_json(output, lines=True)
    assert answers["text"].tolist() == texts
    assert answers["label"].tolist() == ["positive", "negative"]
    assert answers["input_label"].tolist() == ["gold", "tin"]
    assert answers["id"].tolist() == [7, 8]
    if ending == ".csv":
        assert (answers["probability_negative"] > 0.5).tolist() == [False, True]
    else:
        assert [one["negative"] > 0.5 for one in answers["probabilities"]] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("text", "--output", "answers.xlsx"), "answers.xlsx: expected a name in .csv for a table"),
        (("--input", "a.csv", "--delimiter", "::"), "--delimiter '::': expected one character"),
        (("--input", "a.csv", "--encoding", "utf-9"), "--encoding utf-9: no encoding of that name"),
        (("--input", "nowhere.csv"), "nowhere.csv: no such file"),
        (("--input", "x.md", "--text-column", "foo"), "--text-column foo: does not go with --input x.md"),
        (("--input", "a.csv", "text"), "got both"),
        (("text", "--output", "answers.tsv"), "answers.tsv: expected a name in .csv for a table"),
        (("text", "--batch-size", "0"), "expected at least 1"),
    ],
)
def test_a_mistake_is_one_clear_line(script, arguments, expected):
    status, out, err = script(*arguments)
    is_wrong_flag = err.startswith("error: --")
    assert (status, out, len(err.splitlines())) == (2 if is_wrong_flag else 1, "", 1)
    assert expected in err


def test_an_explanation_is_shown_in_numbers_where_there_is_no_terminal(script):
    status, out, err = script("--explain", "not bad at all")
    assert (status, err) == (0, "")
    assert re.search(r"\tnot\([+-]\d+\.\d\d\) bad\([+-]\d+\.\d\d\) at\(", out)


def test_the_shipped_model_knows_praise_from_blame():
    classify = load("sentiment_analysis", SHIPPED_MODELS / "sentiment_analysis")
    answers = classify(["not bad at all, I loved it", "a dull and pointless mess, avoid it"])
    assert [answer["label"] for answer in answers] == ["positive", "negative"]
