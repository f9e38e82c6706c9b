"""Labelled texts from any source: the application's sample, a TFDS name, a user's file or folders."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from common.data import labels as labels_module
from common.data.splits import stable_split
from common.errors import UserError
from common.text.tables import Row, read_columns, read_folders

SAMPLE = "sample"


@dataclass(frozen=True)
class TextSource:
    """Where labelled texts come from."""

    data: str = SAMPLE
    """`sample` (shipped), a TFDS name (imdb_reviews), a CSV or TSV (.gz too), or a folder with a folder per label."""
    text_column: str = "text"
    """Column of a CSV or TSV that holds the text."""
    label_column: str = "label"
    """Column of a CSV or TSV that holds the label."""
    label_map: tuple[str, ...] = ()
    """Names for the labels in the data, as VALUE=NAME (0=negative 1=positive)."""
    data_dir: Path | None = None
    """Folder of prepared TFDS data sets; TFDS's own default unless given."""


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
        texts, labels, origins = (
            [values[index] for index in indices] for values in (self.texts, self.labels, self.origins)
        )
        return replace(self, texts=texts, labels=labels, origins=origins)

    def describe(self) -> str:
        """One line: how many examples of which labels, and what was left out."""
        counts = Counter(self.labels)
        shown = ", ".join(f"{count:,} {label}" for label, count in sorted(counts.items())[:12])
        dropped = "".join(
            f"; {count:,} left out: {reason}" for reason, count in self.left_out.items() if count
        )
        return f"{self.name}: {len(self):,} examples ({shown}{', ...' if len(counts) > 12 else ''}){dropped}"


def load_training(
    source: TextSource, sample: Path, validation: Path | None = None, validation_fraction: float = 0.1
) -> tuple[LabelledTexts, LabelledTexts]:
    """Training and validation examples.

    Validation is the given file, or else a part of the training data chosen by a stable hash of each text, so that
    equal texts never stand on both sides. The sample's test part is kept out of both.
    """
    if source.data == SAMPLE:
        return _sample_split(source, sample, "train"), _sample_split(source, sample, "validation")
    examples = _load(source, "train")
    if validation is not None:
        return examples, _load(replace(source, data=str(validation)), "validation")
    parts = stable_split(
        examples.texts, {"train": 1 - validation_fraction, "validation": validation_fraction}
    )
    train, held_out = (_part(examples, parts, name) for name in ("train", "validation"))
    if not len(held_out):
        raise UserError(
            f"{examples.name}: {len(examples)} examples are too few to hold any out for validation; give more, "
            "or a file with --validation"
        )
    return train, held_out


def load_evaluation(source: TextSource, sample: Path) -> LabelledTexts:
    """The examples to measure on: the sample's test part, a data set's test split, or all of a user's file."""
    return _sample_split(source, sample, "test") if source.data == SAMPLE else _load(source, "test")


def label_indices(examples: LabelledTexts, labels: Sequence[str]) -> list[int]:
    """The index of each example's label among the model's.

    Raises:
        UserError: naming the file and row of a label that the model does not know.
    """
    return labels_module.label_indices(examples, labels, "name them with --label-map VALUE=NAME")


def _sample_split(source: TextSource, sample: Path, part: str) -> LabelledTexts:
    examples = _collect(source, SAMPLE, read_columns(sample, ("text", "label")))
    fractions = {"train": 0.8, "validation": 0.1, "test": 0.1}
    return _part(examples, stable_split(examples.texts, fractions), part)


def _part(examples: LabelledTexts, parts: Sequence[str], name: str) -> LabelledTexts:
    return examples.select([index for index, part in enumerate(parts) if part == name])


def _load(source: TextSource, split: str) -> LabelledTexts:
    path = Path(source.data).expanduser()
    if path.is_dir():
        inner = path / ("train" if split == "train" else "test")
        folder = inner if inner.is_dir() else path
        # aclImdb's train folder holds unlabelled reviews under `unsup`.
        labels = sorted(child.name for child in folder.iterdir() if child.is_dir() and child.name != "unsup")
        return _collect(source, str(folder), read_folders(folder, labels))
    if path.is_file() or path.suffix or len(path.parts) > 2:
        return _collect(source, str(path), read_columns(path, (source.text_column, source.label_column)))
    from common.text.tfds import read_labelled_text

    return _collect(source, source.data, read_labelled_text(source.data, split, source.data_dir))


def _collect(source: TextSource, name: str, rows: Sequence[Row]) -> LabelledTexts:
    names = parse_label_map(source.label_map)
    reasons = [
        "empty text" if not row.values[0].strip() else "no label" if not row.values[1].strip() else ""
        for row in rows
    ]
    kept = [row for row, reason in zip(rows, reasons, strict=True) if not reason]
    if not kept:
        raise UserError(f"{name}: none of the {len(rows):,} rows has both a text and a label")
    labels = [names.get(row.values[1].strip(), row.values[1].strip()) for row in kept]
    left_out = Counter(reason for reason in reasons if reason)
    return LabelledTexts(
        name, [row.values[0] for row in kept], labels, [row.origin for row in kept], left_out
    )


def parse_label_map(entries: Sequence[str]) -> dict[str, str]:
    """`("0=negative", "1=positive")` -> {"0": "negative", "1": "positive"}."""
    for entry in entries:
        if not all(part.strip() for part in entry.partition("=")[::2]):
            raise UserError(f"--label-map {entry}: expected VALUE=NAME, such as 0=negative")
    return {entry.partition("=")[0].strip(): entry.partition("=")[2].strip() for entry in entries}
