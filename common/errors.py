"""The one exception for what a user can cause and mend, and the messages of others in one line."""

import errno
import os
from collections.abc import Callable
from typing import Any

ROW_ERROR = "error"
"""The output of every served function that says, in each row, why the row was not answered; empty where it was."""


class UserError(Exception):
    """A mistake the user can mend.

    The message is one line that names the file, row or flag, says what is wrong and what was expected. Scripts print it
    without a traceback and exit with status 1.
    """

    def __reduce__(self) -> tuple[Callable[..., "UserError"], tuple[Any, ...]]:
        # Whatever a subclass is made of, it comes whole out of another process.
        return _remade, (type(self), self.args, vars(self))


class FlagError(UserError):
    """A flag, or an argument in its place, that is out of its range.

    Scripts exit with status 2, before anything is read or made.
    """


def _remade(kind: type[UserError], arguments: tuple[Any, ...], attributes: dict[str, Any]) -> UserError:
    error = kind.__new__(kind, *arguments)
    vars(error).update(attributes)
    return error


def one_line(error: BaseException) -> str:
    """The error's message on one line, without characters that would steer a terminal."""
    printable = (character if character.isprintable() else " " for character in str(error))
    return " ".join("".join(printable).split())


def is_disk_full(error: BaseException) -> bool:
    """Whether an error says that there is no space left; HDF5 and TensorFlow tell it in words alone."""
    is_told = os.strerror(errno.ENOSPC) in str(error)
    return is_told or (isinstance(error, OSError) and error.errno == errno.ENOSPC)


def is_interrupt(error: BaseException) -> bool:
    """Whether an error is Ctrl-C, or what TensorFlow made of it, which tells it in words alone."""
    return isinstance(error, KeyboardInterrupt) or KeyboardInterrupt.__name__ in str(error)
