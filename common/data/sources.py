"""Where examples come from, alike in every application: the sample, a data set of tensorflow-datasets, or own files.

`kind_of` tells which of them a value of `--data` names, by one rule. The rest is what every kind of examples needs: its
parts, with held-out shares for those that the data lacks, and a count of what was left out and why.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np

from common.data import tfds
from common.data.labels import MOST_LABELS_SHOWN
from common.data.splits import stable_split, stratified_split
from common.errors import UserError

SAMPLE = "sample"
ENDINGS = (
    *(".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".xls", ".ods"),
    *(".npy", ".npz", ".xml"),
    *(".txt", ".text", ".md", ".rst", ".tex", ".log", ".html", ".htm", ".py"),
    *(".gz", ".xz", ".bz2", ".zst", ".zip", ".7z", ".tar", ".tgz", ".txz", ".tbz2"),
    *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".mp4", ".mid", ".midi"),
    *(".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"),
)
"""How names of files end that some application reads, or that people try; no data set's name ends so."""

_SPLITS = {"train": ("train",), "validation": ("validation", "val", "dev"), "test": ("test",)}


@dataclass(frozen=True)
class Sample:
    """The examples that the project makes or ships."""


@dataclass(frozen=True)
class DataSet:
    """A data set of tensorflow-datasets."""

    name: str


@dataclass(frozen=True)
class OwnFiles:
    """A user's file or folder, be it there or not; `~` is expanded."""

    path: Path


Kind = Sample | DataSet | OwnFiles


def kind_of(data: str) -> Kind:
    """What a value of `--data` names.

    What exists as a path is a path; what begins with `.`, `/` or `~` or ends like a file is meant as one; the rest is a
    data set's name. `sample` is the sample; a file or folder of that name is given as ./sample.

    >>> kind_of("sample"), kind_of("glue/sst2"), kind_of("./reviews")
    (Sample(), DataSet(name='glue/sst2'), OwnFiles(path=PosixPath('reviews')))
    """
    if data == SAMPLE:
        return Sample()
    path = expanded(data)
    is_path = is_meant_as_path(data) or (data != "" and os.path.exists(path))
    return OwnFiles(path) if is_path else DataSet(data)


def is_meant_as_path(data: str) -> bool:
    """Whether a value of `--data` names a path wherever it is read, be anything there or not."""
    return data.startswith((".", "/", "~")) or data.lower().endswith(ENDINGS)


def expanded(path: str | Path) -> Path:
    """The path with `~` made the home folder; left as it is where there is no such user."""
    return Path(os.path.expanduser(path))


def located(data: str, expected: str) -> Kind:
    """What a value of `--data` names.

    Args:
        data: the value.
        expected: the kinds of files that are read, for the message.

    Raises:
        UserError: it is meant as a path, and nothing is there.
    """
    kind = kind_of(data)
    if isinstance(kind, OwnFiles) and not os.path.exists(kind.path):
        raise UserError(f"--data {data}: no such file or folder; expected {expected}")
    return kind


class Examples(Protocol):
    """Examples of any kind: a dataclass with one sequence per field beside `name` and `left_out`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str:
        """What they are called in messages and reports."""

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many could not be used, by reason."""

    def __len__(self) -> int: ...

    def select(self, indices: Sequence[int]) -> Self:
        """Those of the given indices, in their order."""


class LabelledExamples(Examples, Protocol):
    """Examples of classes."""

    @property
    def labels(self) -> Sequence[str]:
        """The class of each."""


E = TypeVar("E", bound=Examples)
L = TypeVar("L", bound=LabelledExamples)


def select(examples: E, indices: Sequence[int]) -> E:
    """The examples of the given indices, in their order."""
    names = [field.name for field in fields(examples) if field.name not in ("name", "left_out")]
    return replace(examples, **{name: _taken(getattr(examples, name), indices) for name in names})


def _taken(values: Any, indices: Sequence[int]) -> Any:
    return values[list(indices)] if isinstance(values, np.ndarray) else [values[index] for index in indices]


def divide(
    examples: E, keys: Sequence[str], shares: Mapping[str, float], parts: Sequence[str]
) -> dict[str, E]:
    """The examples of the given parts, chosen by a stable hash of each example's key (see `stable_split`).

    Args:
        examples: to be divided.
        keys: one for each; examples of equal keys fall into the same part.
        shares: of all parts; their order matters.
        parts: those that are wanted.
    """
    part_of = stable_split(keys, shares)
    if set(part_of) == set(parts) == {"train"}:
        return {"train": examples}
    return {
        part: examples.select([index for index, one in enumerate(part_of) if one == part]) for part in parts
    }


def divide_by_class(examples: L, keys: Sequence[str], share: float) -> dict[str, L]:
    """The examples for training and for validation: a share of each class (see `stratified_split`).

    Args:
        examples: to be divided.
        keys: one for each; examples of equal keys fall into the same part.
        share: for validation.
    """
    held = stratified_split(keys, examples.labels, share)
    parts = {"train": False, "validation": True}
    return {
        part: examples.select([index for index, one in enumerate(held) if one == is_held])
        for part, is_held in parts.items()
    }


def with_rest(held_out: Mapping[str, float]) -> dict[str, float]:
    """The shares that are held out, and the rest for training."""
    return {**held_out, "train": 1 - sum(held_out.values())}


def from_data_set(
    name: str,
    data_dir: Path | None,
    read: Callable[[str], E],
    keys: Callable[[E], Sequence[str]],
    held_out: Mapping[str, float],
    parts: Sequence[str],
) -> dict[str, E]:
    """The given parts of a data set: its own splits, and shares of its training split for the parts that it lacks.

    Where no split is called `train`, the first whose name begins with train_ is that, and so for the other parts: of
    librispeech, train_clean100, dev_clean and test_clean.

    Args:
        name: of the data set.
        data_dir: folder of prepared data sets.
        read: from the name of a split to its examples.
        keys: of the training examples, by which they are divided.
        held_out: the share of each part that is held out where the data set lacks it, wanted or not.
        parts: those that are wanted.

    Raises:
        UserError: the data set is unknown, or it is neither prepared nor can be downloaded.
    """
    there = tfds.splits_of(name, data_dir)
    own = {part: _split_for(names, there) for part, names in _SPLITS.items()}
    missing = {part: share for part, share in held_out.items() if own[part] is None}
    loaded = {part: read(split) for part in parts if part != "train" and (split := own[part]) is not None}
    rest = [part for part in parts if part not in loaded]
    if rest:
        train = read(own["train"] or "train")
        loaded |= divide(train, keys(train), with_rest(missing), rest)
    return loaded


def _split_for(names: Sequence[str], there: Sequence[str]) -> str | None:
    """The first split of one of the names; in data sets without a split `train`, also the first that begins so."""
    split = next((name for name in names if name in there), None)
    if split is not None or "train" in there:
        return split
    return next((one for name in names for one in sorted(there) if one.startswith(f"{name}_")), None)


def with_validation(
    load: Callable[[Sequence[str]], Mapping[str, E]], validation: E | None, too_few: str
) -> tuple[E, E]:
    """Training and validation examples.

    Args:
        load: from the wanted parts to their examples.
        validation: the examples to validate on, where the user gives them.
        too_few: as of `require_some`.

    Raises:
        UserError: one of the two would be empty.
    """
    loaded = load(("train", "validation") if validation is None else ("train",))
    require_some(loaded["train"].name, loaded, too_few)
    return loaded["train"], loaded["validation"] if validation is None else validation


def evaluation_part(load: Callable[[Sequence[str]], Mapping[str, E]], too_few: str) -> E:
    """The examples to test on, loaded as `with_validation` has it.

    Raises:
        UserError: there are none.
    """
    loaded = load(("test",))
    require_some(loaded["test"].name, loaded, too_few)
    return loaded["test"]


def require_some(name: str, parts: Mapping[str, Sized], too_few: str) -> None:
    """Refuses a part without examples.

    Args:
        name: of the data.
        parts: their examples.
        too_few: what is said after the number of all examples, with `{part}` for the name of the empty part.

    Raises:
        UserError: a part is empty.
    """
    empty = next((part for part, examples in parts.items() if not len(examples)), None)
    if empty is not None:
        raise UserError(f"{name}: {sum(map(len, parts.values())):,} {too_few.format(part=empty)}")


def leave_out(examples: E, reasons: Sequence[str], noun: str) -> E:
    """The examples whose reason is empty; the others are counted by their reasons.

    Args:
        examples: to choose from.
        reasons: one for each.
        noun: what one of them is called, for the message.

    Raises:
        UserError: none remains.
    """
    counts = Counter(examples.left_out) + Counter(reason for reason in reasons if reason)
    usable = examples.select([index for index, reason in enumerate(reasons) if not reason])
    return require_usable(replace(usable, left_out=counts), noun)


def require_usable(examples: E, noun: str, hint: str = "") -> E:
    """The examples.

    Raises:
        UserError: there are none; it tells what was left out and why, and the hint.
    """
    if not len(examples):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in examples.left_out.items() if count)
        raise UserError(f"{examples.name}: no {noun} can be used ({reasons or 'there are none'}){hint}")
    return examples


def left_out_text(left_out: Mapping[str, int]) -> str:
    """What was left out and why, to be put behind a description.

    >>> left_out_text({"empty text": 2, "no label": 0})
    '; 2 left out: empty text'
    """
    return "".join(f"; {count:,} left out: {reason}" for reason, count in left_out.items() if count)


def label_counts(labels: Sequence[str]) -> str:
    """How many examples each label has, of the first dozen labels.

    >>> label_counts(["yes", "no", "yes"])
    '1 no, 2 yes'
    """
    counts = sorted(Counter(labels).items())
    shown = [f"{count:,} {label}" for label, count in counts[:MOST_LABELS_SHOWN]]
    return ", ".join([*shown, "..."] if len(counts) > MOST_LABELS_SHOWN else shown)
