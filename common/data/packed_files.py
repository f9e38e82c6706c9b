"""Files that may be packed by gzip, xz, bzip2 or zip."""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from common.errors import UserError

_PACKINGS = (".gz", ".xz", ".bz2", ".zip")


def kind_of_file(path: Path) -> str:
    """The ending of a file's name, without that of its packing."""
    return Path(unpacked_name(path.name)).suffix.lower()


def unpacked_name(name: str) -> str:
    """A file's name without the ending of its packing."""
    return name[: name.rindex(".")] if name.lower().endswith(_PACKINGS) else name


def read_unpacked(path: Path, name: str, expected: str) -> bytes:
    """The content of a file, unpacked by its name; of a zip, that of its only file.

    Args:
        path: of the file.
        name: what it is called in messages.
        expected: the kinds of files that are meant, for the message.

    Raises:
        UserError: it is not there, cannot be read, or is not whole.
    """
    openers: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
    packing = path.suffix.lower()
    try:
        if packing == ".zip":
            return _only_member(path, name)
        with openers.get(packing, partial(open, mode="rb"))(path) as file:
            return bytes(file.read())
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise UserError(f"{name}: not a whole {packing} file ({error})") from None
    except OSError as error:
        if error.errno is None:
            raise UserError(f"{name}: not a whole {packing} file ({error})") from None
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise UserError(f"{name}: {reason}; expected {expected}") from None


def _only_member(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        members = [one for one in archive.namelist() if not one.endswith("/") and "__MACOSX" not in one]
        if len(members) != 1:
            raise UserError(f"{name}: {len(members)} files in the archive; expected one file")
        return archive.read(members[0])
