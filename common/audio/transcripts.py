"""Recordings with transcripts from any source: the application's sample, a data set's name, own tables and folders."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path

import numpy as np

from common.audio.error import AudioError
from common.audio.files import read_recording, to_waveform
from common.audio.folders import require_name_pattern
from common.audio.transcript_files import SpokenFile, SpokenFiles, joined
from common.audio.transcript_parts import FORMS, NAMED, Form, Forms, Parts, SpokenData, spoken_data
from common.audio.transcript_tables import Columns
from common.audio.transcript_text import normalised_transcript, require_language_of_numbers
from common.audio.utterances import Utterances
from common.data import sources
from common.data.sources import SAMPLE
from common.data.splits import held_out
from common.errors import FlagError, UserError
from common.text.tables import TableFormat

_HELD_OUT_FOR_TEST = 0.1
_OF_OWN_FILES = ("recordings", "path_column", "text_column", "speaker_column", "name_pattern")
_TOO_FEW = "recordings by too few speakers to have some for {part}; give more, or others with --validation"


@dataclass(frozen=True)
class TranscriptSource:
    """Where recordings with transcripts come from."""

    data: str = SAMPLE
    """`sample` (made by the application), a data set's name (librispeech, ljspeech, common_voice), or own files: a
    table of recordings and transcripts; a folder with one for each part (train.tsv, dev.tsv, test.tsv) or with a single
    one; a folder, tar or zip as LibriSpeech has it (<speaker>-<chapter>.trans.txt beside the recordings) or with x.txt
    beside each x.wav; or a folder of Kaldi (wav.scp, text, utt2spk). What exists as a path is a path; what begins with
    ., / or ~ or ends like a file (.csv, .tsv, .tar.gz) is meant as one; the rest is a data set's name."""
    recordings: Path | None = None
    """Folder, tar or zip in which a table's paths are looked for. Unless given: the table's own folder, the folders
    clips, wavs, wav and audio in it, and archives beside the table whose names begin with the table's, such as
    train_audio.tar beside train.tsv."""
    path_column: str = ""
    """Column of a table that holds the paths of recordings, by its name or by its number from 1. A table of which this
    and --text-column are given by number has no header, unless its first line has usual names there. Unless given:
    wav_filename, path, file, audio and the like."""
    text_column: str = ""
    """Column of a table that holds what is said. Unless given: transcript, sentence, text and the like; the last in a
    table without a header."""
    speaker_column: str = ""
    """Column of a table that holds the speaker. Unless given: speaker, client_id and the like, if there is one."""
    name_pattern: str = ""
    """Regular expression sought in a file's name, where that tells what is said: with the groups `label`
    and, where known, `speaker`, such as "(?P<label>\\d)_(?P<speaker>[a-z]+)_". Labels that begin with _ are left
    out."""
    numbers_as_words: str = ""
    """Code of a language of num2words, such as en, in which numerals of transcripts are spelled out: 5 pm becomes five
    pm. They stay as they are unless given."""
    keep_case: bool = False
    """Leave capitals as they are."""
    keep_punctuation: bool = False
    """Leave punctuation as it is."""
    data_dir: Path | None = None
    """Folder of prepared TFDS data sets; TFDS's own default unless given."""
    table: TableFormat = field(default_factory=TableFormat)
    """How files are written."""

    def __post_init__(self) -> None:
        require_language_of_numbers(self.numbers_as_words)
        if self.name_pattern:
            require_name_pattern(self.name_pattern)
        flags = _given_flags(self)
        for name in _OF_OWN_FILES:
            if name in flags and not isinstance(sources.kind_of(self.data), sources.OwnFiles):
                raise FlagError(f"{flags[name]}: expected --data to be a file or folder of your own")
        unused = [flags[name] for name in NAMED.unused if self.name_pattern and name in flags]
        if unused:
            raise FlagError(
                f"{unused[0]}: has no effect beside --name-pattern, with which names tell what is said; expected one "
                "of the two"
            )

    def normalised(self, text: str) -> str:
        """A transcript in the spelling that these flags ask for."""
        return normalised_transcript(text, self.keep_case, self.keep_punctuation, self.numbers_as_words)


def _given_flags(source: TranscriptSource) -> dict[str, str]:
    """The flags of how own files are kept that are given, as they are typed, by the names of their fields."""
    given = {name: value for name in _OF_OWN_FILES if (value := getattr(source, name))}
    for one in fields(source.table):
        value = getattr(source.table, one.name)
        if value != one.default:
            given[one.name] = value
    return {
        name: f"--{name.replace('_', '-')}{'' if value is True else f' {value}'}"
        for name, value in given.items()
    }


def _require_effect(source: TranscriptSource, path: Path, form: Form, beside: Form | None) -> None:
    """Refuses a flag that has no effect on data of a form, nor on what is read with the same flags beside them.

    Raises:
        FlagError: naming the first such flag, and the form.
    """
    flags = _given_flags(source)
    for name in form.unused:
        if name in flags and (beside is None or name in beside.unused):
            forms = "a table or a folder of Kaldi" if name == "recordings" else "a table"
            raise FlagError(
                f"{flags[name]}: has no effect on {form.name}, as in {path}; expected it with {forms}"
            )


def load_training(
    source: TranscriptSource,
    sample: Callable[[str], Utterances],
    validation: Path | None = None,
    validation_fraction: float = 0.1,
) -> tuple[Utterances, Utterances]:
    """Training and validation recordings.

    Validation is what is given, or else the data's own part for that, or else the recordings of some of the speakers,
    chosen by a stable hash of each, so that no speaker stands on both sides; where the hashes leave a user's data far
    from the share, the speakers are counted (see `stratified_split`). A recording whose speaker is not known goes by
    its own name, and so do all where one speaker has said them all.

    Raises:
        UserError: naming what cannot be read or cannot be trained on.
    """
    given, beside = None, None
    if validation is not None:
        path, validation_fraction = sources.expanded(validation), 0.0
        spoken = _own_data(path, source)
        given, beside = _read_part(path, spoken, source, "validation"), spoken.form
    load = partial(_load, source, sample, validation_fraction, beside=beside)
    return sources.with_validation(load, given, _TOO_FEW)


def load_evaluation(source: TranscriptSource, sample: Callable[[str], Utterances]) -> Utterances:
    """The recordings to measure on: the test part of the sample, of a data set or of own data; all of it if none.

    Where a data set has no test split, it is a part of its training data that training leaves out.

    Raises:
        UserError: naming what cannot be read.
    """
    kind = sources.located(source.data, FORMS)
    if isinstance(kind, sources.OwnFiles):
        spoken = _own_data(kind.path, source)
        _require_effect(source, kind.path, spoken.form, None)
        return _read_part(kind.path, spoken, source, "test")
    return sources.evaluation_part(partial(_load, source, sample, 0.0), _TOO_FEW)


def _load(
    source: TranscriptSource,
    sample: Callable[[str], Utterances],
    fraction: float,
    parts: Sequence[str],
    beside: Form | None = None,
) -> dict[str, Utterances]:
    match sources.located(source.data, FORMS):
        case sources.Sample():
            return {part: sample(part) for part in parts}
        case sources.OwnFiles(path):
            spoken = _own_data(path, source)
            _require_effect(source, path, spoken.form, beside)
            return _read_parts(path, spoken.parts, source, parts, fraction)
        case sources.DataSet(name):
            read, shares = partial(_read_tfds, source), {"test": _HELD_OUT_FOR_TEST, "validation": fraction}
            return sources.from_data_set(name, source.data_dir, read, _keys, shares, parts)


def _keys(utterances: Utterances) -> list[str]:
    return _divided_by(utterances.speakers, utterances.origins)


def _divided_by(speakers: Sequence[str], names: Sequence[str]) -> list[str]:
    """By what recordings are divided: the speaker, or the recording itself where that is not known or the only one."""
    if len(set(speakers)) < 2:
        return list(names)
    return [speaker or name for speaker, name in zip(speakers, names, strict=True)]


def _own_data(path: Path, source: TranscriptSource) -> SpokenData:
    columns = Columns(source.path_column, source.text_column, source.speaker_column)
    return spoken_data(path, Forms(columns, source.table, source.recordings, source.name_pattern))


def _read_parts(
    path: Path, own: Parts, source: TranscriptSource, parts: Sequence[str], fraction: float
) -> dict[str, Utterances]:
    """The given parts of a user's data: its own, or shares of its training part."""
    if not own.keys() & {"", "train"}:
        raise UserError(
            f"{path}: no part to train on, but {', '.join(own)}; expected one for train, or --data with one of them"
        )
    undivided = joined([own[part]() for part in ("", "train") if part in own])
    files = undivided.files
    keys = _divided_by([file.speaker for file in files], [file.name for file in files])
    held = held_out(keys, [""] * len(keys), 0.0 if "validation" in own else fraction)
    train, validation = (
        [file for file, is_held in zip(files, held, strict=True) if is_held is side] for side in (False, True)
    )
    chosen = {"train": SpokenFiles(train, undivided.left_out)}
    if "validation" in parts:
        chosen["validation"] = own["validation"]() if "validation" in own else SpokenFiles(validation)
    sources.require_some(str(path), {part: spoken.files for part, spoken in chosen.items()}, _TOO_FEW)
    return {part: _read(f"{path} ({part})", spoken, source) for part, spoken in chosen.items()}


def _read_part(path: Path, spoken: SpokenData, source: TranscriptSource, part: str) -> Utterances:
    """The part of a user's data, or all of it where it has no such part."""
    if part in spoken.parts:
        return _read(f"{path} ({part})", spoken.parts[part](), source)
    return _read(str(path), joined([read() for read in spoken.parts.values()]), source)


def _read(name: str, spoken: SpokenFiles, source: TranscriptSource) -> Utterances:
    texts = [_text(name, file, source) for file in spoken.files]
    recordings = (
        (partial(_decode, file), text, file.speaker, file.origin)
        for file, text in zip(spoken.files, texts, strict=True)
    )
    return _collect(name, recordings, spoken.left_out)


def _text(name: str, file: SpokenFile, source: TranscriptSource) -> str:
    """What is said in a recording, in the spelling that is asked for.

    Raises:
        UserError: nothing, or nothing but punctuation.
    """
    text = source.normalised(file.text)
    if not text and not file.reason:
        shown = (
            f"the transcript {file.text!r} has no words" if file.text.strip() else "the transcript is empty"
        )
        raise UserError(f"{name}, {file.origin}: {shown}; expected what is said in the recording")
    return text


def _decode(file: SpokenFile) -> np.ndarray:
    if file.reason:
        raise AudioError(file.name, file.reason, file.reason)
    return read_recording(file.read, file.name)


def _read_tfds(source: TranscriptSource, split: str) -> Utterances:
    from common.audio.tfds import read_transcribed_audio

    name = f"{source.data} ({split})"
    examples = read_transcribed_audio(source.data, split, source.data_dir)
    return _collect(
        name,
        (
            (
                partial(to_waveform, example.samples, example.rate, name),
                source.normalised(example.text),
                example.speaker,
                f"{split} example {number}",
            )
            for number, example in enumerate(examples)
        ),
        {},
    )


def _collect(
    name: str,
    recordings: Iterable[tuple[Callable[[], np.ndarray], str, str, str]],
    left_out: Mapping[str, int],
) -> Utterances:
    """The recordings of (function that reads the waveform, text, speaker, origin); those of no use are counted.

    Raises:
        UserError: none is of use.
    """
    counts = Counter(left_out)
    waveforms: list[np.ndarray] = []
    spoken: list[tuple[str, str, str]] = []
    for read, text, speaker, origin in recordings:
        try:
            waveform = read()
        except AudioError as error:
            counts[error.reason] += 1
            continue
        if not text:
            counts["empty transcript"] += 1
            continue
        waveforms.append(waveform)
        spoken.append((text, speaker, origin))
    texts, speakers, origins = ([one[place] for one in spoken] for place in range(3))
    return sources.require_usable(Utterances(name, waveforms, texts, speakers, origins, counts), "recording")
