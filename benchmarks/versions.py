"""How soon versions of a model answer, in turn: what another export, another precision or other weights change.

python -m benchmarks.versions --application text_generation --models saved_models/text_generation/1 other/1
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from applications import catalogue
from benchmarks.timing import in_turn, ratio, seconds, spread, table
from common import cli
from common.checks import AtLeast, check_ranges
from common.errors import FlagError
from common.inference.runner import SavedModelRunner, latest_version


@dataclass(frozen=True)
class Options:
    """Which versions answer, and what."""

    application: str
    """Whose first declared question is asked."""
    models: tuple[Path, ...]
    """Versions, or folders of numbered versions, of which the highest is asked. The others are held against the
    first."""
    batch_sizes: tuple[Annotated[int, AtLeast(1)], ...] = (1, 8)
    """Rows that are asked at once, all the same."""
    calls: Annotated[int, AtLeast(1)] = 5
    """Calls in a row that are timed together."""
    rounds: Annotated[int, AtLeast(1)] = 9
    """Rounds in which all are measured, in turn."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.application not in catalogue():
            raise FlagError(f"--application {self.application}: expected one of {', '.join(catalogue())}")
        if not self.models:
            raise FlagError("--models: expected a version of a model, and others beside it")


def main(options: Options) -> None:
    """Prints how long `serving_default` of each version takes, through TensorFlow's C++ loader."""
    declared = catalogue()[options.application]
    row = declared.questions[0].row(declared.served_input)
    shown = table(
        f"{options.application}, milliseconds a call",
        *("batch", "version", "median", "lowest", "highest", "times as fast as the first"),
    )
    with ExitStack() as stack:
        runners = {
            str(path): stack.enter_context(SavedModelRunner(latest_version(path))) for path in options.models
        }
        for batch_size in options.batch_sizes:
            inputs = {name: [value] * batch_size for name, value in row.items()}
            actions = {
                path: partial(_milliseconds, partial(runner.run, "serving_default", **inputs), options.calls)
                for path, runner in runners.items()
            }
            in_turn(actions, rounds=1)
            timings = in_turn(actions, options.rounds)
            first = timings[str(options.models[0])]
            for path, values in timings.items():
                sooner = f"{ratio(first, values):.2f}"
                shown.add_row(str(batch_size), path, *spread(values, digits=1), sooner)
    cli.console().print(shown)


def _milliseconds(action: Callable[[], object], calls: int) -> float:
    """Of one call, several in a row timed together."""
    return 1000 * seconds(lambda: [action() for _ in range(calls)]) / calls


if __name__ == "__main__":
    cli.run(main, Options)
