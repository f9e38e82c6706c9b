"""Handwriting: a pen's strokes -> what is written, by a recurrent network and connectionist temporal classification."""

from functools import partial

from common.application import Application, Question


def _drawn(text: str, seed: int) -> str:
    """A word in the sample's alphabet, drawn by a made-up writer, as text."""
    # Imported where it is needed: an alphabet needs more than the declaration.
    import numpy as np

    from applications.handwriting.ink import text_of
    from applications.handwriting.writers import draw_style, write

    rng = np.random.default_rng(seed)
    return text_of(write(text, draw_style(rng), rng))


def _file(text: str, seed: int) -> bytes:
    """The same as a file."""
    return f"{_drawn(text, seed)}\n".encode()


def _row(text: str, seed: int) -> dict[str, str]:
    """The same as a row of a request."""
    return {"strokes": _drawn(text, seed)}


def _question(asked: str, text: str, seed: int) -> Question:
    return Question(asked, partial(_file, text, seed), file=f"{text}.txt", request=partial(_row, text, seed))


APPLICATION = Application(
    name="handwriting",
    title="Handwriting",
    takes="a pen's strokes",
    gives="what is written, with the place of each letter",
    knows="letters and digits of the Latin alphabet, without accents, a word or a number at a time",
    questions=(
        _question("what a made-up writer has written", "hello", 3),
        _question("what it is now", "Anna", 4),
    ),
    served_input="strokes",
)
