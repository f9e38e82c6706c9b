"""Arguments stand for files; what cannot be used is named in a line, and the rest is read."""

import pytest

from common.errors import UserError
from common.predicting.input_files import GivenFiles, is_single, is_tree, path_of, printable


def found(argument):
    path = path_of(argument)
    files = sorted(path.iterdir()) if is_tree(argument) else [path]
    return [(str(file), lambda file=file: content(file)) for file in files]


def content(file):
    try:
        return file.read_text("utf-8")
    except OSError:
        raise UserError(f"{file}: no such\nfile") from None


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "all").mkdir()
    for name in "ab":
        (tmp_path / "all" / name).write_text(name, "utf-8")
    return tmp_path / "all"


def test_files_folders_and_addresses_of_files_are_read_in_order(folder, capsys):
    given = GivenFiles([(folder / "b").as_uri(), str(folder)], found)
    assert list(given.contents()) == [(str(folder / name), name) for name in "bab"]
    assert not given.failed
    assert capsys.readouterr().err == ""


def test_what_cannot_be_used_is_one_line_and_the_rest_is_read(folder, capsys):
    given = GivenFiles([str(folder / "c"), "https://example.org/a", str(folder / "a")], found)
    assert [text for _, text in given.contents()] == ["a"]
    assert given.failed
    assert capsys.readouterr().err.splitlines() == [
        f"error: {folder}/c: no such file",
        "error: https://example.org/a: nothing is fetched; expected a file, a folder or a file: URL",
    ]


def test_a_folder_a_tar_or_several_arguments_are_more_than_one(folder):
    assert [is_single(arguments) for arguments in ([], ["-"], [str(folder / "a")])] == [True] * 3
    assert not any(is_single(arguments) for arguments in (["a", "b"], [str(folder)], ["a.TAR.gz"]))


def test_a_name_steers_no_terminal():
    assert printable("a\x1b[31m\nb ü") == "a [31m b ü"
