"""Locks on parts of a common work, each a file; that of a process which was killed is taken over."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_UNWRITTEN_SECONDS = 5.0


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Holds a lock for the time of a block, if no other process does: yields whether it is held, and never waits.

    The lock is a file that is made by one process only and says which: its id and its host. A lock whose process is no
    more is taken over on the same host; one of another host is not, until someone removes the file.

    Args:
        path: of the lock, in a folder that exists.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "part.lock"
        >>> with held(path) as first, held(path) as second:
        ...     first, second, path.exists()
        (True, False, True)
        >>> path.exists()
        False
    """
    is_held = _made(path) or (_removed_as_stale(path) and _made(path))
    try:
        yield is_held
    finally:
        if is_held:
            path.unlink(missing_ok=True)


def holder(path: Path) -> str:
    """Who holds a lock, in words."""
    owner = _owner(path)
    return f"process {owner['pid']} on {owner['host']}" if owner else "another process"


def _made(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return False
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "started": _started(os.getpid())}
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(owner, file)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return True


def _removed_as_stale(path: Path) -> bool:
    """Removes the lock of a process that is no more."""
    if not _is_stale(path):
        return False
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # Another process of this host may have taken it over since: one at a time looks and removes.
        fcntl.flock(folder, fcntl.LOCK_EX)
        if not _is_stale(path):
            return False
        path.unlink(missing_ok=True)
        return True
    finally:
        os.close(folder)


def _is_stale(path: Path) -> bool:
    owner = _owner(path)
    if owner:
        return owner["host"] == socket.gethostname() and not _is_alive(owner)
    try:
        # Between making the file and writing into it lie microseconds, unless the process was killed there.
        return time.time() - path.stat().st_mtime > _UNWRITTEN_SECONDS
    except FileNotFoundError:
        return False


def _owner(path: Path) -> dict[str, Any]:
    """What a lock says; nothing if it is gone or nothing is written in it yet."""
    try:
        owner = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return owner if isinstance(owner, dict) and {"pid", "host", "started"} <= owner.keys() else {}


def _is_alive(owner: dict[str, Any]) -> bool:
    try:
        os.kill(owner["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # In a container that was started anew, each process may have the id of one that was killed.
    return bool(owner["started"] == _started(owner["pid"]))


def _started(process: int) -> str:
    """When a process began, in ticks of its system; empty where the system does not tell, or it has ended."""
    try:
        state, *numbers = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    return "" if state in (b"Z", b"X") else numbers[18].decode()
