"""Drawings that a predictor's script is given: files of ink, folders, archives, or standard input."""

import sys
from collections.abc import Callable
from functools import partial

from applications.handwriting.ink import GivenInk, Ink, InkError
from applications.handwriting.ink_files import KINDS, inks_of, iterate_inks
from common.predicting.input_files import STANDARD_INPUT, path_of

NO_DRAWINGS = f"no drawings; expected files of ink, folders of them, or ink on standard input: {KINDS}"


def drawings_at(argument: str) -> list[tuple[str, Callable[[], Ink]]]:
    """The names of the drawings that an argument stands for, and functions that give the ink of each, or refuse it.

    Raises:
        UserError: there is none.
    """
    if argument == STANDARD_INPUT:
        given = inks_of(sys.stdin.buffer.read(), "standard input")
    else:
        given = iterate_inks(path_of(argument))
    return [(one.name if isinstance(one, InkError) else one.origin, partial(_ink, one)) for one in given]


def _ink(given: GivenInk | InkError) -> Ink:
    if isinstance(given, InkError):
        raise given
    return given.ink
