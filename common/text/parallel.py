"""Pairs of texts from any source: the application's sample, a data set's name, a table, two line-aligned files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

from common.checks import AtLeast, check_ranges
from common.data import sources
from common.data.sources import SAMPLE
from common.errors import UserError
from common.text.tables import KINDS, Row, Table, TableFormat, read_lines

_TABLE = f"{KINDS} of pairs"
_TOO_FEW = "pairs are too few to hold any out for {part}; give more, or files with --validation"
_HELD_OUT_FOR_TEST = 0.02


@dataclass(frozen=True)
class PairSource:
    """Where pairs of texts come from, and in which direction they are translated."""

    data: str = SAMPLE
    """`sample` (made by the application), a data set's name (ted_hrlr_translate/pt_to_en), or a CSV, TSV,
    JSON lines (.gz too) or Parquet file of pairs; not needed where --source and --target are files. What exists as a
    path is a path; what begins with ., / or ~ or ends like a file (.csv, .txt, .tar.gz) is meant as one; the rest is a
    data set's name."""
    source: str = "en"
    """The side to translate from: a language of the sample or of a TFDS data set (en), a column of a table by its name
    in the header, or by its number from 1 in a CSV or TSV without one, or a file of one text per line (.gz too)."""
    target: str = "de"
    """The side to translate to, given like --source; line n of a file belongs to line n of the other."""
    pairs: Annotated[int, AtLeast(1)] | None = None
    """Pairs to train on: how many of the sample are made (20,000 unless given); of other data, the most that are
    used."""
    data_dir: Path | None = None
    """Folder of prepared TFDS data sets; TFDS's own default unless given."""
    table: TableFormat = field(default_factory=TableFormat)
    """How files are written."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.source == self.target:
            raise UserError(f"--source and --target are both {self.source}; expected the two sides of a pair")


@dataclass(frozen=True)
class Pairs:
    """Texts and their translations, where each pair came from, and what was left out on the way."""

    name: str
    sources: Sequence[str]
    targets: Sequence[str]
    origins: Sequence[str]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sources)

    def select(self, indices: Sequence[int]) -> "Pairs":
        """The pairs of the given indices, in their order."""
        return sources.select(self, indices)

    def leave_out(self, reasons: Sequence[str]) -> "Pairs":
        """The pairs whose reason is empty; the others are counted by their reasons.

        Raises:
            UserError: none remains.
        """
        return sources.leave_out(self, reasons, "pair")

    def describe(self) -> str:
        """One line: how many pairs, and what was left out."""
        return f"{self.name}: {len(self):,} pairs{sources.left_out_text(self.left_out)}"


def load_training(
    source: PairSource,
    sample: Callable[[str], Pairs],
    validation: Sequence[Path] = (),
    validation_fraction: float = 0.02,
) -> tuple[Pairs, Pairs]:
    """Training and validation pairs.

    Validation is the given table or the two given line-aligned files, or else the data set's own validation split, or
    else a part of the training data chosen by a stable hash of each source text, so that equal source texts never stand
    on both sides.

    Raises:
        UserError: naming what cannot be read or cannot be trained on.
    """
    given = _read_validation(source, validation) if validation else None
    load = partial(_load, source, sample, 0.0 if validation else validation_fraction)
    return sources.with_validation(load, given, _TOO_FEW)


def load_evaluation(source: PairSource, sample: Callable[[str], Pairs]) -> Pairs:
    """The pairs to measure on: the sample's test part, a data set's test split, or all of a user's files.

    Where a data set has no test split, it is a part of its training data that training leaves out.

    Raises:
        UserError: naming what cannot be read.
    """
    own = _read_own(source)
    if own is not None:
        return own
    return sources.evaluation_part(partial(_load, source, sample, 0.0), _TOO_FEW)


def require_same_direction(asked: PairSource, source: str, target: str) -> None:
    """Refuses the sides of a training the wrong way round, which would only look like a bad model.

    Args:
        asked: the sides as they are given now.
        source: what the training called the side it translates from: a language, a column or a file.
        target: the side it translates to.

    Raises:
        UserError: the sides are exchanged.
    """
    given, learnt = ([Path(side).name for side in sides] for sides in (_sides(asked), (source, target)))
    if given == learnt[::-1]:
        raise UserError(
            f"--source {asked.source} --target {asked.target}: this model translates from {learnt[0]} to {learnt[1]}"
        )


def collect(name: str, rows: Sequence[Row], left_out: Mapping[str, int] | None = None) -> Pairs:
    """The pairs of rows of the two texts; those with an empty side are left out and counted.

    Args:
        name: of them all.
        rows: a text and its translation in each.
        left_out: what was left out before.

    Raises:
        UserError: none remains.
    """
    texts, translations = ([row.values[side] for row in rows] for side in (0, 1))
    pairs = Pairs(name, texts, translations, [row.origin for row in rows], left_out or {})
    return pairs.leave_out([_empty_side(*row.values) for row in rows])


def _load(
    source: PairSource, sample: Callable[[str], Pairs], fraction: float, parts: Sequence[str]
) -> dict[str, Pairs]:
    own = _read_own(source)
    if own is not None:
        divided = sources.divide(own, own.sources, sources.with_rest({"validation": fraction}), parts)
        return {**divided, "train": _thinned(divided["train"], source.pairs)}
    if source.data == SAMPLE:
        return {part: sample(part) for part in parts}
    from common.text.tfds import read_pairs

    def read(split: str) -> Pairs:
        most = source.pairs if split == "train" else None
        return collect(source.data, read_pairs(source.data, _sides(source), split, source.data_dir, most))

    held_out = {"test": _HELD_OUT_FOR_TEST, "validation": fraction}
    return sources.from_data_set(
        source.data, source.data_dir, read, lambda pairs: pairs.sources, held_out, parts
    )


def _thinned(pairs: Pairs, most: int | None) -> Pairs:
    """At most so many of the pairs, from all over them."""
    if most is None or most >= len(pairs):
        return pairs
    return pairs.select([number * len(pairs) // most for number in range(most)])


def _sides(source: PairSource) -> tuple[str, str]:
    return source.source, source.target


def _are_files(source: PairSource) -> bool:
    """Whether the sides are files.

    Raises:
        UserError: one of them is, the other is not.
    """
    if source.data != SAMPLE:
        return False
    sides = [sources.expanded(side) for side in _sides(source)]
    are = [side.is_file() or bool(side.suffix) or len(side.parts) > 1 for side in sides]
    if any(are) and not all(are):
        raise UserError(
            f"--source {source.source} --target {source.target}: expected two files, or two languages of the sample"
        )
    return all(are)


def _read_validation(source: PairSource, validation: Sequence[Path]) -> Pairs:
    files = [sources.expanded(path) for path in validation]
    if len(files) == 2:
        return _read_aligned(files, source.table.encoding)
    if len(files) == 1 and not _are_files(source):
        return _read_table(files[0], source)
    raise UserError(
        f"--validation {' '.join(map(str, validation))}: expected a table with the columns of --source and --target, "
        "or a file of source texts and one of their translations"
    )


def _read_own(source: PairSource) -> Pairs | None:
    """The pairs of a user's files, if it is these that are read."""
    if _are_files(source):
        files = [sources.expanded(side) for side in _sides(source)]
        return _read_aligned(files, source.table.encoding)
    kind = sources.located(source.data, _TABLE)
    return _read_table(kind.path, source) if isinstance(kind, sources.OwnFiles) else None


def _read_table(path: Path, source: PairSource) -> Pairs:
    table = Table(path, _sides(source), source.table, ("--source", "--target"))
    rows = list(table)
    return collect(str(path), rows, table.left_out)


def _read_aligned(files: Sequence[Path], encoding: str) -> Pairs:
    source, target = files
    texts, translations = (read_lines(file, encoding) for file in files)
    if len(texts) != len(translations):
        raise UserError(
            f"{source} has {len(texts):,} lines and {target} has {len(translations):,}; expected as many, line n of "
            "one being the translation of line n of the other"
        )
    rows = [
        Row(pair, f"line {line}") for line, pair in enumerate(zip(texts, translations, strict=True), start=1)
    ]
    return collect(f"{source} and {target.name}", rows)


def _empty_side(source: str, target: str) -> str:
    return "empty source" if not source.strip() else "empty target" if not target.strip() else ""
