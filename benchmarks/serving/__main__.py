"""python -m benchmarks.serving: asks all contenders in turn, with few clients and with many, and prints a table for
each application."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from applications import catalogue
from benchmarks.serving.contenders import BATCHED, contenders_of, started
from benchmarks.serving.load import PERCENTILES, Block, Endpoint, check_same_answers, percentiles, run_block
from benchmarks.serving.questions import body_of
from benchmarks.timing import in_turn, ratio, spread, table
from common import cli
from common.checks import require_at_least
from common.errors import UserError
from common.model_folders import SHIPPED_MODELS
from common.serving.server.model_sources import sources_in
from common.serving.server.request_batching import BatchingOptions
from common.training.hardware import hardware


@dataclass(frozen=True)
class Options:
    """What is asked, by how many, and for how long."""

    models: Path = SHIPPED_MODELS
    """Folder of model folders, each with numbered versions, of which the highest is asked."""
    applications: tuple[str, ...] = ()
    """Applications that are asked; all that have a version in --models unless given."""
    clients: tuple[int, ...] = (1, 8, 64)
    """Clients at once, each with one request under way."""
    seconds: float = 2.0
    """Least length of a block."""
    rounds: int = 3
    """Blocks that count for each contender and number of clients, after one that does not."""
    max_batch_size: int = BatchingOptions.max_batch_size
    """Rows that requests may fill together, of our server with batching."""
    batch_timeout_ms: float = BatchingOptions.batch_timeout_ms
    """How long a run may wait for further requests, of our server with batching."""

    def __post_init__(self) -> None:
        for count in self.clients:
            require_at_least(1, clients=count)
        require_at_least(1, rounds=self.rounds)
        require_at_least(2, max_batch_size=self.max_batch_size)
        require_at_least(0, batch_timeout_ms=self.batch_timeout_ms)
        if not self.seconds > 0:
            raise UserError(f"--seconds {self.seconds}: expected more than 0")


def main(options: Options) -> None:
    """Measures the requests per second and the latency of our server, with and without batching, beside a FastAPI
    wrapper of TensorFlow's Python loader."""
    asked = asked_applications(options)
    cli.console().print(
        f"{hardware().cpu}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}. "
        f"Batches of {options.max_batch_size} rows at most, gathered for {options.batch_timeout_ms:g} ms."
    )
    for application in asked:
        report(application, options)


def asked_applications(options: Options) -> Sequence[str]:
    """The applications to ask, each of which has a version."""
    served = {source.name for source in sources_in(options.models, 1) if source.versions()}
    known = [name for name in catalogue() if name in served]
    if not known:
        raise UserError(f"--models {options.models}: no version of {', '.join(catalogue())}")
    if set(options.applications) - set(known):
        raise UserError(f"--applications {' '.join(options.applications)}: expected names of {known}")
    return options.applications or known


def report(application: str, options: Options) -> None:
    """Prints a line for each number of clients and contender."""
    body = body_of(application)
    shown = table(
        f"{application}, a request of {len(body):,} bytes",
        *("clients", "", "requests/s, median", "lowest", "highest"),
        *(f"p{percentile} ms" for percentile in PERCENTILES),
        f"{BATCHED} / this",
    )
    with TemporaryDirectory() as folder:
        contenders = contenders_of(
            application, options.models, options.max_batch_size, options.batch_timeout_ms, Path(folder)
        )
        with started(contenders) as endpoints:
            check_same_answers(endpoints, body)
            for clients in options.clients:
                measured = measure(endpoints, body, clients, options)
                speeds = {name: [block.per_second for block in measured[name]] for name in measured}
                for name, blocks in measured.items():
                    latencies = (f"{value:,.1f}" for value in percentiles(blocks))
                    faster = f"{ratio(speeds[BATCHED], speeds[name]):.2f}"
                    shown.add_row(str(clients), name, *spread(speeds[name], digits=1), *latencies, faster)
    cli.console().print(shown)


def measure(
    endpoints: Mapping[str, Endpoint], body: bytes, clients: int, options: Options
) -> dict[str, list[Block]]:
    """The blocks of each contender that count; they take turns."""
    blocks = {
        name: partial(run_block, endpoint, body, clients, options.seconds)
        for name, endpoint in endpoints.items()
    }
    # The first request of a process still allocates, and the first of a size may be optimised for it.
    in_turn(blocks, rounds=1)
    return in_turn(blocks, options.rounds)


if __name__ == "__main__":
    cli.run(main, Options)
