"""Lines that tell what a server does, and never stop it."""

from collections.abc import Callable
from contextlib import suppress

Log = Callable[[str], None]


def unfailing(log: Log) -> Log:
    """The same, but a line that cannot be written is dropped: a closed terminal or a full disk ends no thread."""

    def say(line: str) -> None:
        # rich answers a broken pipe with SystemExit, which would end a thread without a word.
        with suppress(Exception, SystemExit):
            log(line)

    return say
