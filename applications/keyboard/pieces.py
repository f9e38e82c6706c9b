"""Text in pieces of whole words, as long as a request may be. Imports nothing."""

from collections.abc import Iterator

_PIECE = 1000
_CONTEXT = 300


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
    """A text in parts that end with blanks, as far as its words are short enough.

    >>> [len(part) for part in cut("word " * 500)]
    [1000, 1000, 500]
    """
    start = 0
    while len(text) - start > _PIECE:
        end = max(text.rfind(blank, start + 1, start + _PIECE) for blank in " \n") + 1 or start + _PIECE
        yield text[start:end]
        start = end
    yield text[start:]
