"""Long streams of examples as batches of consecutive windows, row k of each going on where that of the last ended."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Windows(NamedTuple):
    """A batch of windows.

    Attributes:
        fed: what stands before each target `[rows, time]`.
        targets: `[rows, time]`.
        starts: whether a row begins here `[rows]`.
    """

    fed: np.ndarray
    targets: np.ndarray
    starts: np.ndarray


def steps_per_epoch(length: int, rows: int, window: int) -> int:
    """Batches in each epoch of a stream of this length."""
    return length // (rows * window)


def ring(stream: np.ndarray, rows: int, window: int, *, epoch: int, seed: int) -> np.ndarray:
    """The stream, taken as a ring that begins at a random place, cut into rows `[rows, steps * window]`.

    The place depends on (seed, epoch) alone; what is too little for a window is left out.
    """
    turn = np.random.default_rng((seed, epoch)).integers(len(stream))
    width = steps_per_epoch(len(stream), rows, window) * window
    return np.roll(stream, -turn)[: rows * width].reshape(rows, width)


def side_by_side(stream: np.ndarray, rows: int) -> np.ndarray:
    """The stream cut into rows of like length `[rows, length]`; a last few are left out."""
    length = len(stream) // rows
    return stream[: rows * length].reshape(rows, length)


def windows(rows: np.ndarray, window: int, before: int) -> Iterator[Windows]:
    """Consecutive windows of rows `[rows, length]`, side by side; the last may be shorter.

    Args:
        rows: what is to be predicted.
        window: steps of each window.
        before: what is fed at the beginning of a row.

    Example:
        >>> first, second = windows(np.array([[5, 6, 7]]), window=2, before=0)
        >>> first.fed.tolist(), first.targets.tolist(), second.fed.tolist(), second.starts.tolist()
        ([[0, 5]], [[5, 6]], [[6]], [False])
    """
    fed = np.pad(rows[:, :-1], ((0, 0), (1, 0)), constant_values=before)
    for start in range(0, rows.shape[1], window):
        piece = slice(start, start + window)
        yield Windows(fed[:, piece], rows[:, piece], np.full(len(rows), start == 0))
