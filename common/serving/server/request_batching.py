"""Requests that arrive together are computed together: one run of the model for many, each given its own rows.

A request joins others of the same model and signature whose inputs agree in every dimension but the first. Nothing is
padded, and only signatures whose answers have a fixed shape for each row take part, so that an answer never depends on
those that shared its run. A request waits for others only while its model is at work on a run of theirs: nobody gains
by the wait of a lone one. Should a shared run fail, each of its requests is run alone, unless that is switched off.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import grpc
import numpy as np

from common.inference.signatures import SignatureInfo
from common.inference.tensorflow_c import SavedModelError
from common.serving.server.refusals import RequestError, past_deadline, refusal_by_model, refusal_of_value

Tensors = Mapping[str, np.ndarray]


class Runner(Protocol):
    """What computes: a `SavedModelRunner`."""

    @property
    def signatures(self) -> Mapping[str, SignatureInfo]: ...

    def run(self, signature: str, /, **inputs: np.ndarray) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True)
class BatchingOptions:
    """How requests share runs of a model."""

    max_batch_size: int = 32
    """Rows that requests may fill together; 1 runs each request alone. A larger request runs alone."""
    batch_timeout_ms: float = 5.0
    """How long a run may wait for further requests while the same model is computing another; it never waits else."""
    batch_threads: int = 2
    """Runs at the same time."""
    max_queue: int = 1000
    """Requests that may wait for a run; further ones are refused (503, UNAVAILABLE)."""
    second_runs: bool = True
    """Runs the requests of a joint run that failed again, each alone, so that one request's fault is not its
    neighbours'. With --no-second-runs all of them get the error, as under TensorFlow Serving."""


@dataclass(frozen=True, eq=False)
class _Request:
    runner: Runner
    signature: str
    inputs: Tensors
    rows: int
    kind: object | None
    deadline: float
    seconds: float
    arrival: float = field(default_factory=time.monotonic)
    answer: "Future[Tensors]" = field(default_factory=Future)


@dataclass(eq=False)
class _Batch:
    """The requests of one run, and for how many more rows it has room."""

    requests: list[_Request]
    room: int

    def takes(self, request: _Request) -> bool:
        """Adds a request that fits."""
        kind = self.requests[0].kind
        if kind is None or request.kind != kind or request.rows > self.room:
            return False
        self.requests.append(request)
        self.room -= request.rows
        return True


class Batcher:
    """A bounded queue of requests and the threads that answer them.

    Example:
        >>> class Doubler:
        ...     signatures = {"double": SignatureInfo({}, {}, "tensorflow/serving/predict")}
        ...
        ...     def run(self, signature, /, **inputs):
        ...         return {"y": 2 * inputs["x"]}
        >>> batcher = Batcher(BatchingOptions())
        >>> batcher.submit(Doubler(), "double", {"x": np.array([1, 2])}, seconds=10).result()["y"].tolist()
        [2, 4]
        >>> batcher.close()
    """

    def __init__(self, options: BatchingOptions) -> None:
        self._options = options
        self._waiting: deque[_Request] = deque()
        self._gathering: list[_Batch] = []
        self._runs_of: Counter[int] = Counter()
        self._changed = threading.Condition()
        self._is_open = True
        self._threads = [
            threading.Thread(target=self._work, name=f"batch-{number}", daemon=True)
            for number in range(options.batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, runner: Runner, signature: str, inputs: Tensors, seconds: float) -> "Future[Tensors]":
        """Queues a request.

        Args:
            runner: the model; it must stay open until the answer is there.
            signature: one of the model's.
            inputs: arrays as the signature has them.
            seconds: how long the request may take; it is not begun later than that.

        Returns:
            The outputs, or `RequestError`. Cancelling it takes the request from the queue if it was not begun.

        Raises:
            RequestError: the queue is full, or closed.
        """
        rows = _rows(inputs)
        kind = None if rows is None else _kind(runner, signature, inputs)
        deadline = time.monotonic() + seconds
        request = _Request(runner, signature, inputs, rows or 1, kind, deadline, seconds)
        with self._changed:
            if not self._is_open:
                raise RequestError("the server is shutting down", grpc.StatusCode.UNAVAILABLE)
            if len(self._waiting) >= self._options.max_queue:
                raise RequestError(
                    "The batch scheduling queue to which this task was submitted is full",
                    grpc.StatusCode.UNAVAILABLE,
                )
            if not any(batch.takes(request) for batch in self._gathering):
                self._waiting.append(request)
            self._changed.notify_all()
        request.answer.add_done_callback(lambda _: self._drop_cancelled(request))
        return request.answer

    def close(self) -> None:
        """Answers what is queued, and takes no more."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _drop_cancelled(self, request: _Request) -> None:
        """Takes a request from the queue, where it would hold a place until its turn."""
        if not request.answer.cancelled():
            return
        with self._changed, suppress(ValueError):
            self._waiting.remove(request)

    def _work(self) -> None:
        while batch := self._next_batch():
            model = id(batch[0].runner)
            wanted = [request for request in batch if _is_wanted(request)]
            try:
                _answer(wanted, self._options.second_runs)
            except Exception as error:
                # Whatever it was, those that wait get an answer, and the thread goes on.
                logging.getLogger(__name__).exception("a run failed")
                for request in wanted:
                    if not request.answer.done():
                        request.answer.set_exception(error)
            with self._changed:
                self._runs_of[model] -= 1
                self._changed.notify_all()

    def _next_batch(self) -> list[_Request]:
        """Waits for a request, and while its model is computing for those that can join it; counts their run as begun.

        Empty once the queue is closed and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._is_open)
            if not self._waiting:
                return []
            first = self._waiting.popleft()
            batch = _Batch([first], self._options.max_batch_size - first.rows)
            self._waiting = deque(request for request in self._waiting if not batch.takes(request))
            self._gather(batch, id(first.runner), first.arrival + self._options.batch_timeout_ms / 1000)
            self._runs_of[id(first.runner)] += 1
            return batch.requests

    def _gather(self, batch: _Batch, model: int, until: float) -> None:
        """Lets requests join a batch while it has room and its model is computing."""
        if batch.requests[0].kind is None:
            return
        self._gathering.append(batch)
        while batch.room > 0 and self._runs_of[model] and self._is_open:
            remaining = until - time.monotonic()
            if remaining <= 0:
                break
            self._changed.wait(remaining)
        self._gathering.remove(batch)


def _rows(inputs: Tensors) -> int | None:
    """The rows of a request; None where its inputs do not agree on them, or have none."""
    rows = {array.shape[0] if array.ndim else 0 for array in inputs.values()}
    return rows.pop() or None if len(rows) == 1 else None


def _kind(runner: Runner, signature: str, inputs: Tensors) -> object | None:
    """Equal for requests that can share a run; None where a request runs alone."""
    if not _is_shared(runner.signatures[signature]):
        return None
    shapes = tuple((name, inputs[name].dtype.str, inputs[name].shape[1:]) for name in sorted(inputs))
    return id(runner), signature, shapes


def _is_shared(signature: SignatureInfo) -> bool:
    batched = all(info.shape and info.shape[0] is None for info in signature.inputs.values())
    return batched and all(
        info.shape and info.shape[0] is None and None not in info.shape[1:]
        for info in signature.outputs.values()
    )


def _is_wanted(request: _Request) -> bool:
    if not request.answer.set_running_or_notify_cancel():
        return False
    if time.monotonic() > request.deadline:
        request.answer.set_exception(past_deadline(request.seconds))
        return False
    return True


def _answer(batch: Sequence[_Request], second_runs: bool) -> None:
    if len(batch) < 2:
        return _answer_alone(batch)
    try:
        answers = _run_together(batch)
    except Exception as error:
        if second_runs:
            return _answer_alone(batch)
        for request in batch:
            request.answer.set_exception(_refusal(error))
        return None
    for request, outputs in zip(batch, answers, strict=True):
        request.answer.set_result(outputs)
    return None


def _answer_alone(batch: Sequence[_Request]) -> None:
    for request in batch:
        try:
            outputs = request.runner.run(request.signature, **request.inputs)
        except Exception as error:
            request.answer.set_exception(_refusal(error))
        else:
            request.answer.set_result(outputs)


def _refusal(error: Exception) -> Exception:
    if isinstance(error, SavedModelError):
        return refusal_by_model(error)
    return refusal_of_value(error) if isinstance(error, ValueError) else error


def _run_together(batch: Sequence[_Request]) -> list[Tensors]:
    """Each request's outputs.

    Raises:
        RequestError: the outputs do not hold a row for each row of the inputs.
    """
    first = batch[0]
    joined = {name: np.concatenate([request.inputs[name] for request in batch]) for name in first.inputs}
    outputs = first.runner.run(first.signature, **joined)
    rows = [request.rows for request in batch]
    if any(array.ndim == 0 or len(array) != sum(rows) for array in outputs.values()):
        raise RequestError(
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
            "tensors",
            grpc.StatusCode.FAILED_PRECONDITION,
        )
    ends = np.cumsum(rows)
    return [
        {name: array[end - count : end] for name, array in outputs.items()}
        for count, end in zip(rows, ends, strict=True)
    ]
