"""Learns a text of any length into a user's file, portion by portion. Imports no TensorFlow."""

import sys
from collections.abc import Callable
from pathlib import Path

from applications.keyboard.pieces import Portion, count_words, portions
from common import cli
from common.errors import UserError
from common.predicting.progress import progress_of
from common.text.running import RawText

WORDS_AT_ONCE = 2000
"""Words of a portion: a few seconds."""


def learn_text(observe: Callable[[str], object], text: RawText, path: Path, skipped: int = 0) -> None:
    """Learns a text so that an interruption loses a portion at most, and tells how far it has come.

    Args:
        observe: learns a portion, and writes the user's file.
        text: what is learned.
        path: of the user's file.
        skipped: words at the beginning that are learned already, as blanks set them apart.

    Raises:
        UserError: there is no text, or no more than is skipped; or as `observe`, with how much of the text is learned.
        KeyboardInterrupt: with how much of the text is learned.
    """
    total, done = count_words(text.text), skipped
    if not total:
        raise UserError(f"{text.name}: no text in it; expected some to learn")
    if skipped >= total:
        raise UserError(f"--skip-words {skipped}: expected fewer than the {total:,} words of {text.name}")
    is_bar = cli.console(stderr=True).is_terminal
    several = portions(text.text, WORDS_AT_ONCE, skipped)
    try:
        for portion in progress_of(several, "learning", total - skipped, _words, True):
            observe(portion.text)
            done += portion.words
            if not is_bar and done < total:
                print(f"{path}: {_learned(done, total, text)}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted: {_end(done, total, text, path)}") from None
    except UserError as error:
        raise UserError(f"{error}; {_end(done, total, text, path)}") from error


def _words(portion: Portion) -> int:
    return portion.words


def _learned(done: int, total: int, text: RawText) -> str:
    return f"{done:,} of {total:,} words of {text.name} learned"


def _end(done: int, total: int, text: RawText, path: Path) -> str:
    """What is kept of a text whose learning came to an end, and how to go on."""
    if not done:
        return f"nothing of {text.name} was learned"
    return f"{_learned(done, total, text)} and in {path}; go on with --learn {text.name} --skip-words {done}"
