"""Ink with what is written in it from any source: the sample, or own files and folders."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import chain
from pathlib import Path

from applications.handwriting.ink import GivenInk, InkError, Writings
from applications.handwriting.ink_columns import Columns
from applications.handwriting.ink_files import INKML, KINDS, ink_tree, is_archive, iterate_inks
from common.audio.transcript_text import normalised_transcript
from common.data import sources
from common.data.packed_files import kind_of_file
from common.data.part_names import parts_of_files
from common.data.sources import SAMPLE
from common.data.splits import held_out
from common.errors import FlagError, UserError
from common.text.tables import TableFormat

FORMS = f"{KINDS}; or a folder of such, with a file or folder for each part (train, val, test) or without"

_TOO_FEW = "inks by too few writers to have some for {part}; give more, or others with --validation"

Read = Callable[[], Iterable[GivenInk | InkError]]


@dataclass(frozen=True)
class InkSource:
    """Where ink comes from, and what is written in it."""

    data: str = SAMPLE
    """`sample` (made by the application), or own files: InkML, UNIPEN, JSON of pointer events or strokes, Quick Draw's
    ndjson, a table with a column of strokes or a row for each point, or a .npz; or a folder of such files, with one for
    each part (train.jsonl, val.jsonl, test.jsonl) or folders train, val and test. What exists as a path is a path; what
    begins with ., / or ~ or ends like a file (.json, .csv, .gz) is meant as one."""
    strokes_column: str = ""
    """Column of a table, or key of objects of JSON, that holds the strokes. Unless given: strokes, drawing, ink and the
    like."""
    text_column: str = ""
    """Column of a table, or key of objects of JSON, that holds what is written. Unless given: text, label, word and the
    like."""
    writer_column: str = ""
    """Column of a table, or key of objects of JSON, that holds the writer. Unless given: writer, user and the like, if
    there is one."""
    fold_case: bool = False
    """Make capitals small: for labels that do not keep to the case that was written."""
    table: TableFormat = field(default_factory=TableFormat)
    """How files are written."""

    def __post_init__(self) -> None:
        for name in ("strokes_column", "text_column", "writer_column"):
            value = getattr(self, name)
            if value and not isinstance(sources.kind_of(self.data), sources.OwnFiles):
                flag = f"--{name.replace('_', '-')}"
                raise FlagError(f"{flag} {value}: expected --data to be a file or folder of your own")

    @property
    def columns(self) -> Columns:
        """Those that are given."""
        return Columns(self.strokes_column, self.text_column, self.writer_column)

    def normalised(self, text: str) -> str:
        """What is written, in the spelling that these flags ask for: NFC, single blanks, none at the ends."""
        return normalised_transcript(text, keep_case=not self.fold_case, keep_punctuation=True)


def load_training(
    source: InkSource,
    sample: Callable[[str], Writings],
    validation: Path | None = None,
    validation_fraction: float = 0.1,
) -> tuple[Writings, Writings]:
    """Training and validation ink.

    Validation is what is given, or else the data's own part for that, or else the ink of some of the writers, chosen by
    a stable hash of each, so that no writer stands on both sides; where the hashes leave the data far from the share,
    the writers are counted (see `stratified_split`). Ink whose writer is not known goes by its own place, and so does
    all where one writer has written it all.

    Raises:
        UserError: naming what cannot be read or cannot be trained on.
    """
    given = None
    if validation is not None:
        path, validation_fraction = sources.expanded(validation), 0.0
        given = _read_part(path, source, "validation")
    load = partial(_load, source, sample, validation_fraction)
    return sources.with_validation(load, given, _TOO_FEW)


def load_evaluation(source: InkSource, sample: Callable[[str], Writings]) -> Writings:
    """The ink to measure on: the test part of the sample or of own data; all of it if there is none.

    Raises:
        UserError: naming what cannot be read.
    """
    kind = sources.located(source.data, FORMS)
    if isinstance(kind, sources.OwnFiles):
        return _read_part(kind.path, source, "test")
    return sources.evaluation_part(partial(_load, source, sample, 0.0), _TOO_FEW)


def _load(
    source: InkSource, sample: Callable[[str], Writings], fraction: float, parts: Sequence[str]
) -> dict[str, Writings]:
    match sources.located(source.data, FORMS):
        case sources.Sample():
            return {part: sample(part) for part in parts}
        case sources.OwnFiles(path):
            return _read_parts(path, source, parts, fraction)
        case sources.DataSet(name):
            raise UserError(f"--data {name}: no such data set of ink; expected sample, or {FORMS}")


def _read_parts(path: Path, source: InkSource, parts: Sequence[str], fraction: float) -> dict[str, Writings]:
    """The given parts of a user's data: its own, or shares of its training part."""
    own = _own_parts(path, source)
    if not own.keys() & {"", "train"}:
        raise UserError(
            f"{path}: no part to train on, but {', '.join(own)}; expected one for train, or --data with one of them"
        )
    read = {part: partial(_collect, f"{path} ({part})", source, path) for part in parts}
    undivided = read["train"](own["train" if "train" in own else ""]())
    if "validation" not in parts:
        return {"train": undivided}
    if "validation" in own:
        return {"train": undivided, "validation": read["validation"](own["validation"]())}
    held = held_out(_divided_by(undivided), [""] * len(undivided), fraction)
    train, validation = (
        undivided.select([index for index, is_held in enumerate(held) if is_held is side])
        for side in (False, True)
    )
    return {"train": train, "validation": replace(validation, name=f"{path} (validation)", left_out={})}


def _divided_by(writings: Writings) -> list[str]:
    """By what ink is divided: the writer, or the ink itself where that is not known or the only one."""
    if len(set(writings.writers)) < 2:
        return list(writings.origins)
    return [writer or origin for writer, origin in zip(writings.writers, writings.origins, strict=True)]


def _read_part(path: Path, source: InkSource, part: str) -> Writings:
    """The part of a user's data, or all of it where it has no such part."""
    own = _own_parts(path, source)
    if part in own:
        return _collect(f"{path} ({part})", source, path, own[part]())
    return _collect(str(path), source, path, chain.from_iterable(read() for read in own.values()))


def _own_parts(path: Path, source: InkSource) -> Mapping[str, Read]:
    """From train, validation and test to what reads that part; data that are not divided are "".

    Raises:
        UserError: nothing is there, or a part is there twice.
    """
    read = partial(iterate_inks, path, source.columns, source.table)
    if not path.is_dir() and not is_archive(path.name):
        return {"": read}
    part_of = parts_of_files(path, list(ink_tree(path)), lambda name: kind_of_file(Path(name)) not in INKML)
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for name, part in part_of.items():
        wanted[part].add(name)
    return {part: partial(read, is_wanted=of_part.__contains__) for part, of_part in wanted.items()}


def _collect(name: str, source: InkSource, path: Path, given: Iterable[GivenInk | InkError]) -> Writings:
    """The ink and what is written in it; what is of no use is counted, with the first place of each reason.

    Raises:
        UserError: none is of use; or with --strict, some is not.
    """
    faults: defaultdict[str, list[InkError]] = defaultdict(list)
    spelled = cache(source.normalised)
    usable: list[GivenInk] = []
    for one in given:
        if isinstance(one, GivenInk):
            text = spelled(one.text)
            if text:
                usable.append(one._replace(text=text, origin=_within(path, one.origin)))
                continue
            one = InkError(
                one.origin, "no text", "nothing tells what is written; expected a text, such as a label"
            )
        if source.table.strict:
            raise one
        faults[one.reason].append(one)
    left_out = {
        f"{reason} ({'' if len(errors) == 1 else 'first '}{_within(path, errors[0].name)})": len(errors)
        for reason, errors in faults.items()
    }
    writings = Writings(
        name,
        [one.ink for one in usable],
        [one.text for one in usable],
        [one.writer for one in usable],
        [one.origin for one in usable],
        left_out,
    )
    return sources.require_usable(writings, "ink")


def _within(path: Path, origin: str) -> str:
    """An origin without the folders that all of the data share."""
    return origin.removeprefix(f"{path}/").removeprefix(f"{path.parent}/")
