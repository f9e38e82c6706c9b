"""How far the work is: a bar in the terminal or in a notebook; nothing in a pipe, a file or another program."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

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
    return progress_of(items, title, len(items), lambda item: 1, is_shown)


def progress_of(
    items: Iterable[Item],
    title: str,
    total: float,
    amount: Callable[[Item], float],
    is_shown: bool | None = None,
    unit: str = "",
) -> Iterable[Item]:
    """The items, with a bar of how much is done of a work whose parts differ.

    Args:
        items: that are worked on one after another.
        title: of the bar.
        total: the whole of the work.
        amount: what an item is of it.
        is_shown: as for `progress`.
        unit: of the amounts, in the plural; a terminal then shows how many are done, and how many in a second.
    """
    console = cli.console(stderr=True)
    if is_notebook(console):
        return items if is_shown is False else _in_notebook(items, title, total, amount)
    if not is_shown or not console.is_terminal:
        return items
    return _in_terminal(items, title, total, amount, console, unit)


def is_notebook(console: Console) -> bool:
    """Whether this is a notebook: Jupyter's, or one like it."""
    return console.is_jupyter and "IPython" in sys.modules


def line_of(title: str, done: float, total: float, seconds: float) -> str:
    """A bar as a line of text.

    >>> line_of("translating", 3, 4, 12.3)
    'translating ██████████████████████████████░░░░░░░░░░  75%  12 s'
    """
    share = min(done / total, 1)
    full = int(_WIDTH * share)
    return f"{title} {'█' * full}{'░' * (_WIDTH - full)} {share:4.0%}  {seconds:.0f} s"


class _Count(ProgressColumn):
    """`20,480 of 1,000,000 rows, 1,325 in a second`."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """See rich's class."""
        done = f"{task.completed:,.0f} of {task.total or 0:,.0f} {self._unit}"
        return Text(f"{done}, {task.speed:,.0f} in a second" if task.speed else done)


def _in_terminal(
    items: Iterable[Item],
    title: str,
    total: float,
    amount: Callable[[Item], float],
    console: Console,
    unit: str,
) -> Iterator[Item]:
    counted = [_Count(unit)] if unit else []
    bar = Progress(
        *(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            *counted,
            TimeRemainingColumn(),
        ),
        console=console,
        transient=True,
        # Answers in the same terminal stand above the bar; those in a pipe or a file stay what they are.
        redirect_stdout=sys.stdout.isatty(),
    )
    with bar:
        task = bar.add_task(title, total=total)
        for item in items:
            yield item
            bar.advance(task, amount(item))


def _in_notebook(
    items: Iterable[Item], title: str, total: float, amount: Callable[[Item], float]
) -> Iterator[Item]:
    # Notebooks of every make show and replace plain text; rich's own bar needs ipywidgets there.
    from IPython.display import display

    handle: Any = None
    started = time.monotonic()
    done = 0.0
    for item in items:
        yield item
        done += amount(item)
        seconds = time.monotonic() - started
        content = {"text/plain": line_of(title, done, total, seconds)}
        if handle is not None:
            handle.update(content, raw=True)
        elif seconds > _QUICK_SECONDS and done < total:
            handle = display(content, raw=True, display_id=True)  # type: ignore[no-untyped-call]
