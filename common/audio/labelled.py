"""Labelled clips from any source: the application's sample, a data set's name, a user's folder, tar or zip."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from common.audio.error import AudioError
from common.audio.files import decode_audio, read_audio, read_recording, to_waveform
from common.audio.folders import (
    NAME_PATTERN,
    AudioFile,
    find_all,
    find_clips,
    find_noises,
    is_recording,
    require_name_pattern,
)
from common.data import sources
from common.data.sources import SAMPLE
from common.data.splits import held_out
from common.errors import UserError

UNKNOWN = "_unknown_"
SILENCE = "_silence_"
_HELD_OUT_FOR_TEST = 0.1
_FILES = "a folder, a .tar, .tar.gz, .tar.xz or .zip of recordings"
_TOO_FEW = (
    "clips by too few speakers to have some for {part}; give a folder or tar with --validation, or a --name-pattern "
    "without the group `speaker` to divide speakers too"
)


@dataclass(frozen=True)
class AudioSource:
    """Where labelled clips come from."""

    data: str = SAMPLE
    """`sample` (made by the application), a data set's name (speech_commands), or a folder, tar (.tar.gz, .tar.xz) or
    zip of recordings, with a folder per label; train, val and test folders around those are its parts. What exists as a
    path is a path; what begins with ., / or ~ or ends like a file (.csv, .txt, .tar.gz) is meant as one; the rest is a
    data set's name."""
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
        require_name_pattern(self.name_pattern)
        for name, value in (("validation", self.validation_list), ("test", self.test_list)):
            if value is not None and not isinstance(sources.kind_of(self.data), sources.OwnFiles):
                raise UserError(f"--{name}-list {value}: expected --data to be a folder, a tar or a zip")


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
        return sources.select(self, indices)

    def describe(self) -> str:
        """One line: how many clips of which labels by how many speakers, and what was left out."""
        speakers = len(set(self.speakers) - {""})
        spoken = f" by {speakers:,} speakers" if speakers else ""
        labels = sources.label_counts(self.labels)
        return f"{self.name}: {len(self):,} clips{spoken} ({labels}){sources.left_out_text(self.left_out)}"


def load_training(
    source: AudioSource,
    sample: Callable[[str], Clips],
    validation: Path | None = None,
    validation_fraction: float = 0.1,
) -> tuple[Clips, Clips]:
    """Training and validation clips.

    Validation is the given folder or tar, or else the data's own part for that (split lists, or a folder named val), or
    else the clips of some of the speakers, chosen by a stable hash of each, so that no speaker stands on both sides. A
    clip whose speaker is not known goes by its own name. Where the hashes alone would leave a class of a user's data
    far from its share, the speakers are chosen by class (see `stratified_split`).

    Raises:
        UserError: naming what cannot be read or cannot be trained on.
    """
    given = None
    if validation is not None:
        undivided = replace(source, validation_list=None, test_list=None)
        given, validation_fraction = _read_part(sources.expanded(validation), undivided, "validation"), 0.0
    load = partial(_load, source, sample, validation_fraction)
    train, held = sources.with_validation(load, given, _TOO_FEW)
    for label in source.labels:
        if label not in train.labels:
            known = ", ".join(sorted(set(train.labels)))
            raise UserError(f"--labels {label}: {train.name} has no such label; it has {known}")
    return _with_unknown(train, source.labels), _with_unknown(held, source.labels)


def load_evaluation(source: AudioSource, sample: Callable[[str], Clips]) -> Clips:
    """The clips to measure on: the test part of the sample, of a data set or of a user's data; all of it if none.

    Where a data set has no test split, it is a part of its training data that training leaves out.

    Raises:
        UserError: naming what cannot be read.
    """
    kind = sources.located(source.data, _FILES)
    if isinstance(kind, sources.OwnFiles):
        return _with_unknown(_read_part(kind.path, source, "test"), source.labels)
    clips = sources.evaluation_part(partial(_load, source, sample, 0.0), _TOO_FEW)
    return _with_unknown(clips, source.labels)


def load_noises(source: AudioSource, path: Path | None = None) -> list[np.ndarray]:
    """Recordings of noise: of the given folder, tar or file, or else of `_background_noise_` in a user's data, or none.

    Of a given folder or tar that holds a folder `_background_noise_`, that alone is read.

    Raises:
        UserError: the path holds no recording, or one that cannot be used.
    """
    if path is not None:
        return read_noises(path)
    kind = sources.located(source.data, _FILES)
    return _read_noises(kind.path, find_noises(kind.path)) if isinstance(kind, sources.OwnFiles) else []


def read_noises(path: Path) -> list[np.ndarray]:
    """Recordings of noise: of a folder or tar, or one file; only those in folders `_background_noise_`, if it has such.

    Raises:
        UserError: the path holds no recording, or one that cannot be used.
    """
    if sources.expanded(path).is_file() and is_recording(path.name):
        return [read_audio(path)]
    noises = find_noises(path) or find_all(path)
    if not noises:
        raise UserError(f"{path}: no recordings of noise; expected .wav, .flac, .ogg or .mp3 files")
    return _read_noises(path, noises)


def _load(
    source: AudioSource, sample: Callable[[str], Clips], fraction: float, parts: Sequence[str]
) -> dict[str, Clips]:
    match sources.located(source.data, _FILES):
        case sources.Sample():
            return {part: sample(part) for part in parts}
        case sources.OwnFiles(path):
            return _read_parts(path, source, parts, fraction)
        case sources.DataSet(name):
            read, shares = partial(_read_tfds, source), {"test": _HELD_OUT_FOR_TEST, "validation": fraction}
            return sources.from_data_set(name, source.data_dir, read, _speakers, shares, parts)


def _speakers(clips: Clips) -> list[str]:
    """By what clips are divided: the speaker, or the clip itself where that is not known."""
    return [speaker or origin for speaker, origin in zip(clips.speakers, clips.origins, strict=True)]


def _read_parts(path: Path, source: AudioSource, parts: Sequence[str], fraction: float) -> dict[str, Clips]:
    """The given parts of a user's data: its own, or shares of its training part."""
    files = _find(path, source)
    own = {file.part for file in files} - {""}
    if own and "train" not in own:
        raise UserError(
            f"{path}: no part to train on; expected train/<label>/<name>.wav, or other split lists"
        )
    undivided = [file for file in files if file.part in ("", "train")]
    held = _held_out(undivided, source.labels, 0.0 if "validation" in own else fraction)
    chosen = {part: [file for file in files if file.part == part] for part in parts if part != "train"}
    chosen["train"] = [file for file, is_held in zip(undivided, held, strict=True) if not is_held]
    if "validation" in chosen:
        chosen["validation"] += [file for file, is_held in zip(undivided, held, strict=True) if is_held]
    sources.require_some(str(path), chosen, _TOO_FEW)
    return {part: _read(f"{path} ({part})", of_part) for part, of_part in chosen.items()}


def _held_out(files: Sequence[AudioFile], labels: Sequence[str], share: float) -> list[bool]:
    speakers = [file.speaker or file.name for file in files]
    classes = [file.label if not labels or file.label in labels else UNKNOWN for file in files]
    return held_out(speakers, classes, share)


def _read_part(path: Path, source: AudioSource, part: str) -> Clips:
    """The part of a user's data, or all of it where it has no such part."""
    files = _find(path, source)
    of_part = [file for file in files if file.part == part]
    return _read(f"{path} ({part})", of_part) if of_part else _read(str(path), files)


def _find(path: Path, source: AudioSource) -> list[AudioFile]:
    lists = {"validation": source.validation_list, "test": source.test_list}
    return find_clips(path, source.name_pattern, lists)


def _read(name: str, files: Iterable[AudioFile]) -> Clips:
    return _collect(name, ((partial(_decode, file), file.label, file.speaker, file.name) for file in files))


def _decode(file: AudioFile) -> np.ndarray:
    if not file.label:
        raise AudioError(file.name, "no label in the name", "no label in the name")
    return read_recording(file.read, file.name)


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
    clips: list[tuple[str, str, str]] = []
    for read, label, speaker, origin in recordings:
        try:
            waveforms.append(read())
        except AudioError as error:
            left_out[error.reason] += 1
        else:
            clips.append((label, speaker, origin))
    labels, speakers, origins = ([clip[place] for clip in clips] for place in range(3))
    return sources.require_usable(Clips(name, waveforms, labels, speakers, origins, left_out), "clip")


def _read_noises(path: Path, noises: Iterable[AudioFile]) -> list[np.ndarray]:
    return [decode_audio(noise.read(), f"{path}/{noise.name}") for noise in noises]


def _with_unknown(clips: Clips, labels: Sequence[str]) -> Clips:
    if not labels:
        return clips
    classes = {*labels, UNKNOWN, SILENCE}
    return replace(clips, labels=[label if label in classes else UNKNOWN for label in clips.labels])
