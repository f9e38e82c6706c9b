"""Recordings of standard data sets, by their tensorflow-datasets name."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.data.tfds import prepared_builder, require_split
from common.errors import UserError

_FULL_SCALE = 32768


@dataclass(frozen=True)
class LabelledAudio:
    """A recording of a data set: float32 `[frames, channels]` at `rate` frames per second; an unknown speaker is ""."""

    samples: np.ndarray
    rate: int
    label: str
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
    require_split(builder, split)
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
