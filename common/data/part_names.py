"""How the files and folders of the parts of data are called."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from common.errors import UserError

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


def parts_of_files(path: Path, names: Sequence[str], is_of_many: Callable[[str], bool]) -> dict[str, str]:
    """The part that each file is for, by its name; "" each where the files are not divided.

    At the top of the folder, a file of many examples is for the part that its name tells. If one is for training, all
    that count are told so, and other files are passed over. Else files are for the part that the outermost folder of
    each is called, if all lie in such folders.

    Args:
        path: of the folder or the archive, for messages.
        names: of the files in it, with slashes.
        is_of_many: whether a file of that name may hold many examples; one that holds a single example may be called by
            what is in it.

    Raises:
        UserError: two files differ in their endings alone.
    """
    told = {
        name: part for name in names if "/" not in name and is_of_many(name) and (part := part_within(name))
    }
    if "train" in told.values():
        _require_single(path, told)
        return told
    folders = {name: PART_NAMES.get(name.partition("/")[0].lower(), "") for name in names if "/" in name}
    is_divided = len(folders) == len(names) and all(folders.values())
    return folders if is_divided else dict.fromkeys(names, "")


def _require_single(path: Path, names: Iterable[str]) -> None:
    by_stem: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        by_stem[name.partition(".")[0]].append(name)
    twice = next((alike for alike in by_stem.values() if len(alike) > 1), None)
    if twice:
        raise UserError(
            f"{path}: {' and '.join(twice)}; expected one of them, or --data with the file itself"
        )
