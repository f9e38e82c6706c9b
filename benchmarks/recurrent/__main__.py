"""python -m benchmarks.recurrent: times all contenders in all cases; writes table.md, results.json and speed.png."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.recurrent.cases import CELLS, MODES, Case
from benchmarks.recurrent.measure import CONTENDERS, Timing, started, timings_of
from benchmarks.recurrent.report import markdown, plot
from common import cli
from common.errors import UserError
from common.files import atomic_write
from common.training.hardware import hardware


@dataclass(frozen=True)
class Options:
    """What is timed, and how long."""

    shapes: tuple[str, ...] = ("1,100,128,128", "32,100,128,128", "64,200,128,256", "128,50,256,512")
    """Batch, time, features and units of each case."""
    cells: tuple[str, ...] = CELLS
    """LSTM, GRU, or both."""
    modes: tuple[str, ...] = MODES
    """inference, training, or both."""
    contenders: tuple[str, ...] = tuple(contender.name for contender in CONTENDERS)
    """Who takes part."""
    rounds: int = 5
    """Blocks that count for each contender in each case."""
    seconds: float = 0.3
    """Least length of a block."""
    threads: int = os.cpu_count() or 1
    """Threads of each contender."""
    output: Path = Path("runs/benchmarks/recurrent")
    """Folder of the report."""


PRESETS = {
    "base": Options(),
    "tiny": Options(shapes=("2,5,3,4", "3,12,4,8"), rounds=2, seconds=0.01),
}


def main(options: Options) -> None:
    """Times recurrent layers against stock Keras, Keras with XLA, PyTorch and ONNX Runtime, interleaved in one run."""
    cases = _cases(options)
    contenders = [contender for contender in CONTENDERS if contender.name in options.contenders]
    if len(contenders) < len(options.contenders):
        known = ", ".join(contender.name for contender in CONTENDERS)
        raise UserError(f"--contenders {' '.join(options.contenders)}: expected names among {known}")
    console = cli.console()
    results: dict[Case, dict[str, Timing]] = {}
    with started(contenders, options.threads) as workers:
        for case in cases:
            results[case] = timings_of(case, workers, options.rounds, options.seconds)
            best = ", ".join(f"{name} {min(t.milliseconds):.2f}" for name, t in results[case].items())
            console.print(f"{case.cell} {case.mode} {case.shape}: best ms {best}")
    machine = f"{hardware().cpu}, {options.threads} threads, {platform.system()}, Python {platform.python_version()}."
    report = markdown(results, machine)
    atomic_write(options.output / "table.md", report)
    rows = [
        asdict(case) | {"timings": {name: asdict(timing) for name, timing in timings.items()}}
        for case, timings in results.items()
    ]
    atomic_write(options.output / "results.json", json.dumps(rows, indent=1) + "\n")
    plot(results, options.output / "speed.png")
    console.print(report, markup=False)
    console.print(f"written: {options.output}/table.md, results.json, speed.png")


def _cases(options: Options) -> list[Case]:
    for flag, given, known in (("cells", options.cells, CELLS), ("modes", options.modes, MODES)):
        if not given or set(given) - set(known):
            raise UserError(f"--{flag} {' '.join(given)}: expected one or more of {', '.join(known)}")
    return [
        Case(cell, mode, *_shape(shape))
        for cell in options.cells
        for mode in options.modes
        for shape in options.shapes
    ]


def _shape(text: str) -> tuple[int, int, int, int]:
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise UserError(f"--shapes {text}: expected batch,time,features,units as four positive whole numbers")
    batch, time, features, units = map(int, parts)
    return batch, time, features, units


if __name__ == "__main__":
    cli.run(main, PRESETS)
