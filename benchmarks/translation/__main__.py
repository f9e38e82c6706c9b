"""python -m benchmarks.translation: trains and translates with all contenders in turn, and prints two tables."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import keras
import numpy as np

from applications.translation.config import PRESETS
from benchmarks.recurrent.measure import PEERS, Contender, Timing, Worker, started, timings_of
from benchmarks.timing import ratio, spread, table
from benchmarks.translation.cases import BEAM, GREEDY, LOSSES, TRAINING, Case, read_batches
from benchmarks.translation.network import fill, network_of
from common import cli
from common.checks import require_at_least
from common.errors import UserError

OURS, OURS_BFLOAT16, TORCH = "ours float32", "ours bfloat16", "torch"
CONTENDERS = (
    *(
        Contender(name, Path(sys.executable), "benchmarks.translation.workers.keras_worker")
        for name in (OURS, OURS_BFLOAT16)
    ),
    Contender(TORCH, PEERS, "benchmarks.translation.workers.torch_worker"),
)
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Options:
    """The network, how much it learns and translates, and who takes part."""

    preset: Literal["tiny", "sample", "base"] = "base"
    """Configuration of the network; its weights are random."""
    contenders: tuple[str, ...] = tuple(contender.name for contender in CONTENDERS)
    """Who takes part."""
    training_batches: int = 3
    """Batches of training, from short to long sentences, that are run through each time."""
    batch_sizes: tuple[int, ...] = (1, 32)
    """Sentences translated side by side."""
    beam_width: int = 5
    """Hypotheses that beam search follows at once for each sentence."""
    length: int = 20
    """Tokens of each translation."""
    rounds: int = 5
    """Blocks that count for each contender in each case."""
    seconds: float = 0.5
    """Least length of a block."""
    threads: int = os.cpu_count() or 1
    """Threads of each contender."""

    def __post_init__(self) -> None:
        for name in ("training_batches", "beam_width", "length", "rounds", "threads"):
            require_at_least(1, **{name: getattr(self, name)})
        for size in self.batch_sizes:
            require_at_least(1, batch_sizes=size)
        known = [contender.name for contender in CONTENDERS]
        if OURS not in self.contenders or set(self.contenders) - set(known):
            raise UserError(
                f"--contenders {' '.join(self.contenders)}: expected {OURS!r} and others of {known}"
            )


def main(options: Options) -> None:
    """Measures the translator's training and searches, ours beside PyTorch, all with the same weights."""
    keras.utils.set_random_seed(1)
    config = PRESETS[options.preset]
    contenders = [contender for contender in CONTENDERS if contender.name in options.contenders]
    with TemporaryDirectory() as name:
        folder = Path(name)
        batch_size = config.training.batch_size
        fill(folder, network_of(config), batch_size, options.training_batches, options.batch_sizes)
        with started(contenders, options.threads) as workers:
            check_same(workers, [Case(LOSSES, name), *searches(options, name)])
            report_training(workers, folder, options)
            report_searches(workers, folder, options)


def searches(options: Options, folder: str) -> list[Case]:
    """Greedy and beam search for each number of sentences."""
    return [
        Case(mode, folder, size, width, options.length)
        for mode, width in ((GREEDY, 1), (BEAM, options.beam_width))
        for size in options.batch_sizes
    ]


def check_same(workers: Sequence[Worker], cases: Sequence[Case]) -> None:
    """Raises RuntimeError unless PyTorch computes what our layers compute in float32: losses to 0.1%, and the same
    tokens."""
    compared = [worker for worker in workers if worker.contender.name in (OURS, TORCH)]
    for case in cases:
        outcomes = [np.array(worker.ask({"outcome": asdict(case)})["outcome"]) for worker in compared]
        for worker, outcome in zip(compared, outcomes, strict=True):
            require_same(case, worker.contender.name, outcome, outcomes[0])


def require_same(case: Case, name: str, outcome: np.ndarray, ours: np.ndarray) -> None:
    """Raises RuntimeError if a contender's outcome of a case is not ours."""
    if case.mode == LOSSES:
        if not np.allclose(outcome, ours, rtol=_TOLERANCE, atol=0.0):
            raise RuntimeError(f"{name}: losses {outcome}, ours {ours}, more than {_TOLERANCE:.1%} apart")
    elif not np.array_equal(outcome, ours):
        raise RuntimeError(
            f"{name}: {np.mean(outcome != ours):.1%} of the tokens of {case.mode} search, "
            f"{case.sentences} sentences, are not ours"
        )


def report_training(workers: Sequence[Worker], folder: Path, options: Options) -> None:
    """Prints a line for each contender."""
    batches = read_batches(folder)
    tokens = sum(int(np.count_nonzero(batch.source)) for batch in batches)
    sizes = ", ".join("x".join(map(str, batch.source.shape)) for batch in batches)
    shown = table(
        f"Training, batches of {sizes}",
        *("", "source tokens/s, median", "lowest", "highest", "ours float32 / this", "other load, cores"),
    )
    timings = timings_of(Case(TRAINING, str(folder)), workers, options.rounds, options.seconds)
    speeds = {name: per_second(tokens, timing) for name, timing in timings.items()}
    for name, values in speeds.items():
        shown.add_row(name, *spread(values), *_comparison(speeds, timings, name))
    cli.console().print(shown)


def report_searches(workers: Sequence[Worker], folder: Path, options: Options) -> None:
    """Prints a line for each search, number of sentences and contender."""
    shown = table(
        f"Translating, {options.length} tokens a sentence",
        *("search", "batch", "", "sentences/s, median", "lowest", "highest"),
        *("ours float32 / this", "other load, cores"),
    )
    for case in searches(options, str(folder)):
        search = case.mode if case.beam_width == 1 else f"{case.mode} {case.beam_width}"
        timings = timings_of(case, workers, options.rounds, options.seconds)
        speeds = {name: per_second(case.sentences, timing) for name, timing in timings.items()}
        for name, values in speeds.items():
            comparison = _comparison(speeds, timings, name)
            shown.add_row(search, str(case.sentences), name, *spread(values, digits=1), *comparison)
    cli.console().print(shown)


def per_second(count: int, timing: Timing) -> list[float]:
    """How many a second in each block, of `count` in a run."""
    return [1_000 * count / milliseconds for milliseconds in timing.milliseconds]


def _comparison(
    speeds: Mapping[str, Sequence[float]], timings: Mapping[str, Timing], name: str
) -> tuple[str, str]:
    return f"{ratio(speeds[OURS], speeds[name]):.2f}", f"{timings[name].foreign_cores:.2f}"


if __name__ == "__main__":
    cli.run(main, Options)
