"""Recordings and what is said in them, before they are read; and where the recordings lie that a list names."""

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.audio.folders import is_recording
from common.data.file_trees import ARCHIVE_SUFFIXES, Read, read_tree
from common.data.sources import expanded

FOLDERS_OF_RECORDINGS = ("clips", "wavs", "wav", "audio")
"""How folders are called that hold the recordings of the table beside them."""


@dataclass(frozen=True)
class SpokenFile:
    """A recording that can be read, and what is said in it; a speaker who is not known is "".

    Attributes:
        name: of the recording, as its data name it.
        read: gives its bytes.
        text: what is said, as its data have it.
        speaker: who says it.
        place: the file and line that name it, where there are such.
        reason: why it cannot be used, if so.
    """

    name: str
    read: Read
    text: str
    speaker: str = ""
    place: str = ""
    reason: str = ""

    @property
    def origin(self) -> str:
        """Where it came from, for messages."""
        return f"{self.name} ({self.place})" if self.place else self.name


@dataclass(frozen=True)
class SpokenFiles:
    """Recordings with their transcripts, and what was left out on the way, by reason."""

    files: Sequence[SpokenFile]
    left_out: Mapping[str, int] = field(default_factory=dict)


def joined(parts: Sequence[SpokenFiles]) -> SpokenFiles:
    """All of them, with what was left out of any."""
    left_out: Counter[str] = Counter()
    for part in parts:
        left_out.update(part.left_out)
    return SpokenFiles([file for part in parts for file in part.files], left_out)


def stem(name: str) -> str:
    """The name of a recording without its suffix; any other name as it is."""
    return name.rpartition(".")[0] if is_recording(name) else name


def is_archive(path: Path) -> bool:
    """Whether a file is a tar or a zip, by its name."""
    return path.name.lower().endswith(ARCHIVE_SUFFIXES)


def places_beside(table: Path, name: str) -> list[Path]:
    """Where the recordings of a table may lie: its folder, usual folders in that, archives named like it.

    Args:
        table: the list that names recordings.
        name: with which the names of its archives begin.
    """
    folder = table.parent
    folders = [folder, *(folder / usual for usual in FOLDERS_OF_RECORDINGS)]
    archives = [file for file in folder.iterdir() if is_archive(file) and file.name.startswith(name)]
    return [*filter(Path.is_dir, folders), *sorted(archives)]


def find_recordings(paths: Collection[str], places: Sequence[Path]) -> dict[str, Read]:
    """The recordings of the paths that are there, each from the first place that has it.

    A path whose suffix is none of a recording's finds the recording of that name with any suffix. An archive is read if
    paths are left over from the places before it; a path finds its member beneath any folders.

    Args:
        paths: as a list names them; "/" or "\\" stands between folders.
        places: folders, tars and zips.

    Raises:
        UserError: a place is not there, or is a damaged archive.
    """
    recordings: dict[str, Read] = {}
    for place in map(expanded, places):
        left = [path for path in paths if path not in recordings]
        if left:
            recordings |= _in_folder(left, place) if place.is_dir() else _in_archive(left, place)
    return recordings


def _in_folder(paths: Collection[str], folder: Path) -> dict[str, Read]:
    stems: dict[str, dict[str, str]] = {}

    def file_of(path: str) -> str:
        file = os.path.join(folder, os.path.expanduser(path.replace("\\", "/")))
        if is_recording(path) or os.path.isfile(file):
            return file
        parent, name = os.path.split(file)
        if parent not in stems:
            stems[parent] = _recordings_by_stem(parent)
        return os.path.join(parent, stems[parent].get(name, name))

    files = {path: file_of(path) for path in paths}
    return {path: Path(file).read_bytes for path, file in files.items() if os.path.isfile(file)}


def _recordings_by_stem(folder: str) -> dict[str, str]:
    names = sorted(filter(is_recording, os.listdir(folder)), reverse=True) if os.path.isdir(folder) else []
    return {stem(name): name for name in names}


def _in_archive(paths: Collection[str], archive: Path) -> dict[str, Read]:
    wanted = {path: path.replace("\\", "/").removeprefix("./") for path in paths}
    names = set(wanted.values())
    members: dict[str, Read] = {}
    for member, read in read_tree(archive, lambda name: any(end in names for end in _ends(name))).items():
        for end in _ends(member):
            members.setdefault(end, read)
    return {path: members[name] for path, name in wanted.items() if name in members}


def _ends(name: str) -> Iterator[str]:
    """The name from each of its folders on; that of a recording also without its suffix."""
    for whole in dict.fromkeys((name, stem(name))):
        folders = whole.split("/")
        yield from ("/".join(folders[start:]) for start in range(len(folders)))
