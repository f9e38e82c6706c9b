"""What the benchmarks share: contenders take turns, and a line of a table tells what each measured."""

import statistics
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from rich.table import Table

Name = TypeVar("Name", bound=Hashable)
Measured = TypeVar("Measured")


def in_turn(contenders: Mapping[Name, Callable[[], Measured]], rounds: int) -> dict[Name, list[Measured]]:
    """What each contender measures in each round. They take turns, so that other load meets them all alike."""
    measured: dict[Name, list[Measured]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            measured[name].append(measure())
    return measured


def seconds(action: Callable[[], object]) -> float:
    """How long the action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def seconds_per_batch(action: Callable[[Any], object], batches: Iterator[Any], steps: int) -> float:
    """How long the action takes with each of the next batches, on average; reading them counts."""

    def run() -> None:
        for _ in range(steps):
            action(next(batches))

    return seconds(run) / steps


def table(title: str, *headings: str) -> Table:
    """An empty table."""
    made = Table(title=title)
    for heading in headings:
        made.add_column(heading)
    return made


def spread(values: Sequence[float], digits: int = 0) -> tuple[str, str, str]:
    """Three cells of a table: the median, the lowest and the highest value."""
    median, lowest, highest = (
        f"{value:,.{digits}f}" for value in (statistics.median(values), min(values), max(values))
    )
    return median, lowest, highest


def ratio(values: Sequence[float], others: Sequence[float]) -> float:
    """The median of `values` over the median of `others`."""
    return statistics.median(values) / statistics.median(others)
