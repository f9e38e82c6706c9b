"""A packed file gives its content by its name; what is not whole, or not there, is one line."""

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import pytest

from common.data.packed_files import kind_of_file, read_unpacked
from common.errors import UserError


def zipped(*members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


PACK = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".zip": lambda content: zipped(("__MACOSX/._a", b"mac"), ("inner/", b""), ("inner/a.npz", content)),
}


@pytest.mark.parametrize("packing", PACK)
def test_a_file_is_unpacked_by_its_name(tmp_path, packing):
    path = tmp_path / f"a.npz{packing.upper()}"
    path.write_bytes(PACK[packing](b"ink"))
    assert read_unpacked(path, "a", "ink") == b"ink"
    assert kind_of_file(path) == ".npz"


@pytest.mark.parametrize("packing", [packing for packing in PACK if packing])
def test_a_packed_file_that_is_not_whole_is_refused_by_name(tmp_path, packing):
    path = tmp_path / f"a.npz{packing}"
    path.write_bytes(PACK[packing](b"ink" * 100)[:-9])
    with pytest.raises(UserError, match=rf"^mine: not a whole {packing} file \("):
        read_unpacked(path, "mine", "ink")


def test_a_zip_of_several_files_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(("a", b"1"), ("b", b"2")))
    with pytest.raises(UserError, match=r"^mine: 2 files in the archive; expected one file$"):
        read_unpacked(path, "mine", "ink")


def test_a_file_that_is_not_there_is_refused_with_what_was_meant():
    with pytest.raises(UserError, match=r"^mine: no such file; expected ink$"):
        read_unpacked(Path("nowhere"), "mine", "ink")
