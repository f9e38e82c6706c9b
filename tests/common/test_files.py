"""A file or folder is written whole or not at all."""

import stat

import pytest

from common.files import atomic_write, replacing, temporary_directory_beside


def test_text_and_bytes_are_written_and_folders_made(tmp_path):
    atomic_write(tmp_path / "a" / "b.txt", "naïve\n")
    atomic_write(tmp_path / "a" / "c.bin", b"\x00\xff")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "naïve\n".encode()
    assert (tmp_path / "a" / "c.bin").read_bytes() == b"\x00\xff"
    assert len(list((tmp_path / "a").iterdir())) == 2


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_while_writing_keeps_the_old_file_and_leaves_nothing_else(tmp_path, error):
    path = tmp_path / "weights.h5"
    path.write_text("old")

    def write_half():
        with replacing(path) as temporary:
            temporary.write_text("ne")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_has_the_suffixes_that_writers_look_at(tmp_path):
    with replacing(tmp_path / "best.weights.h5") as temporary:
        assert temporary.name.endswith("best.weights.h5")
        temporary.write_text("new")
    assert (tmp_path / "best.weights.h5").read_text() == "new"


def test_a_folder_renamed_away_stays_and_any_other_goes(tmp_path):
    with temporary_directory_beside(tmp_path / "1") as folder:
        (folder / "file").write_text("kept")
        assert folder.parent == tmp_path
        assert stat.S_IMODE(folder.stat().st_mode) & 0o700 == 0o700
        folder.rename(tmp_path / "1")
    with temporary_directory_beside(tmp_path / "2") as folder:
        (folder / "file").write_text("dropped")
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
