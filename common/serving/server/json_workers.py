"""Where the JSON of a request is read and written: small at once, large in another process."""

import asyncio
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, TypeVarTuple

import grpc

from common.serving.server.refusals import RequestError

_LARGE = 128 * 1024
_PROCESSES = 2

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class JsonWorkers:
    """Does JSON work in the event loop where it takes milliseconds, and in one of a few processes where it takes more.

    A small request is spared the way to a process and back, and is not held up by a large one. The processes start with
    the first large request; further large requests wait for one to be free.

    Example:
        >>> from common.serving.server.json_work import examples_request
        >>> workers, body = JsonWorkers(), b'{"examples": [{"text": "A delight."}]}'
        >>> signature, examples = asyncio.run(workers.call(len(body), examples_request, body, "classify", 10))
        >>> len(examples)
        1
        >>> workers.close()
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_PROCESSES, thread_name_prefix="json")
        self._idle: deque[subprocess.Popen[bytes]] = deque()

    async def call(
        self, size: int, function: Callable[[*Arguments], Result], *arguments: *Arguments
    ) -> Result:
        """What a function of `json_work` returns.

        Args:
            size: about how many bytes it reads or writes.
            function: it.
            *arguments: its.

        Raises:
            RequestError: what it raised, or the process ended, as one that is short of memory does.
        """
        if size <= _LARGE:
            return function(*arguments)
        asked = (function.__name__, arguments)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, asked)

    def close(self) -> None:
        """Ends the processes once they have answered."""
        self._threads.shutdown()
        while self._idle:
            self._idle.pop().communicate()

    def _ask(self, asked: tuple[str, tuple[Any, ...]]) -> Any:
        process = self._take()
        try:
            is_answer, result = _exchange(process, asked)
        except BaseException as error:
            process.kill()
            process.communicate()
            if not isinstance(error, (OSError, EOFError, pickle.UnpicklingError)):
                raise
            raise RequestError(
                "the process that reads large requests ended", grpc.StatusCode.RESOURCE_EXHAUSTED
            ) from None
        self._idle.append(process)
        if isinstance(result, MemoryError):
            raise RequestError(
                "the request needs more memory than there is", grpc.StatusCode.RESOURCE_EXHAUSTED
            )
        if not is_answer:
            raise result
        return result

    def _take(self) -> "subprocess.Popen[bytes]":
        try:
            return self._idle.pop()
        except IndexError:
            return _start()


def _exchange(process: "subprocess.Popen[bytes]", asked: tuple[str, tuple[Any, ...]]) -> tuple[bool, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    pickle.dump(asked, process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
    process.stdin.flush()
    answer: tuple[bool, Any] = pickle.load(process.stdout)
    return answer


def _start() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "common.serving.server.json_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        # An interrupt at the terminal is the server's to answer: what is under way is finished first.
        start_new_session=True,
    )
