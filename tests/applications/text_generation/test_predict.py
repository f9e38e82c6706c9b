"""Any prefix is continued and any text scored, by script or from Python; a mistake gets one clear line."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applications import load
from applications.text_generation.predict import MAX_CHARACTERS, Options, Sampling
from common.errors import UserError
from common.inference.runner import SavedModelRunner

PREFIXES = ["ANNA:\n", "", "Ω unknown", "你好 👍 Zo", "BRUNO:\nThe sea"]
HOW = {"length": 30, "temperature": 1.1, "top_k": 20, "top_p": 0.9}


def test_a_prefix_gives_a_dictionary_and_a_list_a_list(exported):
    write = load("text_generation", exported.parent)
    answer = write("ANNA:", length=12, seed=3)
    assert answer.keys() == {"text"}
    assert answer["text"].startswith("ANNA:")
    assert len(answer["text"]) == 17
    assert write(["ANNA:", "ANNA:"], length=12, seed=3) == [answer, answer]
    assert write([]) == []


def test_the_text_is_that_of_the_served_model(predictor, exported):
    rows = len(PREFIXES)
    controls = {name: [value] * rows for name, value in HOW.items()}
    with SavedModelRunner(exported) as runner:
        served = runner.run("serving_default", prefix=PREFIXES, **controls, seed=list(range(rows)))
    expected = [text.decode("utf-8") for text in served["text"]]
    assert [answer["text"] for answer in predictor(PREFIXES, **HOW, seed=range(rows))] == expected
    assert [predictor(prefix, **HOW, seed=row)["text"] for row, prefix in enumerate(PREFIXES)] == expected
    assert [
        "".join(predictor.stream(prefix, **HOW, seed=row)) for row, prefix in enumerate(PREFIXES)
    ] == expected


def test_characters_appear_as_they_are_made(predictor):
    prefix, *pieces = predictor.stream("ANNA", length=300)
    assert prefix == "ANNA"
    assert max(map(len, pieces)) <= 10
    assert sum(map(len, pieces)) == 300


def test_more_characters_than_a_request_may_have_are_written_and_read(predictor, monkeypatch):
    monkeypatch.setattr("applications.text_generation.predict._WRITTEN_AT_ONCE", 7)
    assert len(predictor("", length=50)["text"]) == 50
    long = "The sea is wide. " * (MAX_CHARACTERS // 10)
    place = predictor.read([long, "Zoë", ""])
    first = predictor.read([long[:3001], "", ""])
    pieces = predictor.read([long[3001:], "Zoë", ""], first)
    np.testing.assert_array_equal(place.token, pieces.token)
    np.testing.assert_allclose(place.states, pieces.states, atol=1e-5)
    assert predictor(long, length=5)["text"].startswith(long)


def test_a_text_of_any_length_is_scored_as_by_the_equations(predictor, reference):
    text = "BRUNO:\nSpeak, speak § Ω 你好\n" * 100
    assert len(text) > 2048
    np.testing.assert_allclose(predictor.score(text), reference(text), atol=1e-4)
    assert predictor.score("").shape == (0,)
    assert predictor.unknown(text) == 200


@settings(max_examples=25)
@given(st.text(st.characters(codec="utf-8"), max_size=100))
def test_any_text_is_continued_and_scored(predictor, text):
    written = predictor(text, length=3)["text"]
    assert written.startswith(text)
    assert len(written) == len(text) + 3
    assert predictor.score(text).shape == (len(text),)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"length": -1}, "--length -1: expected at least 0"),
        ({"length": 1.5}, r"--length 1\.5: expected a whole number"),
        ({"length": None}, "--length None: expected a whole number"),
        ({"top_k": "5"}, "--top-k '5': expected a whole number"),
        ({"temperature": "1"}, "--temperature '1': expected a number"),
        ({"top_p": None}, "--top-p None: expected a number"),
        ({"temperature": -0.5}, r"--temperature -0\.5: expected at least 0"),
        ({"temperature": float("nan")}, "--temperature nan: expected at least 0"),
        ({"temperature": float("inf")}, "--temperature inf: expected a finite number"),
        ({"top_k": -1}, "--top-k -1: expected at least 0"),
        ({"top_p": 0.0}, r"--top-p 0\.0: expected more than 0 and at most 1"),
        ({"top_p": 1.01}, r"--top-p 1\.01: expected more than 0 and at most 1"),
        ({"top_p": float("nan")}, "--top-p nan: expected more than 0"),
    ],
)
def test_a_wrong_control_is_named_with_its_flag(predictor, changes, message):
    with pytest.raises(UserError, match=message):
        Sampling(**changes)
    with pytest.raises(UserError, match=message):
        predictor("A", **changes)
    with pytest.raises(UserError, match=message):
        list(predictor.stream("A", **changes))


@pytest.mark.parametrize("value", [None, 7, [1, 2], b"A", ["A", None], "\ud800"])
def test_what_is_no_text_is_refused(predictor, value):
    with pytest.raises(UserError, match=r"^prefixes.*: got .*; expected "):
        predictor(value)
    with pytest.raises(UserError, match=r"^prefix: got .*; expected "):
        list(predictor.stream(value))
    with pytest.raises(UserError, match=r"^text: got .*; expected "):
        predictor.score(value)


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        (2**40, "--seed 1099511627776: expected from -2147483648 to 2147483647"),
        (-(2**31) - 1, "--seed -2147483649: expected from -2147483648 to 2147483647"),
        ([7, 2**31], "--seed 2147483648: expected from -2147483648 to 2147483647"),
        (None, "--seed None: expected a whole number"),
        (1.5, "--seed 1.5: expected a whole number"),
        ("7", "--seed '7': expected a whole number"),
        ([1, 2, 3], "--seed: 3 seeds for 2 prefixes; expected one, or one for each prefix"),
    ],
)
def test_a_wrong_seed_is_named(predictor, seed, message):
    with pytest.raises(UserError) as error:
        predictor(["A", "B"], seed=seed)
    assert str(error.value) == message


def test_seeds_at_the_end_of_their_range(predictor):
    ends = np.array([-(2**31), 2**31 - 1])
    assert predictor(["A", "A"], seed=ends) == [predictor("A", seed=int(one)) for one in ends]


def test_controls_at_the_end_of_their_range(predictor):
    for changes in (
        {"temperature": 1e-40},
        {"temperature": 1e38},
        {"top_p": 1e-60},
        {"top_k": 10**12},
        {"length": 0},
    ):
        how = {"length": 5, **changes}
        assert len(predictor("A", **how)["text"]) == 1 + how["length"]
    assert (
        predictor("A", temperature=1e-40)
        == predictor("A", temperature=0.0)
        == predictor("A", top_k=1, seed=5)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prefix": ("to", "be")}, "2 prefixes: expected one; put a prefix with blanks in quotes"),
        ({"prefix": ("to",), "input": "a.txt"}, "--input a.txt: expected .*, got both"),
        ({"score": "a.txt", "prefix": ("to",)}, "--score a.txt: scores this text and writes none"),
        ({"score": "a.txt", "interactive": True}, "--score a.txt: scores this text and writes none"),
        ({"output": Path("a.tsv")}, r"--output a\.tsv: expected a name in \.csv for a table"),
        ({"output": Path("a.txt"), "interactive": True}, r"--output a\.txt: expected neither --interactive"),
        ({"output": Path("a.txt"), "score": "b.txt"}, r"--output a\.txt: expected neither --interactive"),
        ({"samples": 0}, "--samples 0: expected at least 1"),
        ({"samples": 2, "interactive": True}, "--samples 2: expected 1 with --interactive"),
        ({"seed": 2**31}, "--seed 2147483648: expected from -2147483648 to 2147483647"),
        ({"seed": 2**31 - 1, "samples": 3}, "--seed 2147483647: expected from -2147483648 to 2147483645"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        Options(**options)


def test_the_same_seed_prints_the_same_text_in_every_process(exported, predictor):
    name = "applications.text_generation.predict"
    command = [sys.executable, "-m", name, "--model", exported, "ANNA:", "--length", "40", "--seed", "7"]
    first, second = (subprocess.run(command, capture_output=True, timeout=120) for _ in range(2))
    assert (
        first.stdout.decode()
        == second.stdout.decode()
        == predictor("ANNA:", length=40, seed=7)["text"] + "\n"
    )
    assert (first.returncode, first.stderr) == (second.returncode, second.stderr) == (0, b"")


def test_argument_file_and_standard_input_give_the_same_text(script, tmp_path):
    path = tmp_path / "prefix.txt"
    path.write_bytes("\ufeffZOË:\r\nSpeak\n".encode())
    texts = {
        script("ZOË:\nSpeak", "--seed", 7).out,
        script("--input", path, "--seed", 7).out,
        script("--seed", 7, data="ZOË:\nSpeak\n".encode()).out,
    }
    assert len(texts) == 1


def test_without_a_prefix_a_text_is_written_from_nothing(script):
    shown = script("--length", 30, "--seed", 7)
    assert len(shown.out) == 31
    assert shown.out == script("", "--length", 30, "--seed", 7).out


def test_a_seed_that_was_not_given_is_told_and_repeats_the_text(script):
    shown = script("ANNA")
    seed = re.fullmatch(r"--seed (\d+)\n", shown.err)[1]
    assert script("ANNA", "--seed", seed) == (0, shown.out, "")
    assert script("ANNA", "--temperature", 0).err == ""


def test_samples_are_apart_and_each_is_what_its_seed_gives(script, predictor):
    out = script("ANNA:", "--samples", 6, "--seed", -2).out
    expected = [f"=== seed {seed} ===\n{predictor('ANNA:', seed=seed)['text']}\n" for seed in range(-2, 4)]
    assert out == "".join(expected)


def test_texts_go_to_a_file_as_its_name_asks_and_as_they_are(script, predictor, tmp_path):
    prefix = '"\x1b, é\n'
    texts = [predictor(prefix, length=20, seed=seed)["text"] for seed in (7, 8)]
    how = (prefix, "--length", 20, "--seed", 7, "--output")
    one, several, lines, table = (tmp_path / name for name in ("a.txt", "b.txt", "a.jsonl", "a.csv"))
    assert script(*how, one) == (0, "", f"1 answer written to {one}\n")
    for path in (several, lines, table):
        assert script(*how, path, "--samples", 2).out == ""
    assert one.read_bytes().decode("utf-8") == texts[0] + "\n"
    assert several.read_bytes().decode("utf-8") == (
        f"=== seed 7 ===\n{texts[0]}\n=== seed 8 ===\n{texts[1]}\n"
    )
    records = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    expected = [{"seed": 7 + row, "prefix": prefix, "text": text} for row, text in enumerate(texts)]
    assert records == expected
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{**record, "seed": str(record["seed"])} for record in expected]


def test_in_turns_the_text_is_remembered_line_after_line(script, predictor):
    first = predictor("Hills", length=20, seed=7)["text"]
    out = script("--interactive", "--length", 20, "--seed", 7, data=b"Hills\n\nSea\n").out
    assert out.startswith(first + "\n")
    # An empty line goes on where the text stopped, as one longer call would; a line begins a new line of the text.
    assert out.startswith(first + "\n" + predictor("Hills", length=40, seed=7)["text"][25:] + "\nSea")
    place = predictor.read([predictor("Hills", length=40, seed=7)["text"] + "\nSea"])._replace(position=40)
    ((last,), _), *_ = predictor.write(place, Sampling(length=20), [7])
    assert out.endswith(f"\nSea{last}\n")


def test_what_would_steer_the_terminal_is_shown_instead(script):
    out = script("\x1b[2J\x07\x9b1m\x7f\r\u0085 é\n\t.", "--length", 0, "--seed", 7).out
    assert out == "␛[2J␇�1m␡␍� é\n\t.\n"


def test_a_score_tells_bits_nats_and_the_most_surprising_places(script, play, tmp_path, reference):
    text = play.read_text("utf-8")[12:800].replace("news", "neΩs", 1)
    path = tmp_path / "text.txt"
    path.write_text(text, "utf-8")
    summary, figures, _, *places = script("--score", path).out.splitlines()
    expected = reference(text)
    assert summary == f"{path}: {len(text)} characters, 1 of them unknown to the model"
    bits, nats, perplexity = map(float, re.findall(r"\d+\.\d+", figures))
    assert nats == pytest.approx(-expected.mean(), abs=1e-4)
    assert bits == pytest.approx(nats / np.log(2), abs=1e-3)
    assert perplexity == pytest.approx(np.exp(nats), abs=0.02)
    assert len(places) == 10
    worst = int(expected.argmin())
    line, probability, excerpt = places[0].split("\t")
    assert line == f"line {text[:worst].count(chr(10)) + 1}"
    assert float(probability) == pytest.approx(np.exp(expected.min()), rel=0.01)
    assert f"[{text[worst]}]" in excerpt.replace("\\n", "\n").replace("\\t", "\t")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no text; expected at least one character"),
        (b"fine\ncaf\xe9\n", "line 2: byte 0xe9 is not valid UTF-8"),
    ],
)
def test_a_file_that_cannot_be_scored_is_named(script, tmp_path, data, message):
    path = tmp_path / "text.txt"
    path.write_bytes(data)
    status, out, err = script("--score", path)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert str(path) in err
    assert message in err


def test_a_mistake_is_one_clear_line(script):
    for arguments, data, expected in (
        (("A", "--top-p", "0"), b"", "error: --top-p 0.0: expected more than 0 and at most 1\n"),
        ((), b"fine\n\xff\n", "error: standard input, line 2: byte 0xff is not valid UTF-8\n"),
        ((os.fsdecode(b"caf\xe9"),), b"", "error: argument 1: not valid UTF-8\n"),
        (
            ("--input", "nowhere.txt"),
            b"",
            "error: nowhere.txt: no such file; expected a text file (.gz too)\n",
        ),
    ):
        status = 2 if expected.startswith("error: --") else 1
        assert script(*arguments, data=data) == (status, "", expected)
