"""The contenders, and their servers: each a process of its own, on a free port of this machine."""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.serving.load import Endpoint
from common.inference.runner import latest_version

ROOT = Path(__file__).resolve().parents[2]
BATCHED, ALONE, WRAPPER = "batched", "unbatched", "FastAPI"
# The local server's words, and uvicorn's.
_READY = re.compile(r"(?:ready: REST on |running on http://)127\.0\.0\.1:(\d+)")
_LONGEST_START = 300.0
_BETWEEN_LOOKS = 0.05


@dataclass(frozen=True)
class Contender:
    """A server to measure.

    Attributes:
        name: as the table shows it.
        command: starts it on a free port, which its output tells.
        path: where it is asked.
    """

    name: str
    command: tuple[str, ...]
    path: str


def contenders_of(
    application: str, models: Path, max_batch_size: int, batch_timeout_ms: float, folder: Path
) -> list[Contender]:
    """Our server twice, with and without batching, and the wrapper, each with the application's highest version alone.

    Args:
        application: a folder in `models`.
        models: as the server takes it.
        max_batch_size: of the one with batching.
        batch_timeout_ms: of the one with batching.
        folder: where a file for the servers may be written.
    """
    config = folder / f"{application}.config"
    config.write_text(
        f'model_config_list {{ config {{ name: "{application}" base_path: "/models/{application}" }} }}\n',
        "utf-8",
    )
    ours = (
        *(sys.executable, "-m", "common.serving.server", "--models", str(models)),
        *("--model-config-file", str(config), "--rest-port", "0", "--grpc-port", "0"),
    )
    batching = {BATCHED: (max_batch_size, batch_timeout_ms), ALONE: (1, 0.0)}
    wrapper = (sys.executable, "-m", "benchmarks.serving.wrapper", str(latest_version(models / application)))
    return [
        *(
            Contender(
                name,
                (*ours, "--max-batch-size", str(size), "--batch-timeout-ms", str(timeout)),
                f"/v1/models/{application}:predict",
            )
            for name, (size, timeout) in batching.items()
        ),
        Contender(WRAPPER, wrapper, "/predict"),
    ]


@contextmanager
def started(contenders: Sequence[Contender]) -> Iterator[dict[str, Endpoint]]:
    """Starts the contenders together and waits until all can be asked; they end with the block.

    Raises:
        RuntimeError: a contender ends before it can be asked, or takes too long.
    """
    with ExitStack() as stack:
        running = []
        for contender in contenders:
            output = stack.enter_context(tempfile.TemporaryFile("w+"))
            process = stack.enter_context(
                subprocess.Popen(contender.command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
            )
            stack.callback(process.terminate)
            running.append((contender, process, output))
        yield {
            contender.name: Endpoint(_port(contender, process, output), contender.path)
            for contender, process, output in running
        }


def _port(contender: Contender, process: subprocess.Popen[bytes], output: IO[str]) -> int:
    until = time.monotonic() + _LONGEST_START
    while True:
        # A process that has ended has written all that it writes, so it is asked for its state first.
        ended = process.poll() is not None
        output.seek(0)
        said = output.read()
        if told := _READY.search(said):
            return int(told[1])
        if ended or time.monotonic() > until:
            why = "its process ended" if ended else f"not ready after {_LONGEST_START:g} s"
            raise RuntimeError(f"{contender.name}: {why}; {' '.join(said.splitlines()[-1:])}")
        time.sleep(_BETWEEN_LOOKS)
