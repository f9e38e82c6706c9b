"""A person types with suggestions in a terminal: a real one, a pseudo-terminal with a program of its own."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from rich.cells import cell_len

from applications.keyboard.interactive import run
from applications.keyboard.session import Session
from applications.keyboard.terminal import Keys, suggestion_line
from common.errors import FlagError

REPOSITORY = Path(__file__).parents[3]
PATIENCE = 60.0
TAB, ENTER, BACKSPACE, CTRL_C, CTRL_D, CTRL_U = "\t", "\r", "\x7f", "\x03", "\x04", "\x15"
UP, DELETE, F5 = "\x1b[A", "\x1b[3~", "\x1b[15~"

PROGRAM = """
import json, sys
from applications.keyboard.interactive import run

WORDS = ["you", "soon", "some", "song", "Zoë", "日本語", "日本人"]

def suggest(text):
    begun = text.replace("\\n", " ").split(" ")[-1]
    with open(sys.argv[1] + ".asked", "a", encoding="utf-8") as file:
        print(json.dumps(text), file=file)
    if begun == "explode":
        raise RuntimeError("no suggestions")
    return [word for word in WORDS if word.startswith(begun)]

def learn(events):
    with open(sys.argv[1], "a", encoding="utf-8") as file:
        print(json.dumps([[event.text, event.choice.name] for event in events]), file=file)

run(suggest, learn if sys.argv[2] == "learn" else None, int(sys.argv[3]), sys.stdin, sys.stdout)
print("left")
"""

SEQUENCE = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])|(.)", re.DOTALL)


class Terminal:
    """What a terminal of this width shows of the bytes that it receives; it scrolls without end."""

    def __init__(self, columns):
        self.columns, self.rows, self.row, self.column = columns, [[]], 0, 0
        self.modes, self.is_inverse, self.marked = set(), False, ""

    def receive(self, text):
        for private, numbers, command, character in SEQUENCE.findall(text):
            if character:
                self._show(character)
            elif private:
                (self.modes.add if command == "h" else self.modes.discard)(numbers)
            else:
                self._obey(command, numbers)

    def _obey(self, command, numbers):
        if command == "m":
            self.is_inverse = numbers == "7"
        elif command == "A":
            self.row -= int(numbers or 1)
            assert self.row >= 0
        elif command == "C":
            self.column += int(numbers or 1)
            assert self.column < self.columns
        elif command == "J" and not numbers:
            del self.rows[self.row + 1 :]
            del self.rows[self.row][self.column :]
            self.marked = ""
        elif command == "J" or command == "H":
            self.rows, self.row, self.column = [[]], 0, 0
        else:
            raise AssertionError(f"the terminal knows no {command!r}")

    def _show(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row += 1
            self.rows += [[] for _ in range(self.row + 1 - len(self.rows))]
        else:
            assert character.isprintable(), character
            self.marked += character * self.is_inverse
            row = self.rows[self.row]
            row += [" "] * (self.column - len(row))
            width = cell_len(character)
            row[self.column : self.column + width] = [character, ""][:width]
            self.column += width
            assert self.column < self.columns, "behind the last column"

    @property
    def lines(self):
        return ["".join(row).rstrip() for row in self.rows]


class Typing:
    """The program in a terminal, and the person before it."""

    def __init__(self, folder, columns=80, lines=24, learns=True, count=3):
        self.file = folder / "learned.jsonl"
        self.master, self.slave = pty.openpty()
        self.ends_open = [self.master, self.slave]
        termios.tcsetwinsize(self.slave, (lines, columns))
        self.attributes = termios.tcgetattr(self.slave)
        self.terminal = Terminal(columns)
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(self.file), "learn" if learns else "", str(count)],
            cwd=REPOSITORY,
            stdin=self.slave,
            stdout=self.slave,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.received = b""
        self.wait(lambda: "2004" in self.terminal.modes and self.terminal.lines[1:] != [])

    def close(self):
        self.process.kill()
        self.process.communicate()
        self.close_terminal()

    def close_terminal(self):
        while self.ends_open:
            os.close(self.ends_open.pop())

    def type(self, keys):
        os.write(self.master, keys if isinstance(keys, bytes) else keys.encode())
        return self

    def wait(self, is_so):
        """Until something is so of the terminal."""
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < deadline, (self.terminal.lines, self.learned, self.process.poll())
            if select.select([self.master], [], [], 0.1)[0]:
                self.received += os.read(self.master, 65_536)
                text = self.received.decode("utf-8", "ignore")
                if self.received.decode("utf-8", "replace") == text and SEQUENCE.sub("", text) == "":
                    self.terminal.receive(text)
                    self.received = b""

    def shows(self, *lines, marked=None):
        """Waits until these are the lines, and the last one is that of the suggestions."""
        self.wait(lambda: self.terminal.lines == list(lines) and marked in (None, self.terminal.marked))
        return self

    def ends(self):
        """Waits for the exit status."""
        return self.process.wait(PATIENCE)

    def is_restored(self):
        """Waits until the terminal is as it was."""
        self.wait(lambda: self.terminal.modes == set())
        return termios.tcgetattr(self.slave) == self.attributes

    @property
    def learned(self):
        """What was learned by now."""
        lines = self.file.read_text("utf-8").splitlines() if self.file.exists() else []
        return [tuple(event) for line in lines for event in json.loads(line)]

    @property
    def asked(self):
        lines = Path(f"{self.file}.asked").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def typing(tmp_path):
    begun = []

    def begin(**options):
        begun.append(Typing(tmp_path, **options))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


def test_a_session_from_the_first_key_to_the_last(typing):
    one = typing()
    one.shows("", "you  soon  some", marked="you")
    one.type("s").shows("s", "soon  some  song", marked="soon")
    one.type("ee ").shows("see", "you  soon  some", marked="you")
    one.type(TAB).shows("see you", "you  soon  some  (as typed)  |  you  soon  some", marked="soon")
    one.type(TAB).shows("see soon", "you  soon  some  (as typed)  |  you  soon  some", marked="some")
    one.type(TAB + TAB).shows("see", "you  soon  some", marked="you")
    one.type("son" + BACKSPACE).shows("see so", "soon  some  song", marked="soon")
    one.type(TAB).wait(lambda: one.terminal.lines[0] == "see soon")
    one.type(".").shows("see soon.", "")
    one.type(ENTER).shows("see soon.", "", "you  soon  some")
    one.type("x").shows("see soon.", "x", "")
    one.type(CTRL_U + CTRL_D)
    assert one.ends() == 0
    one.shows("see soon.", "", "left", "")
    assert one.is_restored()
    assert one.learned == [
        ("you", "PASSED_OVER"),
        ("see", "TYPED"),
        ("you", "ACCEPTED"),
        ("you", "DELETED"),
        ("soon", "ACCEPTED"),
        ("soon", "DELETED"),
        ("some", "ACCEPTED"),
        ("some", "DELETED"),
        ("soon", "ACCEPTED"),
        (".", "TYPED"),
        ("\n", "TYPED"),
    ]


def test_what_is_typed_is_learned_before_the_next_suggestions(typing):
    one = typing()
    one.type("see ").wait(lambda: one.terminal.lines[0] == "see" and one.asked[-1] == "see ")
    assert one.learned[-1] == ("see", "TYPED")


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_what_is_typed_before_the_end_is_learned_and_a_word_begun_is_not(typing, key):
    one = typing()
    one.type("see yo" + key)
    assert one.ends() == 0
    assert one.is_restored()
    assert one.learned[-1] == ("see", "TYPED")
    one.shows("see yo", "left", "")


def test_an_error_leaves_the_terminal_as_it_was(typing):
    one = typing()
    one.type("see explode")
    assert one.ends() == 1
    assert "RuntimeError: no suggestions" in one.process.stderr.read()
    assert one.is_restored()
    assert one.learned[-1] == ("see", "TYPED")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(typing, number):
    one = typing()
    one.type("see ").wait(lambda: one.terminal.lines[0] == "see" and one.asked[-1] == "see ")
    one.process.send_signal(number)
    assert one.ends() == 128 + number
    assert one.is_restored()


def test_a_terminal_that_is_closed_ends_the_session(typing):
    one = typing()
    one.type("see ").wait(lambda: one.terminal.lines[0] == "see" and one.asked[-1] == "see ")
    one.close_terminal()
    one.ends()
    assert one.learned[-1] == ("see", "TYPED")


def test_a_character_that_comes_in_two_parts_is_one(typing):
    one = typing()
    first, second = "ë".encode()[:1], "ë".encode()[1:]
    one.type(b"Zo" + first).shows("Zo", "Zoë")
    one.type(second).shows("Zoë", "Zoë")
    one.type(" ").shows("Zoë", "you  soon  some")
    assert one.learned[-1] == ("Zoë", "TYPED")


def test_keys_of_no_character_do_nothing(typing):
    one = typing()
    one.type("s").shows("s", "soon  some  song", marked="soon")
    one.type(UP + DELETE + F5 + "\x1bOP\x1bx\x00\x1a\x1b[200~\x01\x1b[201~\x1b" + UP)
    one.type("o").shows("so", "soon  some  song")
    assert one.asked == ["", "s", "so"]


def test_what_is_pasted_is_typed(typing):
    one = typing()
    one.type("\x1b[200~to bob.lee@x.org\tand\rme, so\x1b[201~")
    one.shows("to bob.lee@x.org and", "me, so", "soon  some  song")
    texts = ["to", "bob.lee@x.org", "and", "\n", "me,"]
    assert [text for text, choice in one.learned if choice == "TYPED"] == texts


def test_of_keys_that_come_together_only_the_last_is_answered(typing):
    one = typing()
    os.kill(one.process.pid, signal.SIGSTOP)
    one.type("some say, so")
    os.kill(one.process.pid, signal.SIGCONT)
    one.shows("some say, so", "soon  some  song")
    assert one.asked == ["", "some say, so"]


def test_tab_takes_the_suggestions_of_the_text_before_it_however_fast_it_comes(typing):
    one = typing()
    os.kill(one.process.pid, signal.SIGSTOP)
    one.type("see som" + TAB + TAB + "x")
    os.kill(one.process.pid, signal.SIGCONT)
    one.shows("see somx", "")
    assert one.asked == ["", "see som", "see somx"]


def test_a_narrow_terminal_shows_what_fits(typing):
    one = typing(columns=12)
    one.shows("", "you  soon", marked="you")
    one.type("日").shows("日", "日本語  日", marked="日本語")
    one.type(TAB + "so").shows("日本語 so", "soon  some", marked="soon")
    one.type("ng of some words").shows("日本語 song", " of some wo", "rds", "")
    one.type("日日日日日").shows("日本語 song", " of some wo", "rds日日日日", "日", "")


def test_of_a_long_text_the_last_rows_are_shown(typing):
    one = typing(lines=4)
    one.type(ENTER.join("abcdef")).shows("d", "e", "f", "")
    one.type(BACKSPACE * 2).shows("c", "d", "e", "")


def test_a_terminal_whose_size_changes_is_drawn_anew(typing):
    one = typing(columns=12)
    one.type("see some soo").shows("see some so", "o", "soon")
    termios.tcsetwinsize(one.slave, (24, 80))
    # What most terminals do with rows that have room now.
    one.terminal.columns, one.terminal.rows = 80, [list("see some soo"), []]
    one.terminal.row, one.terminal.column = 0, 12
    one.type("n").shows("see some soon", "soon")


def test_as_many_suggestions_are_shown_as_wanted_and_nothing_is_learned_unless_wanted(typing):
    one = typing(count=1, learns=False)
    one.shows("", "you")
    one.type("see " + TAB).shows("see you", "you  (as typed)  |  you")
    one.type(CTRL_D)
    assert one.ends() == 0
    assert one.learned == []


def test_a_pipe_is_refused():
    with (
        open(os.devnull) as file,
        pytest.raises(FlagError, match="--interactive: expected a terminal, but the input"),
    ):
        run(lambda text: [], None, 3, file, file)
    master, slave = pty.openpty()
    with (
        os.fdopen(master, "rb"),
        os.fdopen(slave) as terminal,
        open(os.devnull, "w") as file,
        pytest.raises(FlagError, match="--interactive: expected a terminal, but the output"),
    ):
        run(lambda text: [], None, 3, terminal, file)


def keys_of(*chunks):
    keys = Keys()
    return "".join(key for chunk in chunks for key in keys.read(chunk.encode("latin-1")))


def test_sequences_are_left_out_wherever_they_are_cut():
    sent = f"a{UP}b{F5}c\x1bOPd\x1b[1;5Ce\x1bxf"
    assert keys_of(sent) == "abcdef"
    for place in range(len(sent) + 1):
        assert keys_of(sent[:place], sent[place:]) == "abcdef"
    assert keys_of(*sent) == "abcdef"


def test_escape_is_a_key_of_its_own_once_it_is_known_to_be_no_sequence():
    keys = Keys()
    assert keys.read(b"\x1b") == []
    assert keys.is_in_sequence
    keys.drop_sequence()
    assert keys.read(b"o") == ["o"]


def test_bytes_that_are_no_utf_8_are_left_out():
    assert keys_of("a\xffb\xc3c") == "abc"


def test_a_word_that_would_steer_the_terminal_is_drawn_without_that():
    assert suggestion_line(Session().showing(["\x1b[2Jyou\n\u202e"]), 80) == "\x1b[7m[2Jyou\x1b[0m"
