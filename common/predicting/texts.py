"""Texts that a user hands to a predictor's script: arguments, a file, or the lines of standard input."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, TypeVar

from common.errors import FlagError, UserError
from common.text.tables import is_table, read_columns, read_lines

Item = TypeVar("Item")


def given_texts(arguments: Sequence[str], path: Path | None, column: str) -> Iterator[str]:
    """The texts of a script: its arguments, or those of a file, or else the lines of standard input as they come.

    Args:
        arguments: texts on the command line; there are none where there is a file.
        path: a CSV or TSV (.gz too) with texts in `column`, or any other text file with a text in each line.
        column: the column's name.

    Raises:
        UserError: naming what is missing or not UTF-8.
    """
    if path is not None:
        is_column = is_table(path)
        yield from (row.values[0] for row in read_columns(path, (column,))) if is_column else read_lines(path)
    elif arguments:
        yield from argument_texts(arguments)
    else:
        yield from lines()


def require_one_source(arguments: Sequence[str], path: Path | None) -> None:
    """Raises UserError if texts come both as arguments and from a file."""
    if arguments and path is not None:
        raise FlagError(f"--input {path}: expected texts either as arguments or from a file, got both")


def place_of(number: int, arguments: Sequence[str], path: Path | None) -> str:
    """Where text `number`, from 1, of `given_texts` stands, for messages."""
    if path is not None:
        return f"{path}, {'row' if is_table(path) else 'line'} {number}"
    return f"argument {number}" if arguments else f"standard input, line {number}"


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
