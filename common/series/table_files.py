"""What tables of series may be, and the text of one."""

from common.errors import UserError

KINDS = "a .csv, .tsv or .txt (.gz, .xz, .bz2 and .zip too), or a .parquet file"


def decoded(content: bytes, name: str, encoding: str) -> str:
    """The content of a file as text.

    Raises:
        UserError: naming the line that is not in its encoding.
    """
    if b"\0" in content[:200] and "16" not in encoding:
        raise UserError(f"{name}: has NUL bytes as UTF-16 does; give --encoding utf-16")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{name}, line {line}: byte 0x{content[error.start]:02x} is not valid {encoding}; give the file's own "
            "--encoding, such as cp1252 (Windows)"
        ) from None
