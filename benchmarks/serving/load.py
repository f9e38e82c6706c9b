"""The load: clients that each ask again as soon as they are answered, and what they measure.

Clients are threads of this process with a connection of their own (http.client), which stays open during a block. They
take the processor from the server that they ask, so they must be light: 0.1 ms a request, where those of httpx and
asyncio took more than 1 ms. All contenders bear it alike.
"""

import json
import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import numpy as np

PERCENTILES = (50, 95, 99)
_HEADERS = {"Content-Type": "application/json"}
_LONGEST_ANSWER = 300.0
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Endpoint:
    """Where a server of this machine is asked."""

    port: int
    path: str


@dataclass(frozen=True)
class Block:
    """What a block measured.

    Attributes:
        latencies: seconds from each request to its answer.
        seconds: from the first request to the last answer.
    """

    latencies: tuple[float, ...]
    seconds: float

    @property
    def per_second(self) -> float:
        """Requests answered per second."""
        return len(self.latencies) / self.seconds


def run_block(endpoint: Endpoint, body: bytes, clients: int, seconds: float) -> Block:
    """Asks for at least `seconds`: nothing is asked after them, and what was asked is answered.

    Raises:
        RuntimeError: a request was not answered with 200.
    """
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(_connection(endpoint))) for _ in range(clients)]
        pool = stack.enter_context(ThreadPoolExecutor(clients))
        begin = time.perf_counter()
        asking = [
            pool.submit(_ask_until, begin + seconds, connection, endpoint, body) for connection in connections
        ]
        latencies = [latency for client in asking for latency in client.result()]
        return Block(tuple(latencies), time.perf_counter() - begin)


def percentiles(blocks: Sequence[Block]) -> list[float]:
    """p50, p95 and p99 of the latencies of all blocks together, in milliseconds."""
    latencies = np.concatenate([block.latencies for block in blocks])
    milliseconds: list[float] = (1_000 * np.percentile(latencies, PERCENTILES)).tolist()
    return milliseconds


def check_same_answers(endpoints: Mapping[str, Endpoint], body: bytes) -> None:
    """Raises RuntimeError unless every contender answers as the first does: the same JSON, numbers to 0.01%."""
    answers = {name: _one_answer(endpoint, body) for name, endpoint in endpoints.items()}
    first, expected = next(iter(answers.items()))
    for name, answer in answers.items():
        if not _is_same(answer, expected):
            raise RuntimeError(f"{name} answers {answer!r:.300}; {first} answers {expected!r:.300}")


def _ask_until(deadline: float, connection: HTTPConnection, endpoint: Endpoint, body: bytes) -> list[float]:
    latencies = []
    while True:
        begin = time.perf_counter()
        _ask(connection, endpoint, body)
        end = time.perf_counter()
        latencies.append(end - begin)
        if end >= deadline:
            return latencies


def _one_answer(endpoint: Endpoint, body: bytes) -> Any:
    with closing(_connection(endpoint)) as connection:
        return json.loads(_ask(connection, endpoint, body))


def _connection(endpoint: Endpoint) -> HTTPConnection:
    connection = HTTPConnection("127.0.0.1", endpoint.port, timeout=_LONGEST_ANSWER)
    connection.connect()
    return connection


def _ask(connection: HTTPConnection, endpoint: Endpoint, body: bytes) -> bytes:
    connection.request("POST", endpoint.path, body, _HEADERS)
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise RuntimeError(
            f"port {endpoint.port}{endpoint.path}: status {response.status}; {answer.decode()[:300]}"
        )
    return answer


def _is_same(value: Any, expected: Any) -> bool:
    if isinstance(value, dict) and isinstance(expected, dict):
        return value.keys() == expected.keys() and all(_is_same(value[key], expected[key]) for key in value)
    if isinstance(value, list) and isinstance(expected, list):
        return len(value) == len(expected) and all(map(_is_same, value, expected))
    if isinstance(value, float) and isinstance(expected, float):
        return math.isclose(value, expected, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE / 10)
    return type(value) is type(expected) and value == expected
