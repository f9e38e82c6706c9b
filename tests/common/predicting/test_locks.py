"""A lock is one process's, for as long as that process lives."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from common.predicting.locks import held, holder

RACE = """
import os, sys
from pathlib import Path
from common.predicting.locks import held

path, log = Path(sys.argv[1]), Path(sys.argv[2])
for turn in range(10):
    path.write_text(sys.argv[3])
    (start, gun), (tried, tell), (end, finish) = os.pipe(), os.pipe(), os.pipe()
    children = []
    for _ in range(6):
        child = os.fork()
        if not child:
            os.close(gun)
            os.close(finish)
            os.read(start, 1)
            with held(path) as is_held:
                os.write(tell, b"+" if is_held else b"-")
                os.read(end, 1)
            os._exit(0)
        children.append(child)
    os.close(gun)
    answers = "".join(os.read(tried, 1).decode() for _ in children)
    os.close(finish)
    for child in children:
        os.waitpid(child, 0)
    with log.open("a") as file:
        print("".join(sorted(answers)), file=file)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "part.lock"


def ended_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def lock_of(process, host=None, started=""):
    return json.dumps({"pid": process, "host": host or socket.gethostname(), "started": started})


def is_free(path):
    with held(path) as is_held:
        return is_held


def test_a_lock_says_who_holds_it_and_is_gone_afterwards(path):
    with held(path) as is_held:
        assert is_held
        assert holder(path) == f"process {os.getpid()} on {socket.gethostname()}"
        assert not is_free(path)
        assert path.exists()
    assert not path.exists()
    assert is_free(path)


def test_a_block_that_fails_gives_the_lock_back(path):
    with pytest.raises(ZeroDivisionError), held(path):
        raise ZeroDivisionError
    assert not path.exists()


def test_the_lock_of_a_process_that_is_no_more_is_taken_over(path):
    path.write_text(lock_of(ended_process()))
    assert is_free(path)


def test_the_lock_of_a_process_that_another_has_the_number_of_is_taken_over(path):
    # A container that is started anew gives the same numbers again.
    path.write_text(lock_of(os.getpid(), started="1"))
    assert is_free(path)


def test_the_lock_of_another_host_is_let_be(path):
    content = lock_of(ended_process(), host="elsewhere")
    path.write_text(content)
    assert not is_free(path)
    assert path.read_text() == content


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_a_lock_in_which_nothing_is_written_yet_is_taken_over_after_some_seconds(path, content):
    path.write_text(content)
    assert not is_free(path)
    assert holder(path) == "another process"
    os.utime(path, (time.time() - 60, time.time() - 60))
    assert is_free(path)


def test_where_a_lock_cannot_be_written_none_stays(path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("common.predicting.locks.json.dump", full)
    with pytest.raises(OSError, match="No space"), held(path):
        pass
    assert not path.exists()


def test_several_processes_that_find_a_stale_lock_take_it_over_once(path, tmp_path):
    log = tmp_path / "log"
    stale = lock_of(ended_process())
    subprocess.run([sys.executable, "-c", RACE, str(path), str(log), stale], check=True)
    assert log.read_text().split() == ["+-----"] * 10
