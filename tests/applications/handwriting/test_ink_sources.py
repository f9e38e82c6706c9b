"""Ink comes from any source alike; no writer stands in two parts; what cannot be used is counted or refused."""

import gzip
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from applications.handwriting.ink import Ink, Writings
from applications.handwriting.ink_json import to_json
from applications.handwriting.ink_sources import InkSource, load_evaluation, load_training
from applications.handwriting.inkml import to_inkml
from common.errors import FlagError, UserError
from common.text.tables import TableFormat


def ink(number):
    return Ink([np.float32([[0, 0], [number + 1, 2]])])


def lines(pairs):
    """JSON lines of (text, writer)."""
    return "".join(to_json(ink(number), text, writer) + "\n" for number, (text, writer) in enumerate(pairs))


def write_files(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def no_sample(part):
    raise AssertionError("the sample was not asked for")


def sides(path, **options):
    return load_training(InkSource(str(path)), no_sample, **options)


def test_the_sample_is_asked_for_its_parts():
    def sample(part):
        return Writings(part, [ink(1)], ["yes"], [""], [part])

    assert [side.name for side in load_training(InkSource(), sample)] == ["train", "validation"]
    assert load_evaluation(InkSource(), sample).name == "test"


def test_writers_are_on_one_side_and_validation_has_its_share(tmp_path):
    pairs = [(f"word{number}", f"writer{number % 17}") for number in range(340)]
    path = write_files(tmp_path, {"all.jsonl": lines(pairs)}) / "all.jsonl"
    for fraction in (0.1, 0.3):
        training, validation = sides(path, validation_fraction=fraction)
        assert not set(training.writers) & set(validation.writers)
        assert sorted([*training.texts, *validation.texts]) == sorted(text for text, _ in pairs)
        assert 0.5 * fraction < len(validation) / 340 < 1.5 * fraction
    assert (training.name, validation.name) == (f"{path} (train)", f"{path} (validation)")
    assert training.origins[0].startswith("all.jsonl, line ")


def test_ink_of_unknown_writers_is_divided_one_by_one(tmp_path):
    path = write_files(tmp_path, {"all.jsonl": lines([("a", "")] * 100)}) / "all.jsonl"
    training, validation = sides(path)
    assert 5 <= len(validation) <= 15
    assert not set(training.origins) & set(validation.origins)


def test_the_division_stays_as_data_grow(tmp_path):
    pairs = [(f"word{number}", f"writer{number % 40}") for number in range(400)]
    small = write_files(tmp_path, {"a.jsonl": lines(pairs[:200])}) / "a.jsonl"
    large = write_files(tmp_path, {"b.jsonl": lines(pairs)}) / "b.jsonl"
    held = [set(sides(path)[1].writers) for path in (small, large)]
    assert held[0] == held[1]


@pytest.mark.parametrize(
    "files",
    [
        {
            "words_train.jsonl": lines([("one", "a"), ("two", "a")]),
            "words_val.jsonl.gz": gzip.compress(lines([("three", "b")]).encode()),
            "words_test_dev.jsonl": lines([("four", "c")]),
            "README.md": "no ink",
            "other.json": "[]",
        },
        {
            "train/1.inkml": to_inkml(ink(1), "one"),
            "train/deep/2.inkml": to_inkml(ink(2), "two"),
            "validation/test.inkml": to_inkml(ink(3), "three"),
            "test/1.jsonl": lines([("four", "")]),
        },
    ],
)
def test_a_folder_has_a_file_or_a_folder_for_each_part(tmp_path, files):
    training, validation = sides(write_files(tmp_path, files))
    assert (sorted(training.texts), list(validation.texts)) == (["one", "two"], ["three"])
    assert load_evaluation(InkSource(str(tmp_path)), no_sample).texts == ["four"]


def test_a_folder_without_parts_is_one(tmp_path):
    """Files of a single ink may be named for their texts."""
    files = {f"ann/{text}.inkml": to_inkml(ink(1), text, "ann") for text in ("train", "test", "val")}
    folder = write_files(tmp_path, {**files, "train.inkml": to_inkml(ink(2), "train", "bob")})
    whole = load_evaluation(InkSource(str(folder)), no_sample)
    assert sorted(whole.texts) == ["test", "train", "train", "val"]
    training, validation = sides(folder, validation_fraction=0.5)
    assert len(training) + len(validation) == 4
    assert not set(training.writers) & set(validation.writers)


def test_validation_may_be_given(tmp_path):
    write_files(
        tmp_path, {"a.jsonl": lines([("one", "a"), ("two", "b")]), "b.jsonl": lines([("three", "a")])}
    )
    training, validation = sides(tmp_path / "a.jsonl", validation=tmp_path / "b.jsonl")
    assert (training.texts, validation.texts) == (["one", "two"], ["three"])


def test_what_cannot_be_used_is_counted_with_its_first_place(tmp_path):
    good = lines([("one", "a"), ("two", "b")])
    bad = 'none\n{"strokes": [[[1, 2]]], "text": "a"}\n' + lines([(" ", "a"), ("", "a"), ("", "a")])
    path = write_files(tmp_path, {"a.jsonl": good + bad}) / "a.jsonl"
    training, validation = sides(path)
    assert len(training) + len(validation) == 2
    assert training.left_out == {
        "not valid JSON (a.jsonl, line 3)": 1,
        "fewer than two points (a.jsonl, line 4)": 1,
        "no text (first a.jsonl, line 5)": 3,
    }
    assert validation.left_out == {}
    strict = InkSource(str(path), table=TableFormat(strict=True))
    with pytest.raises(UserError, match=rf"^{re.escape(str(path))}, line 3: not valid JSON"):
        load_training(strict, no_sample)


def test_ink_without_any_text_is_refused(tmp_path):
    path = write_files(tmp_path, {"a.jsonl": lines([("", "a")] * 3)}) / "a.jsonl"
    message = rf"^{re.escape(str(path))}: no ink can be used \(3 no text \(first a.jsonl, line 1\)\)$"
    with pytest.raises(UserError, match=message):
        load_evaluation(InkSource(str(path)), no_sample)


def test_columns_may_be_named(tmp_path):
    row = {"pen": [[[1, 2], [3, 4]]], "said": "one", "hand": "ann", "text": "no", "writer": "no"}
    path = write_files(tmp_path, {"a.jsonl": json.dumps(row)}) / "a.jsonl"
    source = InkSource(str(path), strokes_column="pen", text_column="said", writer_column="hand")
    read = load_evaluation(source, no_sample)
    assert (read.texts, read.writers) == (["one"], ["ann"])
    for name in ("strokes_column", "text_column", "writer_column"):
        flag = f"--{name.replace('_', '-')}"
        with pytest.raises(FlagError, match=f"^{flag} x: expected --data to be a file or folder of your own"):
            InkSource(**{name: "x"})


def test_a_column_that_is_not_there_is_named_with_its_flag(tmp_path):
    path = write_files(tmp_path, {"a.csv": 'strokes,text\n"1,2 3,4",b\n'}) / "a.csv"
    with pytest.raises(
        UserError, match="no column 'hand'; expected --writer-column to be one of 'strokes', 'text'"
    ):
        load_evaluation(InkSource(str(path), writer_column="hand"), no_sample)


def test_texts_are_of_one_spelling(tmp_path):
    path = write_files(tmp_path, {"a.jsonl": lines([(" Zu\u0308rich \n Ost! ", "a")])}) / "a.jsonl"
    source = InkSource(str(path))
    assert load_evaluation(source, no_sample).texts == ["Z\u00fcrich Ost!"]
    assert load_evaluation(replace(source, fold_case=True), no_sample).texts == ["z\u00fcrich ost!"]


@pytest.mark.parametrize(
    ("data", "files", "message"),
    [
        ("./nowhere.jsonl", {}, r"--data \./nowhere.jsonl: no such file or folder; expected InkML"),
        ("iam_online", {}, "--data iam_online: no such data set of ink; expected sample, or InkML"),
        ("./data", {"data/notes.md": ""}, "data: no files of ink; expected InkML"),
        (
            "./data",
            {"data/train.json": "[]", "data/train.csv": ""},
            "data: train.csv and train.json; expected one of",
        ),
        (
            "./data",
            {"data/a/x.csv.xz": "no"},
            "data/a/x.csv.xz: unknown kind of file; expected a .csv or .tsv",
        ),
        (
            "./data",
            {"data/test/1.jsonl": lines([("a", "")])},
            "data: no part to train on, but test; expected one for",
        ),
        (
            "./a.jsonl",
            {"a.jsonl": lines([("a", "b")])},
            "1 inks by too few writers to have some for validation",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_one_line(tmp_path, monkeypatch, data, files, message):
    monkeypatch.chdir(write_files(tmp_path, files))
    with pytest.raises(UserError, match=message) as error:
        sides(data)
    assert "\n" not in str(error.value)
