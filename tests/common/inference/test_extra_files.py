"""What an export wrote beside the graph is read back; a model of another origin is told as such."""

from pathlib import Path

import pytest

from common.errors import UserError
from common.inference.extra_files import read_extra

FILE = Path("assets.extra") / "labels.json"


def test_what_was_written_is_read(tmp_path):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / FILE).write_text('{"labels": ["ja", "nein", "für"]}', "utf-8")
    assert read_extra(tmp_path, FILE, "speech_commands") == {"labels": ["ja", "nein", "für"]}


def test_a_model_without_the_file_is_named_with_who_writes_it(tmp_path):
    with pytest.raises(UserError) as caught:
        read_extra(tmp_path, FILE, "speech_commands")
    assert str(caught.value) == (
        f"{tmp_path}: no {FILE}; expected a model exported by applications.speech_commands.export"
    )


@pytest.mark.parametrize("content", [b"", b'{"labels": [', b"\xff\xfe"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(UserError, match=r"labels\.json: not JSON \(.*\); expected what an export wrote"):
        read_extra(tmp_path, FILE, "speech_commands")


@pytest.mark.parametrize("content", ['{"kind": "clip"}', "[]", '"labels"'])
def test_a_file_that_lacks_what_the_application_tells_is_another_applications(tmp_path, content):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / FILE).write_text(content)
    with pytest.raises(UserError) as caught:
        read_extra(tmp_path, FILE, "speech_commands", facts=("labels", "kind"))
    assert str(caught.value) == (
        f"{tmp_path}: a model of another application; expected a model exported by "
        "applications.speech_commands.export"
    )
