"""Records of CSV and TSV text, one after another; one that cannot be read is a fault with its line, and no end."""

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from common.text.files import undecoded

Lines = Callable[[], Iterator[str]]
_LARGEST_FIELD = 2**31 - 1
_OFTEN_WITHOUT_QUOTES = "\t|"


@dataclass(frozen=True)
class Fault:
    """A record that cannot be used: where it stands, and why, in short for a count and in full for an error."""

    place: str
    reason: str
    detail: str


Fields = tuple[int, list[str]]


def delimited_records(lines: Lines, delimiter: str) -> Iterator[Fields | Fault]:
    """The line, from 1, and the fields of each record that is not blank.

    Fields between quotes may hold delimiters, line ends and doubled quotes. With tabs or bars between the fields this
    is so if `has_quoted_fields` finds it so; else each line is a record and quotes are characters like others.

    Args:
        lines: begins anew at each call.
        delimiter: one character.
    """
    csv.field_size_limit(_LARGEST_FIELD)
    if delimiter in _OFTEN_WITHOUT_QUOTES and not has_quoted_fields(lines(), delimiter):
        return _plain_records(lines(), delimiter)
    return _quoted_records(lines(), delimiter)


def decoded(record: Fields | Fault) -> Fields | Fault:
    """A record of lines that were read with `KEEPS_BYTES`; a fault if it has bytes that are not in the encoding."""
    if isinstance(record, Fault):
        return record
    fault = next(filter(None, map(undecoded, record[1])), None)
    return Fault(f"line {record[0]}", "encoding", fault) if fault else record


def has_quoted_fields(lines: Iterable[str], delimiter: str = "\t") -> bool:
    """Whether quotes in lines of fields, between tabs or bars, are those of CSV, as pandas and spreadsheets write them.

    They are not if a field that begins with a quote does not end with one, doubling those between; nor if without them
    every line has the same number of fields, and with them some field spans lines or delimiters; nor if no quoted field
    needed its quotes and other fields have quotes inside, which writers of CSV would quote.
    """
    csv.field_size_limit(_LARGEST_FIELD)
    counts: set[int] = set()
    record: list[str] = []

    def watched() -> Iterator[str]:
        for line in lines:
            if line.strip():
                counts.add(line.count(delimiter))
            record.append(line)
            yield line

    spans = needed = stray = False
    try:
        for fields in csv.reader(watched(), delimiter=delimiter, strict=True):
            plain = record[0].rstrip("\r\n").split(delimiter)
            spans |= len(record) > 1 or len(plain) > max(len(fields), 1)
            if '"' in record[0]:
                for text, field in zip(plain, fields, strict=False):
                    stray |= '"' in text and not text.startswith('"')
                    needed |= text.startswith('"') and '"' in field
            record.clear()
    except csv.Error:
        return False
    if spans:
        return len(counts) > 1 or counts == {0}
    return needed or not stray


def _plain_records(lines: Iterator[str], delimiter: str) -> Iterator[Fields]:
    number, pieces = 1, ""
    for line in lines:
        pieces += line
        if not line.endswith("\n"):
            continue
        if pieces.strip():
            yield number, pieces.rstrip("\r\n").split(delimiter)
        number, pieces = number + 1, ""
    if pieces.strip():
        yield number, pieces.rstrip("\r").split(delimiter)


class _Lines:
    """Lines that can be read again from the second of the present record on."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._record: list[str] = []
        self.start = 1

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._record.append(line)
        return line

    def finish(self) -> None:
        """The record was read."""
        self.start += len(self._record)
        self._record.clear()

    def skip(self) -> None:
        """The record cannot be read: the next begins with the line after its first."""
        self._again.extendleft(reversed(self._record[1:]))
        self.start += 1
        self._record.clear()


def _quoted_records(lines: Iterator[str], delimiter: str) -> Iterator[Fields | Fault]:
    source = _Lines(lines)
    while True:
        try:
            for fields in csv.reader(source, delimiter=delimiter, strict=True):
                if fields:
                    yield source.start, fields
                source.finish()
            return
        except csv.Error as error:
            yield Fault(f"line {source.start}", "not valid CSV", f"not valid CSV ({error})")
            source.skip()
