"""Any text gets a translation, from arguments, standard input, files or Python; a mistake gets one clear line."""

import csv
import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applications import load
from common.errors import UserError
from common.model_folders import SHIPPED_MODELS

OTHER_SCRIPTS = (
    "Ελληνικά",
    "слово",
    "你好,世界",
    "नमस्ते",
    "مرحبا",
    "👍🏽 🇩🇪 🧑‍🚀",
    "e\u0301\u200d\u0301",
    "\ud7ff",
)


def test_a_text_gives_a_dictionary_and_a_list_a_list(exported):
    translate = load("translation", exported.parent)
    single = translate("A dog runs in the park.")
    assert single.keys() == {"translation", "score", "truncated"}
    assert single["translation"] == "Ein Hund läuft im Park."
    assert (single["score"] < 0, single["truncated"]) == (True, False)
    several = translate(["Anna sings.", "", "A tall man sleeps at home."])
    assert [answer["translation"] for answer in several] == [
        "Anna singt.",
        "",
        "Ein großer Mann schläft zu Hause.",
    ]
    assert translate([]) == translate.n_best([]) == translate.align([]) == []


@pytest.mark.parametrize("value", [None, 7, [1, 2], b"fine", ["fine", None], "\ud800"])
def test_what_is_no_text_is_refused(predictor, value):
    for ask in (
        predictor,
        predictor.n_best,
        predictor.align,
        lambda one: predictor.log_likelihoods(one, ["a"]),
    ):
        with pytest.raises(UserError, match=r"^texts.*: got .*; expected "):
            ask(value)


def test_the_order_of_the_texts_is_kept_whatever_their_length(predictor):
    texts = [
        f"{'Anna ' * (index * 7 % 5)}{'A dog' if index % 3 else 'The girl'} runs." for index in range(11)
    ]
    together = predictor(texts)
    alone = [predictor(text) for text in texts]
    assert [answer["translation"] for answer in together] == [answer["translation"] for answer in alone]
    assert [one["score"] for one in together] == pytest.approx([one["score"] for one in alone], abs=1e-4)


@settings(max_examples=20)
@given(st.text(max_size=60))
def test_any_text_has_a_translation_of_one_line(predictor, text):
    answer = predictor(text.encode("utf-8", "replace").decode("utf-8"))
    assert answer["score"] <= 0
    assert len(f"{answer['translation']}\n".splitlines()) == 1


def test_the_n_best_are_different_translations_that_begin_with_the_answer(predictor):
    texts = ["My brother waits.", "", "A dog sleeps at home."]
    for found, answer in zip(predictor.n_best(texts), predictor(texts), strict=True):
        translations, scores = ([one[name] for one in found] for name in ("translation", "score"))
        assert translations[0] == answer["translation"]
        assert len(set(translations)) == len(translations)
        assert scores == sorted(scores, reverse=True)
    assert len(predictor.n_best("My brother waits.")) > 1


def test_an_alignment_has_a_row_for_each_token_written_and_a_column_for_each_token_read(predictor):
    found = predictor.align("Anna sings by the sea.")
    assert found["attention"].shape == (len(found["target_tokens"]), len(found["source_tokens"]))
    assert found["attention"].sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert "".join(found["source_tokens"]) == "▁Anna▁sings▁by▁the▁sea.</s>"
    assert "".join(found["target_tokens"]) == "▁Anna▁singt▁am▁Meer.</s>"


def test_a_right_translation_is_more_probable_than_a_wrong_one(predictor):
    texts = ["A dog runs."] * 3
    log_likelihoods, tokens = predictor.log_likelihoods(
        texts, ["Ein Hund läuft.", "Ein Hund singt.", "Das Mädchen singt."]
    )
    assert log_likelihoods.tolist() == sorted(log_likelihoods, reverse=True)
    assert (tokens > 3).all()


def test_arguments_give_a_line_each(script):
    status, out, err = script("A dog runs.", "", "--", "- Anna sings.")
    assert (status, err) == (0, "")
    assert out.split("\n")[:2] == ["Ein Hund läuft.", ""]
    assert out.count("\n") == 3


def test_each_line_of_standard_input_has_a_line_and_an_empty_one_an_empty_one(script):
    data = "\n".join(["Anna sings.", "", *OTHER_SCRIPTS, "<b>&amp;\x00\x1b[31m", "A dog runs."]).encode(
        "utf-8"
    )
    status, out, err = script("--batch-size", 3, data=data)
    lines = out.split("\n")
    assert (status, err, len(lines)) == (0, "", data.count(b"\n") + 2)
    assert (lines[0], lines[1], lines[-2]) == ("Anna singt.", "", "Ein Hund läuft.")


def test_a_text_that_is_too_long_is_translated_in_part_with_one_line_of_warning(script):
    long = b"the dog sleeps in the park " * 100
    status, out, err = script("--batch-size", 1, data=b"A dog runs.\n" + long + b"\nAnna sings.\n")
    assert (status, out.count("\n")) == (0, 3)
    assert err == "warning: standard input, line 2: too long for this model; its end is left out\n"
    *_, err = script(long.decode())
    assert err.startswith("warning: argument 1: too long")


def test_invalid_utf8_is_one_clear_line_and_earlier_answers_are_kept(script):
    status, out, err = script(data=b"A dog runs.\n\xff\xfe\n")
    assert (status, out) == (1, "Ein Hund läuft.\n")
    assert err == "error: standard input, line 2: byte 0xff is not valid UTF-8\n"


@pytest.mark.parametrize("suffix", [".txt", ".txt.gz"])
def test_a_file_gives_a_file_line_by_line(script, tmp_path, suffix):
    source, output = tmp_path / f"texts{suffix}", tmp_path / "new" / "translations.de"
    data = b"A dog runs in the park.\n\nAnna sings.\r\nThe girl sleeps."
    source.write_bytes(gzip.compress(data) if suffix.endswith(".gz") else data)
    status, out, err = script("--input", source, "--output", output, "--batch-size", 2)
    assert (status, out) == (0, "")
    assert err == f"4 answers written to {output}\n"
    translations = ["Ein Hund läuft im Park.", "", "Anna singt.", "Das Mädchen schläft."]
    assert output.read_text("utf-8") == "".join(f"{line}\n" for line in translations)


def test_json_lines_hold_the_text_and_all_that_is_known_of_it(script, predictor, tmp_path):
    output = tmp_path / "answers.jsonl"
    assert script("--output", output, "--n-best", "A dog runs.", "")[:2] == (0, "")
    records = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    for record, text in zip(records, ["A dog runs.", ""], strict=True):
        answer = predictor(text)
        assert record["text"] == text
        assert {name: record[name] for name in answer} == pytest.approx(answer, abs=1e-4)
        assert [one["translation"] for one in record["n_best"]] == [
            one["translation"] for one in predictor.n_best(text)
        ]


def test_a_column_of_a_table_gives_a_table(script, predictor, tmp_path):
    table, output = tmp_path / "texts.csv", tmp_path / "translations.csv"
    table.write_text('id,english\n1,"A dog\nruns."\n2,\n3,Anna sings.\n', "utf-8")
    flags = ("--input", table, "--text-column", "english", "--output", output)
    texts = ["A dog\nruns.", "", "Anna sings."]

    def rows():
        with output.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    assert script(*flags)[:2] == (0, "")
    assert [row["text"] for row in rows()] == texts
    assert [row["translation"] for row in rows()] == ["Ein Hund läuft.", "", "Anna singt."]
    assert rows()[0].keys() == {"text", "translation", "score", "truncated", "id"}
    assert [row["id"] for row in rows()] == ["1", "2", "3"]
    assert script(*flags, "--n-best")[:2] == (0, "")
    expected = [(text, one["translation"]) for text in texts for one in predictor.n_best(text)]
    assert [(row["text"], row["translation"]) for row in rows()] == expected


def test_n_best_shows_number_score_and_translation(script, predictor):
    status, out, err = script("--n-best", "A dog runs.", "", "Anna sings.")
    assert (status, err) == (0, "")
    rows = [line.split("\t") for line in out.splitlines()]
    assert [number for number, *_ in rows] == sorted(number for number, *_ in rows)
    expected = predictor.n_best("Anna sings.")
    found = [(float(score), text) for number, score, text in rows if number == "3"]
    assert [text for _, text in found] == [one["translation"] for one in expected]
    assert [score for score, _ in found] == pytest.approx([one["score"] for one in expected], abs=2e-4)


@pytest.mark.parametrize("text", ["Anna sings by the sea.", "", "你好 🙂 $x$ a_b"])
def test_the_attention_of_a_text_is_a_picture(script, tmp_path, text):
    status, out, err = script(text, "--attention", tmp_path / "picture.png")
    assert (status, out.count("\n"), err) == (0, 1, "")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--input", "nowhere.txt"), "nowhere.txt: no such file"),
        (("--input", "a.txt", "text"), "got both"),
        (("text", "more", "--attention", "a.png"), "expected a single text"),
        (("--attention", "a.png"), "expected a single text"),
        (("text", "--attention", "a.jpg"), "expected a name that ends in .png"),
        (("text", "--output", "answers.gz"), "answers.gz: expected a name in .csv for a table"),
        (("text", "--batch-size", "0"), "expected at least 1"),
    ],
)
def test_a_mistake_is_one_clear_line(script, arguments, expected):
    status, out, err = script(*arguments)
    is_wrong_flag = err.startswith("error: --")
    assert (status, out, len(err.splitlines())) == (2 if is_wrong_flag else 1, "", 1)
    assert expected in err


@pytest.mark.slow
def test_the_shipped_model_writes_german():
    translate = load("translation", SHIPPED_MODELS / "translation")
    answer = translate("A man in a blue shirt is standing on a ladder cleaning a window.")["translation"]
    assert answer.startswith("Ein Mann")
    assert {"blauen", "Leiter", "Fenster"} <= set(answer.replace(".", " ").split())
