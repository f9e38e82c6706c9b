"""Answers to all rows of a file, part by part, into a folder that other processes may work in too."""

import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeGuard, TypeVar

from common import cli
from common.errors import UserError, is_interrupt
from common.inference.refused_rows import RefusedRowsError
from common.predicting.answer_files import Add, whole_answer_file
from common.predicting.locks import held, holder
from common.predicting.progress import progress_of
from common.predicting.shards import PAUSE, Job, Part
from common.predicting.texts import GivenText, RowWarnings, chunks
from common.text.delimited import Fault
from common.text.tables import HEADER

Given = GivenText | Fault
Answer = TypeVar("Answer")


class Answered(Protocol):
    """An answer as files have it: see `common.predicting.script.Shown`."""

    @property
    def record(self) -> Mapping[str, Any]:
        """For JSON lines."""

    @property
    def lines(self) -> Iterable[object]:
        """For the terminal."""

    @property
    def rows(self) -> Iterable[Mapping[str, Any]]:
        """For tables."""

    @property
    def warning(self) -> str:
        """For standard error."""


@dataclass(frozen=True)
class Scorer:
    """How rows become answers.

    Attributes:
        rows: begins to read the input anew at each call.
        columns: of a table of answers.
        answer: the answers to texts, as many and in the same order.
        window: rows that are read and answered together.
        batch: those of them that the model computes together.
    """

    rows: Callable[[], Iterator[Given]]
    columns: Sequence[str]
    answer: Callable[[Sequence[GivenText]], Iterable[Answered]]
    window: int
    batch: int

    def run(self, job: Job) -> None:
        """Does the parts that nobody has done, and returns once all are there, whoever did them.

        Raises:
            UserError: the folder holds another job; in the end, if a row was not answered.
        """
        parts = job.parts(self._count, self.window)
        missing = [part for part in parts if not part.answers.exists()]
        total = sum(part.stop - part.start for part in missing)
        warnings = RowWarnings()
        try:
            with closing(self._work(job, missing, warnings)) as steps:
                for _ in progress_of(steps, "answering", total, float, True, "rows"):
                    pass
        except BaseException as error:
            if is_interrupt(error):
                raise KeyboardInterrupt("interrupted; go on with the same command and --resume") from None
            raise
        warnings.finish()
        job.tidy()
        errors = [part.errors for part in parts if part.errors.exists()]
        refused = sum(map(_count_lines, errors))
        line = f"{parts[-1].stop - refused:,} rows answered in {len(parts):,} parts in {job.folder}"
        cli.console(stderr=True).print(line, markup=False)
        if refused:
            with errors[0].open("rb") as file:
                raise not_answered(cli.counted(refused, "row"), str(job.folder), file.readline())

    def _count(self) -> int:
        count = 0
        for row in self.rows():
            if _is_header(row):
                cli.warn(f"{row.place}: {row.detail}; left out")
            else:
                count += 1
        return count

    def _work(self, job: Job, missing: Sequence[Part], warnings: RowWarnings) -> Generator[int, None, None]:
        """Does the missing parts; yields how many rows more are done, here or elsewhere."""
        reader, is_told = _Reader(self.rows), False
        while missing:
            others: list[Part] = []
            for part in missing:
                with held(part.lock) as is_held:
                    if part.answers.exists():
                        yield part.stop - part.start
                    elif is_held:
                        yield from self._write(job, part, reader, warnings)
                    else:
                        others.append(part)
            if others == missing:
                if not is_told:
                    _tell_of(others)
                is_told = True
                time.sleep(PAUSE)
            missing = others

    def _write(self, job: Job, part: Part, reader: "_Reader", warnings: RowWarnings) -> Iterator[int]:
        part.remove_leftovers()
        with whole_answer_file(part.answers, self.columns) as add:
            is_whole = True
            # The errors go first: once the answers are there, nobody looks at this part again.
            with whole_answer_file(part.errors, ()) as add_error:
                number = part.start
                for window in chunks(reader.between(part.start, part.stop), self.window):
                    for given, answer in self._answers(window):
                        number += 1
                        is_whole &= _write_row(number, given, answer, add, add_error)
                        warnings.add("" if isinstance(answer, str) else answer.warning)
                    yield len(window)
                job.require_same_input()
            if is_whole:
                part.errors.unlink()

    def _answers(self, window: Sequence[Given]) -> Iterator[tuple[Given, Answered | str]]:
        """Each row of a window with its answer, or with why there is none."""
        texts = [given for given in window if isinstance(given, GivenText)]
        answers = iter(answers_or_reasons(self.answer, texts, self.batch))
        for given in window:
            yield given, given.detail if isinstance(given, Fault) else next(answers)


def not_answered(count: str, folder: str, first: bytes) -> UserError:
    """What a script ends with that could not answer each row.

    Args:
        count: what it did not answer.
        folder: of the errors' files.
        first: a line of them.
    """
    error = json.loads(first)
    place, reason = error["place"], error["reason"]
    # What is wrong with a whole file names it.
    example = reason if reason.startswith(place) else f"{place}: {reason}"
    return UserError(f"{count} not answered, such as {example}; {folder}/errors-*.jsonl say which and why")


def answers_or_reasons(
    answer: Callable[[Sequence[GivenText]], Iterable[Answer]], texts: Sequence[GivenText], batch: int
) -> list[Answer | str]:
    """The answer to each text, or where the model refused it why; a refused text costs its neighbours nothing.

    Args:
        answer: the answers to texts, as many and in the same order.
        texts: any number.
        batch: how many are asked again together, before they are asked one by one.
    """
    if not texts:
        return []
    try:
        return list(answer(texts))
    except RefusedRowsError as error:
        if len(texts) == 1:
            return [next(iter(error.reasons.values()))]
    fewer = batch if len(texts) > batch else 1
    return [one for chunk in chunks(texts, fewer) for one in answers_or_reasons(answer, chunk, batch)]


class _Reader:
    """Rows of a file by their numbers; going forward, none is read twice."""

    def __init__(self, rows: Callable[[], Iterator[Given]]) -> None:
        self._begin = rows
        self._rows, self._place = self._begun(), 0

    def between(self, start: int, stop: int) -> Iterator[Given]:
        """The rows from `start`, counted from 0, to the one before `stop`."""
        if start < self._place:
            self._rows, self._place = self._begun(), 0
        for row in islice(self._rows, stop - self._place):
            self._place += 1
            if self._place > start:
                yield row
        if self._place < stop:
            raise UserError(f"--input: ends after {self._place:,} rows, where {stop:,} were counted")

    def _begun(self) -> Iterator[Given]:
        return (row for row in self._begin() if not _is_header(row))


def _is_header(row: Given) -> TypeGuard[Fault]:
    return isinstance(row, Fault) and row.reason == HEADER


def _write_row(number: int, given: Given, answer: Answered | str, add: Add, add_error: Add) -> bool:
    """Writes what became of a row; whether it was answered."""
    if not isinstance(answer, str):
        add(answer.record, map(str, answer.lines), answer.rows)
        return True
    error: dict[str, Any] = {"row": number, "place": given.place, "reason": answer}
    if isinstance(given, GivenText):
        error |= {"text": given.text, "others": given.others}
    add_error(error, (), ())
    return False


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _tell_of(parts: Sequence[Part]) -> None:
    lock = parts[0].lock
    line = (
        f"waiting for {cli.counted(len(parts), 'part')} that others work on, such as {holder(lock)} ({lock})"
    )
    cli.console(stderr=True).print(line, markup=False)
