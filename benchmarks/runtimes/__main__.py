"""python -m benchmarks.runtimes: one step of the shipped models in TensorFlow's C++ loader, LiteRT and ONNX Runtime.

Each runs on one thread in a process of its own; they take turns, and CPU time is measured.
"""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, get_args

from benchmarks.timing import in_turn, spread, table
from common import cli
from common.checks import AtLeast, check_ranges
from common.export.runtimes.convert import Format, Quantization
from common.export.script import ExportOptions
from common.inference.runner import latest_version
from common.model_folders import model_folder

_MEGABYTE = 1e6
_NAMES = {"litert": "LiteRT", "onnx": "ONNX Runtime"}
_WEIGHTS = {"none": "float32", "int8": "int8"}


@dataclass(frozen=True)
class Options:
    """What is measured."""

    applications: tuple[str, ...] = ("text_generation", "keyboard")
    """Those whose shipped models have a `step` of tokens, which other runtimes get."""
    steps: Annotated[int, AtLeast(1)] = 300
    """Steps of a block."""
    rounds: Annotated[int, AtLeast(1)] = 9
    """Blocks of each runtime."""

    def __post_init__(self) -> None:
        check_ranges(self)


class Worker:
    """A runtime in a process of its own.

    Args:
        path: a SavedModel or the graph of another runtime.
    """

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.runtimes.worker", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.facts: dict[str, float] = json.loads(self._line())

    def seconds_per_step(self, steps: int) -> float:
        """CPU seconds, on average."""
        assert self.process.stdin is not None
        print(steps, file=self.process.stdin, flush=True)
        return float(self._line()) / steps

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def close(self) -> None:
        """Ends the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@contextmanager
def contenders(application: str, folder: Path) -> Iterator[dict[str, tuple[Path, Worker]]]:
    """The runtimes of an application's shipped model, each with its file."""
    version = latest_version(model_folder(application))
    paths = {"C++ loader": version}
    for target in get_args(Format):
        for quantization in get_args(Quantization):
            name = f"{_NAMES[target]} {_WEIGHTS[quantization]}"
            paths[name] = _converted(application, version, folder / name, target, quantization)
    with ExitStack() as stack:
        running = {}
        for name, path in paths.items():
            worker = Worker(path)
            stack.callback(worker.close)
            running[name] = (path, worker)
        yield running


def _converted(
    application: str, version: Path, folder: Path, target: Format, quantization: Quantization
) -> Path:
    export: Any = importlib.import_module(f"applications.{application}.export").export
    written: Path = export(ExportOptions(version, folder / application, target, quantization))
    return next(path for path in written.iterdir() if path.stem == "step")


def size_of(path: Path) -> int:
    """Bytes of a graph with its weights."""
    if path.is_file():
        return path.stat().st_size
    files = [path / "saved_model.pb", *(path / "variables").iterdir()]
    return sum(file.stat().st_size for file in files)


def main(options: Options) -> None:
    """Prints a table of each application."""
    for application in options.applications:
        with TemporaryDirectory() as name, contenders(application, Path(name)) as running:
            measured = in_turn(
                {
                    name: partial(worker.seconds_per_step, options.steps)
                    for name, (_, worker) in running.items()
                },
                options.rounds,
            )
            cli.console().print(_table(application, running, measured))


def _table(
    application: str, running: Mapping[str, tuple[Path, Worker]], measured: Mapping[str, list[float]]
) -> Any:
    headings = ("runtime", "ms", "lowest", "first answer, s", "memory, MB", "file, MB")
    shown = table(f"{application}: a step", *headings)
    for name, (path, worker) in running.items():
        median, lowest, _ = spread([1000 * one for one in measured[name]], digits=3)
        shown.add_row(
            name,
            median,
            lowest,
            f"{worker.facts['first']:.2f}",
            f"{worker.facts['memory'] / _MEGABYTE:.0f}",
            f"{size_of(path) / _MEGABYTE:.1f}",
        )
    return shown


if __name__ == "__main__":
    cli.run(main, Options)
