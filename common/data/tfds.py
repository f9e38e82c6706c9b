"""Standard data sets by their tensorflow-datasets name, with a clear word at once when there is no network."""

import socket
from pathlib import Path
from typing import Any

from common.data.tables import Row
from common.errors import UserError

_TEXT_FEATURES = ("text", "sentence")
_UNLABELLED = -1


def read_labelled_text(name: str, split: str, data_dir: Path | None = None) -> list[Row]:
    """(text, label name) of a data set's split; for `test`, its validation split where its test labels are not public.

    Raises:
        UserError: the data set is unknown or holds no labelled text, or it is neither prepared nor can be downloaded.
    """
    builder = _prepared_builder(name, data_dir)
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


def _rows(builder: Any, split: str, text_feature: str) -> list[Row]:
    if split not in builder.info.splits:
        raise UserError(
            f"--data {builder.info.name}: no split {split!r}; it has {', '.join(builder.info.splits)}"
        )
    label = builder.info.features["label"]
    rows = []
    for number, example in enumerate(builder.as_dataset(split=split).as_numpy_iterator()):
        value = int(example["label"])
        named = str(value) if value == _UNLABELLED else label.int2str(value)
        rows.append(Row((example[text_feature].decode("utf-8"), named), f"{split} example {number}"))
    return rows


def _prepared_builder(name: str, data_dir: Path | None) -> Any:
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise UserError(
            f"--data {name}: neither a file, a folder, `sample`, nor a data set of tensorflow-datasets ({first_line})"
        ) from None
    if builder.data_path.exists():
        return builder
    _require_network(name, Path(builder.data_path).parent)
    builder.download_and_prepare()
    return builder


def _require_network(name: str, folder: Path) -> None:
    # tensorflow-datasets retries for minutes before it gives up; a look-up tells at once.
    try:
        socket.getaddrinfo("storage.googleapis.com", 443)
    except OSError:
        raise UserError(
            f"--data {name}: not prepared in {folder}, and there is no network to download it; prepare it on a "
            f"connected machine (tfds build {name}) and copy the folder, or use --data PATH"
        ) from None
