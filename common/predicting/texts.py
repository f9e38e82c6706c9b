"""Texts that a user hands to a predictor's script: arguments, a file, or the lines of standard input."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from common.cli import counted, warn
from common.errors import FlagError, UserError
from common.predicting.answer_files import BINARY_ENDINGS
from common.text.delimited import Fault
from common.text.files import KEEPS_BYTES, UTF_8, undecoded
from common.text.tables import (
    HEADER,
    JSON,
    KINDS,
    PARQUET,
    Table,
    TableFormat,
    is_table,
    iterate_lines,
    suffix_of,
)

Item = TypeVar("Item")

TEXT_COLUMN = "text"
"""The column that holds the texts of a table, unless another is named."""

_TOLD = 3


@dataclass(frozen=True)
class GivenText:
    """A text that a script was given.

    Attributes:
        text: itself.
        number: from 1.
        place: where it stands, for messages.
        others: what a table holds beside it, by the names of the columns.
    """

    text: str
    number: int
    place: str
    others: Mapping[str, Any] = field(default_factory=dict)


class RowWarnings:
    """Warnings of rows, of which there may be millions: the first of them stand on standard error.

    Attributes:
        count: how many there were.

    Example:
        >>> warnings = RowWarnings()
        >>> for place in ("row 1", "row 7"):
        ...     warnings.add(f"{place}: no text")
        >>> warnings.finish(), warnings.count
        (None, 2)
    """

    def __init__(self) -> None:
        self.count = 0

    def add(self, warning: str) -> None:
        """Takes a warning, which begins with the row's place; "" is none."""
        self.count += bool(warning)
        if warning and self.count <= _TOLD:
            warn(warning)

    def finish(self) -> None:
        """Tells how many there were, if not each of them was told."""
        if self.count > _TOLD:
            warn(f"{counted(self.count, 'row')} have such a warning in all")


def given_texts(
    arguments: Sequence[str], path: Path | None, column: str, form: TableFormat | None = None
) -> Iterator[GivenText]:
    """The texts of a script: its arguments, or those of a file, or else the lines of standard input as they come.

    Args:
        arguments: texts on the command line; there are none where there is a file.
        path: a table with texts in `column` (see `common.text.tables.Table`), or any other text file with a text in
            each line; it is read as it is asked for. A line on standard error names the first rows that are left out.
        column: the column's name, or its number.
        form: how the file is written.

    Raises:
        UserError: naming what is missing or not in its encoding.
    """
    if path is not None:
        yield from _without_faults(path, given_rows(path, column, form))
        return
    where = "argument" if arguments else "standard input, line"
    for number, text in enumerate(argument_texts(arguments) if arguments else lines(), start=1):
        yield GivenText(text, number, f"{where} {number}")


def input_columns(
    path: Path | None, column: str, form: TableFormat | None = None, *, keeps_bytes: bool = False
) -> list[str]:
    """The names of the columns beside the texts' in a table; none of anything else. See `given_rows`."""
    if path is None or not is_table(path, form):
        return []
    return Table(path, (column,), form, errors=_errors(form, keeps_bytes)).other_columns()


def given_rows(
    path: Path, column: str, form: TableFormat | None = None, *, keeps_bytes: bool = False
) -> Iterator[GivenText | Fault]:
    """The texts of a file as `given_texts` has them, and where a row cannot be read what is wrong with it.

    Args:
        path: of the file.
        column: that holds the texts of a table.
        form: how the file is written.
        keeps_bytes: whether only a row cannot be read where bytes are not in the encoding, and not the file, as where
            the form is strict.
    """
    read = _table_rows if is_table(path, form) else _line_texts
    return read(path, column, form, _errors(form, keeps_bytes))


def _errors(form: TableFormat | None, keeps_bytes: bool) -> str:
    return KEEPS_BYTES if keeps_bytes and not (form and form.strict) else "strict"


def _table_rows(
    path: Path, column: str, form: TableFormat | None, errors: str
) -> Iterator[GivenText | Fault]:
    number = left_out = 0
    for row in Table(path, (column,), form, ("--text-column",), errors).records():
        if isinstance(row, Fault):
            left_out += row.reason != HEADER
            place = row.place if row.reason == HEADER else _counted(number + left_out, row.place)
            yield replace(row, place=f"{path}, {place}")
            continue
        number += 1
        yield GivenText(row.values[0], number, f"{path}, row {row.number}", row.others)


def _counted(number: int, place: str) -> str:
    """Where a row stands as those that can be read say it, and where that is.

    >>> _counted(2, "line 3"), _counted(2, "row 2")
    ('row 2 (line 3)', 'row 2')
    """
    row = f"row {number}"
    return row if place == row else f"{row} ({place})"


def _without_faults(path: Path, rows: Iterable[GivenText | Fault]) -> Iterator[GivenText]:
    warnings = RowWarnings()
    for row in rows:
        if isinstance(row, GivenText):
            yield row
        else:
            warnings.add(f"{row.place}: {row.detail}; left out")
    if warnings.count:
        warn(f"{path}: {counted(warnings.count, 'row')} left out; --strict refuses them")


def _line_texts(
    path: Path, column: str, form: TableFormat | None, errors: str
) -> Iterator[GivenText | Fault]:
    if suffix_of(path) in BINARY_ENDINGS:
        raise UserError(
            f"--input {path}: no text file; expected {KINDS}, or a text file with a text in each line"
        )
    for number, text in enumerate(iterate_lines(path, form.encoding if form else None, errors), start=1):
        if number == 1 and 0 < len(text) <= 3 * text.count("\0"):
            raise UserError(f"{path}: has NUL bytes as UTF-16 does; give --encoding utf-16")
        place = f"{path}, line {number}"
        fault = undecoded(text)
        yield Fault(place, "encoding", fault) if fault else GivenText(text, number, place)


def require_one_source(arguments: Sequence[str], path: Path | None) -> None:
    """Raises UserError if texts come both as arguments and from a file."""
    if arguments and path is not None:
        raise FlagError(f"--input {path}: expected texts either as arguments or from a file, got both")


def require_fitting_flags(path: Path | None, column: str, form: TableFormat) -> None:
    """Raises FlagError if a flag says of the input what its kind does not have, such as a column of a plain text.

    Args:
        path: of the input; None for arguments and standard input.
        column: with the texts, of a table.
        form: how the input is written.
    """
    given = {
        f"--text-column {column}": column != TEXT_COLUMN,
        f"--delimiter {form.delimiter!r}": form.delimiter is not None,
        f"--encoding {form.encoding}": form.encoding != UTF_8,
        "--strict": form.strict,
    }
    fitting = _fitting_flags(path, form)
    for flag, is_given in given.items():
        if is_given and flag.partition(" ")[0] not in fitting:
            kinds = "a CSV or TSV" if path is not None and is_table(path, form) else KINDS
            given_input = f"--input {path}" if path is not None else "texts that are in no file"
            raise FlagError(f"{flag}: does not go with {given_input}; expected --input with {kinds}")


def _fitting_flags(path: Path | None, form: TableFormat) -> Sequence[str]:
    if path is None:
        return ()
    if not is_table(path, form):
        return ("--encoding",)
    kind = suffix_of(path)
    if kind == PARQUET:
        return "--text-column", "--strict"
    if kind in JSON:
        return "--text-column", "--strict", "--encoding"
    return "--text-column", "--strict", "--encoding", "--delimiter"


def argument_texts(arguments: Sequence[str]) -> list[str]:
    """The arguments, if all are valid Unicode.

    Raises:
        UserError: an argument holds bytes that are not UTF-8.
    """
    for number, argument in enumerate(arguments, start=1):
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError:
            raise UserError(f"argument {number}: not valid UTF-8") from None
    return list(arguments)


def lines(stream: BinaryIO | None = None) -> Iterator[str]:
    """The lines of standard input (or of `stream`), as they come, without their ends.

    Raises:
        UserError: naming a line that is not UTF-8.
    """
    for number, line in enumerate(stream or sys.stdin.buffer, start=1):
        try:
            yield line.rstrip(b"\r\n").decode("utf-8")
        except UnicodeDecodeError as error:
            byte = f"byte 0x{line[error.start]:02x}"
            raise UserError(f"standard input, line {number}: {byte} is not valid UTF-8") from None


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items, the last one perhaps shorter.

    Where the items end in an error, those before it are given first.
    """
    chunk: list[Item] = []
    try:
        for item in items:
            chunk.append(item)
            if len(chunk) == size:
                yield chunk
                chunk = []
    except UserError:
        yield from [chunk] if chunk else []
        raise
    if chunk:
        yield chunk
