"""Labelled texts from any source: the application's sample, a data set's name, a user's file or folders."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from common.data import labels as labels_module
from common.data import sources
from common.data.sources import SAMPLE
from common.errors import UserError
from common.text.tables import KINDS, Row, Table, TableFormat, read_folders, without_missing

_FILES = f"{KINDS}, or a folder with a folder of .txt files per label"
_TOO_FEW = "examples are too few to hold any out for {part}; give more, or a file with --validation"


@dataclass(frozen=True)
class TextSource:
    """Where labelled texts come from."""

    data: str = SAMPLE
    """`sample` (shipped), a data set's name (imdb_reviews), a CSV, TSV or JSON lines (.gz too), a Parquet file, or a
    folder with a folder per label. What exists as a path is a path; what begins with ., / or ~ or ends like a file
    (.csv, .txt, .tar.gz) is meant as one; the rest is a data set's name."""
    text_column: str = "text"
    """Column of a table that holds the text, by its name; or, as the label's, by its number from 1 in a CSV or TSV
    without a header."""
    label_column: str = "label"
    """Column of a table that holds the label. One that is empty, NaN, null or the like is missing, unless --label-map
    names it."""
    label_map: tuple[str, ...] = ()
    """Names for the labels in the data, as VALUE=NAME (0=negative 1=positive)."""
    data_dir: Path | None = None
    """Folder of prepared TFDS data sets; TFDS's own default unless given."""
    table: TableFormat = field(default_factory=TableFormat)
    """How files are written."""


@dataclass(frozen=True)
class LabelledTexts:
    """Texts, their labels, where each came from, and what was left out on the way."""

    name: str
    texts: Sequence[str]
    labels: Sequence[str]
    origins: Sequence[str]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, indices: Sequence[int]) -> "LabelledTexts":
        """The examples of the given indices, in their order."""
        return sources.select(self, indices)

    def describe(self) -> str:
        """One line: how many examples of which labels, and what was left out."""
        labels, left_out = sources.label_counts(self.labels), sources.left_out_text(self.left_out)
        return f"{self.name}: {len(self):,} examples ({labels}){left_out}"


def load_training(
    source: TextSource,
    sample: Callable[[str], LabelledTexts],
    validation: Path | None = None,
    validation_fraction: float = 0.1,
) -> tuple[LabelledTexts, LabelledTexts]:
    """Training and validation examples.

    Validation is the given file, or else the sample's own part for that, or else a part of the training data. Of a
    user's files that is a share of each class (see `stratified_split`), of a data set what a stable hash of each text
    chooses; equal texts never stand on both sides.

    Raises:
        UserError: naming what cannot be read or cannot be trained on.
    """

    def load(parts: Sequence[str]) -> Mapping[str, LabelledTexts]:
        if source.data == SAMPLE or "validation" not in parts:
            return {part: _load(source, sample, part) for part in parts}
        examples = _load(source, sample, "train")
        if isinstance(sources.kind_of(source.data), sources.OwnFiles):
            return sources.divide_by_class(examples, examples.texts, validation_fraction)
        shares = {"train": 1 - validation_fraction, "validation": validation_fraction}
        return sources.divide(examples, examples.texts, shares, parts)

    given = None if validation is None else _read_own(source, sources.expanded(validation), "validation")
    return sources.with_validation(load, given, _TOO_FEW)


def load_evaluation(source: TextSource, sample: Callable[[str], LabelledTexts]) -> LabelledTexts:
    """The examples to measure on: the sample's test part, a data set's test split, or all of a user's file.

    Raises:
        UserError: naming what cannot be read.
    """
    return _load(source, sample, "test")


def collect(name: str, rows: Sequence[Row], left_out: Mapping[str, int] | None = None) -> LabelledTexts:
    """The texts and labels of rows of the two; those that lack one are left out and counted.

    Args:
        name: of them all.
        rows: a text and a label in each.
        left_out: what was left out before.

    Raises:
        UserError: none has both.
    """
    texts, labels = ([row.values[side] for row in rows] for side in (0, 1))
    examples = LabelledTexts(
        name, texts, [label.strip() for label in labels], [row.origin for row in rows], left_out or {}
    )
    reasons = [
        "empty text" if not text.strip() else "no label" if not label.strip() else ""
        for text, label in zip(texts, labels, strict=True)
    ]
    return sources.leave_out(examples, reasons, "example")


def label_indices(examples: LabelledTexts, labels: Sequence[str]) -> list[int]:
    """The index of each example's label among the model's.

    Raises:
        UserError: naming the file and row of a label that the model does not know.
    """
    return labels_module.label_indices(examples, labels, "name them with --label-map VALUE=NAME")


def parse_label_map(entries: Sequence[str]) -> dict[str, str]:
    """`("0=negative", "1=positive")` -> {"0": "negative", "1": "positive"}."""
    for entry in entries:
        if not all(part.strip() for part in entry.partition("=")[::2]):
            raise UserError(f"--label-map {entry}: expected VALUE=NAME, such as 0=negative")
    return {entry.partition("=")[0].strip(): entry.partition("=")[2].strip() for entry in entries}


def _load(source: TextSource, sample: Callable[[str], LabelledTexts], part: str) -> LabelledTexts:
    match sources.located(source.data, _FILES):
        case sources.Sample():
            return _renamed(sample(part), source)
        case sources.OwnFiles(path):
            return _read_own(source, path, part)
        case sources.DataSet(name):
            from common.text.tfds import read_labelled_text

            return _renamed(collect(name, read_labelled_text(name, part, source.data_dir)), source)


def _read_own(source: TextSource, path: Path, part: str) -> LabelledTexts:
    """A table; or a folder with a folder per label, or the part of it where there are folders for parts."""
    if not path.is_dir():
        return _renamed(_read_table(source, path), source)
    inner = path / ("train" if part == "train" else "test")
    folder = inner if inner.is_dir() else path
    # aclImdb's train folder holds unlabelled reviews under `unsup`.
    labels = sorted(child.name for child in folder.iterdir() if child.is_dir() and child.name != "unsup")
    return _renamed(collect(str(folder), read_folders(folder, labels, source.table.encoding)), source)


def _read_table(source: TextSource, path: Path) -> LabelledTexts:
    columns, flags = (source.text_column, source.label_column), ("--text-column", "--label-column")
    table, named = Table(path, columns, source.table, flags), parse_label_map(source.label_map)
    rows = []
    for row in table:
        text, label = row.values
        rows.append(Row((text, label if label.strip() in named else without_missing(label)), row.origin))
    return collect(str(path), rows, table.left_out)


def _renamed(examples: LabelledTexts, source: TextSource) -> LabelledTexts:
    names = parse_label_map(source.label_map)
    return replace(examples, labels=[names.get(label, label) for label in examples.labels])
