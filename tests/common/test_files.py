"""A file or folder is written whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from common.errors import FlagError
from common.files import (
    atomic_write,
    replacing,
    require_writable_file,
    require_writable_folder,
    temporary_directory_beside,
)


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


def test_a_place_where_nothing_can_be_written_is_refused_before_there_is_anything_to_write(tmp_path):
    (tmp_path / "taken").write_text("precious")
    with pytest.raises(
        FlagError, match=f"^--output {tmp_path}: this is a folder; expected the name of a file$"
    ):
        require_writable_file(tmp_path, "--output")
    for path in (tmp_path / "taken" / "answers.csv", tmp_path / "taken" / "deep" / "answers.csv"):
        with pytest.raises(FlagError, match=f"^--output .*: {tmp_path}/taken is a file; expected a folder$"):
            require_writable_file(path, "--output")
    with pytest.raises(
        FlagError, match=f"^--to {tmp_path}/taken: {tmp_path}/taken is a file; expected a folder$"
    ):
        require_writable_folder(tmp_path / "taken", "--to")
    assert (tmp_path / "taken").read_text() == "precious"


def test_a_place_where_something_can_be_written_is_left_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.csv").write_text("old")
    for path in (
        None,
        tmp_path / "old.csv",
        tmp_path / "new" / "deep" / "a.csv",
        Path("a.csv"),
        Path("b/a.csv"),
    ):
        require_writable_file(path, "--output")
    require_writable_folder(tmp_path / "new", "--output")
    assert list(tmp_path.iterdir()) == [tmp_path / "old.csv"]


def test_a_folder_that_others_own_is_refused(tmp_path, monkeypatch):
    # Whoever runs the tests as root may write everywhere.
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path and allowed(path, mode))
    with pytest.raises(
        FlagError, match=f"--output .*: expected a folder to write to; {tmp_path} does not allow it"
    ):
        require_writable_file(tmp_path / "new" / "a.csv", "--output")
