"""Recordings of standard data sets, by their tensorflow-datasets name: labelled, or with transcripts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.data.tfds import prepared_builder, require_split
from common.errors import UserError

_FULL_SCALE = 32768
_TEXTS = ("text_normalized", "normalized_text", "text", "sentence", "transcript", "transcription")
_SPEAKERS = ("speaker_id", "client_id", "speaker")


@dataclass(frozen=True)
class LabelledAudio:
    """A recording of a data set: float32 `[frames, channels]` at `rate` frames per second; an unknown speaker is ""."""

    samples: np.ndarray
    rate: int
    label: str
    speaker: str


@dataclass(frozen=True)
class TranscribedAudio:
    """A recording of a data set, as of `LabelledAudio`, and what is said in it."""

    samples: np.ndarray
    rate: int
    text: str
    speaker: str


def read_labelled_audio(name: str, split: str, data_dir: Path | None = None) -> Iterator[LabelledAudio]:
    """The recordings of a data set's split, in their order there; whole numbers are taken as samples of 16 bits.

    Raises:
        UserError: the data set is unknown or does not hold labelled audio, or it is neither prepared nor can be
            downloaded.
    """
    builder = prepared_builder(name, data_dir)
    features = dict(builder.info.features)
    rate = getattr(features.get("audio"), "sample_rate", None)
    name_of = getattr(features.get("label"), "int2str", None)
    if rate is None or name_of is None:
        raise UserError(
            f"--data {name}: expected a data set with audio of a known rate and a label; its features are "
            f"{list(features)}"
        )
    for example in _examples(builder, split):
        label = name_of(int(example["label"]))
        yield LabelledAudio(_samples(example["audio"]), rate, label, _speaker(example))


def read_transcribed_audio(name: str, split: str, data_dir: Path | None = None) -> Iterator[TranscribedAudio]:
    """The recordings of a data set's split with their transcripts, those with numerals spelled out where it has such.

    Raises:
        UserError: the data set is unknown or does not hold audio with a text, or it is neither prepared nor can be
            downloaded.
    """
    builder = prepared_builder(name, data_dir)
    features = dict(builder.info.features)
    rates = {key: rate for key, one in features.items() if (rate := getattr(one, "sample_rate", None))}
    text = next((key for key in _TEXTS if key in features), None)
    if not rates or text is None:
        raise UserError(
            f"--data {name}: expected a data set with audio of a known rate and a text; its features are "
            f"{list(features)}"
        )
    audio, rate = next(iter(rates.items()))
    for example in _examples(builder, split):
        yield TranscribedAudio(_samples(example[audio]), rate, _decoded(example[text]), _speaker(example))


def _examples(builder: Any, split: str) -> Iterator[Mapping[str, Any]]:
    require_split(builder, split)
    examples: Iterator[Mapping[str, Any]]
    examples = builder.as_dataset(split=split, shuffle_files=False).as_numpy_iterator()
    return examples


def _samples(values: np.ndarray) -> np.ndarray:
    scale = _FULL_SCALE if np.issubdtype(values.dtype, np.integer) else 1
    samples: np.ndarray = values.reshape(len(values), -1).astype(np.float32) / scale
    return samples


def _speaker(example: Mapping[str, Any]) -> str:
    return _decoded(next((example[key] for key in _SPEAKERS if key in example), ""))


def _decoded(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
