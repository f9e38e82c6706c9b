"""A folder and an archive of it are read alike; an archive is never extracted, a damaged one is refused by name."""

import io
import stat
import tarfile
import zipfile

import pytest

from common.data.file_trees import read_tree, walk_tree
from common.errors import UserError

FILES = {"yes/b.wav": b"b", "yes/a.wav": b"a", "no/deep/c.wav": b"c", "list.txt": b"yes/a.wav"}
SUFFIXES = [".tar", ".tar.gz", ".tar.xz", ".tar.bz2", ".zip"]


def write_tar(path, members):
    if path.suffix == ".zip":
        return write_zip(path, members)
    kind = path.name.rpartition(".tar")[2].lstrip(".")
    with tarfile.open(path, f"w:{kind}") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def contents(path, is_wanted=lambda name: True):
    return {name: read() for name, read in read_tree(path, is_wanted).items()}


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(content)
    return tmp_path / "data"


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("prefix", ["", "./"])
def test_a_tar_is_read_like_the_folder_that_it_holds(folder, tmp_path, suffix, prefix):
    archive = write_tar(tmp_path / f"data{suffix}", [(prefix + name, data) for name, data in FILES.items()])
    for path in (folder, archive):
        assert contents(path) == FILES
        assert list(read_tree(path, lambda _: True)) == sorted(FILES)
        assert contents(path, lambda name: name.startswith("no/")) == {"no/deep/c.wav": b"c"}


def test_an_archive_is_walked_through_in_its_order_and_a_folder_by_name(folder, tmp_path):
    archive = write_tar(tmp_path / "data.tar", FILES.items())
    for path, expected in ((archive, list(FILES.items())), (folder, sorted(FILES.items()))):
        assert [(name, read()) for name, read in walk_tree(path, lambda _: True)] == expected
        assert [name for name, _ in walk_tree(path, lambda name: "yes/" in name)] == [
            name for name, _ in expected if name.startswith("yes/")
        ]


def test_an_archive_that_is_damaged_further_on_is_read_until_there(tmp_path):
    whole = write_tar(tmp_path / "data.tar", [("a.wav", b"a" * 2_000), ("b.wav", b"b" * 20_000)])
    whole.write_bytes(whole.read_bytes()[:8_000])
    walk = walk_tree(whole, lambda _: True)
    assert next(walk)[1]() == b"a" * 2_000
    with pytest.raises(UserError, match=r"data\.tar: "):
        next(walk)


def test_hidden_files_are_passed_over(folder, tmp_path):
    for name in (".DS_Store", "yes/._a.wav", ".git/config"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    archive = write_tar(tmp_path / "data.tar", [("./yes/._a.wav", b"x"), *FILES.items()])
    assert contents(folder) == contents(archive) == FILES


def test_names_in_a_tar_open_no_file_and_write_none(tmp_path):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(b"secret")
    path = write_tar(tmp_path / "evil.tar", [("../../out/a.wav", b"a"), ("/abs/b.wav", b"b")])
    with tarfile.open(path, "a") as archive:
        for kind, name in ((tarfile.SYMTYPE, "yes/link.wav"), (tarfile.LNKTYPE, "yes/hard.wav")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, str(secret)
            archive.addfile(member)
    assert contents(path) == {"out/a.wav": b"a", "abs/b.wav": b"b"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["evil.tar", "secret.wav"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_tar_is_refused(tmp_path, suffix):
    noise = bytes(index * index % 251 for index in range(60_000))
    whole = write_tar(tmp_path / f"data{suffix}", [("a.wav", noise), ("b.wav", noise[::-1])])
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    with pytest.raises(UserError, match=rf"data\{suffix}: (truncated|not a whole archive|damaged)"):
        read_tree(whole, lambda _: True)


def test_what_is_no_archive_or_not_there_is_named(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("a text")
    with pytest.raises(UserError, match=r"notes\.txt: damaged, or not a tar archive; expected"):
        read_tree(path, lambda _: True)
    with pytest.raises(UserError, match=r"nowhere: no such file or folder"):
        read_tree(tmp_path / "nowhere", lambda _: True)


def test_names_in_a_zip_open_no_file_and_write_none(tmp_path):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(b"secret")
    path = write_zip(
        tmp_path / "evil.zip", [("../../out/a.wav", b"a"), ("/abs/b.wav", b"b"), ("d\\c.wav", b"c")]
    )
    link = zipfile.ZipInfo("yes/link.wav")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, str(secret))
        archive.mkdir("folder.wav") if hasattr(archive, "mkdir") else archive.writestr("folder.wav/", b"")
    assert contents(path) == {"out/a.wav": b"a", "abs/b.wav": b"b", "d/c.wav": b"c"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["evil.zip", "secret.wav"]


def test_a_zip_of_another_name_and_names_in_utf_8_that_do_not_say_so(tmp_path):
    path = write_zip(tmp_path / "data", [("café.wav", b"a")])
    # As macOS writes it: the name is UTF-8, and no flag tells.
    data = bytearray(path.read_bytes())
    for flags in (6, data.index(b"PK\x01\x02") + 8):
        assert data[flags : flags + 2] == (0x800).to_bytes(2, "little")
        data[flags : flags + 2] = bytes(2)
    path.write_bytes(data)
    assert contents(path) == {"café.wav": b"a"}


def test_a_zip_that_is_encrypted_damaged_or_packed_in_another_way_is_refused_in_one_line(tmp_path):
    path = write_zip(tmp_path / "a.zip", [("a.wav", b"a" * 1000)])
    whole = path.read_bytes()
    central = whole.index(b"PK\x01\x02")
    flags, method = central + 8, central + 10
    encrypted = whole[:6] + b"\x01\x00" + whole[8:flags] + b"\x01\x00" + whole[flags + 2 :]
    deflate_64 = whole[:8] + b"\x09\x00" + whole[10:method] + b"\x09\x00" + whole[method + 2 :]
    flipped = whole[:36] + bytes([whole[36] ^ 0xFF]) + whole[37:]
    for data, message in (
        (encrypted, r"a\.zip: a\.wav is encrypted; expected a zip without a password"),
        (deflate_64, r"a\.zip: .*compress.*; expected a zip of stored or deflated files"),
        (flipped, r"a\.zip: (damaged|not a whole archive)"),
        (whole[:-30], r"a\.zip: damaged, or not a whole zip"),
        (b"", r"a\.zip: damaged, or not a whole zip"),
        (b"no zip", r"a\.zip: damaged, or not a whole zip"),
    ):
        path.write_bytes(data)
        with pytest.raises(UserError, match=message) as refused:
            read_tree(path, lambda _: True)
        assert "\n" not in str(refused.value)
    path.write_bytes(encrypted)
    assert contents(path, lambda name: name.endswith(".txt")) == {}
