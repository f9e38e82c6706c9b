"""What the script `predict` does with what is known of a user: show it, learn, forget. Imports no TensorFlow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from rich.cells import cell_len

from applications.keyboard.user_data import (
    block,
    export,
    forget,
    forget_all,
    forget_since,
    is_one_word,
    knowledge,
    unblock,
)
from applications.keyboard.user_file import Base, User, read_user, update_user
from applications.keyboard.user_merge import merge
from applications.keyboard.user_model import RESOLUTION
from applications.keyboard.user_state import WORD_BYTES
from common import cli
from common.checks import AtLeast, check_ranges
from common.errors import FlagError, UserError
from common.files import replacing

_MOST_SHOWN = 30


@dataclass(frozen=True)
class UserFlags:
    """Whose keyboard it is, and what is done with what is known of them instead of answering texts."""

    user: Path | None = None
    """File with what is known of the user, which suggestions heed; made if it is absent and something is learned."""
    interactive: bool = False
    """Suggest as one types, in a terminal; Tab accepts, Ctrl-D ends. With --user, what is typed is learned."""
    learn: Path | None = None
    """Learn this text: a text file, JSON lines of dated entries, or a table. It is kept portion by portion."""
    skip_words: Annotated[int, AtLeast(0)] = 0
    """Begin --learn after so many words of the text, as blanks set them apart; an interruption says how many."""
    what_it_knows: bool = False
    """Print what is known of the user: words, what follows what, blocked words."""
    export: Path | None = None
    """Write all that is known of the user to this file, as JSON."""
    merge: Path | None = None
    """Take in what another file of the same user knows, from another device."""
    forget: str | None = None
    """Forget this word, and that it stood before or after others."""
    forget_since: str | None = None
    """Forget what came up since a time (2026-05-31 or 2026-05-31T14:00), to the hour before."""
    forget_all: bool = False
    """Forget everything."""
    block: str | None = None
    """Never suggest this word."""
    unblock: str | None = None
    """Suggest this word again."""

    def __post_init__(self) -> None:
        check_ranges(self)
        actions = self.actions
        if len(actions) > 1:
            raise FlagError(f"{' and '.join(actions)}: expected one of them at a time")
        if actions and self.user is None and not self.interactive:
            raise FlagError(f"{actions[0]}: expected --user with the file of a user")
        if self.skip_words and self.learn is None:
            raise FlagError(f"--skip-words {self.skip_words}: expected --learn with a text")
        for name in ("forget", "block", "unblock"):
            _require_word(f"--{name}", getattr(self, name))
        if self.forget_since is not None:
            _seconds(self.forget_since)

    @property
    def actions(self) -> list[str]:
        """The flags given that ask for something else than answers to texts."""
        return [
            f"--{one.name.replace('_', '-')}"
            for one in fields(self)
            if one.name not in ("user", "skip_words") and getattr(self, one.name) not in (None, False)
        ]


def change_of(flags: UserFlags, base: Base) -> Callable[[User], User] | None:
    """What the flags do with a user, None if they change nothing by themselves."""
    match flags:
        case UserFlags(merge=Path() as other):
            return lambda user: merge(user, _user_there(other, base), base)
        case UserFlags(forget=str() as word):
            return lambda user: forget(user, word, base)
        case UserFlags(forget_since=str() as time):
            return lambda user: forget_since(user, _seconds(time) // RESOLUTION * RESOLUTION, base)
        case UserFlags(forget_all=True):
            return lambda _: forget_all(base)
        case UserFlags(block=str() as word):
            return lambda user: block(user, word)
        case UserFlags(unblock=str() as word):
            return lambda user: unblock(user, word)
    return None


def changed_lines(flags: UserFlags, path: Path, base: Base) -> list[str] | None:
    """Does what the flags ask for and says what came of it; None if they ask for nothing of the kind.

    Raises:
        UserError: a user's file is not there, though what is in it is asked for; or as of `update_user`.
    """
    if flags.what_it_knows:
        return list(_summary(knowledge(_user_there(path, base), base), cli.console().width))
    if flags.export is not None:
        content = export(_user_there(path, base), base)
        with replacing(flags.export) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_text(content, "utf-8")
        return [f"written to {flags.export}"]
    change = change_of(flags, base)
    if change is None:
        return None
    # What blocks a word or brings what another device knows may begin a file.
    before = read_user(path, base) if flags.block or flags.merge else _user_there(path, base)
    after = update_user(path, base, change)
    # The network's states are those of a new user then: a word that was never learned colours them too.
    if flags.forget is not None and knowledge(after, base) == knowledge(before, base):
        return [f"{path}: nothing was known of {flags.forget!r}"]
    return [f"{path}: {_size(after, base)}"]


def _user_there(path: Path, base: Base) -> User:
    if not path.exists():
        raise UserError(
            f"{path}: no such file; expected that of a user, which --learn or --interactive makes"
        )
    return read_user(path, base)


def _size(user: User, base: Base) -> str:
    known = knowledge(user, base)
    blocked = f", {len(known['blocked'])} blocked" if known["blocked"] else ""
    return f"{len(known['words']):,} words of the user's own{blocked}, {len(known['follow']):,} counts"


def _summary(known: dict[str, Any], width: int) -> Iterator[str]:
    yield f"{known['words_typed']:,} words typed"
    by_rung: dict[str, list[str]] = {"own": [], "offered": [], "silent": []}
    for one in known["words"]:
        by_rung[one["rung"]].append(f"{one['word']} ({one['times']:g})")
    follow = [
        f"{one['after']} → {one['word']} ({one['count']:.0f})" for one in known["follow"] if one["after"]
    ]
    for name, items in (*by_rung.items(), ("follow", follow), ("blocked", known["blocked"])):
        yield from _listed(name, items, width)


def _listed(name: str, items: list[str], width: int) -> Iterator[str]:
    """The first items in lines of at most this width, as far as each is short enough.

    >>> print(*_listed("own", ["Zoe (4)", "see → Zoe (2)", "Zoltán (3)"], 22), sep="\\n")
    own: Zoe (4),
      see → Zoe (2),
      Zoltán (3)
    """
    shown = items[:_MOST_SHOWN] or ["none"]
    parts = [*(f"{item}," for item in shown[:-1]), shown[-1]]
    if len(items) > _MOST_SHOWN:
        parts.append(f"and {len(items) - _MOST_SHOWN:,} more (--export)")
    line = f"{name}:"
    for part in parts:
        if cell_len(line) + 1 + cell_len(part) > width and line.strip():
            yield line
            line = " "
        line = f"{line} {part}"
    yield line


def _require_word(flag: str, word: str | None) -> None:
    if word is not None and not is_one_word(word):
        raise FlagError(f"{flag} {word!r:.60}: expected one word of at most {WORD_BYTES} bytes")


def _seconds(time: str) -> float:
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        raise FlagError(
            f"--forget-since {time!r}: expected a time such as 2026-05-31 or 2026-05-31T14:00"
        ) from None
