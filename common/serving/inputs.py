"""Texts that a user hands to a `predict` script: arguments, or the lines of standard input."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, TypeVar

from common.errors import UserError

Item = TypeVar("Item")


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
