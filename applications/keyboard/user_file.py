"""The file that holds what a keyboard knows of its user. Imports neither Keras nor TensorFlow.

A line of JSON says what the file is; the tensors follow as bytes, each up to its last slot in use. It is written whole
or not at all, changed by one process at a time, and readable by its owner alone. The same state makes the same bytes.
"""

import fcntl
import hashlib
import json
import os
import re
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from applications.keyboard.user_state import KINDS, NONE, TIMES, Kind, Sizes, UserState, empty_state
from applications.keyboard.word_numbers import FIRST_WORD
from common.errors import UserError, is_disk_full
from common.files import replacing

_FORMAT, _VERSION = "keyboard user", 1


@dataclass(frozen=True)
class Base:
    """The model that a user's state belongs to: the numbers of words in it are this model's.

    Example:
        >>> base = Base(("see", "you"), width=8, network=24)
        >>> base.sizes.words, len(base.fingerprint)
        (5, 16)

    Attributes:
        words: its words, folded, from number `FIRST_WORD` on.
        width: of its queries.
        network: numbers in its states and a query.
    """

    words: Sequence[str]
    width: int
    network: int

    @cached_property
    def sizes(self) -> Sizes:
        """Of the states of its users."""
        return Sizes.fitting(FIRST_WORD + len(self.words), self.width, self.network)

    @cached_property
    def fingerprint(self) -> str:
        """Tells whether a file belongs to it."""
        return hashlib.sha256(
            "\n".join([str(self.width), str(self.network), *self.words]).encode()
        ).hexdigest()[:16]


class User(NamedTuple):
    """What is in the file.

    Attributes:
        state: the tensors of one user.
        times: pairs of a time, in seconds since 1970, and of how many words were typed before it; in their order.
    """

    state: UserState
    times: tuple[tuple[int, int], ...] = ()


def new_user(base: Base) -> User:
    """A user who has typed nothing yet."""
    return User(empty_state(base.sizes))


def read_user(path: Path, base: Base) -> User:
    """The user whose file this is; one who has typed nothing yet if there is none.

    Raises:
        UserError: it cannot be read, is damaged, or is no such file, or belongs to another model.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return new_user(base)
    except OSError as error:
        raise UserError(f"{path}: cannot read the user's file: {error.strerror}") from error
    return decoded(path, content, base)


def update_user(path: Path, base: Base, change: Callable[[User], User]) -> User:
    """Reads a user's file, changes what is in it, and writes it, while no other process does.

    The file is made if it is absent, with the folders above it, and is left alone if nothing changes.

    Args:
        path: of the file.
        base: the model it belongs to.
        change: the user before -> the user after; what it raises leaves the file as it was.

    Returns:
        The user after.

    Raises:
        UserError: as `read_user`, or it cannot be written.
    """
    path = path.resolve()
    try:
        with _locked(path, encoded(new_user(base), base)):
            content = path.read_bytes()
            user = change(decoded(path, content, base))
            changed = encoded(user, base)
            if changed != content:
                _remove_unfinished(path)
                with replacing(path) as temporary:
                    _write_privately(temporary, changed)
    except OSError as error:
        advice = "; free some space" if is_disk_full(error) else ""
        raise UserError(f"{path}: cannot write the user's file: {error.strerror}{advice}") from error
    return user


def learned(user: User, state: UserState, time: int) -> User:
    """A user with the state after some words that were typed at a time, in seconds since 1970.

    Times do not go back. Of the `TIMES` last, the closest are joined, so that what was typed since then is never taken
    for older than it is.
    """
    before = int(user.state.clock)
    if int(state.clock) == before:
        return user._replace(state=state)
    times = list(user.times)
    time = max([time, *(earlier for earlier, _ in times[-1:])])
    if not times or times[-1][0] < time:
        times.append((time, before))
    return User(state, joined_times(times))


def joined_times(times: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """At most `TIMES` of the pairs: the closest are joined, the last is kept."""
    pairs = list(times)
    while len(pairs) > TIMES:
        gaps = [later[0] - earlier[0] for earlier, later in pairwise(pairs[:-1])]
        closest = min(range(len(gaps)), key=gaps.__getitem__)
        pairs[closest : closest + 2] = [(pairs[closest + 1][0], pairs[closest][1])]
    return tuple(pairs)


def encoded(user: User, base: Base) -> bytes:
    """The bytes of a user's file."""
    parts = {name: _bytes_of(getattr(user.state, name), kind) for name, kind in KINDS.items()}
    content = b"".join(part for _, part in parts.values())
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        "base": base.fingerprint,
        "sizes": asdict(base.sizes),
        "slots": {name: slots for name, (slots, _) in parts.items()},
        "bytes": len(content),
        "checksum": zlib.crc32(content),
        "times": user.times,
    }
    return json.dumps(header, separators=(",", ":")).encode() + b"\n" + content


def decoded(path: Path, content: bytes, base: Base) -> User:
    """The inverse of `encoded`.

    Raises:
        UserError: naming `path`; see `read_user`.
    """
    line, _, rest = content.partition(b"\n")
    header = _header(line)
    if not content:
        raise UserError(
            f"{path}: an empty file, so what was known of the user is lost; expected one that --user made, or none"
        )
    if header is None:
        raise UserError(f"{path}: expected the file of a keyboard's user, got something else")
    if header.get("version") != _VERSION:
        raise UserError(f"{path}: expected version {_VERSION} of a user's file, got {header.get('version')}")
    if header.get("base") != base.fingerprint or header.get("sizes") != asdict(base.sizes):
        raise UserError(f"{path}: belongs to another keyboard model; expected a file of this one")
    if len(rest) != header.get("bytes") or zlib.crc32(rest) != header.get("checksum"):
        raise UserError(
            f"{path}: the user's file is damaged: expected {header.get('bytes')} bytes as they were written"
        )
    arrays, begin = {}, 0
    for name, kind in KINDS.items():
        arrays[name], begin = _array_of(rest, begin, header["slots"][name], kind, base.sizes.shapes[name])
    return User(UserState(**arrays), tuple((time, clock) for time, clock in header["times"]))


@contextmanager
def _locked(path: Path, beginning: bytes) -> Iterator[None]:
    """Keeps other processes from the file, which is made with this content if it is absent.

    A file that was made is removed again if what is done then fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        is_new = _made(path, beginning)
        try:
            file = path.open("r+b")
        except FileNotFoundError:  # another process that had made it failed
            continue
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_still_at(path, file.fileno()):
                continue
            try:
                yield
            except BaseException:
                if is_new and path.read_bytes() == beginning:
                    path.unlink()
                raise
            return


def _made(path: Path, content: bytes) -> bool:
    """Makes a file, whole from its first moment, unless there is one."""
    if path.exists():
        return False
    temporary = path.with_name(f".tmp-{uuid.uuid4().hex}-{path.name}")
    try:
        _write_privately(temporary, content)
        _put(temporary, path)
    except (
        FileExistsError,
        FileNotFoundError,
    ):  # another process has made it, and removed ours with what it found
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _put(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        os.rename(temporary, path)


def _write_privately(path: Path, content: bytes) -> None:
    """A new file that is its owner's alone before anything stands in it, and on the disk in the end."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _is_still_at(path: Path, descriptor: int) -> bool:
    """Whether the file that was locked was not replaced by another one meanwhile."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _remove_unfinished(path: Path) -> None:
    """Files that a process which was killed did not finish."""
    pattern = re.compile(rf"\.tmp-[0-9a-f]{{32}}-{re.escape(path.name)}")
    for file in path.parent.iterdir():
        if pattern.fullmatch(file.name):
            file.unlink(missing_ok=True)


def _header(line: bytes) -> dict[str, Any] | None:
    try:
        header = json.loads(line)
    except ValueError:
        return None
    return header if isinstance(header, dict) and header.get("format") == _FORMAT else None


def _bytes_of(array: Any, kind: Kind) -> tuple[int, bytes]:
    """The slots of a tensor up to the last in use, and their bytes."""
    array = np.asarray(array)
    if array.ndim == 0:
        return 1, array.astype(_little(kind)).tobytes()
    in_use = np.flatnonzero((array != kind.empty).reshape(len(array), -1).any(axis=1))
    slots = int(in_use[-1]) + 1 if in_use.size else 0
    if kind.stored is object:
        lengths = bytes(len(word) for word in array[:slots])
        return slots, lengths + b"".join(array[:slots])
    # `NONE` becomes the largest number of those without a sign.
    return slots, array[:slots].astype(_little(kind)).tobytes()


def _array_of(
    content: bytes, begin: int, slots: int, kind: Kind, shape: tuple[int, ...]
) -> tuple[np.ndarray, int]:
    """The tensor whose bytes begin at a place, and where they end."""
    array: Any = np.full(shape, kind.empty, kind.dtype)
    if kind.stored is object:
        end = begin + slots
        for slot, length in enumerate(content[begin:end]):
            array[slot] = content[end : end + length]
            end += length
        return array, end
    stored = _little(kind)
    items = slots * int(np.prod(shape[1:], dtype=int))
    values = np.frombuffer(content, stored, items, begin)
    end = begin + values.nbytes
    if array.ndim == 0:
        return values.astype(kind.dtype)[0], end
    array[:slots] = values.reshape(slots, *shape[1:])
    if kind.empty == NONE and stored.kind == "u":
        array[array == np.iinfo(stored).max] = NONE
    return array, end


def _little(kind: Kind) -> np.dtype:
    return np.dtype(kind.stored).newbyteorder("<")
