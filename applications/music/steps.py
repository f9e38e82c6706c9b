"""Which steps of a piece change, and how many."""

from collections.abc import Sequence

import numpy as np


def changed(notes: np.ndarray) -> np.ndarray:
    """Which steps of `[steps, voices]` differ from the one before; the first does.

    >>> changed(np.array([[60, 48], [60, 48], [62, 48]])).tolist()
    [True, False, True]
    """
    return np.concatenate([[True], np.any(notes[1:] != notes[:-1], axis=1)])[: len(notes)]


def share_of_changes(pieces: Sequence[np.ndarray]) -> float:
    """The share of the steps of pieces `[steps, voices]` that differ from the one before."""
    changes = [changed(notes) for notes in pieces]
    return float(np.mean(np.concatenate(changes))) if sum(map(len, changes)) else 0.0
