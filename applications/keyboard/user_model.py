"""Asks a SavedModel for one user, whose state goes with each request. Imports no Keras and no TensorFlow."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from applications.keyboard.pieces import cut
from applications.keyboard.user_file import Base, User, learned, read_user, update_user
from applications.keyboard.user_state import Event, UserState
from common.inference.runner import SavedModelRunner
from common.predicting.predictor import Answer

RESOLUTION = 3600
"""Seconds to which the time of what is typed is kept."""

_BYTES_AT_ONCE = 16_000


def base_of(described: Mapping[str, Any]) -> Base:
    """The model that users' files belong to, from what is known of it beside its graph."""
    return Base(tuple(described["words"]), described["width"], described["network"])


def user_of(user: User | str | Path, base: Base) -> User:
    """What is known of a user, given so or as their file."""
    return user if isinstance(user, User) else read_user(Path(user), base)


def suggestions(
    runner: SavedModelRunner, text: str, prefix: str | None, count: int, user: User
) -> dict[str, np.ndarray]:
    """The outputs of `personal` for one text."""
    if prefix == "":
        text, prefix = f"{text} ", None
    return runner.answer(
        "personal", text=[text], prefix=[prefix or ""], count=[count], **batch_of(user.state)
    )


def observed(runner: SavedModelRunner, events: Sequence[Event], state: UserState) -> UserState:
    """The state after some events, of any number and length."""
    for several in _batches(events):
        outputs = runner.answer(
            "observe",
            pieces=[[event.text for event in several]],
            choices=[[int(event.choice) for event in several]],
            **batch_of(state),
        )
        state = state_of(outputs)
    return state


def observe(
    runner: SavedModelRunner, events: Sequence[Event], user: User | str | Path, base: Base, now: float | None
) -> User:
    """The user after some events; if they are given by their file, that is changed under its lock."""
    seconds = int(time.time() if now is None else now) // RESOLUTION * RESOLUTION

    def changed(before: User) -> User:
        return learned(before, observed(runner, events, before.state), seconds)

    return changed(user) if isinstance(user, User) else update_user(Path(user), base, changed)


def batch_of(state: UserState) -> dict[str, np.ndarray]:
    """The inputs of a request for one user."""
    return {name: np.asarray(array)[None] for name, array in state._asdict().items()}


def state_of(outputs: Answer) -> UserState:
    """The state of the first row of an answer."""
    return UserState(**{name: outputs[name][0] for name in UserState._fields})


def _batches(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Events in the sizes of requests; a long piece is cut between its words."""
    several: list[Event] = []
    size = 0
    for event in events:
        for piece in cut(event.text):
            if several and size + len(piece.encode()) > _BYTES_AT_ONCE:
                yield several
                several, size = [], 0
            several.append(Event(piece, event.choice))
            size += len(piece.encode())
    if several:
        yield several
