"""Running text from any source: a file, a folder of files, a TFDS name, or Python's own source code as the sample."""

import sysconfig
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Literal

from common.errors import UserError
from common.text.files import read_text_file

SAMPLE = "sample"
FRACTIONS = {"train": 0.90, "validation": 0.05, "test": 0.05}
Part = Literal["all", "train", "validation", "test"]

# Modules of pure Python that every supported release has, about a million characters together.
_SAMPLE_MODULES = """
    argparse ast bisect calendar cmd codecs configparser contextlib copy csv dataclasses difflib enum fnmatch fractions
    functools getopt glob gzip heapq inspect ipaddress linecache mimetypes operator pathlib pprint queue random sched
    shlex shutil socket statistics string subprocess tempfile textwrap threading timeit tokenize trace uuid weakref
"""


@dataclass(frozen=True)
class RawTextSource:
    """Where running text comes from."""

    data: str = SAMPLE
    """`sample` (source code of Python's own library), a TFDS name (tiny_shakespeare), a text file (.gz too), or a
    folder."""
    glob: str = "*.txt"
    """Which files of a folder are read, in its subfolders too, in the order of their paths."""
    data_dir: Path | None = None
    """Folder of prepared TFDS data sets; TFDS's own default unless given."""


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


def load_training(source: RawTextSource, validation: Path | None = None) -> tuple[RawText, RawText]:
    """The text to train on, and the text to validate on.

    A data set of TFDS has parts of its own. A user's text with a file to validate on is all for training; any other is
    cut into 90 % for training, 5 % for validation and 5 % held out for the test, each in one piece. A file to validate
    on takes the place of the part for that.

    Raises:
        UserError: a part is empty, or a file cannot be read.
    """
    is_users = source.data != SAMPLE and not _is_tfds(source)
    train = _whole(source) if is_users and validation else _part(source, "train")
    held_out = read_text(validation) if validation else _part(source, "validation")
    for text in (train, held_out):
        if not text.text:
            raise UserError(f"{text.name}: no text; give more, or a file to validate on with --validation")
    return train, held_out


def load_evaluation(source: RawTextSource, part: Part | None = None) -> RawText:
    """The text to measure on: the given part; else the test part of the sample or a data set, all of a user's files."""
    part = part or ("test" if source.data == SAMPLE or _is_tfds(source) else "all")
    found = _part(source, part)
    if not found.text:
        raise UserError(f"{found.name}: no text")
    return found


def split(whole: RawText) -> dict[str, RawText]:
    """Cuts a text into contiguous parts, sized as `FRACTIONS` says."""
    ends = [round(len(whole) * share) for share in accumulate(FRACTIONS.values())]
    starts = [0, *ends[:-1]]
    return {
        part: RawText(f"{whole.name} ({part})", whole.text[start:end])
        for part, start, end in zip(FRACTIONS, starts, ends, strict=True)
    }


def read_text(path: Path) -> RawText:
    """A file (.gz too) as text: UTF-8, a byte order mark dropped, line ends made `\\n`.

    Raises:
        UserError: there is no such file, or it is not UTF-8.
    """
    text = read_text_file(path)
    return RawText(str(path), text.replace("\r\n", "\n").replace("\r", "\n"))


def _part(source: RawTextSource, part: Part) -> RawText:
    if not _is_tfds(source):
        whole = _whole(source)
        return whole if part == "all" else split(whole)[part]
    if part == "all":
        raise UserError(f"--part all: {source.data} comes in parts; expected train, validation or test")
    return _read_tfds(source, part)


def _whole(source: RawTextSource) -> RawText:
    if source.data == SAMPLE:
        return RawText(SAMPLE, sample_text())
    path = Path(source.data).expanduser()
    if not path.is_dir():
        return read_text(path)
    files = sorted(file for file in path.rglob(source.glob) if file.is_file())
    if not files:
        raise UserError(f"{path}: no file matches --glob {source.glob!r}")
    return RawText(str(path), "\n".join(read_text(file).text for file in files))


def sample_text() -> str:
    """The source code of some forty modules of the standard library of this Python, one after another."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = [folder / f"{module}.py" for module in _SAMPLE_MODULES.split()]
    texts = [read_text(file).text for file in files if file.is_file()]
    if not texts:
        raise UserError(
            f"--data sample: no source code of the standard library in {folder}; give a file with --data"
        )
    return "\n".join(texts)


def _is_tfds(source: RawTextSource) -> bool:
    path = Path(source.data).expanduser()
    return source.data != SAMPLE and not path.exists() and not path.suffix and len(path.parts) <= 2


def _read_tfds(source: RawTextSource, part: str) -> RawText:
    from common.text.tfds import read_raw_text

    text = read_raw_text(source.data, part, source.data_dir)
    return RawText(f"{source.data} ({part})", text)
