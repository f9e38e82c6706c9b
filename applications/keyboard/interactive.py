"""Suggestions as one types, in a terminal."""

import os
import select
import signal
import termios
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TextIO

from applications.keyboard.session import TAB, Session
from applications.keyboard.terminal import PASTES_MARKED, PASTES_UNMARKED, Keys, Screen
from applications.keyboard.user_state import Event
from common.errors import FlagError

_END_KEYS = ("\x03", "\x04")
_SEQUENCE_SECONDS = 0.05
_CHUNK = 65_536
_COLUMNS, _LINES = 80, 24

Suggest = Callable[[str], Sequence[str]]
Learn = Callable[[Sequence[Event]], None]


def require_terminal(stdin: TextIO, stdout: TextIO) -> None:
    """Raises FlagError unless a person types at the input and sees the output."""
    for file, name in ((stdin, "input"), (stdout, "output")):
        if not file.isatty():
            raise FlagError(f"--interactive: expected a terminal, but the {name} is a pipe or a file")


def run(suggest: Suggest, learn: Learn | None, count: int, stdin: TextIO, stdout: TextIO) -> None:
    """Lets a person type with suggestions until Ctrl-D or Ctrl-C; see `Session` for the keys.

    After each key that changes the text it is drawn with its suggestions; of keys that come together, after the last.

    Args:
        suggest: the words that may follow a text, or complete the word that it ends with, the best first.
        learn: what is done at once with what was typed, accepted, passed over and deleted; None to learn nothing.
        count: how many suggestions are shown at most.
        stdin: a terminal.
        stdout: a terminal.

    Raises:
        FlagError: one of them is no terminal.
    """
    require_terminal(stdin, stdout)
    stdout.flush()
    source, target = stdin.fileno(), stdout.fileno()
    session, keys, screen = Session(), Keys(), Screen()

    def shown(session: Session) -> Session:
        if session.suggestions is not None:
            return session
        return session.showing(suggest(session.text)[:count])

    with _every_key_read(source, target):
        while True:
            session = shown(session)
            _write(target, screen.drawn(session, *_size(target)))
            session, is_ended = _typed(session, _next_keys(source, keys), shown, learn)
            if is_ended:
                _write(target, screen.drawn(session, *_size(target)))
                return


def _typed(
    session: Session, keys: Sequence[str], shown: Callable[[Session], Session], learn: Learn | None
) -> tuple[Session, bool]:
    """The session after keys of which all is learned, and whether one of them ended it."""
    events: list[Event] = []

    def learn_all() -> None:
        if events and learn:
            learn(tuple(events))
        events.clear()

    for key in keys:
        if key in _END_KEYS:
            learn_all()
            return session, True
        if key == TAB and session.suggestions is None and session.accepted is None:
            learn_all()
            session = shown(session)
        session, learned = session.after(key)
        events += learned
    learn_all()
    return session, False


def _next_keys(source: int, keys: Keys) -> list[str]:
    """All keys that are there, one at least; the end of the input is a key that ends the session."""
    typed: list[str] = []
    while not typed or _is_readable(source, 0) or keys.is_in_sequence:
        if keys.is_in_sequence and not _is_readable(source, _SEQUENCE_SECONDS):
            keys.drop_sequence()
            continue
        received = b""
        with suppress(OSError):  # the terminal was closed
            received = os.read(source, _CHUNK)
        typed += keys.read(received) if received else _END_KEYS[:1]
        if not received:
            break
    return typed


def _is_readable(source: int, seconds: float) -> bool:
    return bool(select.select([source], [], [], seconds)[0])


def _size(target: int) -> tuple[int, int]:
    size = os.get_terminal_size(target)
    return size.columns or _COLUMNS, size.lines or _LINES


def _write(target: int, text: str) -> None:
    remaining = text.encode("utf-8", "replace")
    while remaining:
        remaining = remaining[os.write(target, remaining) :]


@contextmanager
def _every_key_read(source: int, target: int) -> Iterator[None]:
    """A terminal that gives each key as it is typed and shows none; as it was before on every way out."""
    attributes = termios.tcgetattr(source)
    direct = termios.tcgetattr(source)
    direct[0] &= ~termios.IXON
    direct[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
    direct[6][termios.VMIN], direct[6][termios.VTIME] = 1, 0
    with _ended_by_signals():
        try:
            termios.tcsetattr(source, termios.TCSANOW, direct)
            _write(target, PASTES_MARKED)
            yield
        finally:
            with suppress(termios.error):  # the terminal was closed
                termios.tcsetattr(source, termios.TCSANOW, attributes)
            with suppress(OSError):
                _write(target, f"\r\n\x1b[J{PASTES_UNMARKED}")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A process that is asked to end leaves by an exception."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
