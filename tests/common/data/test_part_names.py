"""The part that a file or folder is for stands in its name."""

from common.data.part_names import part_named, part_within


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
