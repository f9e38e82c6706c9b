"""Trains the contenders one after another, and lets them forecast the same windows in turn."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.recurrent.measure import Contender, Worker, started
from common.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv-bench-forecasting" / "bin" / "python"
OURS = "ours"
_WORKERS = "benchmarks.forecasting.workers"


@dataclass(frozen=True)
class Entrant:
    """A model that takes part.

    Attributes:
        name: as the table shows it.
        package: that it comes from.
        python: the interpreter of its environment.
        is_trained: whether it is trained once, on all series; the others are fitted at every origin.
    """

    name: str
    package: str
    python: Path
    is_trained: bool

    def contender(self, argument: str) -> Contender:
        """Its process, which is told one argument."""
        return Contender(argument, self.python, f"{_WORKERS}.{self.package}_worker")


ENTRANTS = (
    Entrant(OURS, OURS, Path(sys.executable), True),
    *(
        Entrant(name, "statsforecast", PEERS, False)
        for name in ("SeasonalNaive", "AutoETS", "AutoTheta", "MSTL")
    ),
    *(Entrant(name, "neuralforecast", PEERS, True) for name in ("GRU", "DLinear")),
)


@dataclass(frozen=True)
class Ready:
    """A contender that waits for windows.

    Attributes:
        worker: its process.
        seconds: from the start of the process to the trained model; None where nothing is trained in it.
        note: what a reader must know of the training.
    """

    worker: Worker
    seconds: float | None
    note: str


@dataclass(frozen=True)
class Result:
    """What one contender did.

    Attributes:
        training: seconds from the start of its process to the trained model; None if it is not trained.
        milliseconds: of the forecast of each window, without the one that came first to warm up.
        quantiles: `[windows, horizon, targets, levels]`.
    """

    training: float | None
    milliseconds: tuple[float, ...]
    quantiles: np.ndarray


def installed(entrants: Sequence[Entrant]) -> tuple[list[Entrant], list[str]]:
    """Those whose package is installed, and a line for each other that says what to do."""
    ready, left_out = [], []
    has_package: dict[tuple[Path, str], bool] = {}
    for entrant in entrants:
        place = (entrant.python, entrant.package)
        if place not in has_package:
            has_package[place] = entrant.package == OURS or _has_package(*place)
        if has_package[place]:
            ready.append(entrant)
        else:
            left_out.append(
                f"{entrant.name}: left out, {entrant.package} is not installed in {entrant.python.parents[1].name}; "
                "`make bench-forecasting` installs it"
            )
    return ready, left_out


def seconds_of_script(module: str, arguments: Sequence[str], threads: int) -> float:
    """How long a script of this project takes, from the start of its process to its end.

    Raises:
        UserError: it failed; its error stands above.
    """
    began = time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=Path.cwd(), env=environment, check=False
    )
    if done.returncode:
        raise UserError(f"python -m {module} {' '.join(arguments)}: failed; its error stands above")
    return time.perf_counter() - began


@contextmanager
def trained(
    entrants: Sequence[Entrant], folder: Path, model: Path, threads: int
) -> Iterator[dict[str, Ready]]:
    """Starts the process of each entrant, and trains it before the next one starts; they end with the block.

    Args:
        entrants: that take part.
        folder: of the task.
        model: ours, which is trained and exported.
        threads: of each.

    Yields:
        What is ready to forecast, by name.
    """
    with ExitStack() as stack:
        workers: dict[str, Ready] = {}
        for entrant in entrants:
            began = time.perf_counter()
            argument = str(model.resolve()) if entrant.name == OURS else entrant.name
            (worker,) = stack.enter_context(started([entrant.contender(argument)], threads))
            note = worker.ask({"train": str(folder.resolve())})["note"]
            is_timed = entrant.is_trained and entrant.name != OURS
            seconds = time.perf_counter() - began if is_timed else None
            workers[entrant.name] = Ready(worker, seconds, note)
        yield workers


def forecasts(workers: Mapping[str, Worker], windows: int) -> dict[str, tuple[tuple[float, ...], np.ndarray]]:
    """Of each contender the milliseconds of each window, and the quantiles `[windows, horizon, targets, levels]`.

    They take turns after each window; the first one is forecast once before, to warm up.
    """
    milliseconds: dict[str, list[float]] = {name: [] for name in workers}
    quantiles: dict[str, list[object]] = {name: [] for name in workers}
    for worker in workers.values():
        worker.ask({"forecast": 0})
    for window in range(windows):
        for name, worker in workers.items():
            answer = worker.ask({"forecast": window})
            milliseconds[name].append(answer["milliseconds"])
            quantiles[name].append(answer["quantiles"])
    return {name: (tuple(milliseconds[name]), np.array(quantiles[name], np.float64)) for name in workers}


def _has_package(python: Path, package: str) -> bool:
    if not python.exists():
        return False
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0
