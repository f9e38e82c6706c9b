"""Whatever goes wrong while a server looks for versions, it looks again."""

import time

import pytest

from common.errors import UserError
from common.serving.server.model_repository import ModelRepository
from common.serving.server.model_sources import FolderSources


class Unwritable:
    """A log that takes no line, as a closed terminal or a full disk."""

    def __init__(self, error):
        self.error = error

    def __call__(self, line):
        raise self.error


@pytest.mark.parametrize(
    "error",
    [BrokenPipeError(), OSError(28, "No space left on device"), ValueError("closed file"), SystemExit(1)],
)
def test_a_line_that_cannot_be_written_stops_no_new_version(toys, models, put, error):
    made = ModelRepository(
        FolderSources(models, 1),
        where=str(models),
        poll_seconds=0.02,
        threads=None,
        warms_up=False,
        log=Unwritable(error),
    )
    try:
        (models / "toy" / "3").mkdir()
        put(toys / "2", models / "toy" / "2")
        wait_for(lambda: made.available() == ["toy/2"])
    finally:
        made.close()


def test_whatever_a_look_for_versions_raises_the_next_one_comes(toys, models, put):
    faults = [RuntimeError("odd"), MemoryError(), OSError("unreadable"), UserError("wrong")]
    folder, lines = FolderSources(models, 1), []

    def sources():
        if lines and faults:
            raise faults.pop()
        return folder()

    made = ModelRepository(
        sources, where="", poll_seconds=0.02, threads=None, warms_up=False, log=lines.append
    )
    try:
        put(toys / "2", models / "toy" / "2")
        wait_for(lambda: made.available() == ["toy/2"])
    finally:
        made.close()
    assert "the models stay as they are: odd" in lines


def wait_for(is_so):
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)
