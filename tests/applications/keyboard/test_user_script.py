"""What a user does with their file from the command line: learn, see, forget, block, export, merge."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
TEXT = "Lindqvist waits. See Lindqvist at Zoltán’s.\nZoltán’s sea\n"


@pytest.fixture
def learn(script, tmp_path):
    """Learns a text into a user's file, by the script."""

    def run(text=TEXT, name="me.json"):
        source, user = tmp_path / "text.txt", tmp_path / name
        source.write_text(text, "utf-8")
        assert script("--learn", source, "--user", user).status == 0
        return user

    return run


def test_what_is_learned_is_suggested_and_asking_alone_changes_nothing(script, learn, tmp_path):
    user = tmp_path / "new" / "me.json"
    assert script("Li", "--user", user).status == 0
    assert not user.exists()
    user = learn()
    content = user.read_bytes()
    assert script("Li", "--count", "1").out != script("Li", "--count", "1", "--user", user).out
    assert script("Li", "--count", "1", "--user", user).out.startswith("Lindqvist (")
    assert script("see ", "--prefix", "zo", "--count", "1", "--user", user).out.startswith("Zoltán’s (")
    assert user.read_bytes() == content


def test_it_says_how_much_was_learned_and_shows_it(script, tmp_path):
    notes, user = tmp_path / "notes.jsonl", tmp_path / "me.json"
    entries = [
        {"date": "2024-02-01", "text": "Lindqvist waits."},
        {"date": "2024-01-01", "text": "See Lindqvist"},
    ]
    notes.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries), "utf-8")
    status, out, err = script("--learn", notes, "--user", user)
    # Two lines of three words and marks, and of two; each has an end.
    assert (status, err) == (0, "")
    assert out == f"{user}: learned 7 words and marks of {notes}\n" or out.startswith(
        f"{user}: learned 6 words"
    )
    status, out, err = script("--what-it-knows", "--user", user)
    assert (status, err) == (0, "")
    assert all(len(line) <= 80 for line in out.splitlines())
    lines = dict(line.split(": ", 1) for line in out.replace("\n  ", " ").splitlines()[1:])
    assert out.splitlines()[0].endswith(" words typed")
    assert lines["offered"] == "Lindqvist (2)"
    assert lines["silent"] == "waits (1)"
    assert (lines["own"], lines["blocked"]) == ("none", "none")
    assert "see → Lindqvist (1)" in lines["follow"]


def test_no_byte_of_a_forgotten_word_is_left(script, learn):
    user = learn()
    assert b"Lindqvist" in user.read_bytes()
    status, out, err = script("--forget", "lindqvist", "--user", user)
    assert (status, err) == (0, "")
    assert out.startswith(f"{user}: ")
    assert b"lindqvist" not in user.read_bytes().lower()
    assert "Lindqvist" not in script("--what-it-knows", "--user", user).out
    assert "Zoltán’s" in script("--what-it-knows", "--user", user).out


def test_a_blocked_word_is_suggested_no_more_until_it_is_unblocked(script, learn):
    user = learn()
    assert script("--block", "Lindqvist", "--user", user).status == 0
    assert "Lindqvist" not in script("Li", "--count", "50", "--user", user).out
    assert "blocked: lindqvist" in script("--what-it-knows", "--user", user).out
    assert script("--unblock", "Lindqvist", "--user", user).status == 0
    assert "Lindqvist" in script("Li", "--count", "50", "--user", user).out


def test_what_was_learned_now_is_forgotten_since_an_hour_ago_and_not_since_tomorrow(script, learn):
    user = learn()
    script("--forget-since", "2200-01-01", "--user", user)
    assert "Lindqvist" in script("--what-it-knows", "--user", user).out
    script("--forget-since", "2020-01-01T10:00", "--user", user)
    assert "Lindqvist" not in script("--what-it-knows", "--user", user).out


def test_everything_is_forgotten(script, learn):
    user = learn()
    script("--block", "see", "--user", user)
    assert script("--forget-all", "--user", user).status == 0
    known = script("--what-it-knows", "--user", user).out
    assert known.splitlines() == [
        "0 words typed",
        "own: none",
        "offered: none",
        "silent: none",
        "follow: none",
        "blocked: none",
    ]


def test_all_that_is_known_is_exported_and_two_devices_are_merged(script, learn, tmp_path):
    user, other = learn(), learn("Anouk Anouk Lindqvist", name="phone.json")
    assert script("--merge", other, "--user", user).status == 0
    target = tmp_path / "known.json"
    assert script("--export", target, "--user", user).status == 0
    times = {one["word"]: one["times"] for one in json.loads(target.read_text("utf-8"))["words"]}
    assert (times["Lindqvist"], times["Anouk"], times["Zoltán’s"]) == (3, 2, 2)
    assert target.stat().st_mode & 0o077 == 0, "as private as the user's file"


def test_a_misspelt_name_of_a_file_or_word_is_told_and_makes_nothing(script, learn, tmp_path):
    user, absent = learn(), tmp_path / "absent.json"
    for flags in (
        ["--what-it-knows"],
        ["--forget", "a"],
        ["--forget-all"],
        ["--export", tmp_path / "all.json"],
    ):
        status, out, err = script(*flags, "--user", absent)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert err.startswith(f"error: {absent}: no such file; expected that of a user")
    status, _, err = script("--merge", absent, "--user", user)
    assert (status, err.startswith(f"error: {absent}: no such file")) == (1, True)
    learned = script("--what-it-knows", "--user", user)
    forgotten = script("--forget", "Lindkvist", "--user", user)
    assert forgotten == (0, f"{user}: nothing was known of 'Lindkvist'\n", "")
    assert script("--what-it-knows", "--user", user) == learned
    assert not absent.exists()
    assert not (tmp_path / "all.json").exists()


def test_a_file_without_text_teaches_nothing_and_makes_no_user(script, tmp_path):
    (tmp_path / "empty.txt").write_text(" \n")
    status, out, err = script("--learn", tmp_path / "empty.txt", "--user", tmp_path / "me.json")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"error: {tmp_path / 'empty.txt'}: ")
    assert not (tmp_path / "me.json").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--forget", "a"], "--forget: expected --user with the file of a user"),
        (["--forget", "a", "--block", "b", "--user", "me"], "--forget and --block: expected one of them"),
        (["--what-it-knows", "--user", "me", "text"], "--what-it-knows: expected no texts beside it"),
        (
            ["--forget-since", "yesterday", "--user", "me"],
            "--forget-since 'yesterday': expected a time such as",
        ),
        (["--interactive"], "--interactive: expected a terminal"),
        (["--block", "", "--user", "me"], "--block '': expected one word"),
        (["--unblock", "", "--user", "me"], "--unblock '': expected one word"),
        (["--forget", "", "--user", "me"], "--forget '': expected one word"),
        (["--forget", " ", "--user", "me"], "--forget ' ': expected one word"),
        (["--block", "a b", "--user", "me"], "--block 'a b': expected one word"),
        (["--skip-words", "5", "--user", "me"], "--skip-words 5: expected --learn with a text"),
        (["--interactive", "--prefix", "a"], "--prefix and --interactive: expected one of them at a time"),
    ],
)
def test_wrong_flags_are_refused_before_anything_is_read(script, flags, message):
    status, out, err = script(*flags, model="nowhere")
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "action",
    [
        ["--learn", "notes.txt"],
        ["--what-it-knows"],
        ["--forget", "a"],
        ["--forget-since", "2026-05-31"],
        ["--forget-all"],
        ["--export", "all.json"],
        ["--merge", "phone.json"],
        ["--block", "a"],
        ["--unblock", "a"],
    ],
)
def test_a_flag_for_answers_is_refused_where_none_are_given(script, action):
    for flag, value in (
        ("--prefix", "a"),
        ("--output", "answers.txt"),
        ("--count", "5"),
        ("--batch-size", "2"),
        ("--input", "texts.txt"),
    ):
        refused = script(*action, "--user", "me", flag, value, model="nowhere")
        assert refused == (2, "", f"error: {flag} and {action[0]}: expected one of them at a time\n")


def test_what_is_known_is_shown_in_lines_as_wide_as_the_terminal(script, learn, monkeypatch):
    user = learn("See Lindqvist at the café of Lindqvist, see you there at the café of Zoltán.\n" * 2)
    texts = {}
    for width in (40, 80, 10_000):
        monkeypatch.setenv("COLUMNS", str(width))
        out = script("--what-it-knows", "--user", user).out
        assert all(len(line) <= width for line in out.splitlines())
        assert "\x1b" not in out, "plain text in a pipe"
        texts[width] = out.replace("\n  ", " ")
    assert texts[40] == texts[80] == texts[10_000]
    assert max(map(len, texts[80].splitlines())) > 80


def test_an_empty_file_is_no_new_user(script, learn, tmp_path):
    user = learn()
    user.write_bytes(b"")
    for flags in (["see "], ["--learn", tmp_path / "text.txt"], ["--block", "see"], ["--what-it-knows"]):
        status, out, err = script(*flags, "--user", user)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert err.startswith(f"error: {user}: an empty file, ")
        assert user.read_bytes() == b""


def test_a_file_that_is_none_of_a_user_is_left_alone(script, tmp_path, learn):
    damaged = learn()
    damaged.write_bytes(damaged.read_bytes()[:-9])
    (tmp_path / "other.json").write_text("{}", "utf-8")
    for path in (damaged, tmp_path / "other.json"):
        content = path.read_bytes()
        for flags in (["see "], ["--forget", "see"], ["--what-it-knows"], ["--learn", tmp_path / "text.txt"]):
            status, out, err = script(*flags, "--user", path)
            assert (status, out) == (1, "")
            assert err.startswith(f"error: {path}: ")
            assert path.read_bytes() == content


def test_two_processes_learn_into_one_file_and_neither_loses_anything(exported, script, tmp_path):
    user, processes = tmp_path / "me.json", []
    for name in ("Lindqvist", "Anouk"):
        (tmp_path / f"{name}.txt").write_text(f"{name} waits for {name}.\n" * 20, "utf-8")
        flags = ("--model", exported, "--learn", tmp_path / f"{name}.txt", "--user", user)
        command = [sys.executable, "-m", "applications.keyboard.predict", *map(str, flags)]
        processes.append(subprocess.Popen(command, cwd=REPOSITORY))
    assert [process.wait(120) for process in processes] == [0, 0]
    known = script("--what-it-knows", "--user", user).out
    assert "Lindqvist (40)" in known
    assert "Anouk (40)" in known


def test_a_session_in_a_terminal_learns_what_is_typed_and_what_tab_accepts(exported, script, tmp_path):
    user = tmp_path / "me.json"
    master, slave = pty.openpty()
    command = ["applications.keyboard.predict", "--interactive", "--model", exported, "--user", user]
    process = subprocess.Popen(
        [sys.executable, "-m", *map(str, command)], cwd=REPOSITORY, stdin=slave, stdout=slave, stderr=slave
    )
    shown = b""

    def wait_for(text):
        nonlocal shown
        deadline = time.monotonic() + 120
        while text.encode() not in shown:
            assert time.monotonic() < deadline, shown
            assert process.poll() is None, shown
            if select.select([master], [], [], 0.1)[0]:
                shown += os.read(master, 65_536)
        shown = b""

    try:
        wait_for("\x1b[7m")
        os.write(master, b"Lindqvist waits. Lindqvist ")
        wait_for("waits. Lindqvist")
        os.write(master, b"Li")
        # In inverse video stands what Tab takes.
        wait_for("\x1b[7mLindqvist")
        os.write(master, b"\t")
        wait_for("Lindqvist Lindqvist")
        os.write(master, b"\x04")
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)
    # Typed twice, and once accepted, which counts twice.
    assert "own: Lindqvist (4)" in script("--what-it-knows", "--user", user).out
