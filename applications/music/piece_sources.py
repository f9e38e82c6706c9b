"""Pieces of music from any source: the sample, or own files and folders."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated

import numpy as np

from applications.music.piece import SILENCE, Piece
from applications.music.piece_files import KINDS, is_of_many, is_tree, iterate_pieces, piece_tree
from applications.music.pieces import Pieces, for_voices
from applications.music.reading import MOST_VOICES, GivenPiece, PieceError, Reading, StepsPerQuarter
from common.checks import Between, check_ranges
from common.data import sources
from common.data.part_names import parts_of_files
from common.data.sources import SAMPLE
from common.data.splits import held_out
from common.errors import FlagError, UserError
from common.text.running import Part
from common.text.tables import TableFormat

FORMS = f"{KINDS}; or a folder, tar or zip of such, with a file or folder for each part (train, val, test) or without"

_TOO_FEW = "pieces are too few to have some for {part}; give more, or others with --validation"

Sample = Callable[[str], Sequence[Piece]]
"""From train, validation or test to the pieces of that part of the sample."""
_Given = GivenPiece | PieceError


@dataclass(frozen=True)
class PieceSource:
    """Where pieces of music come from, and on what grid of steps and for how many voices they are read."""

    data: str = SAMPLE
    """`sample` (made by the application), or own files: MIDI; JSON of a list of pieces, each a list of steps, each a
    list of MIDI numbers, or of an object with such a list for each part (train, valid, test); a table with the columns
    piece, step, and one for each voice; or a folder, tar or zip of such files, with one for each part (train.json,
    val.json, test.json) or folders train, val and test. What exists as a path is a path; what begins with ., / or ~ or
    ends like a file (.mid, .json, .gz) is meant as one."""
    steps_per_quarter: StepsPerQuarter | None = None
    """Steps of a quarter note: 1 for quarters, 4 for sixteenths. MIDI files are brought to them; of other files they
    are how those were made that do not tell it, as JSON may by "steps_per_quarter". Unless given, what a file's name
    tells (jsb_quarter.json, jsb_16th.json), or else the model's own."""
    voices: Annotated[int, Between(1, MOST_VOICES)] | None = None
    """Notes that may sound at once. Of more, the lowest and the highest ones stay, and the others are left out and
    counted. As many as there are, or as the model has, unless given."""
    table: TableFormat = field(default_factory=TableFormat)
    """How tables are written."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.steps_per_quarter is not None and not isinstance(
            sources.kind_of(self.data), sources.OwnFiles
        ):
            flag = f"--steps-per-quarter {self.steps_per_quarter}"
            raise FlagError(f"{flag}: expected --data to be a file or folder of your own")


def load_training(
    source: PieceSource,
    sample: Sample,
    validation: Path | None = None,
    validation_fraction: float = 0.1,
    steps_per_quarter: int = 4,
) -> tuple[Pieces, Pieces]:
    """Training and validation pieces, both for the same number of voices.

    Validation is what is given, or else the data's own part for that, or else some of the pieces, chosen by a stable
    hash of the melody (the highest notes, in whatever key, at whatever pace), so that no melody stands on both sides;
    where the hashes leave the data far from the share, pieces are counted (see `held_out`). Where some files of a
    folder tell their parts and others do not, those are trained on beside the part for training.

    Args:
        source: where the pieces come from.
        sample: of the application, by part.
        validation: a file or folder to validate on.
        validation_fraction: share held out of data without a part for validation.
        steps_per_quarter: the model's own, for files where nothing tells it.

    Raises:
        UserError: naming what cannot be read or cannot be trained on.
    """
    reading = Reading(source.steps_per_quarter, source.voices, steps_per_quarter)
    given = None
    if validation is not None:
        given = _OwnPieces(sources.expanded(validation), source.table, reading).part_or_all("validation")
    load = partial(_load, source, sample, validation_fraction, reading)
    training, held = sources.with_validation(load, given, _TOO_FEW)
    voices = min(max(training.voices, held.voices), MOST_VOICES)
    return for_voices(training, voices), for_voices(held, voices)


def load_evaluation(
    source: PieceSource, sample: Sample, part: Part | None = None, steps_per_quarter: int = 4
) -> Pieces:
    """The pieces to measure on: the given part; else the test part of the sample or of own data, or all of it if there
    is none.

    Args:
        source: where the pieces come from.
        sample: of the application, by part.
        part: which one.
        steps_per_quarter: the model's own, for files where nothing tells it.

    Raises:
        UserError: naming what cannot be read, or the part that is not there.
    """
    match sources.located(source.data, FORMS):
        case sources.OwnFiles(path):
            reading = Reading(source.steps_per_quarter, source.voices, steps_per_quarter)
            own = _OwnPieces(path, source.table, reading)
            pieces = own.of_part(part)
            return for_voices(pieces, min(pieces.voices, MOST_VOICES))
        case sources.DataSet(name):
            raise _unknown(name)
    parts = ("train", "validation", "test") if part == "all" else (part or "test",)
    return _of_sample(source, f"sample ({part or 'test'})", list(chain.from_iterable(map(sample, parts))))


def _load(
    source: PieceSource, sample: Sample, fraction: float, reading: Reading, parts: Sequence[str]
) -> dict[str, Pieces]:
    match sources.located(source.data, FORMS):
        case sources.Sample():
            return {part: _of_sample(source, f"sample ({part})", sample(part)) for part in parts}
        case sources.OwnFiles(path):
            return _OwnPieces(path, source.table, reading).parts(parts, fraction)
        case sources.DataSet(name):
            raise _unknown(name)


def _unknown(name: str) -> UserError:
    return UserError(f"--data {name}: no such data set of music; expected sample, or {FORMS}")


def _of_sample(source: PieceSource, name: str, pieces: Sequence[Piece]) -> Pieces:
    whole = Pieces(name, pieces)
    return for_voices(whole, source.voices or whole.voices)


@dataclass(frozen=True)
class _OwnPieces:
    """A user's file or folder of music.

    Attributes:
        path: of it.
        table: how tables are written, and whether all must be of use.
        reading: on what grid and for how many voices.
    """

    path: Path
    table: TableFormat
    reading: Reading

    def parts(self, parts: Sequence[str], fraction: float) -> dict[str, Pieces]:
        """The given parts of train and validation: its own, or shares of what is there to train on."""
        groups = self._groups(parts)
        if groups and not groups.keys() & {"", "train"}:
            raise UserError(
                f"{self.path}: no part to train on, but {', '.join(groups)}; expected one for train, or --data with "
                "one of them"
            )
        undivided = self._collect("train", [*groups.get("train", ()), *groups.get("", ())])
        if "validation" not in parts:
            return {"train": undivided}
        if "validation" in groups:
            return {"train": undivided, "validation": self._collect("validation", groups["validation"])}
        held = held_out([_melody(piece) for piece in undivided.pieces], [""] * len(undivided), fraction)
        train, validation = (
            undivided.select([index for index, is_held in enumerate(held) if is_held is side])
            for side in (False, True)
        )
        return {
            "train": train,
            "validation": replace(validation, name=f"{self.path} (validation)", left_out={}),
        }

    def of_part(self, part: Part | None) -> Pieces:
        """All, or a part; the test part, or all where there is none, unless it is told."""
        return self.part_or_all("test") if part is None else self.all() if part == "all" else self.part(part)

    def part_or_all(self, part: str) -> Pieces:
        """The part, or all of it where there is no such part."""
        groups = self._groups((part,))
        return self._collect(part, groups[part]) if part in groups else self.all()

    def part(self, part: str) -> Pieces:
        """The part.

        Raises:
            UserError: there is none.
        """
        groups = self._groups((part,))
        if part not in groups:
            there = ", ".join(["all", *filter(None, groups)])
            raise UserError(f"--part {part}: {self.path} has no such part; expected one of {there}")
        return self._collect(part, groups[part])

    def all(self) -> Pieces:
        """All pieces, whatever their part."""
        groups = self._groups(("train", "validation", "test"))
        return self._collect("", chain.from_iterable(groups.values()))

    def _groups(self, wanted: Sequence[str]) -> Mapping[str, Sequence[_Given]]:
        """The pieces by part, undivided ones under ""; files of a part that is not wanted are not read."""
        if not is_tree(self.path):
            return _by_part(self._read(), "")
        part_of = parts_of_files(self.path, list(piece_tree(self.path)), is_of_many)
        groups: defaultdict[str, list[_Given]] = defaultdict(list)
        for part in dict.fromkeys(part_of.values()):
            if part and part not in wanted:
                groups[part] += []
                continue
            files = {name for name, of_file in part_of.items() if of_file == part}
            for own, given in _by_part(self._read(files.__contains__), part).items():
                groups[own] += given
        return groups

    def _read(self, is_wanted: Callable[[str], bool] = lambda _: True) -> Iterable[_Given]:
        return iterate_pieces(self.path, self.reading, self.table, is_wanted)

    def _collect(self, part: str, given: Iterable[_Given]) -> Pieces:
        """The pieces; what is of no use is counted, with the first place of each reason.

        Raises:
            UserError: none is of use; or with --strict, some is not.
        """
        faults: defaultdict[str, list[PieceError]] = defaultdict(list)
        pieces, counts = [], Counter[str]()
        for one in given:
            if isinstance(one, GivenPiece):
                pieces.append(replace(one.piece, name=self._within(one.piece.name)))
                counts.update(one.left_out)
            elif self.table.strict:
                raise one
            else:
                faults[one.reason].append(one)
        left_out = {
            f"{reason} ({'' if len(errors) == 1 else 'first '}{self._within(errors[0].name)})": len(errors)
            for reason, errors in faults.items()
        }
        name = f"{self.path} ({part})" if part else str(self.path)
        return sources.require_usable(Pieces(name, pieces, {**left_out, **counts}), "piece")

    def _within(self, origin: str) -> str:
        """An origin without the folders that all of the data share."""
        return origin.removeprefix(f"{self.path}/").removeprefix(f"{self.path.parent}/")


def _by_part(given: Iterable[_Given], part: str) -> dict[str, list[_Given]]:
    """What is given by the part that its file tells, or else the given one."""
    groups: defaultdict[str, list[_Given]] = defaultdict(list)
    for one in given:
        groups[one.part or part].append(one)
    return groups


def _melody(piece: Piece) -> str:
    """The steps from each different highest note to the next, alike in every key and at every pace."""
    highest = piece.notes.max(axis=1)
    intervals = np.diff(highest[highest > SILENCE])
    return " ".join(map(str, intervals[intervals != 0].tolist())) or piece.name
