"""Which steps of a piece change."""

import numpy as np


def changed(notes: np.ndarray) -> np.ndarray:
    """Which steps of `[steps, voices]` differ from the one before; the first does.

    >>> changed(np.array([[60, 48], [60, 48], [62, 48]])).tolist()
    [True, False, True]
    """
    return np.concatenate([[True], np.any(notes[1:] != notes[:-1], axis=1)])[: len(notes)]
