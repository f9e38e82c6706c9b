"""Text in pieces of whole words, as long as a request may be, and in portions that are learned at once."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_PIECE = 1000
_CONTEXT = 300
_WORD_WITH_BLANKS = re.compile(r"\S+\s*")


class Portion(NamedTuple):
    """A part of a text that is learned at once.

    Attributes:
        text: with the blanks after it.
        words: how many there are in it, as blanks set them apart.
    """

    text: str
    words: int


def recent(text: str) -> str:
    """The end of a text, from the beginning of a word on."""
    if len(text) <= _CONTEXT:
        return text
    end = text[-_CONTEXT:]
    starts = [place for place, character in enumerate(end) if character.isspace()]
    return end[starts[0] :] if starts else end


def lines_in_pieces(text: str) -> Iterator[str]:
    """The lines of a text in pieces of whole words; empty lines are left out, and every other one is ended."""
    piece = ""
    for line in text.split("\n"):
        if not line.strip():
            continue
        for part in cut(f"{line}\n"):
            if len(piece) + len(part) > _PIECE:
                yield piece
                piece = ""
            piece += part
    if piece:
        yield piece


def cut(text: str) -> Iterator[str]:
    """A text in parts that end with all the blanks after a word, as far as its words are short enough.

    >>> [len(part) for part in cut("word " * 500)]
    [1000, 1000, 500]
    """
    start = 0
    while len(text) - start > _PIECE:
        places = range(start + _PIECE, start + 1, -1)
        end = next((place for place in places if _is_after_blanks(text, place)), start + _PIECE)
        yield text[start:end]
        start = end
    yield text[start:]


def portions(text: str, size: int, skipped: int = 0) -> Iterator[Portion]:
    """A text in portions of words, as blanks set them apart: whole lines, as far as they are short enough.

    Where a portion ends depends on where it begins and on the text, so that what goes on after one is cut the same way.

    Args:
        text: the text.
        size: words of a portion, at most.
        skipped: words that are left out at the beginning.

    >>> [(portion.text, portion.words) for portion in portions("See you\\nsoon, Zoe. Bye", 3)]
    [('See you\\n', 2), ('soon, Zoe. Bye', 3)]
    """
    ends = [match.end() for match in _WORD_WITH_BLANKS.finditer(text)]
    first = skipped
    while first < len(ends):
        last = min(first + size, len(ends))
        start = ends[first - 1] if first else 0
        if last < len(ends):
            lines = (place for place in range(last, first, -1) if _ends_line(text, ends[place - 1]))
            last = next(lines, last)
        yield Portion(text[start : ends[last - 1]], last - first)
        first = last


def count_words(text: str) -> int:
    """How many words a text has, as blanks set them apart."""
    return sum(1 for _ in _WORD_WITH_BLANKS.finditer(text))


def _is_after_blanks(text: str, place: int) -> bool:
    """Whether a word begins here. Line ends that follow one another stay together, for they are one."""
    return text[place - 1].isspace() and not text[place].isspace()


def _ends_line(text: str, end: int) -> bool:
    """Whether the blanks that end at a place have a line end among them."""
    start = end - 1
    while start >= 0 and text[start].isspace():
        if text[start] == "\n":
            return True
        start -= 1
    return False
