"""Folders and archives of recordings whose transcripts lie beside them: LibriSpeech's, Kaldi's, x.wav with x.txt."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from os.path import commonpath
from pathlib import Path

from common.audio.folders import is_recording
from common.audio.transcript_files import SpokenFile, SpokenFiles, find_recordings, stem
from common.data.file_trees import Read, read_tree
from common.data.part_names import part_named
from common.errors import UserError
from common.text.tables import read_lines

KALDI = "wav.scp"
_TRANSCRIPTS = ".trans.txt"
_TEXT = ".txt"
_NO_TRANSCRIPT = "no transcript"
_NO_RECORDING = "a .txt without its recording"


def read_spoken_tree(path: Path, encoding: str) -> dict[str, SpokenFiles]:
    """The recordings of a folder, tar or zip with what is said in each, by part; none if no transcripts are there.

    With files <speaker>-<chapter>.trans.txt, each line of them has the name of a recording in the same folder, without
    its suffix, and what is said in it. Else x.txt has what is said in x.wav (.flac, .ogg, .mp3), and one that has no
    recording is left out. A recording without a transcript is there with that as a reason. Parts are the outermost
    folders, beneath those that all share, whose names begin with train, dev (val, valid, validation) or test.

    Raises:
        UserError: there is no such folder or archive, it is damaged, a transcript names no recording, or is not in its
            encoding.
    """
    tree = read_tree(path, lambda name: is_recording(name) or name.lower().endswith(_TEXT))
    recordings = [name for name in tree if is_recording(name)]
    lists = [name for name in tree if name.endswith(_TRANSCRIPTS)]
    spoken = (
        _listed(path, tree, recordings, lists, encoding)
        if lists
        else _paired(path, tree, recordings, encoding)
    )
    if not any(not file.reason for file in spoken):
        return {}
    parts: defaultdict[str, list[SpokenFile]] = defaultdict(list)
    shared = commonpath([file.name.rpartition("/")[0] for file in spoken])
    for file in spoken:
        parts[_part_of(file.name, shared)].append(file)
    # What lies outside the parts counts with those to train on.
    usual = "train" if "train" in parts else next(iter(parts))
    orphans = [] if lists else _without_recordings(tree, recordings)
    places = (_part_of(name, shared) for name in orphans)
    counts = Counter(part if part in parts else usual for part in places)
    return {
        part: SpokenFiles(files, {_NO_RECORDING: counts[part]} if counts[part] else {})
        for part, files in parts.items()
    }


def _part_of(name: str, shared: str) -> str:
    folder, _, inner = name.removeprefix(shared).lstrip("/").partition("/")
    return part_named(folder) if inner else ""


def _without_recordings(tree: Mapping[str, Read], recordings: Sequence[str]) -> list[str]:
    """The .txt files that no recording lies beside."""
    stems = set(map(stem, recordings))
    return [name for name in tree if not is_recording(name) and name[: -len(_TEXT)] not in stems]


def _listed(
    path: Path, tree: Mapping[str, Read], recordings: Sequence[str], lists: Sequence[str], encoding: str
) -> list[SpokenFile]:
    names = {stem(name): name for name in recordings}
    files: dict[str, SpokenFile] = {}
    for listing in lists:
        folder, _, file_name = listing.rpartition("/")
        for number, line in enumerate(_decoded(path, listing, tree[listing], encoding).splitlines(), start=1):
            if not line.strip():
                continue
            key, _, text = line.strip().partition(" ")
            place = f"{file_name}, line {number}"
            name = names.get(f"{folder}/{key}".lstrip("/"))
            if name is None:
                raise UserError(
                    f"{path}/{listing}, line {number}: no recording {key!r}; expected {key}.flac (.wav, .ogg, .mp3) "
                    "beside it"
                )
            files[name] = SpokenFile(name, tree[name], text, key.partition("-")[0], place)
    return [files.get(name) or _untold(name, tree[name]) for name in recordings]


def _paired(
    path: Path, tree: Mapping[str, Read], recordings: Sequence[str], encoding: str
) -> list[SpokenFile]:
    texts = {name[: -len(_TEXT)]: name for name in tree if not is_recording(name)}
    return [
        SpokenFile(name, tree[name], _decoded(path, text, tree[text], encoding))
        if (text := texts.get(stem(name)))
        else _untold(name, tree[name])
        for name in recordings
    ]


def _untold(name: str, read: Read) -> SpokenFile:
    return SpokenFile(name, read, "", reason=_NO_TRANSCRIPT)


def _decoded(path: Path, name: str, read: Read, encoding: str) -> str:
    try:
        return read().decode(encoding).removeprefix("\ufeff")
    except UnicodeError:
        raise UserError(f"{path}/{name}: not valid {encoding}; give the file's own --encoding") from None


def kaldi_folders(path: Path) -> dict[str, Path]:
    """The folders of Kaldi, by part: the folder itself, or those in it that are named by parts; none if neither is."""
    if (path / KALDI).is_file():
        return {"": path}
    inner = sorted(folder for folder in path.iterdir() if (folder / KALDI).is_file())
    return {part: folder for folder in reversed(inner) if (part := part_named(folder.name))}


def read_kaldi(folder: Path, recordings: Path | None = None, encoding: str | None = None) -> SpokenFiles:
    """The recordings of a folder of Kaldi: those of `wav.scp`, with their texts of `text` and speakers of `utt2spk`.

    Args:
        folder: that holds them.
        recordings: where the paths of `wav.scp` are looked for; unless given, in the folder.
        encoding: of the files.

    Raises:
        UserError: a file is missing; recordings are parts of others (`segments`) or come out of commands; a recording
            is not there, or a text has none.
    """
    if (folder / "segments").exists():
        raise UserError(
            f"{folder / 'segments'}: segments of recordings are not read; expected {KALDI} to have a recording for "
            "each utterance, and no segments"
        )
    paths, texts = (_entries(folder / name, encoding) for name in (KALDI, "text"))
    speakers = _entries(folder / "utt2spk", encoding) if (folder / "utt2spk").exists() else {}
    _require_paths(folder, paths)
    for key, (place, text) in texts.items():
        if key not in paths:
            raise UserError(f"{folder}/{place}: no recording of {key!r} in {KALDI}")
        if not text:
            raise UserError(f"{folder}/{place}: nothing behind {key!r}; expected what is said")
    places = [folder] if recordings is None else [recordings]
    reads = find_recordings([recording for _, recording in paths.values()], places)
    for place, recording in paths.values():
        if recording not in reads:
            raise UserError(
                f"{folder}/{place}: no recording {recording!r}; expected it in {places[0]}, or --recordings with the "
                "folder, tar or zip that has it"
            )
    files = [
        SpokenFile(key, reads[recording], texts[key][1], speakers.get(key, ("", ""))[1], texts[key][0])
        if key in texts
        else _untold(key, reads[recording])
        for key, (_, recording) in paths.items()
    ]
    return SpokenFiles(files)


def _entries(path: Path, encoding: str | None) -> dict[str, tuple[str, str]]:
    """The place and the rest of each line, by its first word."""
    entries = {}
    for number, line in enumerate(read_lines(path, encoding), start=1):
        if line.strip():
            key, _, rest = line.strip().replace("\t", " ").partition(" ")
            entries[key] = (f"{path.name}, line {number}", rest.strip())
    return entries


def _require_paths(folder: Path, paths: Mapping[str, tuple[str, str]]) -> None:
    if not paths:
        raise UserError(f"{folder / KALDI}: no rows; expected lines <utterance> <path>")
    for key, (place, recording) in paths.items():
        if recording.endswith("|"):
            raise UserError(
                f"{folder}/{place}: a command, {recording!r}; commands are not run: expected the path of a recording"
            )
        if not recording:
            raise UserError(f"{folder}/{place}: nothing behind {key!r}; expected the path of a recording")
