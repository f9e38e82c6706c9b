"""How the files and folders of the parts of data are called."""

import re

PART_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What a part is called, and the part that it is."""

_BETWEEN_WORDS = re.compile(r"[-_.\d ]")


def part_named(name: str) -> str:
    """The part that a table or folder is for, by the first word of its name; "" if none.

    >>> part_named("train-clean-100"), part_named("test_dev"), part_named("validated")
    ('train', 'test', '')
    """
    return PART_NAMES.get(_BETWEEN_WORDS.split(name.lower(), maxsplit=1)[0], "")


def part_within(name: str) -> str:
    """The part that a table is for, by the first word of its name that is a part's; "" if none is.

    >>> part_within("words_train.csv"), part_within("words_test_dev.csv"), part_within("words.csv")
    ('train', 'test', '')
    """
    return next((PART_NAMES[word] for word in _BETWEEN_WORDS.split(name.lower()) if word in PART_NAMES), "")
