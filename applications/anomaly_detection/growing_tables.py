"""The lines of a table while another program appends to it, or of standard input. Imports neither pandas, Keras nor
TensorFlow."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from common.cli import warn
from common.errors import UserError
from common.predicting.script import hint

_POLL_SECONDS = 0.2
_READ_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Lines:
    """Whole lines of a table that grows.

    Attributes:
        header: its first line.
        rows: those that came.
        first: the number of the first of them in its file; the header is line 1.
    """

    header: bytes
    rows: Sequence[bytes]
    first: int


def lines_of(path: Path | None) -> Iterator[Lines]:
    """Whole lines as they come, of a file that grows or, without a path, of standard input to its end.

    A file that is not there yet is waited for. One that is cut, or replaced by another of its name, is read from its
    beginning, with a warning; if it has no header then, its rows are those of the header before.

    Raises:
        UserError: the file cannot be opened.
    """
    if path is None:
        yield from _numbered(_whole_lines(sys.stdin.buffer.readline, lambda: True))
        return
    header = b""
    while True:
        _await(path)
        try:
            file = path.open("rb")
        except OSError as error:
            raise UserError(
                f"{path}: cannot be read ({error.strerror}); expected a table that grows"
            ) from None
        hint(f"following {path}; Ctrl-C ends")
        with file:
            for lines in _numbered(_whole_lines(*_reading(file, path)), header):
                header = lines.header
                yield lines
        warn(f"{path}: was cut or replaced; it is read from its beginning")


def _await(path: Path) -> None:
    """Waits until there is a file."""
    if not path.exists():
        hint(f"waiting for {path}; Ctrl-C ends")
    while not path.exists():
        time.sleep(_POLL_SECONDS)


def _reading(file: BinaryIO, path: Path) -> tuple[Callable[[], bytes], Callable[[], bool]]:
    """What reads on in a file, and what tells whether its path names another by now, or none, or it became shorter."""

    def is_replaced() -> bool:
        own = os.fstat(file.fileno())
        try:
            return own.st_size < file.tell() or not os.path.samestat(own, path.stat())
        except FileNotFoundError:
            return True

    return lambda: file.read(_READ_AT_ONCE), is_replaced


def _numbered(portions: Iterable[bytes], known: bytes = b"") -> Iterator[Lines]:
    """Portions of a table with its header.

    Args:
        portions: whole lines.
        known: the header of the file before, whose rows may go on without one.
    """
    header, number = b"", 0
    for portion in portions:
        lines = portion.splitlines(keepends=True)
        while lines and not header:
            is_row = bool(known) and lines[0].strip() != known.strip()
            header = known if is_row else lines[0] if lines[0].strip() else b""
            lines, number = (lines, number) if is_row else (lines[1:], number + 1)
        if lines:
            yield Lines(header, lines, number + 1)
            number += len(lines)


def _whole_lines(read: Callable[[], bytes], is_over: Callable[[], bool]) -> Iterator[bytes]:
    """What is read, cut behind the last line that is whole.

    Args:
        read: gives what has come; nothing if there is nothing more yet.
        is_over: is asked whether nothing means the end.
    """
    rest = b""
    while True:
        new = read()
        if not new and is_over():
            if rest:
                yield rest
            return
        if not new:
            time.sleep(_POLL_SECONDS)
            continue
        whole, newline, rest = (rest + new).rpartition(b"\n")
        if newline:
            yield whole + newline
