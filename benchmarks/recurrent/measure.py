"""Starts the contenders' processes and times their blocks in turn."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv-bench" / "bin" / "python"
_STAT = Path("/proc/stat")
_QUIET_CORES = 0.12
_FEWEST_BLOCKS = 3


@dataclass(frozen=True)
class Contender:
    """A framework in a certain setting.

    Attributes:
        name: as the table shows it.
        python: the interpreter of its environment.
        worker: the module run in it.
    """

    name: str
    python: Path
    worker: str


CONTENDERS = (
    *(
        Contender(name, Path(sys.executable), "benchmarks.recurrent.workers.keras_worker")
        for name in ("ours float32", "ours bfloat16", "keras", "keras xla")
    ),
    Contender("torch", PEERS, "benchmarks.recurrent.workers.torch_worker"),
    Contender("onnxruntime", PEERS, "benchmarks.recurrent.workers.onnx_worker"),
)


@dataclass(frozen=True)
class Block:
    """One timed block.

    Attributes:
        milliseconds: per run of the case.
        foreign_cores: processor cores that other processes kept busy meanwhile.
    """

    milliseconds: float
    foreign_cores: float


@dataclass(frozen=True)
class Timing:
    """The blocks of one contender in one case that count.

    Attributes:
        milliseconds: of each block that counts, in order.
        foreign_cores: the most that other processes used during one of them.
    """

    milliseconds: tuple[float, ...]
    foreign_cores: float


class Worker:
    """A contender's running process."""

    def __init__(self, contender: Contender, process: subprocess.Popen[str]) -> None:
        self.contender = contender
        self._process = process

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Sends one request and waits for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise UserError(f"contender {self.contender.name}: its process ended; its error stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def block(self, seconds: float) -> Block:
        """Times the prepared case for at least `seconds`."""
        busy = _busy_seconds()
        answer = self.ask({"block": seconds})
        foreign = max(0.0, _busy_seconds() - busy - answer["cpu_seconds"]) / answer["wall_seconds"]
        return Block(answer["milliseconds"], foreign)


@contextmanager
def started(contenders: Sequence[Contender], threads: int) -> Iterator[list[Worker]]:
    """Starts one process per contender; they end with the block."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with ExitStack() as stack:
        workers = []
        for contender in contenders:
            if not contender.python.exists():
                raise UserError(
                    f"{contender.python}: not found; `make bench-layers` installs the peers there"
                )
            process = stack.enter_context(
                subprocess.Popen(
                    [contender.python, "-m", contender.worker, contender.name, str(threads)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                    env=environment,
                )
            )
            stack.callback(process.terminate)
            workers.append(Worker(contender, process))
        yield workers


def timings_of(case: Any, workers: Sequence[Worker], rounds: int, seconds: float) -> dict[str, Timing]:
    """Times one case, a dataclass, with every contender that has it, block by block in turn.

    A block counts if other processes used less than 0.12 core meanwhile. Up to twice as many rounds are run to get
    `rounds` blocks that count; where fewer than three do, the three quietest stand for them.
    """
    ready = [worker for worker in workers if "error" not in worker.ask({"prepare": asdict(case)})]
    blocks: dict[str, list[Block]] = {worker.contender.name: [] for worker in ready}
    for _ in range(2 * rounds):
        for worker in ready:
            mine = blocks[worker.contender.name]
            if sum(block.foreign_cores < _QUIET_CORES for block in mine) < rounds:
                mine.append(worker.block(seconds))
    return {name: _timing(mine) for name, mine in blocks.items()}


def _timing(blocks: Sequence[Block]) -> Timing:
    quiet = [block for block in blocks if block.foreign_cores < _QUIET_CORES]
    if len(quiet) < _FEWEST_BLOCKS:
        quiet = sorted(blocks, key=lambda block: block.foreign_cores)[:_FEWEST_BLOCKS]
    return Timing(tuple(block.milliseconds for block in quiet), max(block.foreign_cores for block in quiet))


def _busy_seconds() -> float:
    """Seconds that all processors have been busy since the start of the machine; on other systems than Linux the time
    itself stands still, so that every block counts."""
    if not _STAT.exists():
        return 0.0
    user, nice, system, _, _, irq, softirq, steal = map(int, _STAT.read_text().split(maxsplit=9)[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
