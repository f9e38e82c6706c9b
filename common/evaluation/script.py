"""What evaluate scripts share: the exported model answers, timed; its metrics and pictures are written and shown."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from common.cli import console, warn
from common.data.labels import lacking_line
from common.evaluation.report import print_metrics, write_metrics

Answers = TypeVar("Answers")


class Described(Protocol):
    """What is measured on."""

    @property
    def name(self) -> str:
        """Of the data."""

    def describe(self) -> str:
        """How much there is of what, in a line."""


class Examples(Described, Protocol):
    """What is measured on, example by example."""

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many could not be used, by reason."""

    def __len__(self) -> int:
        """How many there are."""


def timed(
    answer: Callable[[], Answers], *, warm_up: Callable[[], object] | None = None
) -> tuple[Answers, float]:
    """What a function gives, and how many seconds it takes.

    Args:
        answer: is called once, and timed.
        warm_up: is called before, and not timed.
    """
    if warm_up is not None:
        # The first answers wait for TensorFlow to prepare the graph, once for each process.
        warm_up()
    started = time.perf_counter()
    answers = answer()
    return answers, time.perf_counter() - started


def announce(model: Path, examples: Described) -> None:
    """Says which model is measured on what."""
    console().print(f"{model} on {examples.describe()}")


def warn_of_lacking(
    part: str, labels: Sequence[str], present: Sequence[str], but: Collection[str] = ()
) -> None:
    """Says which of a model's classes the examples lack.

    Args:
        part: what the examples are called.
        labels: the model's classes.
        present: the label of each example.
        but: classes that need no example.
    """
    lacking = lacking_line(part, [label for label in labels if label not in but], present)
    if lacking:
        warn(lacking)


def facts_of(model: Path, examples: Examples, seconds: float, unit: str, batch_size: int) -> dict[str, Any]:
    """What is written beside the metrics: how fast the answers came, from which model, and on which data."""
    return {
        "seconds": round(seconds, 1),
        f"{unit}_per_second": round(len(examples) / seconds, 1),
        "batch_size": batch_size,
        "left_out": {reason: count for reason, count in examples.left_out.items() if count},
        "model": str(model),
        "data": examples.name,
    }


def report(
    metrics: Mapping[str, Any],
    title: str,
    examples: Described,
    folder: Path,
    draw: Callable[[Path], None],
    tables: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Writes metrics.json and the pictures, and prints the metrics. Returns these.

    Args:
        metrics: by name.
        title: of the application.
        examples: that were measured on.
        folder: of the report.
        draw: writes everything but metrics.json to the folder.
        tables: the titles of groups of metrics that are printed by themselves, by the groups' names.
    """
    write_metrics(folder / "metrics.json", metrics)
    draw(folder)
    tables = {name: heading for name, heading in (tables or {}).items() if metrics[name]}
    print_metrics(
        {name: value for name, value in metrics.items() if name not in tables}, f"{title} on {examples.name}"
    )
    for name, heading in tables.items():
        print_metrics(metrics[name], heading)
    console().print(f"written to {folder}")
    return dict(metrics)
