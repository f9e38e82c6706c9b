"""Standard data sets by their tensorflow-datasets name, with a clear word at once when there is no network."""

import importlib
import socket
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.text.detokenization import join_tokens
from common.text.tables import Row

_TEXT_FEATURES = ("text", "sentence")
_UNLABELLED = -1
_TOKENIZED = ("ted_hrlr_translate",)
_FULL_SCALE = 32768


@dataclass(frozen=True)
class CaptionedImage:
    """An image of a data set as it lies in its file, and its captions."""

    name: str
    content: bytes
    captions: tuple[str, ...]


@dataclass(frozen=True)
class LabelledAudio:
    """A recording of a data set: float32 `[frames, channels]` at `rate` frames per second; an unknown speaker is ""."""

    samples: np.ndarray
    rate: int
    label: str
    speaker: str


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


def read_raw_text(name: str, split: str, data_dir: Path | None = None) -> str:
    """The texts of a data set's split, joined by line ends (tiny_shakespeare has one text in each).

    Raises:
        UserError: the data set is unknown or holds no text, or it is neither prepared nor can be downloaded.
    """
    builder = _prepared_builder(name, data_dir)
    features = builder.info.features
    text_feature = next((feature for feature in _TEXT_FEATURES if feature in features), None)
    if text_feature is None:
        raise UserError(f"--data {name}: expected a data set with a text; its features are {list(features)}")
    _require_split(builder, split)
    examples = builder.as_dataset(split=split, shuffle_files=False).as_numpy_iterator()
    return "\n".join(example[text_feature].decode("utf-8") for example in examples)


def splits_of(name: str, data_dir: Path | None = None) -> list[str]:
    """The names of a data set's splits.

    Raises:
        UserError: the data set is unknown, or it is neither prepared nor can be downloaded.
    """
    return list(_prepared_builder(name, data_dir).info.splits)


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
    builder = _prepared_builder(name, data_dir)
    missing = [side for side in sides if side not in builder.info.features]
    if missing:
        raise UserError(
            f"--data {name}: no language {missing[0]!r}; expected --source and --target to be two of "
            f"{', '.join(builder.info.features)}"
        )
    _require_split(builder, split)
    examples = builder.as_dataset(split=split if most is None else f"{split}[:{most}]")
    restore = join_tokens if builder.info.name in _TOKENIZED else str
    return [
        Row(tuple(restore(example[side].decode("utf-8")) for side in sides), f"{split} example {number}")
        for number, example in enumerate(examples.as_numpy_iterator())
    ]


def read_labelled_audio(name: str, split: str, data_dir: Path | None = None) -> Iterator[LabelledAudio]:
    """The recordings of a data set's split, in their order there; whole numbers are taken as samples of 16 bits.

    Raises:
        UserError: the data set is unknown or does not hold labelled audio, or it is neither prepared nor can be
            downloaded.
    """
    builder = _prepared_builder(name, data_dir)
    features = dict(builder.info.features)
    rate = getattr(features.get("audio"), "sample_rate", None)
    name_of = getattr(features.get("label"), "int2str", None)
    if rate is None or name_of is None:
        raise UserError(
            f"--data {name}: expected a data set with audio of a known rate and a label; its features are "
            f"{list(features)}"
        )
    _require_split(builder, split)
    for example in builder.as_dataset(split=split, shuffle_files=False).as_numpy_iterator():
        samples = example["audio"].reshape(len(example["audio"]), -1)
        scale = _FULL_SCALE if np.issubdtype(samples.dtype, np.integer) else 1
        speaker = example.get("speaker_id", "")
        yield LabelledAudio(
            samples.astype(np.float32) / scale,
            rate,
            name_of(int(example["label"])),
            speaker.decode() if isinstance(speaker, bytes) else str(speaker),
        )


def read_captioned_images(
    name: str, split: str, data_dir: Path | None = None
) -> tuple[int, Iterator[CaptionedImage]]:
    """How many images a data set's split holds, and these in their order there.

    Raises:
        UserError: the data set is unknown or does not hold captioned images, or it is neither prepared nor can be
            downloaded.
    """
    import tensorflow_datasets as tfds

    builder = _prepared_builder(name, data_dir)
    features = dict(builder.info.features)
    if "image" not in features or "text" not in getattr(features.get("captions"), "feature", ()):
        raise UserError(
            f"--data {name}: expected a data set with an image and captions; its features are {list(features)}"
        )
    _require_split(builder, split)
    as_they_are = {"image": tfds.decode.SkipDecoding()}
    dataset = builder.as_dataset(split=split, shuffle_files=False, decoders=as_they_are)

    def read() -> Iterator[CaptionedImage]:
        for number, example in enumerate(dataset.as_numpy_iterator()):
            texts = tuple(text.decode("utf-8") for text in example["captions"]["text"])
            filename = example.get("image/filename", b"").decode("utf-8")
            yield CaptionedImage(filename or f"{split} example {number}", example["image"], texts)

    return builder.info.splits[split].num_examples, read()


def _rows(builder: Any, split: str, text_feature: str) -> list[Row]:
    _require_split(builder, split)
    label = builder.info.features["label"]
    rows = []
    for number, example in enumerate(builder.as_dataset(split=split).as_numpy_iterator()):
        value = int(example["label"])
        named = str(value) if value == _UNLABELLED else label.int2str(value)
        rows.append(Row((example[text_feature].decode("utf-8"), named), f"{split} example {number}"))
    return rows


def _require_split(builder: Any, split: str) -> None:
    if split not in builder.info.splits:
        raise UserError(
            f"--data {builder.info.name}: no split {split!r}; it has {', '.join(builder.info.splits)}"
        )


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
    if any(isinstance(feature, tfds.features.Audio) for feature in builder.info.features.values()):
        _require_pydub(name)
    _require_network(name, Path(builder.data_path).parent)
    builder.download_and_prepare()
    return builder


def _require_pydub(name: str) -> None:
    # tensorflow-datasets misses it only after the download.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that ffmpeg is not there: WAV needs none
            importlib.import_module("pydub")
    except ImportError as error:
        raise UserError(
            f"--data {name}: building it needs the package {error.name}; install it with "
            "pip install -e '.[speech_commands]'"
        ) from None


def _require_network(name: str, folder: Path) -> None:
    # tensorflow-datasets retries for minutes before it gives up; a look-up tells at once.
    try:
        socket.getaddrinfo("storage.googleapis.com", 443)
    except OSError:
        raise UserError(
            f"--data {name}: not prepared in {folder}, and there is no network to download it; prepare it on a "
            f"connected machine (tfds build {name}) and copy the folder, or use --data PATH"
        ) from None
