"""The parts of a user's recordings with transcripts, whichever of the known forms they have."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from common.audio.folders import find_clips, is_recording
from common.audio.transcript_files import SpokenFile, SpokenFiles, is_archive, joined
from common.audio.transcript_folders import kaldi_folders, read_kaldi, read_spoken_tree
from common.audio.transcript_tables import Columns, read_spoken_table
from common.data.part_names import part_named
from common.errors import FlagError, UserError
from common.text.tables import TableFormat, is_table

_OF_TABLES = ("path_column", "text_column", "speaker_column", "delimiter", "strict")

Parts = Mapping[str, Callable[[], SpokenFiles]]
"""From `train`, `validation` and `test` to what reads that part; data that are not divided are ""."""
FORMS = (
    "a table of recordings and transcripts (.csv, .tsv, .jsonl, .parquet), a folder with train.tsv, dev.tsv and "
    "test.tsv, a folder, tar or zip with x.txt beside each x.wav or LibriSpeech's *.trans.txt, or a folder of Kaldi "
    "with wav.scp and text"
)


class Form(NamedTuple):
    """How recordings and what is said in them are kept together.

    Attributes:
        name: for messages.
        unused: what may be given and has no effect on it, as the fields of `TranscriptSource` and its table are called.
    """

    name: str
    unused: tuple[str, ...] = ()


TABLE = Form("a table")
KALDI = Form("a folder of Kaldi", _OF_TABLES)
TRANSCRIPTS_BESIDE = Form("recordings with their transcripts beside them", (*_OF_TABLES, "recordings"))
NAMED = Form("recordings whose names tell what is said", (*_OF_TABLES, "recordings", "encoding"))


class SpokenData(NamedTuple):
    """A user's recordings with transcripts.

    Attributes:
        form: that they were found to have.
        parts: of them.
    """

    form: Form
    parts: Parts


@dataclass(frozen=True)
class Forms:
    """What is given about how recordings and transcripts are kept.

    Attributes:
        columns: of tables.
        table: how tables are written.
        recordings: where the recordings of tables lie, if that is given.
        name_pattern: how names tell what is said, if they do (see `find_clips`).
    """

    columns: Columns = field(default_factory=Columns)
    table: TableFormat = field(default_factory=TableFormat)
    recordings: Path | None = None
    name_pattern: str = ""


def spoken_data(path: Path, forms: Forms) -> SpokenData:
    """The form of a user's file or folder, and its parts.

    Raises:
        UserError: nothing is there, or it has none of the forms of `FORMS`; as they are read, what is wrong in them.
        FlagError: names are to tell what is said, and it is a table.
    """
    if forms.name_pattern:
        if path.is_file() and is_table(path) and not is_archive(path):
            raise FlagError(
                f"--name-pattern {forms.name_pattern}: has no effect on {TABLE.name}, as {path} is; expected it with "
                "a folder, tar or zip of recordings"
            )
        return SpokenData(NAMED, _named_parts(path, forms.name_pattern))
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; expected {FORMS}")
    if path.is_file() and is_recording(path.name):
        raise UserError(f"{path}: a single recording; expected recordings with what is said in them: {FORMS}")
    if path.is_file() and is_table(path, forms.table) and not is_archive(path):
        return SpokenData(TABLE, {"": partial(_read_table, path, forms)})
    if path.is_dir():
        tables = [file for file in sorted(path.iterdir()) if file.is_file() and is_table(file)]
        if parted := [table for table in tables if part_named(table.name)]:
            return SpokenData(TABLE, _table_parts(path, parted, forms))
        if folders := kaldi_folders(path):
            return SpokenData(KALDI, _kaldi_parts(folders, forms))
    else:
        tables = []
    if trees := read_spoken_tree(path, forms.table.encoding):
        return SpokenData(
            TRANSCRIPTS_BESIDE, {part: partial(joined, [spoken]) for part, spoken in trees.items()}
        )
    if len(tables) == 1:
        return SpokenData(TABLE, {"": partial(_read_table, tables[0], forms)})
    several = f", or one of its tables: {', '.join(table.name for table in tables)}" if tables else ""
    raise UserError(f"{path}: no recordings with transcripts; expected {FORMS}{several}")


def _kaldi_parts(folders: Mapping[str, Path], forms: Forms) -> Parts:
    return {
        part: partial(read_kaldi, folder, forms.recordings, forms.table.encoding)
        for part, folder in folders.items()
    }


def _read_table(path: Path, forms: Forms) -> SpokenFiles:
    return read_spoken_table(path, forms.columns, forms.table, forms.recordings)


def _named_parts(path: Path, pattern: str) -> Parts:
    """Recordings whose names tell what is said; labels that begin with _ are no words."""
    parts: defaultdict[str, list[SpokenFile]] = defaultdict(list)
    for clip in find_clips(path, pattern, {}):
        reason = (
            f"{clip.label} is no transcript"
            if clip.label.startswith("_")
            else ""
            if clip.label
            else "no label in the name"
        )
        parts[clip.part].append(SpokenFile(clip.name, clip.read, clip.label, clip.speaker, reason=reason))
    return {part: partial(SpokenFiles, files) for part, files in parts.items()}


def _table_parts(path: Path, tables: Sequence[Path], forms: Forms) -> Parts:
    stems = Counter(table.name.partition(".")[0] for table in tables)
    twice = [table.name for table in tables if stems[table.name.partition(".")[0]] > 1]
    if twice:
        raise UserError(
            f"{path}: {' and '.join(twice)}; expected one of them, or --data with the table itself"
        )
    paths: defaultdict[str, list[Path]] = defaultdict(list)
    for table in tables:
        paths[part_named(table.name)].append(table)
    return {part: partial(_read_tables, of_part, forms) for part, of_part in paths.items()}


def _read_tables(tables: Sequence[Path], forms: Forms) -> SpokenFiles:
    return joined([_read_table(table, forms) for table in tables])
