"""Records of TFRecord files, read without TensorFlow's Python package.

A record is its length in 8 bytes, their check sum, its bytes, and the check sum of these; all little-endian. The check
sum is CRC-32C (Castagnoli), turned and shifted so that check sums of check sums are no trouble.
"""

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from common.errors import UserError

_HEADER, _CHECK_SUM = struct.Struct("<QI"), struct.Struct("<I")
_POLYNOMIAL, _WORD, _SHIFT = 0x82F63B78, 0xFFFFFFFF, 0xA282EAD8


def tf_records(path: Path) -> Iterator[bytes | None]:
    """The records of a file (.gz too) one after another; None for one whose bytes are not those that were written.

    Raises:
        UserError: the file cannot be read, or it is no TFRecord file from some record on.
    """
    number = 0
    try:
        with _opened(path) as file:
            while header := file.read(_HEADER.size):
                number += 1
                yield _record(file, header)
    except ValueError as error:
        raise UserError(f"{path}, record {number}: expected TFRecords, got {error}") from None
    except EOFError:
        raise UserError(f"{path}: not a whole gzip file") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; expected a TFRecord file") from None


def masked_check_sum(content: bytes) -> int:
    """The check sum that stands behind the bytes.

    >>> hex(masked_check_sum(b"123456789"))
    '0xc78ab0e5'
    """
    value = _WORD
    for byte in content:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    value ^= _WORD
    return ((value >> 15 | value << 17) + _SHIFT) & _WORD


def _record(file: BinaryIO, header: bytes) -> bytes | None:
    if len(header) < _HEADER.size:
        raise ValueError("a file that is cut off")
    length, check_sum = _HEADER.unpack(header)
    # A length that is none must not be read: it may be any number.
    if masked_check_sum(header[:8]) != check_sum:
        raise ValueError("other bytes")
    content, end = file.read(length), file.read(_CHECK_SUM.size)
    if len(end) < _CHECK_SUM.size:
        raise ValueError("a file that is cut off")
    return content if _CHECK_SUM.unpack(end)[0] == masked_check_sum(content) else None


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb"))


def _remainder(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
    return value


_TABLE = tuple(map(_remainder, range(256)))
