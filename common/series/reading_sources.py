"""Readings of sensors from any source: the sample, a table, or a folder of tables, with their labelled windows."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.data import sources
from common.data.file_trees import read_tree
from common.data.packed_files import kind_of_file
from common.data.part_names import parts_of_files
from common.errors import UserError
from common.series.frames import read_frame
from common.series.reading_tables import ReadingSource, note_repetitions, readings_in, texts_of
from common.series.reading_windows import (
    WindowFile,
    labelled_by,
    read_windows,
    windows_beside,
    without_ending,
)
from common.series.readings import Readings, Recording
from common.series.table_files import KINDS
from common.series.turbofan import is_of_remaining, read_turbofan_text, with_remaining

FORMS = f"{KINDS}; or a folder of such"
ALL = "all"

_PARTS = ("train", "validation", "test")
_TABLES, _TEXT = (".csv", ".tsv", ".parquet"), ".txt"


@dataclass(frozen=True)
class _File:
    """A file of a folder.

    Attributes:
        path: of it.
        series: what its series is called, or its series are called after; "" where the file is all of a part.
    """

    path: Path
    series: str


def parts_in(source: ReadingSource) -> tuple[str, ...]:
    """The parts, of train, validation and test, into which `--data` is divided; none where whoever trains divides it.

    Raises:
        UserError: there is no such file or folder.
    """
    match _located(source):
        case sources.OwnFiles(path) if path.is_dir():
            parts = set(_parts_of(path).values())
            return tuple(part for part in _PARTS if part in parts)
        case sources.OwnFiles(_):
            return ()
    return _PARTS


def load_readings(source: ReadingSource, part: str, sample: Callable[[str], Readings]) -> Readings:
    """The readings of a part of what `--data` names; what is not divided is read whole, whatever the part.

    Args:
        source: the flags.
        part: train, validation, test, or all.
        sample: makes the part of `--data sample`; of "all", the test.

    Raises:
        UserError: naming what cannot be read, or the part that is not there.
    """
    match _located(source):
        case sources.OwnFiles(path) if path.is_dir():
            return note_repetitions(_of_folder(path, source, part))
        case sources.OwnFiles(path):
            return note_repetitions(_of_file(path, source))
    return sample("test" if part == ALL else part)


def _located(source: ReadingSource) -> sources.Sample | sources.OwnFiles:
    kind = sources.located(source.data, FORMS)
    if isinstance(kind, sources.DataSet):
        raise UserError(f"--data {source.data}: no such file or folder; expected sample, {FORMS}")
    return kind


def _of_file(path: Path, source: ReadingSource) -> Readings:
    """The readings of a file; where it has windows in a file beside it or above, with these."""
    readings = _read(path, source)
    if source.windows is not None:
        return _labelled(readings, [path] * len(readings.recordings), read_windows(source.windows))
    beside = windows_beside(path.parent)
    if beside is None or source.label_column is not None:
        return readings
    file, name = read_windows(beside), without_ending(path.name)
    is_told = file.name_of(name, path.absolute().parent.name) is not None
    return _labelled(readings, [path], file) if is_told and len(readings.recordings) == 1 else readings


def _of_folder(path: Path, source: ReadingSource, part: str) -> Readings:
    files = _files(path, part)
    paths, read = [], []
    for file in files:
        given = _read(file.path, source)
        names = [_joined(file.series, one.name) for one in given.recordings]
        renamed = [replace(one, name=name) for one, name in zip(given.recordings, names, strict=True)]
        read.append(replace(given, recordings=renamed))
        paths += [file.path] * len(renamed)
    whole = _merged(str(path), read)
    _require_distinct_names(whole, paths)
    windows = source.windows or (None if source.label_column else windows_beside(path))
    return _labelled(whole, paths, read_windows(windows)) if windows else whole


def _files(path: Path, part: str) -> list[_File]:
    """The files of a part of a folder."""
    part_of = _parts_of(path)
    parts = set(part_of.values())
    if parts == {""}:
        return [_File(path / name, without_ending(name) if len(part_of) > 1 else "") for name in part_of]
    if part != ALL and part not in parts:
        there = ", ".join([ALL, *(one for one in _PARTS if one in parts)])
        raise UserError(f"--part {part}: {path} has no such part; expected one of {there}")
    chosen = [name for name, of_file in part_of.items() if part in (ALL, of_file)]
    counts = Counter(part_of[name] for name in chosen)
    return [
        _File(path / name, _within(name, counts[part_of[name]], part_of[name] if part == ALL else ""))
        for name in chosen
    ]


def _within(name: str, files: int, part: str) -> str:
    """What the series of a file of a part are called after: they are called alike in every part."""
    folder, _, inner = without_ending(name).partition("/")
    if inner:
        return _joined(part, inner)
    words = [word for word in folder.replace("-", "_").split("_") if word]
    return _joined(part, "_".join(words[1:]) if files > 1 else "")


def _parts_of(path: Path) -> Mapping[str, str]:
    """The part of each table of a folder by its name; "" each where they are not divided."""
    names = list(read_tree(path, lambda name: not is_of_remaining(name.rpartition("/")[2])))
    tables = [name for name in names if kind_of_file(Path(name)) in _TABLES]
    tables = tables or [name for name in names if kind_of_file(Path(name)) == _TEXT]
    if not tables:
        raise UserError(f"{path}: no table in the folder; expected {KINDS}")
    return parts_of_files(path, tables, lambda _: True)


def _read(path: Path, source: ReadingSource) -> Readings:
    name = str(path)
    frame = read_turbofan_text(path, name, source.table)
    if frame is None:
        frame = read_frame(path, source.table, texts_of(source), is_any_delimiter=True)
    return with_remaining(readings_in(frame, source), path, frame, source.table)


def _merged(name: str, read: Sequence[Readings]) -> Readings:
    """The readings of several files, which have the same sensors, as one."""
    first = read[0]
    recordings: list[Recording] = []
    left_out = Counter[str]()
    for one in read:
        if set(one.sensors) != set(first.sensors):
            raise UserError(
                f"{one.name}: sensors {', '.join(one.sensors)}, but {', '.join(first.sensors)} in {first.name}; "
                "expected the same in every file, or those that all have by --sensor-columns"
            )
        if one.is_counted != first.is_counted:
            without, timed = (one, first) if one.is_counted else (first, one)
            raise UserError(
                f"{without.name}: no times, but {timed.name} has some; expected them in every file"
            )
        order = [one.sensors.index(sensor) for sensor in first.sensors]
        recordings += [replace(each, values=each.values[:, order]) for each in one.recordings]
        left_out.update(one.left_out)
    notes = list(dict.fromkeys(note for one in read for note in one.notes))
    unlabelled = [one.name for one in read if not one.is_labelled]
    is_labelled = len(unlabelled) < len(read)
    if is_labelled and unlabelled:
        notes.append(f"no labels in {len(unlabelled):,} of {len(read):,} files: taken as normal")
    return Readings(name, recordings, first.sensors, is_labelled, left_out, notes, first.is_counted)


def _labelled(readings: Readings, paths: Sequence[Path], file: WindowFile) -> Readings:
    """The readings with the windows of a file.

    Raises:
        UserError: naming a series that has no entry in it.
    """
    labelled = []
    for one, path in zip(readings.recordings, paths, strict=True):
        key = file.name_of(one.name or without_ending(path.name), path.absolute().parent.name)
        if key is None:
            what = f"{path}" + (f", series {one.name!r}" if len(paths) > len(set(paths)) else "")
            raise UserError(
                f"{what}: no entry in {file.path}; expected one for every file, [] where nothing is anomalous"
            )
        labelled.append(labelled_by(one, file, key, str(path), readings.is_counted))
    return replace(readings, recordings=labelled, is_labelled=True)


def _require_distinct_names(readings: Readings, paths: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for one, path in zip(readings.recordings, paths, strict=True):
        if one.name in seen:
            raise UserError(
                f"{path}: series {one.name!r} is in {seen[one.name]} already; expected each in one file"
            )
        seen[one.name] = path


def _joined(folder: str, name: str) -> str:
    return "/".join(filter(None, (folder, name)))
