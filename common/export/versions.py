"""Numbered versions of a model in a folder, each published whole or not at all."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from common.files import temporary_directory_beside


def next_version(folder: Path, write: Callable[[Path], None]) -> Path:
    """Publishes what `write` writes to a temporary folder as `folder/<version>`, one above the highest there.

    Until then nothing is to be seen of it, and after a failure or an interrupt nothing is left of it.

    Returns:
        The folder of the version.
    """
    is_new = not folder.exists()
    try:
        with temporary_directory_beside(folder / "version") as temporary:
            write(temporary)
            flush(temporary)
            return publish(temporary, folder)
    except BaseException:
        if is_new:
            with suppress(OSError):
                folder.rmdir()
        raise


def flush(folder: Path) -> None:
    """Sends every file's content to the disk, so that the rename cannot outlive a power cut and the content not."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def publish(temporary: Path, folder: Path) -> Path:
    """Renames to the next free version; another export may take the same number in the meantime."""
    while True:
        taken = [int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal()]
        version = folder / str(max(taken, default=0) + 1)
        try:
            return temporary.rename(version)
        except OSError:
            if not version.exists():
                raise
