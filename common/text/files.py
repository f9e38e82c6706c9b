"""Files as text: UTF-8, plain or gzipped, and what is wrong with one said in one line that names it."""

import gzip
import os
import zlib
from pathlib import Path

from common.errors import UserError

TEXT_FILE = "a text file (.gz too)"


def read_text_file(path: Path, expected: str = TEXT_FILE) -> str:
    """The text of a file in UTF-8, of a name in `.gz` unpacked; a byte order mark is dropped, line ends are kept.

    Args:
        path: of the file; a leading `~` is the home folder.
        expected: the kinds of files that are meant, for the message.

    Raises:
        UserError: the file cannot be read, is no whole gzip file, or is not UTF-8.
    """
    try:
        data = Path(os.path.expanduser(path)).read_bytes()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise UserError(f"{path}: {reason}; expected {expected}") from None
    if is_gzipped(path):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{path}: not a whole gzip file ({error})") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} is not valid UTF-8; save the file as UTF-8"
        ) from None


def is_gzipped(path: Path) -> bool:
    """Whether a file is gzipped, by its name."""
    return path.suffix.lower() == ".gz"
