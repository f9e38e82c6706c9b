"""Writing files and folders so that an interrupt leaves either the old state or the new one, never half of either."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import FlagError


def require_writable_file(path: Path | None, flag: str) -> None:
    """Refuses a path at which no file can be made, before there is anything to write; None is none.

    Raises:
        FlagError: naming the flag.
    """
    if path is None:
        return
    if path.is_dir():
        raise FlagError(f"{flag} {path}: this is a folder; expected the name of a file")
    require_writable_folder(path.parent, flag)


def require_writable_folder(path: Path, flag: str) -> None:
    """Refuses a folder that is not there and cannot be made, or in which no file can be made.

    Raises:
        FlagError: naming the flag.
    """
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not nearest.is_dir():
        raise FlagError(f"{flag} {path}: {nearest} is a file; expected a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise FlagError(f"{flag} {path}: expected a folder to write to; {nearest} does not allow it")


def atomic_write(path: Path, content: str | bytes) -> None:
    """Writes `content` to `path` (UTF-8 for text): whole, or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, of the same suffixes, for the caller to write a file to.

    When the block ends well, the file reaches the disk and is renamed over `path`; otherwise it is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{uuid.uuid4().hex}-{path.name}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def temporary_directory_beside(path: Path) -> Iterator[Path]:
    """Yields a new empty folder on the file system of `path`, removed at the end unless it was renamed away."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".tmp-", dir=path.parent))
    folder.chmod(0o777 & ~_umask())
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
