"""A folder of answers in parts, each there whole or not at all: work that is killed goes on, and several share it."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from common.checks import flag
from common.errors import FlagError, UserError
from common.files import atomic_write
from common.predicting.locks import held

JOB_FILE = "job.json"
MOST_SHARDS = 10_000
"""More files in a folder take long to list."""
PAUSE = 0.2
"""Seconds between two looks at what other processes do."""

_WITHOUT_EFFECT = frozenset({"texts", "model", "input", "output", "shards", "resume"})
_ROWS = "rows_per_shard"


@dataclass(frozen=True)
class Part:
    """Rows of the input that stand together, and where what becomes of them goes.

    Attributes:
        start: the first of them, from 0.
        stop: the one behind the last.
        answers: file of the answers. Once it is there, all of this part is.
        errors: file of the rows that were not answered; there is none if all were.
        lock: of the process that works on the part.
    """

    start: int
    stop: int
    answers: Path
    errors: Path
    lock: Path

    def remove_leftovers(self) -> None:
        """Removes what a process that was killed had begun to write."""
        for path in (self.answers, self.errors):
            _remove(path.parent.glob(f".tmp-*-{path.name}"))


@dataclass(frozen=True)
class Job:
    """What is done in a folder.

    Attributes:
        folder: of the answers: tables if its name ends in `.csv`, else JSON lines.
        shards: how many parts there are.
        input: file of the rows.
        settings: what else decides the answers, see `settings_of`.
        goes_on: whether the folder may hold some of the parts.
    """

    folder: Path
    shards: int
    input: Path
    settings: Mapping[str, Any]
    goes_on: bool = False

    def parts(self, count: Callable[[], int], window: int) -> list[Part]:
        """The parts in order; the job is begun if the folder holds none.

        Args:
            count: counts the rows of the input.
            window: see `cut`.

        Raises:
            UserError: the folder holds another job.
        """
        if self._path.exists():
            rows = self._joined()
        elif self.folder.is_dir() and any(not _is_passing(path) for path in self.folder.iterdir()):
            raise UserError(f"--output {self.folder}: holds no {JOB_FILE}; expected a new folder")
        else:
            rows = self._begun(cut(count(), self.shards, window))
        bounds = pairwise(accumulate(rows, initial=0))
        return [self._part(number, start, stop) for number, (start, stop) in enumerate(bounds)]

    def require_same_input(self) -> None:
        """Raises UserError if the input is not what it was when the job began."""
        if self._known()["input"] != _state_of(self.input):
            raise UserError(f"--input {self.input}: has changed since the work began; expected the same file")

    def tidy(self) -> None:
        """Removes what processes that were killed left behind, once all parts are there."""
        _remove(path for path in self.folder.iterdir() if _is_passing(path))

    @property
    def _path(self) -> Path:
        return self.folder / JOB_FILE

    @property
    def _ending(self) -> str:
        return ".csv" if self.folder.suffix.lower() == ".csv" else ".jsonl"

    def _part(self, number: int, start: int, stop: int) -> Part:
        name = f"{number:05}-of-{self.shards:05}"
        return Part(
            start,
            stop,
            self.folder / f"part-{name}{self._ending}",
            self.folder / f"errors-{name}.jsonl",
            self.folder / f".part-{name}.lock",
        )

    def _fingerprint(self) -> dict[str, Any]:
        return {
            "input": _state_of(self.input),
            "settings": dict(self.settings),
            "shards": self.shards,
            "format": self._ending,
        }

    def _begun(self, rows: Sequence[int]) -> Sequence[int]:
        """Writes what the job is, unless another process does at this moment."""
        self.folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps({**self._fingerprint(), _ROWS: rows}, indent=1, default=str) + "\n"
        while not self._path.exists():
            with held(self.folder / f".{JOB_FILE}.lock") as is_held:
                if is_held and not self._path.exists():
                    atomic_write(self._path, content)
                    return rows
            time.sleep(PAUSE)
        return self._joined()

    def _joined(self) -> Sequence[int]:
        if not self.goes_on:
            raise FlagError(f"--output {self.folder}: not empty; expected a new folder, or --resume")
        known = self._known()
        # As JSON has it: a tuple is a list there.
        asked = json.loads(json.dumps(self._fingerprint(), default=str))
        differences = list(_differences(known, asked))
        if differences:
            raise UserError(
                f"--output {self.folder}: holds another job ({'; '.join(differences)}); expected the same one, or "
                "a new folder"
            )
        rows: list[int] = known[_ROWS]
        return rows

    def _known(self) -> dict[str, Any]:
        try:
            known = json.loads(self._path.read_text("utf-8"))
        except ValueError:
            known = None
        if not isinstance(known, dict) or not {*self._fingerprint(), _ROWS} <= known.keys():
            raise UserError(f"{self._path}: not what --shards writes; expected a new folder")
        return known


def settings_of(options: Any, model: Path) -> dict[str, Any]:
    """What decides the answers of a script besides its input: the version of the model, and flags with their values.

    Args:
        options: the script's flags, a dataclass that may hold others. A file among them counts by its size and time.
        model: the version that answers.
    """
    return {"model": str(model.resolve()), **dict(_flags(options))}


def cut(rows: int, shards: int, window: int) -> list[int]:
    """How many of the rows each part has.

    Every part begins with a window of rows that are computed together, if there are enough of them: then the same rows
    are together as where all go to one file, and the parts joined are that file.

    >>> cut(10, 4, window=1024), cut(10_000, 4, window=1024)
    ([2, 3, 2, 3], [2048, 3072, 2048, 2832])
    """
    unit = window if rows >= shards * window else 1
    units = -(-rows // unit)
    return [
        stop - start
        for start, stop in pairwise(min(units * part // shards * unit, rows) for part in range(shards + 1))
    ]


def _flags(options: Any) -> Iterable[tuple[str, Any]]:
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if dataclasses.is_dataclass(value):
            yield from _flags(value)
        elif field.name not in _WITHOUT_EFFECT:
            yield flag(field.name), _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return _state_of(value) if value.is_file() else str(value)
    return value


def _state_of(path: Path) -> dict[str, Any]:
    """By what a file is known again."""
    state = path.expanduser().stat()
    modified = datetime.fromtimestamp(state.st_mtime_ns / 1e9, UTC)
    return {"name": path.name, "bytes": state.st_size, "modified": modified.isoformat()}


def _differences(known: Mapping[str, Any], asked: Mapping[str, Any], names: str = "") -> Iterable[str]:
    for name in sorted({*known, *asked} - {_ROWS}):
        there, here = known.get(name), asked.get(name)
        full = f"{names}{name}"
        if isinstance(there, Mapping) and isinstance(here, Mapping):
            yield from _differences(there, here, "" if name == "settings" else f"{full} ")
        elif there != here:
            yield f"{full}: {json.dumps(there, ensure_ascii=False)} there, {json.dumps(here, ensure_ascii=False)} asked"


def _is_passing(path: Path) -> bool:
    return path.name.startswith(".tmp-") or (path.name.startswith(".") and path.suffix == ".lock")


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        path.unlink(missing_ok=True)
