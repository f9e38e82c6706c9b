"""Files that a user hands to a predictor's script: files, trees of them, file: URLs, or standard input."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from common.data.file_trees import ARCHIVE_SUFFIXES, read_tree
from common.errors import UserError, one_line

STANDARD_INPUT = "-"

T = TypeVar("T")
U = TypeVar("U")


class GivenFiles(Generic[T]):
    """What a script's arguments stand for. Of what cannot be used a line goes to standard error.

    Args:
        arguments: of the command line.
        find: from an argument to the name of each thing that it stands for, and a function that reads it.

    Attributes:
        failed: whether something could not be used.
        is_single: whether there is one thing at most.

    Example:
        >>> given = GivenFiles(["a.txt", "b.txt"], lambda name: [(name, name.upper)])
        >>> list(given.contents())
        [('a.txt', 'A.TXT'), ('b.txt', 'B.TXT')]
    """

    def __init__(
        self, arguments: Sequence[str], find: Callable[[str], Sequence[tuple[str, Callable[[], T]]]]
    ) -> None:
        self._arguments = arguments
        self._find = find
        self.failed = False
        self.is_single = is_single(arguments)

    def readers(self) -> Iterator[tuple[str, Callable[[], T]]]:
        """Each one's name, and a function that reads it."""
        for argument in self._arguments:
            for name, read in self._tried(partial(self._find, argument)) or ():
                yield os.fsencode(name).decode("utf-8", "replace"), read

    def contents(self) -> Iterator[tuple[str, T]]:
        """Each one's name and content."""
        for name, read in self.readers():
            content = self.read(read)
            if content is not None:
                yield name, content

    def read(self, read: Callable[[], T]) -> T | None:
        """The content, or None where it cannot be read, after saying so."""
        return self._tried(read)

    def complain(self, error: UserError) -> None:
        """Says what is wrong with one of them."""
        self.failed = True
        print(f"error: {one_line(error)}", file=sys.stderr, flush=True)

    def _tried(self, action: Callable[[], U]) -> U | None:
        try:
            return action()
        except UserError as error:
            self.complain(error)
            return None


def find_files(
    argument: str, is_wanted: Callable[[str], bool], noun: str, endings: str
) -> list[tuple[str, Callable[[], bytes]]]:
    """What an argument stands for: a file, or those of a tree that are wanted; a name and a reader of each.

    Args:
        argument: a path or a file: URL.
        is_wanted: whether a file of that name in a folder, a tar or a zip is read.
        noun: what a file is, such as "an image".
        endings: of the names that are wanted, in words.

    Raises:
        UserError: there is nothing.
    """
    path = path_of(argument)
    if not is_tree(argument):
        return [(str(path), partial(read_file, path, noun))]
    files = read_tree(path, is_wanted)
    if not files:
        raise UserError(f"{path}: no {noun.split()[-1]}s; expected {endings} files")
    if path.is_dir():
        return [(str(path / name), partial(read_file, path / name, noun)) for name in files]
    return [(f"{path}/{name}", read) for name, read in files.items()]


def read_file(path: Path, noun: str) -> bytes:
    """The bytes of a file, which messages call "an image" or the like.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return Path(os.path.expanduser(path)).read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: a folder; expected {noun}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read ({reason}); expected {noun}") from None


def is_single(arguments: Sequence[str]) -> bool:
    """Whether arguments stand for one thing at most."""
    return len(arguments) < 2 and not any(map(is_tree, arguments))


def is_tree(argument: str) -> bool:
    """Whether an argument stands for all that is in a folder, a tar or a zip."""
    return argument != STANDARD_INPUT and (
        argument.lower().endswith(ARCHIVE_SUFFIXES) or path_of(argument).is_dir()
    )


def path_of(argument: str) -> Path:
    """The path that an argument is, or that a file: URL stands for.

    Raises:
        UserError: it is a URL of another kind.
    """
    if "://" not in argument and not argument.lower().startswith("file:"):
        return Path(os.path.expanduser(argument))
    address = urlsplit(argument)
    if address.scheme.lower() != "file" or address.netloc not in ("", "localhost"):
        raise UserError(f"{argument}: nothing is fetched; expected a file, a folder or a file: URL")
    return Path(url2pathname(address.path))


def printable(text: str) -> str:
    """A file's name or a text on one line, without characters that would steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
