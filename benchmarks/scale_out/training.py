"""python -m benchmarks.scale_out.training: two workers of one core each against one process with one core.

They train the translator's network on batches of equal pairs, and take turns, so that other load meets them alike.
Seconds of the clock hold what waits for other load; seconds of the processor do not, nor what waits for the network.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from benchmarks.timing import in_turn, ratio
from common import cli
from common.checks import AtLeast, check_ranges
from common.errors import UserError

Measured = Mapping[str, float]

_HEADINGS = (
    "pairs",
    *("one, s", "two, s", "sum alone, s", "speed-up"),
    *("one, CPU s", "two, CPU s each", "sum alone, CPU s each", "speed-up by CPU", "share of the sum"),
)


@dataclass(frozen=True)
class Options:
    """What is trained, and how often."""

    preset: str = "base"
    """Preset of the translator whose network is trained."""
    rows: tuple[Annotated[int, AtLeast(2)], ...] = (16, 32, 64, 128)
    """Pairs of a batch on average, of both workers together."""
    steps: Annotated[int, AtLeast(1)] = 4
    """Batches in each turn."""
    rounds: Annotated[int, AtLeast(1)] = 5
    """Turns of each contender."""

    def __post_init__(self) -> None:
        check_ranges(self)


class Team:
    """Processes that train together, each on a core of its own; one alone is a process as ever."""

    def __init__(self, cores: Sequence[int], preset: str) -> None:
        workers = ",".join(f"127.0.0.1:{_free_port()}" for _ in cores) if len(cores) > 1 else ""
        self._processes = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "benchmarks.scale_out.training_worker",
                    workers,
                    *map(str, (place, core)),
                    preset,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for place, core in enumerate(cores)
        ]

    def run(self, **asked: Any) -> Measured:
        """Lets all of them run something: the seconds of the slowest, and the processor's of all in the mean."""
        for process in self._processes:
            assert process.stdin is not None
            print(json.dumps(asked), file=process.stdin, flush=True)
        answers = [json.loads(process.stdout.readline()) for process in self._processes if process.stdout]
        return {
            "seconds": max(answer["seconds"] for answer in answers),
            "cpu_seconds": statistics.mean(answer["cpu_seconds"] for answer in answers),
            "weights": answers[0]["weights"],
        }

    def end(self) -> None:
        """Ends them."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self._processes:
            process.wait()


def main(options: Options) -> None:
    """Measures by how much two workers of one core each train faster than one process with one core."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise UserError("this machine has one core; expected two")
    teams = [Team(cores[:1], options.preset), Team(cores, options.preset)]
    say = cli.console().print
    say("| " + " | ".join(_HEADINGS) + " |\n" + "|---" * len(_HEADINGS) + "|")
    try:
        for rows in options.rows:
            for team in teams:
                team.run(rows=rows, steps=1)
            one, two = (partial(team.run, rows=rows, steps=options.steps) for team in teams)
            alone = partial(teams[1].run, collective=options.steps)
            measured = in_turn({"one": one, "two": two, "sum": alone}, options.rounds)
            say("| " + " | ".join(_row(rows, measured)) + " |")
    finally:
        for team in teams:
            team.end()
    say(f"weights: {measured['sum'][0]['weights']:,}")


def _row(rows: int, measured: Mapping[str, Sequence[Measured]]) -> tuple[str, ...]:
    clock, processor = (
        [[each[kind] for each in measured[name]] for name in ("one", "two", "sum")]
        for kind in ("seconds", "cpu_seconds")
    )
    return (
        str(rows),
        *(_spread(each) for each in clock),
        f"{ratio(*clock[:2]):.2f}",
        *(_spread(each) for each in processor),
        f"{ratio(*processor[:2]):.2f}",
        f"{ratio(processor[2], processor[1]):.0%}",
    )


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f} [{min(values):.3f}..{max(values):.3f}]"


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


if __name__ == "__main__":
    cli.run(main, Options)
