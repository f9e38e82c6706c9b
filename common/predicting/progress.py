"""How far the work is: a bar in the terminal or in a notebook; nothing in a pipe, a file or another program."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from common import cli

Item = TypeVar("Item")

_QUICK_SECONDS = 0.5
_WIDTH = 40


def progress(items: Sequence[Item], title: str, is_shown: bool | None = None) -> Iterable[Item]:
    """The items, with a bar of how many are done.

    Args:
        items: that are worked on one after another.
        title: of the bar.
        is_shown: True shows it on standard error, if that is a terminal, and in notebooks; None in notebooks only, and
            False nowhere. A notebook shows it once the work has taken half a second.
    """
    console = cli.console(stderr=True)
    if is_notebook(console):
        return items if is_shown is False else _followed(items, title)
    return track(
        items, title, console=console, transient=True, disable=not (is_shown and console.is_terminal)
    )


def is_notebook(console: Console) -> bool:
    """Whether this is a notebook: Jupyter's, or one like it."""
    return console.is_jupyter and "IPython" in sys.modules


def line_of(title: str, done: int, count: int, seconds: float) -> str:
    """A bar as a line of text.

    >>> line_of("translating", 3, 4, 12.3)
    'translating ██████████████████████████████░░░░░░░░░░  75%  12 s'
    """
    full = _WIDTH * done // count
    return f"{title} {'█' * full}{'░' * (_WIDTH - full)} {done / count:4.0%}  {seconds:.0f} s"


def _followed(items: Sequence[Item], title: str) -> Iterator[Item]:
    # Notebooks of every make show and replace plain text; rich's own bar needs ipywidgets there.
    from IPython.display import display

    handle: Any = None
    started = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        seconds = time.monotonic() - started
        content = {"text/plain": line_of(title, done, len(items), seconds)}
        if handle is not None:
            handle.update(content, raw=True)
        elif seconds > _QUICK_SECONDS and done < len(items):
            handle = display(content, raw=True, display_id=True)  # type: ignore[no-untyped-call]
