"""The files of a folder, a tar or a zip, alike: a name with slashes, and a function that reads it."""

import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from common.errors import UserError

Read = Callable[[], bytes]
ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".zip")

_EXPECTED = "a .tar, .tar.gz, .tar.xz or .zip"
_ZIP_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")
_NAME_IS_UTF_8, _IS_ENCRYPTED = 0x800, 0x1


def read_tree(path: Path, is_wanted: Callable[[str], bool]) -> dict[str, Read]:
    """The wanted files of a folder, its subfolders included, or of a tar or zip, in the order of their names.

    Names are relative to the folder or the archive and have slashes. Files and folders whose names begin with a dot are
    passed over. An archive is read once, in one pass, and never extracted: a member's name is a name and opens no
    file, and its links are passed over. What is wanted of it is held in memory; of a folder, each file is read when
    asked for.

    Args:
        path: the folder or the archive.
        is_wanted: whether to take the file of a name.

    Raises:
        UserError: there is no such folder or archive, or the archive is damaged.
    """
    return dict(sorted(dict(walk_tree(path, is_wanted)).items()))


def walk_tree(path: Path, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, Read]]:
    """The files of `read_tree` one after another, so that not all of an archive's need be held at once.

    Those of a folder come in the order of their names, those of an archive as they lie in it.

    Raises:
        UserError: as of `read_tree`.
    """
    path = Path(os.path.expanduser(path))
    if not path.is_dir():
        yield from _walk_archive(path, is_wanted)
        return
    files = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
    for name, file in sorted(files.items()):
        if _is_visible(name) and is_wanted(name):
            yield name, file.read_bytes


def _walk_archive(path: Path, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, Read]]:
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder; expected a folder, {_EXPECTED}")
    if _is_zip(path):
        yield from _walk_zip(path, is_wanted)
        return
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                name = _inner_name(member.name)
                if member.isfile() and _is_visible(name) and is_wanted(name):
                    yield name, _reader(archive, member)
    except tarfile.ReadError as error:
        problem = "truncated" if "end of data" in str(error) else "damaged, or not a tar archive"
        raise UserError(f"{path}: {problem}; expected a whole archive, {_EXPECTED}, or a folder") from None
    except (EOFError, lzma.LZMAError, zlib.error, OSError) as error:
        raise UserError(f"{path}: not a whole archive ({error}); expected {_EXPECTED}") from None


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix.lower() == ".zip" or file.read(4) in _ZIP_BEGINNINGS


def _walk_zip(path: Path, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, Read]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = _inner_name(_zip_name(member))
                is_file = not member.is_dir() and not stat.S_ISLNK(member.external_attr >> 16)
                if is_file and _is_visible(name) and is_wanted(name):
                    yield name, _zip_reader(path, archive, member)
    except zipfile.BadZipFile as error:
        raise UserError(f"{path}: damaged, or not a whole zip ({error}); expected {_EXPECTED}") from None
    except NotImplementedError as error:
        raise UserError(f"{path}: {error}; expected a zip of stored or deflated files") from None
    except (EOFError, lzma.LZMAError, zlib.error, OSError, ValueError) as error:
        raise UserError(f"{path}: not a whole archive ({error}); expected {_EXPECTED}") from None


def _zip_reader(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Read:
    if member.flag_bits & _IS_ENCRYPTED:
        raise UserError(f"{path}: {member.filename} is encrypted; expected a zip without a password")
    content = archive.read(member)
    return lambda: content


def _zip_name(member: zipfile.ZipInfo) -> str:
    """A member's name; of those that do not tell their encoding, UTF-8 where it can be that."""
    name = member.filename
    if not member.flag_bits & _NAME_IS_UTF_8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _reader(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Read:
    file = archive.extractfile(member)
    content = b"" if file is None else file.read()
    return lambda: content


def _inner_name(name: str) -> str:
    return "/".join(part for part in PurePosixPath(name).parts if part not in ("/", "//", "..", "."))


def _is_visible(name: str) -> bool:
    return bool(name) and not any(part.startswith(".") for part in name.split("/"))
