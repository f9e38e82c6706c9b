"""Labelled clips from any source: the application's sample, a TFDS name, a user's folder or tar of recordings."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from common.audio.error import AudioError
from common.audio.files import decode_audio, read_audio, to_waveform
from common.audio.folders import (
    NAME_PATTERN,
    AudioFile,
    find_all,
    find_clips,
    find_noises,
    is_recording,
)
from common.data.file_trees import is_path
from common.data.splits import stable_split
from common.errors import UserError

SAMPLE = "sample"
UNKNOWN = "_unknown_"
SILENCE = "_silence_"
_HELD_OUT_FOR_TEST = 0.1


@dataclass(frozen=True)
class AudioSource:
    """Where labelled clips come from."""

    data: str = SAMPLE
    """`sample` (made by the application), a TFDS name (speech_commands), or a folder or tar (.tar.gz, .tar.xz) of
    recordings, with a folder per label; train, val and test folders around those are its parts."""
    labels: tuple[str, ...] = ()
    """The labels that are classes of their own; every other becomes `_unknown_`. All of them unless given."""
    name_pattern: str = NAME_PATTERN
    """Regular expression sought in a file's name within the data, with the groups `label` and `speaker` (where known),
    such as "(?P<label>\\d)_(?P<speaker>[a-z]+)_" for 0_george_10.wav of the Free Spoken Digit Dataset."""
    validation_list: Path | None = None
    """A file that names the recordings to validate on, one <label>/<name>.wav per line; validation_list.txt in the
    data unless given."""
    test_list: Path | None = None
    """A file that names the recordings to test on; testing_list.txt in the data unless given."""
    data_dir: Path | None = None
    """Folder of prepared TFDS data sets; TFDS's own default unless given."""

    def __post_init__(self) -> None:
        try:
            groups = re.compile(self.name_pattern).groupindex
        except re.error as error:
            raise UserError(
                f"--name-pattern {self.name_pattern}: not a regular expression ({error})"
            ) from None
        if "label" not in groups:
            raise UserError(f"--name-pattern {self.name_pattern}: expected a group (?P<label>...)")
        for name, value in (("validation", self.validation_list), ("test", self.test_list)):
            if value is not None and not is_path(self.data):
                raise UserError(f"--{name}-list {value}: expected --data to be a folder or a tar")


@dataclass(frozen=True)
class Clips:
    """Recordings (float32 `[samples]` at 16 kHz), their labels and speakers, and where each came from.

    A speaker who is not known is "". `left_out` counts, by reason, the recordings that could not be used.
    """

    name: str
    waveforms: Sequence[np.ndarray]
    labels: Sequence[str]
    speakers: Sequence[str]
    origins: Sequence[str]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.waveforms)

    def select(self, indices: Sequence[int]) -> "Clips":
        """The clips of the given indices, in their order."""
        waveforms = [self.waveforms[index] for index in indices]
        labels, speakers, origins = (
            [values[index] for index in indices] for values in (self.labels, self.speakers, self.origins)
        )
        return replace(self, waveforms=waveforms, labels=labels, speakers=speakers, origins=origins)

    def describe(self) -> str:
        """One line: how many clips of which labels by how many speakers, and what was left out."""
        counts = Counter(self.labels)
        shown = ", ".join(f"{count:,} {label}" for label, count in sorted(counts.items())[:12])
        speakers = len(set(self.speakers) - {""})
        spoken = f" by {speakers:,} speakers" if speakers else ""
        dropped = "".join(
            f"; {count:,} left out: {reason}" for reason, count in self.left_out.items() if count
        )
        return f"{self.name}: {len(self):,} clips{spoken} ({shown}{', ...' if len(counts) > 12 else ''}){dropped}"


MakeSample = Callable[[str], Clips]
"""From a part (train, validation, test) to the clips of the sample."""


def load_training(
    source: AudioSource, sample: MakeSample, validation: Path | None = None, validation_fraction: float = 0.1
) -> tuple[Clips, Clips]:
    """Training and validation clips.

    Validation is the given folder or tar, or else the data's own part for that (split lists, or a folder named val), or
    else the clips of some of the speakers, chosen by a stable hash of each, so that no speaker stands on both sides. A
    clip whose speaker is not known goes by its own name.

    Raises:
        UserError: naming what cannot be read or cannot be trained on.
    """
    parts = ("train",) if validation else ("train", "validation")
    loaded = _load(source, sample, parts, 0.0 if validation else validation_fraction)
    if validation is not None:
        own = replace(source, data=str(validation), validation_list=None, test_list=None)
        loaded.append(_load_own(own, "validation"))
    train, held_out = loaded
    for label in source.labels:
        if label not in train.labels:
            known = ", ".join(sorted(set(train.labels)))
            raise UserError(f"--labels {label}: {train.name} has no such label; it has {known}")
    return _with_unknown(train, source.labels), _with_unknown(held_out, source.labels)


def load_evaluation(source: AudioSource, sample: MakeSample) -> Clips:
    """The clips to measure on: the test part of the sample, of a data set or of a user's data; all of it if none.

    Where a data set of TFDS has no test split, it is a part of its training data that training leaves out.

    Raises:
        UserError: naming what cannot be read.
    """
    if _is_own(source):
        return _with_unknown(_load_own(source, "test"), source.labels)
    return _with_unknown(_load(source, sample, ("test",), 0.0)[0], source.labels)


def load_noises(source: AudioSource, path: Path | None = None) -> list[np.ndarray]:
    """Recordings of noise: of the given folder, tar or file, or else of `_background_noise_` in a user's data, or none.

    Of a given folder or tar that holds a folder `_background_noise_`, that alone is read.

    Raises:
        UserError: the path holds no recording, or one that cannot be used.
    """
    if path is None:
        return _read_all(find_noises(Path(source.data))) if _is_own(source) else []
    if path.expanduser().is_file() and is_recording(path.name):
        return [read_audio(path)]
    noises = find_noises(path) or find_all(path)
    if not noises:
        raise UserError(f"{path}: no recordings of noise; expected .wav, .flac, .ogg or .mp3 files")
    return _read_all(noises)


def _is_own(source: AudioSource) -> bool:
    return source.data != SAMPLE and is_path(source.data)


def _load(
    source: AudioSource, sample: MakeSample, parts: Sequence[str], validation_fraction: float
) -> list[Clips]:
    if source.data == SAMPLE:
        return [sample(part) for part in parts]
    if not _is_own(source):
        return _load_tfds(source, parts, validation_fraction)
    files = _find(source)
    has_part = {part: any(file.part == part for file in files) for part in ("train", "validation", "test")}
    if any(has_part.values()) and not has_part["train"]:
        raise UserError(
            f"{source.data}: no part to train on; expected train/<label>/<name>.wav, or other split lists"
        )
    sides = [file.part or "train" for file in files]
    if not has_part["validation"]:
        among = [index for index, side in enumerate(sides) if side == "train"]
        keys = [files[index].speaker or files[index].name for index in among]
        for index, side in zip(among, _split(keys, {"validation": validation_fraction}), strict=True):
            sides[index] = side
    chosen = {part: [file for file, side in zip(files, sides, strict=True) if side == part] for part in parts}
    _require_some(source.data, {part: len(of_part) for part, of_part in chosen.items()})
    return [_read(f"{source.data} ({part})", of_part) for part, of_part in chosen.items()]


def _load_own(source: AudioSource, part: str) -> Clips:
    """The part of a user's data, or all of it where it has no such part."""
    files = _find(source)
    of_part = [file for file in files if file.part == part]
    return _read(f"{source.data} ({part})", of_part) if of_part else _read(source.data, files)


def _load_tfds(source: AudioSource, parts: Sequence[str], validation_fraction: float) -> list[Clips]:
    from common.data.tfds import splits_of

    own = splits_of(source.data, source.data_dir)
    shares = {"test": _HELD_OUT_FOR_TEST, "validation": validation_fraction}
    missing = {part: share for part, share in shares.items() if part not in own}
    loaded = {part: _read_tfds(source, part) for part in parts if part in own and part != "train"}
    if len(loaded) < len(parts):
        train = _read_tfds(source, "train")
        keys = [speaker or origin for speaker, origin in zip(train.speakers, train.origins, strict=True)]
        sides = _split(keys, missing)
        for part in set(parts) - set(loaded):
            loaded[part] = train.select([index for index, side in enumerate(sides) if side == part])
    _require_some(source.data, {part: len(loaded[part]) for part in parts})
    return [loaded[part] for part in parts]


def _split(keys: Sequence[str], held_out: Mapping[str, float]) -> list[str]:
    return stable_split(keys, {**held_out, "train": 1 - sum(held_out.values())})


def _require_some(name: str, counts: Mapping[str, int]) -> None:
    empty = next((part for part, count in counts.items() if not count), None)
    if empty is not None:
        raise UserError(
            f"{name}: {sum(counts.values()):,} clips by too few speakers to have some for {empty}; give a folder or "
            "tar with --validation, or a --name-pattern without the group `speaker` to divide speakers too"
        )


def _find(source: AudioSource) -> list[AudioFile]:
    lists = {"validation": source.validation_list, "test": source.test_list}
    return find_clips(Path(source.data), source.name_pattern, lists)


def _read(name: str, files: Iterable[AudioFile]) -> Clips:
    return _collect(name, ((partial(_decode, file), file.label, file.speaker, file.name) for file in files))


def _decode(file: AudioFile) -> np.ndarray:
    if not file.label:
        raise AudioError(file.name, "no label in the name", "no label in the name")
    try:
        return decode_audio(file.read(), file.name)
    except OSError as error:
        raise AudioError(file.name, "unreadable", str(error.strerror)) from None


def _read_tfds(source: AudioSource, split: str) -> Clips:
    from common.audio.tfds import read_labelled_audio

    name = f"{source.data} ({split})"
    examples = read_labelled_audio(source.data, split, source.data_dir)
    return _collect(
        name,
        (
            (
                partial(to_waveform, example.samples, example.rate, name),
                example.label,
                example.speaker,
                f"{split} example {number}",
            )
            for number, example in enumerate(examples)
        ),
    )


def _collect(name: str, recordings: Iterable[tuple[Callable[[], np.ndarray], str, str, str]]) -> Clips:
    """The clips of (function that reads the waveform, label, speaker, origin); those of no use are counted.

    Raises:
        UserError: none is of use.
    """
    left_out: Counter[str] = Counter()
    waveforms: list[np.ndarray] = []
    told: list[tuple[str, str, str]] = []
    for read, label, speaker, origin in recordings:
        try:
            waveforms.append(read())
        except AudioError as error:
            left_out[error.reason] += 1
        else:
            told.append((label, speaker, origin))
    if not waveforms:
        shown = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        raise UserError(f"{name}: no clip can be used ({shown or 'there are none'})")
    labels, speakers, origins = (list(values) for values in zip(*told, strict=True))
    return Clips(name, waveforms, labels, speakers, origins, left_out)


def _read_all(files: Iterable[AudioFile]) -> list[np.ndarray]:
    return [decode_audio(file.read(), file.name) for file in files]


def _with_unknown(clips: Clips, labels: Sequence[str]) -> Clips:
    if not labels:
        return clips
    kept = {*labels, UNKNOWN, SILENCE}
    return replace(clips, labels=[label if label in kept else UNKNOWN for label in clips.labels])
