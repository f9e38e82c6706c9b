"""The part that a file or folder is for stands in its name."""

from pathlib import Path

import pytest

from common.data.part_names import part_named, part_within, parts_of_files
from common.errors import UserError


def test_parts_are_told_by_the_first_word():
    names = [
        "train",
        "Dev",
        "test_dev",
        "train-clean-100",
        "val2",
        "valid.other",
        "validated",
        "testimony",
        "other",
    ]
    parts = ["train", "validation", "test", "train", "validation", "validation", "", "", ""]
    assert list(map(part_named, names)) == parts


def test_parts_are_told_by_any_word_of_a_tables_name():
    names = [
        "train.csv",
        "words_train.npz.xz",
        "words_test_dev.csv",
        "my-val-2.jsonl",
        "trained.csv",
        "contest",
        "",
    ]
    parts = ["train", "train", "test", "validation", "", "", ""]
    assert list(map(part_within, names)) == parts


def parts_of(*names):
    return parts_of_files(Path("data"), names, lambda name: not name.endswith(".mid"))


def test_files_are_for_the_parts_that_their_names_or_folders_tell():
    assert parts_of("a_train.json", "a_test_dev.json.gz", "notes.json", "b/val.json") == {
        "a_train.json": "train",
        "a_test_dev.json.gz": "test",
    }
    assert parts_of("Training/a.mid", "dev/deep/b.json") == {
        "Training/a.mid": "train",
        "dev/deep/b.json": "validation",
    }


def test_files_are_not_divided_where_some_tell_no_part():
    for names in (["train/a.mid", "other/b.mid"], ["train/a.mid", "b.mid"], ["train.mid"], ["test.json"]):
        assert parts_of(*names) == dict.fromkeys(names, "")


def test_files_of_a_part_that_differ_in_their_endings_are_refused():
    with pytest.raises(
        UserError, match=r"^data: train.csv and train.json; expected one of them, or --data with"
    ):
        parts_of("train.csv", "train.json", "val.json")
