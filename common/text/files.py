"""Files as text: in UTF-8 or another encoding, plain or gzipped, and what is wrong with one said in one line."""

import codecs
import gzip
import io
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from common.errors import FlagError, UserError

TEXT_FILE = "a text file (.gz too)"
KEEPS_BYTES = "surrogateescape"
"""By this `errors` of `iterate_text_lines`, `undecoded` tells which text has bytes that are not in the encoding."""
UTF_8 = "utf-8"
_BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_READ_AT_ONCE = 1 << 16
# Python's name for a byte that is not in the encoding.
_KEPT_BYTE = re.compile("[\udc80-\udcff]")


def require_encoding(encoding: str) -> None:
    """Raises FlagError unless Python knows an encoding of texts by that name."""
    try:
        "".encode(encoding)
        b"".decode(encoding)
    except (LookupError, ValueError):
        raise FlagError(
            f"--encoding {encoding}: no encoding of that name; expected utf-8, utf-16, cp1252, latin-1 or the like"
        ) from None


def read_text_file(path: Path, expected: str = TEXT_FILE, encoding: str | None = None) -> str:
    """The text of a file, of a name in `.gz` unpacked; a byte order mark is dropped, line ends are kept.

    Args:
        path: of the file; a leading `~` is the home folder.
        expected: the kinds of files that are meant, for the message.
        encoding: what the user gave by `--encoding`; None where there is no such flag, and the file is UTF-8.

    Raises:
        UserError: the file cannot be read, is no whole gzip file, or is not in its encoding.
    """
    return "".join(iterate_text_lines(path, expected, encoding))


def iterate_text_lines(
    path: Path, expected: str = TEXT_FILE, encoding: str | None = None, errors: str = "strict"
) -> Iterator[str]:
    r"""The lines of a file with their ends (`\n`, `\r\n` or `\r`), as they are read; see `read_text_file`.

    Args:
        path: see there, as the others.
        expected: the kinds of files.
        encoding: of the file.
        errors: what becomes of bytes that are not in the encoding, as of `bytes.decode`: "strict" refuses the file.
    """
    try:
        with _opened(path) as file:
            text = io.TextIOWrapper(file, _codec(encoding), errors, newline="")
            for number, line in enumerate(text):
                yield line.removeprefix("\ufeff") if number == 0 else line
    except OSError as error:
        if is_gzipped(path) and error.errno is None:
            raise UserError(f"{path}: not a whole gzip file ({error})") from None
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise UserError(f"{path}: {reason}; expected {expected}") from None
    except (EOFError, zlib.error) as error:
        raise UserError(f"{path}: not a whole gzip file ({error})") from None
    except UnicodeError:
        raise _undecodable(path, encoding) from None


def undecoded(text: str) -> str | None:
    r"""What is wrong with a text that was read with `KEEPS_BYTES`, if it has bytes that are not in the encoding.

    >>> undecoded(b"caf\xe9".decode("utf-8", KEEPS_BYTES)), undecoded("café")
    ("byte 0xe9 is not valid in the file's --encoding (utf-8 unless given)", None)
    """
    if text.isascii() or (byte := _KEPT_BYTE.search(text)) is None:
        return None
    return (
        f"byte 0x{ord(byte.group()) - 0xDC00:02x} is not valid in the file's --encoding (utf-8 unless given)"
    )


def is_gzipped(path: Path) -> bool:
    """Whether a file is gzipped, by its name."""
    return path.suffix.lower() == ".gz"


def _opened(path: Path) -> BinaryIO:
    whole = os.path.expanduser(path)
    return cast(BinaryIO, gzip.open(whole, "rb")) if is_gzipped(path) else open(whole, "rb")


def _codec(encoding: str | None) -> str:
    name = codecs.lookup(encoding or UTF_8).name
    return "utf-8-sig" if name == UTF_8 else name


def _undecodable(path: Path, encoding: str | None) -> UserError:
    """What is wrong with a file that does not decode, and where."""
    decoder, line = codecs.getincrementaldecoder(_codec(encoding))(), 1
    name = encoding or UTF_8
    with _opened(path) as file:
        first = file.read(2)
        chunk = first + file.read(_READ_AT_ONCE)
        is_utf_16 = first in _BYTE_ORDER_MARKS or b"\0" in chunk.partition(b"\n")[0]
        if is_utf_16 and encoding is not None and _codec(encoding) == "utf-8-sig":
            return UserError(
                f"{path}, line 1: byte 0x{chunk[0]:02x} is not valid UTF-8; the file begins as UTF-16 does: give "
                "--encoding utf-16"
            )
        while True:
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                byte = f"{path}, line {line}: byte 0x{error.object[error.start]:02x} is not valid"
                if encoding is None:
                    return UserError(f"{byte} UTF-8; save the file as UTF-8")
                if _codec(encoding) == "utf-8-sig":
                    return UserError(
                        f"{byte} UTF-8; save the file as UTF-8, or give its --encoding, such as cp1252 (Windows)"
                    )
                return UserError(f"{byte} {name}; give the file's own --encoding")
            except UnicodeError:
                break
            if not chunk:
                break
            chunk = file.read(_READ_AT_ONCE)
    return UserError(f"{path}: not valid {name}; give the file's own --encoding")
