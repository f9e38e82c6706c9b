"""Texts of standard data sets, by their tensorflow-datasets name: labelled, running, and in two languages."""

from pathlib import Path
from typing import Any

from common.data.tfds import prepared_builder, require_split
from common.errors import UserError
from common.text.detokenization import join_tokens
from common.text.tables import Row

_TEXT_FEATURES = ("text", "sentence")
_UNLABELLED = -1
_TOKENIZED = ("ted_hrlr_translate",)


def read_labelled_text(name: str, split: str, data_dir: Path | None = None) -> list[Row]:
    """(text, label name) of a data set's split; for `test`, its validation split where its test labels are not public.

    Raises:
        UserError: the data set is unknown or holds no labelled text, or it is neither prepared nor can be downloaded.
    """
    builder = prepared_builder(name, data_dir)
    features = builder.info.features
    text_feature = next((feature for feature in _TEXT_FEATURES if feature in features), None)
    if text_feature is None or "label" not in features:
        raise UserError(
            f"--data {name}: expected a data set with a text and a label; its features are {list(features)}"
        )
    rows = _rows(builder, split, text_feature)
    if split == "test" and all(row.values[1] == str(_UNLABELLED) for row in rows):
        return _rows(builder, "validation", text_feature)
    return rows


def read_raw_text(name: str, split: str, data_dir: Path | None = None) -> str:
    """The texts of a data set's split, joined by line ends (tiny_shakespeare has one text in each).

    Raises:
        UserError: the data set is unknown or holds no text, or it is neither prepared nor can be downloaded.
    """
    builder = prepared_builder(name, data_dir)
    features = builder.info.features
    text_feature = next((feature for feature in _TEXT_FEATURES if feature in features), None)
    if text_feature is None:
        raise UserError(f"--data {name}: expected a data set with a text; its features are {list(features)}")
    require_split(builder, split)
    examples = builder.as_dataset(split=split, shuffle_files=False).as_numpy_iterator()
    return "\n".join(example[text_feature].decode("utf-8") for example in examples)


def read_pairs(
    name: str, sides: tuple[str, str], split: str, data_dir: Path | None = None, most: int | None = None
) -> list[Row]:
    """(text, translation) of a data set's split, or of its first `most` examples; tokenised texts with tokens joined.

    Args:
        name: of a data set of translations.
        sides: the languages from which and to which is translated, as the data set names them.
        split: one of `splits_of`.
        data_dir: folder of prepared data sets.
        most: how many examples are read at most.

    Raises:
        UserError: the data set is unknown or does not hold both languages, or it is neither prepared nor can be
            downloaded.
    """
    builder = prepared_builder(name, data_dir)
    missing = [side for side in sides if side not in builder.info.features]
    if missing:
        raise UserError(
            f"--data {name}: no language {missing[0]!r}; expected --source and --target to be two of "
            f"{', '.join(builder.info.features)}"
        )
    require_split(builder, split)
    examples = builder.as_dataset(split=split if most is None else f"{split}[:{most}]")
    restore = join_tokens if builder.info.name in _TOKENIZED else str
    return [
        Row(tuple(restore(example[side].decode("utf-8")) for side in sides), f"{split} example {number}")
        for number, example in enumerate(examples.as_numpy_iterator())
    ]


def _rows(builder: Any, split: str, text_feature: str) -> list[Row]:
    require_split(builder, split)
    label = builder.info.features["label"]
    rows = []
    for number, example in enumerate(builder.as_dataset(split=split).as_numpy_iterator()):
        value = int(example["label"])
        named = str(value) if value == _UNLABELLED else label.int2str(value)
        rows.append(Row((example[text_feature].decode("utf-8"), named), f"{split} example {number}"))
    return rows
