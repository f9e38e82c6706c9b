"""python -m benchmarks.serving.strangers: many clients, some of whose rows are bad, share batches; prints how
many of the others' requests were refused with them.

The local server runs each batch once, as TensorFlow Serving does.
"""

import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.serving.contenders import Contender, started
from benchmarks.serving.questions import BAD_ROWS, bad_body_of, body_of
from benchmarks.timing import table
from common import cli
from common.checks import require_at_least
from common.errors import ROW_ERROR, UserError
from common.model_folders import SHIPPED_MODELS


@dataclass(frozen=True)
class Options:
    """Who asks, how often badly, and for how long."""

    models: Path = SHIPPED_MODELS
    """Folder of model folders, each with numbered versions, of which the highest is asked."""
    applications: tuple[str, ...] = tuple(BAD_ROWS)
    """Applications that are asked; of those whose rows can be bad."""
    clients: int = 16
    """Clients at once, each with one request under way."""
    bad_share: float = 0.05
    """Share of the requests whose row is bad."""
    seconds: float = 20.0
    """How long each application is asked."""
    max_batch_size: int = 32
    """Rows that requests may fill together."""
    batch_timeout_ms: float = 2.0
    """How long a run waits for further requests."""
    seed: int = 0
    """Fixes which requests are bad."""

    def __post_init__(self) -> None:
        require_at_least(1, clients=self.clients)
        if set(self.applications) - set(BAD_ROWS):
            raise UserError(f"--applications: expected names of {', '.join(BAD_ROWS)}")
        if not 0 <= self.bad_share <= 1:
            raise UserError(f"--bad-share {self.bad_share}: expected 0 to 1")


@dataclass(frozen=True)
class Count:
    """What became of requests.

    Attributes:
        right: requests whose row is good.
        refused: of these, those that were not answered.
        bad: requests whose row is bad.
        told: of these, those that were told what is wrong with their row.
        reason: of one refusal of a right request; empty if there was none.
    """

    right: int = 0
    refused: int = 0
    bad: int = 0
    told: int = 0
    reason: str = ""

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.right + other.right,
            self.refused + other.refused,
            self.bad + other.bad,
            self.told + other.told,
            self.reason or other.reason,
        )


def main(options: Options) -> None:
    """Counts the right requests that are refused because a batch holds a stranger's bad row."""
    shown = table(
        f"{options.clients} clients, {options.bad_share:.0%} bad rows, {options.seconds:g} s each",
        *("application", "right requests", "refused", "bad requests", "told why"),
    )
    for application in options.applications:
        count = measure(application, options)
        shown.add_row(application, *map(str, (count.right, count.refused, count.bad, count.told)))
        if count.reason:
            cli.console(stderr=True).print(f"{application}: {count.reason}", markup=False)
    cli.console().print(shown)


def measure(application: str, options: Options) -> Count:
    """What became of an application's requests."""
    server = (
        sys.executable,
        "-m",
        "common.serving.server",
        "--models",
        str(options.models),
        "--no-second-runs",
    )
    flags = (
        *("--rest-port", "0", "--grpc-port", "0", "--max-batch-size", str(options.max_batch_size)),
        *("--batch-timeout-ms", str(options.batch_timeout_ms)),
    )
    path = f"/v1/models/{application}:predict"
    with started([Contender(application, (*server, *flags), path)]) as endpoints:
        port = endpoints[application].port
        _ask_until(0.0, port, path, application, 0.0, options.seed)
        until = time.monotonic() + options.seconds
        with ThreadPoolExecutor(options.clients) as pool:
            asking = [
                pool.submit(
                    _ask_until, until, port, path, application, options.bad_share, options.seed + number
                )
                for number in range(options.clients)
            ]
            return sum((one.result() for one in asking), Count())


def _ask_until(until: float, port: int, path: str, application: str, bad_share: float, seed: int) -> Count:
    draw, count = random.Random(seed), Count()
    bodies = {False: body_of(application), True: bad_body_of(application)}
    with closing(HTTPConnection("127.0.0.1", port, timeout=300)) as connection:
        while True:
            is_bad = draw.random() < bad_share
            connection.request("POST", path, bodies[is_bad], {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
            count += _counted(is_bad, response.status, answer)
            if time.monotonic() >= until:
                return count


def _counted(is_bad: bool, status: int, answer: bytes) -> Count:
    error = json.loads(answer)["predictions"][0][ROW_ERROR] if status == 200 else ""
    if is_bad:
        return Count(bad=1, told=int(bool(error)))
    is_refused = status != 200 or bool(error)
    return Count(right=1, refused=int(is_refused), reason=answer.decode()[:200] if is_refused else "")


if __name__ == "__main__":
    cli.run(main, Options)
