"""Piano rolls: how many voices sound each key at each step, and the notes of each step for so many voices."""

import numpy as np

from applications.music.piece import HIGHEST, KEYS, LOWEST, SILENCE

RANGE = f"{LOWEST} to {HIGHEST}"
"""MIDI numbers of its keys, for messages."""


def roll_of(steps: np.ndarray, notes: np.ndarray, count: int) -> np.ndarray:
    """The roll of notes that each sound at one step.

    Args:
        steps: `[notes]`, the index of each note's step.
        notes: `[notes]`, MIDI numbers from `LOWEST` to `HIGHEST`.
        count: of the steps.

    Returns:
        How many voices sound each key, the lowest first: int32 `[steps, keys]`.
    """
    places = np.asarray(steps, np.int64) * KEYS + np.asarray(notes, np.int64) - LOWEST
    return np.bincount(places, minlength=count * KEYS).astype(np.int32).reshape(count, KEYS)


def notes_of(roll: np.ndarray, voices: int | None = None) -> tuple[np.ndarray, int]:
    """The notes of each step of a roll, the highest first.

    Where more sound than there are voices, those of equal pitch are one; and if there are still too many, the lowest
    stays beside the highest ones, or the highest alone where there is a single voice.

    >>> notes, left_out = notes_of(roll_of(np.array([0, 0, 0, 2]), np.array([60, 64, 67, 60]), 3), 2)
    >>> notes.tolist(), left_out
    ([[67, 60], [0, 0], [60, 0]], 1)

    Args:
        roll: int32 `[steps, keys]`, how many voices sound each key, the lowest first.
        voices: as many as sound at once at most, unless given.

    Returns:
        MIDI numbers, int32 `[steps, voices]`, 0 where a voice has no note; and how many notes are left out.
    """
    if voices is None:
        voices = max(1, int(roll.sum(axis=1).max(initial=0)))
    is_crowded = roll.sum(axis=1) > voices
    counts = np.where(is_crowded[:, None], np.minimum(roll, 1), roll)[:, ::-1]
    step, key = np.nonzero(counts)
    step, key = (np.repeat(places, counts[step, key]) for places in (step, key))
    sounding = counts.sum(axis=1)
    rank = np.arange(len(step)) - (np.cumsum(sounding) - sounding)[step]
    is_kept = rank < max(voices - 1, 1)
    if voices > 1:
        is_kept |= rank == sounding[step] - 1
    notes = np.zeros((len(roll), voices), np.int32)
    notes[step[is_kept], np.minimum(rank, voices - 1)[is_kept]] = HIGHEST - key[is_kept]
    return notes, int((~is_kept).sum())


def with_voices(notes: np.ndarray, voices: int) -> tuple[np.ndarray, int]:
    """The notes for more voices or fewer; see `notes_of`.

    Args:
        notes: `[steps, voices]`, MIDI numbers from `LOWEST` to `HIGHEST`, 0 where a voice has no note.
        voices: that are wanted.
    """
    sounding = notes > SILENCE
    return notes_of(roll_of(np.nonzero(sounding)[0], notes[sounding], len(notes)), voices)


def beyond_voices(voices: int, count: int) -> dict[str, int]:
    """What is left out for want of voices, to be counted by its reason; nothing if there is none.

    >>> beyond_voices(4, 2), beyond_voices(4, 0)
    ({'notes beyond 4 at once': 2}, {})
    """
    return {f"notes beyond {voices} at once": count} if count else {}
