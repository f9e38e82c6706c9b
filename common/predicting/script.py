"""What predict scripts share: texts or files in, an answer for each out, to the terminal or to a file."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.text import Text

from common import cli
from common.checks import AtLeast, check_ranges
from common.predicting.answer_files import require_answer_file, write_answers
from common.predicting.input_files import GivenFiles
from common.predicting.texts import chunks, given_texts, place_of, require_one_source


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
    """Text file with a text in each line, or CSV or TSV file with a column of texts (.gz too)."""
    text_column: str = "text"
    """Column of a CSV or TSV --input that holds the text."""
    output: Path | None = None
    """Write the answers to this file instead of the terminal: .csv for a table, .jsonl for JSON lines, any other name
    for the lines that the terminal would show."""
    batch_size: Annotated[int, AtLeast(1)] = 32
    """Texts that are read at once."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_one_source(self.texts, self.input)
        require_answer_file(self.output)


def answer_texts(
    flags: TextFlags,
    columns: Sequence[str],
    answer: Callable[[Sequence[str], int, bool], Iterable[Shown]],
) -> None:
    """Answers the texts of the arguments, of `--input` or of standard input, in batches or as they are typed.

    Args:
        flags: the script's.
        columns: of a table.
        answer: a function of texts, the number of the first, and whether to show progress; it gives what to show.
    """
    given = given_texts(flags.texts, flags.input, flags.text_column)
    if flags.output is not None:
        write_shown(flags.output, columns, answer(list(given), 1, True))
        return
    is_typed = not flags.texts and not flags.input and sys.stdin.isatty()
    if is_typed:
        hint("a text per line; Ctrl-D ends")
    first = 1
    for chunk in chunks(given, 1 if is_typed else flags.batch_size):
        print_shown(answer(chunk, first, False))
        first += len(chunk)


def warn_of(flags: TextFlags, first: int, is_odd: Iterable[bool], warning: str) -> None:
    """A line to standard error for each odd one of the texts whose numbers begin with `first`, naming its place."""
    for number, odd in enumerate(is_odd, start=first):
        if odd:
            where = place_of(number, flags.texts, flags.input)
            print(f"warning: {where}: {warning}", file=sys.stderr, flush=True)


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
    """Writes the answers as the file's name asks for: see `write_answers`."""
    shown = list(answers)
    lines = (str(line) for one in shown for line in one.lines)
    rows = (row for one in shown for row in one.rows or [one.record])
    write_answers(path, [one.record for one in shown], columns, lines, rows)


def hint(text: str) -> None:
    """A word on standard error to whoever types."""
    cli.console(stderr=True).print(text, style="dim")
