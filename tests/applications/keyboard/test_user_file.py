"""The user's file: what is written is read, by one process at a time, whole or not at all."""

import errno
import os
import random
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.keyboard.user_file import (
    Base,
    User,
    decoded,
    encoded,
    learned,
    new_user,
    read_user,
    update_user,
)
from applications.keyboard.user_state import FILE_BYTES, KINDS, TIMES, WORD_BYTES, UserState
from common.errors import UserError

BASE = Base(tuple(f"word{number}" for number in range(50)), width=8, network=24)
REPOSITORY = Path(__file__).parents[3]
TYPING = """
import sys
from pathlib import Path
import numpy as np
from applications.keyboard.user_file import Base, learned, update_user

base, name = Base(tuple(f"word{number}" for number in range(50)), width=8, network=24), sys.argv[2]

def typed(user):
    state = user.state
    words, clock = state.lexicon_words.copy(), int(state.clock) + 1
    words[clock % len(words)] = f"{name}{clock}".encode() * 3
    counts = state.counts.copy()
    counts[int(name)] += 1
    return learned(user, state._replace(lexicon_words=words, counts=counts, clock=np.int32(clock)), clock)

for _ in range(int(sys.argv[3])):
    user = update_user(Path(sys.argv[1]), base, typed)
    print(int(user.state.counts[int(name)]), flush=True)
"""


def filled(seed, base=BASE, is_full=False):
    """A state of random numbers, as large as they come where `is_full`."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, kind in KINDS.items():
        shape = base.sizes.shapes[name]
        if kind.dtype is object:
            lengths = np.full(shape, WORD_BYTES) if is_full else rng.integers(0, WORD_BYTES + 1, shape)
            arrays[name] = np.full(shape, b"", object)
            for slot, length in enumerate(lengths):
                arrays[name][slot] = bytes(rng.integers(97, 123, length, dtype=np.uint8))
        elif kind.dtype is np.float32:
            arrays[name] = rng.normal(size=shape).astype(np.float32)
        else:
            stored = np.iinfo(kind.stored)
            least, most = (kind.empty, stored.max - 1) if stored.min == 0 else (stored.min, stored.max)
            most = 200 if name == "lexicon_required" else most
            array = rng.integers(least, most, shape, kind.dtype)
            arrays[name] = array if shape else kind.dtype(array)
    return User(UserState(**arrays), ((10, 0), (3000, 12)))


def assert_same(user, other):
    assert user.times == other.times
    for name in KINDS:
        np.testing.assert_array_equal(getattr(user.state, name), getattr(other.state, name), err_msg=name)
        assert np.asarray(getattr(user.state, name)).dtype == np.asarray(getattr(other.state, name)).dtype


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 40))
def test_what_is_written_is_read(seed, slots):
    user = filled(seed)
    emptied = {name: getattr(user.state, name).copy() for name in KINDS}
    for name, array in emptied.items():
        if array.ndim and name != "context":
            array[slots:] = KINDS[name].empty
    for one in (user, User(UserState(**emptied)), new_user(BASE)):
        content = encoded(one, BASE)
        assert_same(decoded(Path("me"), content, BASE), one)
        assert encoded(decoded(Path("me"), content, BASE), BASE) == content


@pytest.mark.parametrize(("words", "width"), [(15_000, 160), (30_000, 192), (5_000, 96)])
def test_no_file_is_larger_than_256_kilobytes(words, width):
    base = Base([f"w{number}" for number in range(words)], width, 3 * width)
    user = filled(1, base, is_full=True)._replace(
        times=tuple((2_000_000_000 + k, 10**9 + k) for k in range(TIMES))
    )
    assert FILE_BYTES - 3000 < len(encoded(user, base)) <= FILE_BYTES == 256 * 1024


def test_a_new_users_file_is_small_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "folder" / "me.json"
    update_user(path, BASE, lambda user: user)
    assert path.stat().st_size < 2000
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert_same(read_user(path, BASE), new_user(BASE))
    update_user(path, BASE, lambda user: filled(3))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_there_is_no_file_until_something_is_learned(tmp_path):
    assert_same(read_user(tmp_path / "me.json", BASE), new_user(BASE))
    assert not [*tmp_path.iterdir()]


def test_a_change_that_fails_leaves_the_file_alone(tmp_path):
    path = tmp_path / "me.json"
    update_user(path, BASE, lambda user: filled(1))
    content = path.read_bytes()

    def fail(user):
        raise UserError("too long")

    with pytest.raises(UserError, match="too long"):
        update_user(path, BASE, fail)
    assert path.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["me.json"]


def test_a_change_that_fails_makes_no_file(tmp_path):
    def fail(user):
        raise UserError("too long")

    with pytest.raises(UserError, match="too long"):
        update_user(tmp_path / "me.json", BASE, fail)
    assert not [*tmp_path.iterdir()]


def test_a_file_is_whole_while_the_first_that_is_typed_is_learned(tmp_path):
    path = tmp_path / "me.json"

    def change(user):
        assert_same(read_user(path, BASE), new_user(BASE))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        return filled(1)

    update_user(path, BASE, change)
    assert_same(read_user(path, BASE), filled(1))


def test_a_file_system_without_links_will_do(tmp_path, monkeypatch):
    def link(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    path = tmp_path / "me.json"
    update_user(path, BASE, lambda user: filled(1))
    assert_same(read_user(path, BASE), filled(1))
    assert [*tmp_path.iterdir()] == [path]


def test_an_empty_file_is_one_that_was_lost(tmp_path):
    path = tmp_path / "me.json"
    path.touch()
    for call in (lambda: read_user(path, BASE), lambda: update_user(path, BASE, lambda user: filled(1))):
        with pytest.raises(
            UserError, match=r"an empty file, .*; expected one that --user made, or none"
        ) as refused:
            call()
        assert str(refused.value).startswith(f"{path}: ")
        assert "\n" not in str(refused.value)
    assert path.read_bytes() == b""


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "me.json"
    link.symlink_to(target)
    update_user(link, BASE, lambda user: filled(1))
    assert link.is_symlink()
    assert_same(read_user(target, BASE), filled(1))


def damaged(content):
    head, _, rest = content.partition(b"\n")
    yield b'{"words": []}', "expected the file of a keyboard's user"
    yield b"\x00\xff\n", "expected the file of a keyboard's user"
    yield b"[1]", "expected the file of a keyboard's user"
    yield content[:-1], "damaged"
    yield content + b" ", "damaged"
    yield content[:-5] + bytes([content[-5] ^ 1]) + content[-4:], "damaged"
    yield head.replace(b'"version":1', b'"version":2') + b"\n" + rest, "version 1"


@pytest.mark.parametrize("case", range(7))
def test_another_or_damaged_file_is_refused_and_left_alone(tmp_path, case):
    path = tmp_path / "me.json"
    content, message = [*damaged(encoded(filled(1), BASE))][case]
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as refused:
        read_user(path, BASE)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(UserError, match=message):
        update_user(path, BASE, lambda user: user)
    assert path.read_bytes() == content


def test_a_file_of_another_model_is_refused(tmp_path):
    path = tmp_path / "me.json"
    update_user(path, BASE, lambda user: filled(1))
    for other in (Base(BASE.words[::-1], 8, 24), Base(BASE.words, 9, 24), Base(BASE.words, 8, 25)):
        with pytest.raises(UserError, match="belongs to another keyboard model"):
            read_user(path, other)


def test_a_folder_in_the_files_place_is_told(tmp_path):
    for call in (lambda: read_user(tmp_path, BASE), lambda: update_user(tmp_path, BASE, lambda user: user)):
        with pytest.raises(UserError, match="directory"):
            call()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 3)), min_size=90, max_size=150))
def test_what_was_typed_since_a_time_is_never_taken_for_older(steps):
    user, now, typed = new_user(BASE), 1000, []
    for seconds, words in steps:
        now += seconds
        clock = int(user.state.clock)
        user = learned(user, user.state._replace(clock=np.int32(clock + words)), now)
        typed += [(now, clock)] * (words > 0)
    assert len(user.times) <= TIMES
    assert list(user.times) == sorted(user.times)
    for since, _ in typed:
        truth = min(clock for then, clock in typed if then >= since)
        assert next(clock for then, clock in user.times if then >= since) <= truth


def start(path, name, times):
    command = [sys.executable, "-c", TYPING, str(path), str(name), str(times)]
    return subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    )


def test_two_processes_with_one_file_lose_nothing(tmp_path):
    path = tmp_path / "me.json"
    writers = [start(path, name, 40) for name in range(3)]
    for writer in writers:
        writer.communicate(timeout=120)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    state = read_user(path, BASE).state
    assert state.counts[:3].tolist() == [40, 40, 40]
    assert state.clock == 120
    assert [file.name for file in tmp_path.iterdir()] == ["me.json"]


def test_a_process_killed_while_it_writes_loses_nothing(tmp_path):
    path, randomness = tmp_path / "me.json", random.Random(1)
    acknowledged = 0
    for _ in range(15):
        writer = start(path, 0, 10**6)
        line = writer.stdout.readline()
        time.sleep(randomness.uniform(0, 0.02))
        writer.kill()
        lines = [line, *writer.communicate()[0].split(b"\n")]
        complete = [int(one) for one in lines if one.strip()]
        # One more may have been written than was told; a number that was cut off is smaller.
        count = int(read_user(path, BASE).state.counts[0])
        assert max([acknowledged, *complete]) <= count <= max([acknowledged, *complete]) + 1
        acknowledged = count
    update_user(path, BASE, lambda user: user._replace(times=((1, 0),)))
    assert [file.name for file in tmp_path.iterdir()] == ["me.json"]
