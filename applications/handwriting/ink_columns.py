"""How tables, and objects of JSON, call the strokes, the text and the writer of ink."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

STROKES = ("strokes", "drawing", "ink", "events", "points", "stroke")
TEXT = ("text", "label", "word", "transcript", "transcription", "truth", "character", "sentence")
WRITER = ("writer", "writer_id", "user", "user_id", "author", "subject")


@dataclass(frozen=True)
class Columns:
    """The columns of a table or the keys of objects, by their names; "" is one to be found."""

    strokes: str = ""
    text: str = ""
    writer: str = ""


def usual(names: Collection[str], known: Sequence[str]) -> str:
    """The first of the known names that is among the names, whatever its case; "" if none is.

    >>> usual(["Label", "Ink"], TEXT)
    'Label'
    """
    by_spelling = {name.strip().casefold(): name for name in reversed(list(names))}
    return next((by_spelling[name] for name in known if name in by_spelling), "")
