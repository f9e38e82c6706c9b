"""Running text from any source: the application's sample, a data set's name, a user's file or a folder of files."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Literal

from common.data.sources import SAMPLE, DataSet, OwnFiles, Sample, kind_of, located
from common.errors import UserError
from common.text.files import TEXT_FILE, UTF_8, read_text_file, require_encoding

FRACTIONS = {"train": 0.90, "validation": 0.05, "test": 0.05}
Part = Literal["all", "train", "validation", "test"]
Reader = Callable[[Path, str], "RawText"]
"""Reads a file in an encoding."""


@dataclass(frozen=True)
class RawTextSource:
    """Where running text comes from."""

    data: str = SAMPLE
    """`sample` (text that is on every machine), a data set's name (tiny_shakespeare), a text file (.gz too), or a
    folder. What exists as a path is a path; what begins with ., / or ~ or ends like a file (.csv, .txt, .tar.gz) is
    meant as one; the rest is a data set's name."""
    glob: str = "*.txt"
    """Which files of a folder are read, in its subfolders too, in the order of their paths."""
    data_dir: Path | None = None
    """Folder of prepared TFDS data sets; TFDS's own default unless given."""
    encoding: str = UTF_8
    """Encoding of text files: utf-8, utf-16, cp1252 (Windows), latin-1 or another that Python knows."""

    def __post_init__(self) -> None:
        require_encoding(self.encoding)


@dataclass(frozen=True)
class RawText:
    """A text and what it is called."""

    name: str
    text: str

    def __len__(self) -> int:
        return len(self.text)

    def describe(self) -> str:
        """One line: how much text of how many different characters."""
        return f"{self.name}: {len(self):,} characters, {len(set(self.text))} different ones"


def load_training(
    source: RawTextSource,
    sample: Callable[[Part], RawText],
    validation: Path | None = None,
    read: Reader | None = None,
) -> tuple[RawText, RawText]:
    """The text to train on, and the text to validate on.

    A data set has parts of its own. A user's text with a file to validate on is all for training; any other is cut as
    `split` has it, one part being held out for the test. A file to validate on takes the place of the part for that.

    Args:
        source: where the text comes from.
        sample: of the application, by part.
        validation: the file to validate on.
        read: reads a file, where it is more than its text; `read_text` unless given.

    Raises:
        UserError: a part is empty, or a file cannot be read.
    """
    is_whole = validation is not None and isinstance(kind_of(source.data), OwnFiles)
    read = read or read_text
    train = _load(source, sample, "all" if is_whole else "train", read)
    held_out = read(validation, source.encoding) if validation else _load(source, sample, "validation", read)
    for text in (train, held_out):
        if not text.text:
            raise UserError(f"{text.name}: no text; give more, or a file to validate on with --validation")
    return train, held_out


def load_evaluation(
    source: RawTextSource,
    sample: Callable[[Part], RawText],
    part: Part | None = None,
    read: Reader | None = None,
) -> RawText:
    """The text to measure on: the given part; else the test part of the sample or a data set, all of a user's files.

    Args:
        source: where the text comes from.
        sample: of the application, by part.
        part: which one.
        read: as of `load_training`.

    Raises:
        UserError: it is empty, or a file cannot be read.
    """
    part = part or ("all" if isinstance(kind_of(source.data), OwnFiles) else "test")
    measured = _load(source, sample, part, read or read_text)
    if not measured.text:
        raise UserError(f"{measured.name}: no text")
    return measured


def part_of(whole: RawText, part: Part) -> RawText:
    """One part of a text as `split` cuts it, or all of it."""
    return whole if part == "all" else split(whole)[part]


def split(whole: RawText) -> dict[str, RawText]:
    """Cuts a text into contiguous parts, sized as `FRACTIONS` says."""
    ends = [round(len(whole) * share) for share in accumulate(FRACTIONS.values())]
    starts = [0, *ends[:-1]]
    return {
        part: RawText(f"{whole.name} ({part})", whole.text[start:end])
        for part, start, end in zip(FRACTIONS, starts, ends, strict=True)
    }


def read_text(path: Path, encoding: str = UTF_8) -> RawText:
    """A file (.gz too) as text: a byte order mark dropped, line ends made `\\n`.

    Raises:
        UserError: there is no such file, or it is not in the encoding.
    """
    text = read_text_file(path, encoding=encoding)
    return RawText(str(path), text.replace("\r\n", "\n").replace("\r", "\n"))


def _load(source: RawTextSource, sample: Callable[[Part], RawText], part: Part, read: Reader) -> RawText:
    match located(source.data, f"{TEXT_FILE} or a folder of them"):
        case Sample():
            return sample(part)
        case OwnFiles(path):
            whole = _read_files(path, source, read) if path.is_dir() else read(path, source.encoding)
            return part_of(whole, part)
        case DataSet(name):
            if part == "all":
                raise UserError(f"--part all: {name} comes in parts; expected train, validation or test")
            from common.text.tfds import read_raw_text

            return RawText(f"{name} ({part})", read_raw_text(name, part, source.data_dir))


def _read_files(folder: Path, source: RawTextSource, read: Reader) -> RawText:
    files = sorted(file for file in folder.rglob(source.glob) if file.is_file())
    if not files:
        raise UserError(f"{folder}: no file matches --glob {source.glob!r}")
    return RawText(str(folder), "\n".join(read(file, source.encoding).text for file in files))
