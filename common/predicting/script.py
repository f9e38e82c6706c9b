"""What predict scripts share: texts or files in, an answer for each out, to the terminal or to a file."""

import sys
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.text import Text

from common import cli
from common.checks import AtLeast, check_ranges
from common.predicting.answer_files import answer_file, require_answer_file
from common.predicting.input_files import GivenFiles
from common.predicting.texts import (
    TEXT_COLUMN,
    GivenText,
    chunks,
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
    """

    record: dict[str, Any]
    lines: Sequence[str | Text]
    rows: Sequence[dict[str, Any]] = ()


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
    batch_size: Annotated[int, AtLeast(1)] = 32
    """Texts that are read at once."""
    table: TableFormat = field(default_factory=TableFormat)
    """How the --input is written."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_one_source(self.texts, self.input)
        require_fitting_flags(self.input, self.text_column, self.table)
        require_answer_file(self.output)


def answer_texts(
    flags: TextFlags,
    columns: Sequence[str],
    answer: Callable[[Sequence[GivenText], bool], Iterable[Shown]],
) -> None:
    """Answers the texts of the arguments, of `--input` or of standard input, in batches or as they are typed.

    Args:
        flags: the script's.
        columns: of a table; those of the input stand behind them, with `input_` before a name that is taken.
        answer: a function of texts and whether to show progress; it gives what to show of each.
    """
    source = (flags.input, flags.text_column, flags.table)
    given = given_texts(flags.texts, *source)
    if flags.output is not None:
        others = input_columns(*source) if flags.output.suffix.lower() == ".csv" else []
        taken = {*columns, *_KEYS}
        size = flags.batch_size * -(-_WRITTEN_AT_ONCE // flags.batch_size)
        answers = (
            shown
            for chunk in chunks(given, size)
            for shown in _beside(chunk, answer(chunk, True), others, taken)
        )
        write_shown(flags.output, [*columns, *_free_names(others, taken).values()], answers)
        return
    is_typed = not flags.texts and not flags.input and sys.stdin.isatty()
    if is_typed:
        hint("a text per line; Ctrl-D ends")
    for chunk in chunks(given, 1 if is_typed else flags.batch_size):
        print_shown(answer(chunk, False))


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


def warn_of(given: Iterable[GivenText], is_odd: Iterable[bool], warning: str) -> None:
    """A line to standard error for each odd one of the texts, naming its place."""
    for one, odd in zip(given, is_odd, strict=True):
        if odd:
            print(f"warning: {one.place}: {warning}", file=sys.stderr, flush=True)


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
    with answer_file(path, columns) as add:
        for shown in chain(first, waiting):
            add(shown.record, map(str, shown.lines), shown.rows)


def hint(text: str) -> None:
    """A word on standard error to whoever types."""
    cli.console(stderr=True).print(text, style="dim")
