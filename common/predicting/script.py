"""What predict scripts share: texts or files in, an answer for each out, to the terminal or to a file."""

import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tyro
from rich.text import Text

from common import cli
from common.checks import AtLeast, Between, check_ranges
from common.errors import FlagError
from common.predicting.answer_files import answer_file, require_answer_file, require_answer_folder
from common.predicting.input_files import GivenFiles
from common.predicting.scoring import Scorer
from common.predicting.shards import MOST_SHARDS, Job
from common.predicting.texts import (
    TEXT_COLUMN,
    GivenText,
    RowWarnings,
    chunks,
    given_rows,
    given_texts,
    input_columns,
    require_fitting_flags,
    require_one_source,
)
from common.text.tables import TableFormat

_WRITTEN_AT_ONCE = 1024
_KEYS = ("probabilities", "n_best", "tokens")


@dataclass(frozen=True)
class Shown:
    """How an answer is shown.

    Attributes:
        record: what is known of it, for JSON lines.
        lines: for the terminal, coloured only if that can show it.
        rows: of a table, where they are not the record alone.
        warning: to standard error, with the place of what is answered; "" if there is none.
    """

    record: dict[str, Any]
    lines: Sequence[str | Text]
    rows: Sequence[dict[str, Any]] = ()
    warning: str = ""


class TextAnswers(NamedTuple):
    """How an application answers texts: `text_answers` of its module `predict` makes one for whoever has rows.

    Attributes:
        columns: of a table.
        answer: a function of texts and whether to show progress; it gives what to show of each.
    """

    columns: Sequence[str]
    answer: Callable[[Sequence[GivenText], bool], Iterable[Shown]]

    def columns_beside(self, others: Iterable[str]) -> list[str]:
        """The columns of a table, with those of the input behind them."""
        return [*self.columns, *_free_names(others, self._taken).values()]

    def beside(
        self, given: Sequence[GivenText], others: Sequence[str], show_progress: bool = False
    ) -> Iterator[Shown]:
        """The answers to texts with what the input holds beside each, under names that are free.

        Args:
            given: the texts.
            others: columns of the input, as far as they are known.
            show_progress: whether to show how far the work is.

        Raises:
            RefusedRowsError: the model refused a text.
        """
        answers = self.answer(given, show_progress)
        return _beside(given, answers, others, self._taken)

    @property
    def _taken(self) -> set[str]:
        return {*self.columns, *_KEYS}


@dataclass(frozen=True)
class TextFlags:
    """Texts come from the arguments, from --input, or else from standard input, one per line."""

    texts: tyro.conf.Positional[tuple[str, ...]] = ()
    """Texts to answer; put -- before one that begins with a dash."""
    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    input: Path | None = None
    """Text file with a text in each line, or CSV, TSV or JSON lines with a column of texts (.gz too), or Parquet."""
    text_column: str = TEXT_COLUMN
    """Column of a table given by --input that holds the text, by its name; or by its number from 1 in a CSV or TSV
    without a header."""
    output: Path | None = None
    """Write the answers to this file instead of the terminal: .csv for a table, .jsonl for JSON lines, both with the
    other columns of a table given by --input; any other name for the lines that the terminal would show."""
    shards: Annotated[int, Between(1, MOST_SHARDS)] | None = None
    """Cut the rows of --input into so many parts, each written whole to its file. --output then names a folder:
    of tables if its name ends in .csv, else of JSON lines. Rows that are refused or cannot be read go to errors-*.jsonl
    beside the parts, and none of their neighbours is lost."""
    resume: bool = False
    """Go on in the folder of --shards where work was interrupted, by kill -9 too; the same command, started several
    times at once with this, shares the work."""
    batch_size: Annotated[int, AtLeast(1)] = 32
    """Texts that are read at once."""
    table: TableFormat = field(default_factory=TableFormat)
    """How the --input is written."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_one_source(self.texts, self.input)
        require_fitting_flags(self.input, self.text_column, self.table)
        if self.shards is None:
            require_answer_file(self.output)
        self._require_fitting_shards()

    def _require_fitting_shards(self) -> None:
        if self.shards is None:
            if self.resume:
                raise FlagError("--resume: goes on with parts; expected --shards with their number")
            return
        if self.input is None or self.output is None:
            raise FlagError(
                f"--shards {self.shards}: expected --input with a file of rows, and --output with a folder"
            )
        if self.input.exists() and not self.input.is_file():
            raise FlagError(f"--shards {self.shards}: expected --input with a file, which is read twice")
        require_answer_folder(self.output, self.resume)


def answer_texts(
    flags: TextFlags,
    columns: Sequence[str],
    answer: Callable[[Sequence[GivenText], bool], Iterable[Shown]],
    settings: Mapping[str, Any],
) -> None:
    """Answers the texts of the arguments, of `--input` or of standard input, in batches or as they are typed.

    Args:
        flags: the script's.
        columns: of a table; those of the input stand behind them, with `input_` before a name that is taken.
        answer: a function of texts and whether to show progress; it gives what to show of each.
        settings: what decides the answers besides the texts (see `common.predicting.shards.settings_of`): parts of
            `--shards` are only gone on with under the same.

    Raises:
        UserError: with `--shards`, in the end, if a row was not answered.
    """
    given = given_texts(flags.texts, flags.input, flags.text_column, flags.table)
    if flags.output is not None:
        _write_answers(flags, flags.output, given, TextAnswers(columns, answer), settings)
        return
    is_typed = not flags.texts and not flags.input and sys.stdin.isatty()
    if is_typed:
        hint("a text per line; Ctrl-D ends")
    for chunk in chunks(given, 1 if is_typed else flags.batch_size):
        print_shown(answer(chunk, False))


def _write_answers(
    flags: TextFlags,
    output: Path,
    given: Iterable[GivenText],
    answers: TextAnswers,
    settings: Mapping[str, Any],
) -> None:
    """Answers texts window by window, to one file or to the parts of a folder."""
    others: list[str] = []
    if output.suffix.lower() == ".csv":
        keeps_bytes = flags.shards is not None
        others = input_columns(flags.input, flags.text_column, flags.table, keeps_bytes=keeps_bytes)
    names = answers.columns_beside(others)
    window = flags.batch_size * -(-_WRITTEN_AT_ONCE // flags.batch_size)
    if flags.shards is None or flags.input is None:
        windows = chunks(given, window)
        write_shown(
            output, names, (shown for texts in windows for shown in answers.beside(texts, others, True))
        )
        return
    job = Job(output, flags.shards, flags.input, settings, flags.resume)
    rows = partial(given_rows, flags.input, flags.text_column, flags.table, keeps_bytes=True)
    Scorer(rows, names, partial(answers.beside, others=others), window, flags.batch_size).run(job)


def _beside(
    given: Sequence[GivenText], answers: Iterable[Shown], columns: Sequence[str], taken: Container[str]
) -> Iterator[Shown]:
    """The answers with what the input holds beside each text, whose columns are the given ones if known."""
    for one, shown in zip(given, answers, strict=True):
        names = _free_names([*columns, *one.others], taken)
        others = {names[name]: value for name, value in one.others.items()}
        rows = [{**row, **others} for row in shown.rows]
        yield replace(shown, record={**shown.record, **others}, rows=rows)


def _free_names(columns: Iterable[str], taken: Container[str]) -> dict[str, str]:
    """The name under which each column stands beside those that are taken, all of them different.

    >>> _free_names(["label", "stars", "input_label"], {"label"})
    {'label': 'input_input_label', 'stars': 'stars', 'input_label': 'input_label'}
    """
    names = {column: column for column in columns}
    for column in names:
        name = column
        while name in taken or (name != column and name in {*names, *names.values()}):
            name = f"input_{name}"
        names[column] = name
    return names


def answer_files(
    given: GivenFiles[Any], output: Path | None, columns: Sequence[str], answers: Iterable[Shown]
) -> None:
    """Prints or writes the answers as they come, and ends the script as failed if a file could not be used."""
    if output is None:
        print_shown(answers)
    else:
        write_shown(output, columns, answers)
    if given.failed:
        sys.exit(cli.FAILED)


def print_shown(answers: Iterable[Shown]) -> None:
    """Prints the lines of answers, each answer as soon as it is there."""
    console = cli.console()
    for shown in answers:
        if shown.warning:
            cli.warn(shown.warning)
        for line in shown.lines:
            if isinstance(line, Text):
                console.print(line)
            else:
                print(line, flush=True)


def write_shown(path: Path, columns: Sequence[str], answers: Iterable[Shown]) -> None:
    """Writes the answers as they come, as the file's name asks for: see `answer_file`."""
    waiting = iter(answers)
    # Before the first answer is there, no folder is made.
    first = list(islice(waiting, 1))
    warnings = RowWarnings()
    with answer_file(path, columns) as add:
        for shown in chain(first, waiting):
            warnings.add(shown.warning)
            add(shown.record, map(str, shown.lines), shown.rows)
    warnings.finish()


def hint(text: str) -> None:
    """A word on standard error to whoever types."""
    cli.console(stderr=True).print(text, style="dim")
