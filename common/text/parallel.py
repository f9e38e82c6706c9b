"""Pairs of texts from any source: the application's sample, a TFDS name, a table of pairs, two line-aligned files."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from common.checks import AtLeast, check_ranges, require_at_least
from common.data.splits import stable_split
from common.errors import UserError
from common.text.tables import Row, is_table, read_columns, read_lines, read_numbered_columns

SAMPLE = "sample"
_HELD_OUT_FOR_TEST = 0.02


@dataclass(frozen=True)
class PairSource:
    """Where pairs of texts come from, and in which direction they are translated."""

    data: str = SAMPLE
    """`sample` (made by the application), a TFDS name (ted_hrlr_translate/pt_to_en), or a CSV or TSV of pairs (.gz
    too). Not needed where --source and --target are files."""
    source: str = "en"
    """The side to translate from: a language of the sample or of a TFDS data set (en), a column of a table by its name
    in the header, or by its number in a file without one (1), or a file of one text per line (.gz too)."""
    target: str = "de"
    """The side to translate to, given like --source; line n of a file belongs to line n of the other."""
    pairs: Annotated[int, AtLeast(1)] | None = None
    """Pairs to train on: how many of the sample are made (20,000 unless given); of other data, the most that are
    used."""
    data_dir: Path | None = None
    """Folder of prepared TFDS data sets; TFDS's own default unless given."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.source == self.target:
            raise UserError(f"--source and --target are both {self.source}; expected the two sides of a pair")


MakeSample = Callable[[PairSource, str], Sequence[Row]]
"""From a source and a part (train, validation, test) to the (source text, target text) pairs of the sample."""


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
        sources, targets, origins = (
            [values[index] for index in indices] for values in (self.sources, self.targets, self.origins)
        )
        return replace(self, sources=sources, targets=targets, origins=origins)

    def leave_out(self, reasons: Sequence[str]) -> "Pairs":
        """The pairs whose reason is empty; the others are counted by their reasons.

        Raises:
            UserError: none remains.
        """
        kept = self.select([index for index, reason in enumerate(reasons) if not reason])
        left_out = Counter(self.left_out) + Counter(reason for reason in reasons if reason)
        if not len(kept):
            shown = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
            raise UserError(f"{self.name}: no pair can be used ({shown or 'there are none'})")
        return replace(kept, left_out=left_out)

    def describe(self) -> str:
        """One line: how many pairs, and what was left out."""
        dropped = "".join(f"; {count:,} left out: {reason}" for reason, count in self.left_out.items())
        return f"{self.name}: {len(self):,} pairs{dropped}"


def load_training(
    source: PairSource,
    make_sample: MakeSample,
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
    if validation:
        held_out = _read_own(_validation_source(source, validation))
        (train,) = _load(source, make_sample, ("train",), 0.0)
        return train, held_out
    train, held_out = _load(source, make_sample, ("train", "validation"), validation_fraction)
    if not len(held_out):
        raise UserError(
            f"{train.name}: {len(train)} pairs are too few to hold any out for validation; give more, or files with "
            "--validation"
        )
    return train, held_out


def load_evaluation(source: PairSource, make_sample: MakeSample) -> Pairs:
    """The pairs to measure on: the sample's test part, a data set's test split, or all of a user's files.

    Where a data set has no test split, it is a part of its training data that training leaves out.
    """
    return _read_own(source) if _is_own(source) else _load(source, make_sample, ("test",), 0.0)[0]


def _load(
    source: PairSource, make_sample: MakeSample, parts: Sequence[str], validation_fraction: float
) -> list[Pairs]:
    if _is_own(source):
        return _split(_read_own(source), {"validation": validation_fraction}, parts, source.pairs)
    if source.data == SAMPLE:
        return [_collect(SAMPLE, make_sample(source, part)) for part in parts]
    from common.data.tfds import splits_of
    from common.text.tfds import read_pairs

    def read(split: str, most: int | None = None) -> Pairs:
        sides = (source.source, source.target)
        return _collect(source.data, read_pairs(source.data, sides, split, source.data_dir, most))

    own_splits = splits_of(source.data, source.data_dir)
    held_out = {"test": _HELD_OUT_FOR_TEST, "validation": validation_fraction}
    missing = {name: share for name, share in held_out.items() if name not in own_splits}
    from_train = [part for part in parts if part not in own_splits or part == "train"]
    split = _split(read("train", source.pairs), missing, from_train) if from_train else []
    return [split.pop(0) if part in from_train else read(part) for part in parts]


def _split(
    pairs: Pairs, held_out: Mapping[str, float], parts: Sequence[str], most: int | None = None
) -> list[Pairs]:
    side_of = stable_split(pairs.sources, {**held_out, "train": 1 - sum(held_out.values())})
    chosen = []
    for part in parts:
        indices = [index for index, side in enumerate(side_of) if side == part]
        if part == "train" and most is not None and most < len(indices):
            indices = [indices[number * len(indices) // most] for number in range(most)]
        chosen.append(pairs.select(indices))
    return chosen


def _is_own(source: PairSource) -> bool:
    return _is_table(source) or _are_files(source)


def _is_table(source: PairSource) -> bool:
    path = Path(source.data).expanduser()
    return path.is_file() or is_table(path) or len(path.parts) > 2


def _are_files(source: PairSource) -> bool:
    """Whether the sides are files.

    Raises:
        UserError: one of them is, the other is not.
    """
    if source.data != SAMPLE:
        return False
    sides = [Path(side).expanduser() for side in (source.source, source.target)]
    are = [side.is_file() or bool(side.suffix) or len(side.parts) > 1 for side in sides]
    if any(are) and not all(are):
        raise UserError(
            f"--source {source.source} --target {source.target}: expected two files, or two languages of the sample"
        )
    return all(are)


def _validation_source(source: PairSource, validation: Sequence[Path]) -> PairSource:
    if len(validation) == 2:
        return replace(source, data=SAMPLE, source=str(validation[0]), target=str(validation[1]))
    if len(validation) == 1 and not _are_files(source):
        return replace(source, data=str(validation[0]))
    raise UserError(
        f"--validation {' '.join(map(str, validation))}: expected a table with the columns of --source and --target, "
        "or a file of source texts and one of their translations"
    )


def _read_own(source: PairSource) -> Pairs:
    if _are_files(source) or not _is_table(source):
        return _read_aligned(*(Path(side).expanduser() for side in (source.source, source.target)))
    path, sides = Path(source.data).expanduser(), (source.source, source.target)
    if all(side.isdecimal() for side in sides):
        require_at_least(1, source=int(source.source), target=int(source.target))
        return _collect(str(path), read_numbered_columns(path, [int(side) for side in sides]))
    try:
        return _collect(str(path), read_columns(path, sides))
    except UserError as error:
        if "no column" not in str(error):
            raise
        raise UserError(
            f"{error}; name the two with --source and --target, or give their numbers, from 1, if the file has no "
            "header"
        ) from None


def _read_aligned(source: Path, target: Path) -> Pairs:
    texts, translations = read_lines(source), read_lines(target)
    if len(texts) != len(translations):
        raise UserError(
            f"{source} has {len(texts):,} lines and {target} has {len(translations):,}; expected as many, line n of "
            "one being the translation of line n of the other"
        )
    rows = [
        Row(pair, f"line {line}") for line, pair in enumerate(zip(texts, translations, strict=True), start=1)
    ]
    return _collect(f"{source} and {target.name}", rows)


def _collect(name: str, rows: Sequence[Row]) -> Pairs:
    pairs = Pairs(
        name,
        [row.values[0] for row in rows],
        [row.values[1] for row in rows],
        [row.origin for row in rows],
    )
    return pairs.leave_out([_empty_side(*row.values) for row in rows])


def _empty_side(source: str, target: str) -> str:
    return "empty source" if not source.strip() else "empty target" if not target.strip() else ""
