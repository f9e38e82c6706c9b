"""Which processes train one model together, by the flags `--workers` and `--worker` or by `TF_CONFIG`."""

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from common.errors import FlagError

ENVIRONMENT = "TF_CONFIG"
"""The variable by which Vertex AI, Kubeflow and others tell a process of its peers."""

_TASKS = ("chief", "worker")


@dataclass(frozen=True)
class Cluster:
    """The processes that train together, and which of them this one is.

    Attributes:
        addresses: `host:port` of each.
        index: of this process; 0 keeps the run.
        timeout: seconds that it waits for the others.
    """

    addresses: tuple[str, ...]
    index: int
    timeout: float

    def __len__(self) -> int:
        """How many they are."""
        return len(self.addresses)

    @property
    def name(self) -> str:
        """This process, for people."""
        return f"worker {self.index} of {len(self)} ({self.addresses[self.index]})"

    @property
    def others(self) -> str:
        """The other addresses, for people."""
        return ", ".join(address for index, address in enumerate(self.addresses) if index != self.index)


class WorkerOptions(Protocol):
    """The flags of training on several machines."""

    @property
    def workers(self) -> str: ...
    @property
    def worker(self) -> int | None: ...
    @property
    def worker_timeout(self) -> float: ...


def cluster_of(options: WorkerOptions) -> Cluster | None:
    """The cluster that the flags name, or else `TF_CONFIG`; None where this process trains alone.

    Raises:
        FlagError: they name none that could be.
    """
    environment = os.environ.get(ENVIRONMENT)
    if options.workers or not environment:
        return named_cluster(options)
    addresses, index = _of_environment(environment)
    return Cluster(tuple(addresses), index, options.worker_timeout) if len(addresses) > 1 else None


def named_cluster(options: WorkerOptions) -> Cluster | None:
    """The cluster that the flags name, whatever the environment says; None of a process that trains alone.

    Raises:
        FlagError: they name none that could be.
    """
    if not options.workers:
        if options.worker is not None:
            raise FlagError(f"--worker {options.worker}: expected --workers host:port,host:port too")
        return None
    addresses = options.workers.split(",")
    _require_addresses(addresses, "--workers")
    if len(addresses) == 1 and options.worker is None:
        return None
    if options.worker is None or options.worker >= len(addresses):
        given = "" if options.worker is None else f" {options.worker}"
        raise FlagError(
            f"--worker{given}: expected this worker's place in --workers, from 0 to {len(addresses) - 1}"
        )
    return Cluster(tuple(addresses), options.worker, options.worker_timeout) if len(addresses) > 1 else None


def _of_environment(text: str) -> tuple[list[str], int]:
    """The addresses that `TF_CONFIG` names, the chief's first, and the place of this process among them."""
    try:
        tasks = json.loads(text)
        cluster, kind, index = tasks["cluster"], tasks["task"]["type"], int(tasks["task"]["index"])
        groups = [list(cluster.get(name, [])) for name in _TASKS]
        groups[_TASKS.index(kind)][index]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise FlagError(
            f'{ENVIRONMENT}: {text!r} names no worker ({type(error).__name__}: {error}); expected {{"cluster": '
            '{"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}, with a chief or without'
        ) from None
    addresses = [address for group in groups for address in group]
    _require_addresses(addresses, ENVIRONMENT)
    return addresses, index + (len(groups[0]) if kind == "worker" else 0)


def _require_addresses(addresses: Sequence[Any], where: str) -> None:
    for address in addresses:
        host, _, port = str(address).rpartition(":")
        if not host or not port.isascii() or not port.isdigit():
            raise FlagError(f"{where} {address!r}: expected host:port, and a comma between two of them")
        if not 0 < int(port) < 2**16:
            raise FlagError(f"{where} {address!r}: expected a port from 1 to 65535")
    if len(set(addresses)) < len(addresses):
        raise FlagError(f"{where} {','.join(map(str, addresses))}: expected another address for each worker")


@cache
def private_runs() -> Path:
    """The temporary folder of the runs of a worker that does not keep them; it goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="recurrent_applications_worker_"))
    atexit.register(discard_private_runs)
    return folder


def discard_private_runs() -> None:
    """Removes that folder, if there is one."""
    if private_runs.cache_info().currsize:
        shutil.rmtree(private_runs(), ignore_errors=True)
