"""The recordings in a folder or a tar, before they are read: what label, speaker and part their names tell."""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import commonpath
from pathlib import Path

from common.data.file_trees import ARCHIVE_SUFFIXES, Read, read_tree
from common.data.part_names import PART_NAMES
from common.errors import FlagError, UserError
from common.text.tables import read_lines

NOISE = "_background_noise_"
NAME_PATTERN = r"(?P<label>[^/]+)/([^/]*?(?P<speaker>[^/_]+)_nohash_\d+|[^/]+)\.\w+$"
FLAT_PATTERN = r"(^|/)(?P<label>[^/_]+)_(?P<speaker>[^/_]+)(_nohash)?_\d+\.\w+$"
"""How recordings are called that lie in no folder per label: 0_george_10.wav of the Free Spoken Digit Dataset."""
SPLIT_LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}

_RECORDING = re.compile(
    r".\.(wave?|w64|rf64|bw64|flac|og[gavmx]|opus|spx|mp[123+]|mpga|aif[cf]?|au|snd|caf|voc|sph|nist"
    r"|aac|adts|m4[abrv]|mp4|mov|qt|3gpp?|3g2|web[ma]|mk[av]|wm[av]|asf|amr|awb|ac3|ape|wv|tta|mpc|dsf|ra|rm"
    r"|avi|flv|mpe?g)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class AudioFile:
    """A recording that can be read; what its name does not tell is ""."""

    name: str
    read: Read
    label: str = ""
    speaker: str = ""
    part: str = ""
    """`train`, `validation` or `test`; "" in data that is not divided."""


def is_recording(name: str) -> bool:
    """Whether the suffix is one that recordings have."""
    return _RECORDING.search(name) is not None


def require_name_pattern(pattern: str) -> None:
    """Refuses what is no regular expression with the group `label`.

    Raises:
        FlagError: naming the flag.
    """
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        raise FlagError(f"--name-pattern {pattern}: not a regular expression ({error})") from None
    if "label" not in groups:
        raise FlagError(f"--name-pattern {pattern}: expected a group (?P<label>...)")


def find_clips(path: Path, pattern: str, lists: Mapping[str, Path | None]) -> list[AudioFile]:
    """The recordings of a folder or a tar but for its noises, in the order of their names.

    Parts are those of split lists, given or found under their usual names (validation_list.txt, testing_list.txt); else
    those of folders named train, val (valid, validation, dev) and test around the labels' folders; else there are none.

    Args:
        path: the folder or the tar.
        pattern: a regular expression sought in the name of a file within `path`, with the groups `label` and, where
            names tell it, `speaker`. A file of another name has no label. With the usual one, recordings that lie in no
            folder per label have theirs before the speaker's, as `FLAT_PATTERN` has it.
        lists: from validation and test to a file that names the recordings of that part, one per line.

    Raises:
        UserError: there are no recordings, no name tells a label but that of a part, or a given list names none of
            them.
    """
    tree = read_tree(path, lambda name: is_recording(name) or _file_name(name) in SPLIT_LISTS.values())
    names = [name for name in tree if is_recording(name) and not _is_noise(name)]
    if not names:
        raise UserError(
            f"{path}: no recordings; expected <label>/<name>.wav (.flac, .ogg, .mp3){_hint(path)}"
        )
    if pattern == NAME_PATTERN and _has_no_folders_per_label(names):
        pattern = FLAT_PATTERN if _tells_labels(names) else pattern
    matches = [re.search(pattern, name) for name in names]
    files = [
        AudioFile(name, tree[name], *(_group(match, group) for group in ("label", "speaker")))
        for name, match in zip(names, matches, strict=True)
    ]
    if not any(file.label for file in files):
        raise UserError(
            f"{path}: no label in the name of {names[0]!r}, nor of any other; expected <label>/<name>.wav, or a "
            "--name-pattern that finds the label"
        )
    labels = sorted({file.label for file in files})
    if pattern == NAME_PATTERN and _are_parts(labels):
        raise UserError(
            f"{path}: {', '.join(labels)} are parts of the data, not labels; expected <part>/<label>/<name>.wav, "
            "or a --name-pattern that finds the label"
        )
    parts = _listed_parts(names, _entries(tree, lists)) or _folder_parts(names, pattern)
    return [replace(file, part=part) for file, part in zip(files, parts, strict=True)] if parts else files


def find_noises(path: Path) -> list[AudioFile]:
    """The recordings in folders named `_background_noise_` of a folder or a tar."""
    return [AudioFile(name, read) for name, read in read_tree(path, _is_noise).items()]


def find_all(path: Path) -> list[AudioFile]:
    """All recordings of a folder or a tar, whatever their folders are named."""
    return [AudioFile(name, read) for name, read in read_tree(path, is_recording).items()]


def _is_part(folder: str) -> bool:
    return folder.lower() in PART_NAMES


def _are_parts(labels: Sequence[str]) -> bool:
    """Whether labels are the names of parts. Words to be told apart may be called train and test, but hardly val."""
    parts = {PART_NAMES.get(label.lower(), "") for label in labels}
    return "" not in parts and parts >= {"train", "validation"}


def _has_no_folders_per_label(names: Sequence[str]) -> bool:
    """Whether the recordings lie together, or in folders that are parts."""
    folders = {name.rpartition("/")[0].rpartition("/")[2] for name in names}
    return len(folders) == 1 or all(map(_is_part, folders))


def _tells_labels(names: Sequence[str]) -> bool:
    """Whether all names are as `FLAT_PATTERN` has it, with two labels and two speakers at least."""
    matches = [re.search(FLAT_PATTERN, name) for name in names]
    return all(matches) and all(
        len({_group(match, group) for match in matches}) > 1 for group in ("label", "speaker")
    )


def _is_noise(name: str) -> bool:
    return is_recording(name) and NOISE in name.split("/")


def _file_name(name: str) -> str:
    return name.rpartition("/")[2]


def _is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def _hint(path: Path) -> str:
    archives = sorted(file.name for file in path.iterdir() if _is_archive(file.name)) if path.is_dir() else []
    return f", or one of its archives: {', '.join(archives)}" if archives else ""


def _group(match: re.Match[str] | None, name: str) -> str:
    return (match.groupdict().get(name) if match else None) or ""


def _entries(tree: Mapping[str, Read], lists: Mapping[str, Path | None]) -> dict[str, set[str]]:
    """The names that the split lists give, by part; of given lists those alone.

    Raises:
        UserError: a given list cannot be read, or names none of the recordings.
    """
    entries: dict[str, set[str]] = {}
    for part, path in lists.items():
        if path is not None:
            entries[part] = _listed(read_lines(Path(os.path.expanduser(path))))
            if not any(_is_in(name, entries[part]) for name in tree):
                raise UserError(
                    f"{path}: names none of the recordings; expected a line such as {next(iter(tree))}"
                )
    if entries:
        return entries
    for name, read in tree.items():
        for part, usual in SPLIT_LISTS.items():
            if _file_name(name) == usual:
                entries[part] = _listed(read().decode("utf-8", "replace").splitlines())
    return entries


def _listed(lines: Sequence[str]) -> set[str]:
    return {line.strip().replace("\\", "/").removeprefix("./") for line in lines} - {""}


def _is_in(name: str, entries: Collection[str]) -> bool:
    """Whether a list has the name, or the end of it from one of its folders on."""
    folders = name.split("/")
    return any("/".join(folders[start:]) in entries for start in range(len(folders)))


def _listed_parts(names: Sequence[str], entries: Mapping[str, set[str]]) -> list[str]:
    parts = [
        next((part for part in ("test", "validation") if _is_in(name, entries.get(part, ()))), "train")
        for name in names
    ]
    return parts if set(parts) != {"train"} else []


def _folder_parts(names: Sequence[str], pattern: str) -> list[str]:
    """The part of each name by its outermost folder, beneath those that all names share; [] if those are no parts.

    A class may be named "test": folders are parts only if names tell a label without them.
    """
    shared = commonpath([name.rpartition("/")[0] for name in names])
    inner = [name.removeprefix(shared).lstrip("/").partition("/") for name in names]
    parts = [PART_NAMES.get(folder.lower(), "") for folder, _, _ in inner]
    return parts if all(parts) and any(re.search(pattern, rest) for _, _, rest in inner) else []
