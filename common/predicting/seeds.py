"""Seeds of random choices, as users give them, or fresh ones that they are told."""

import secrets
from collections.abc import Iterable
from typing import Any

import numpy as np

from common.checks import require_integer
from common.errors import FlagError
from common.predicting.script import hint

MOST_SEED = int(np.iinfo(np.int32).max)
"""The highest seed."""

_LEAST_SEED = int(np.iinfo(np.int32).min)
_FRESH_SEEDS = 1_000_000


def checked_seeds(seed: Any, count: int, rows: str, row: str) -> list[int]:
    """One seed for each row, of one seed or a list of them.

    >>> checked_seeds(7, 2, "pieces", "piece"), checked_seeds([7, 8], 2, "pieces", "piece")
    ([7, 7], [7, 8])

    Args:
        seed: as given.
        count: of the rows.
        rows: what they are called.
        row: what one is called.

    Raises:
        FlagError: there are more or fewer, or one is no whole number in range.
    """
    if isinstance(seed, str) or not isinstance(seed, Iterable):
        return [checked_seed(seed)] * count
    seeds = [checked_seed(one) for one in seed]
    if len(seeds) != count:
        raise FlagError(f"--seed: {len(seeds)} seeds for {count} {rows}; expected one, or one for each {row}")
    return seeds


def checked_seed(seed: Any, most: int = MOST_SEED) -> int:
    """The seed.

    Args:
        seed: as given.
        most: the highest one that is possible.

    Raises:
        FlagError: it is no whole number in range.
    """
    require_integer(seed=seed)
    if not _LEAST_SEED <= seed <= most:
        raise FlagError(f"--seed {seed}: expected from {_LEAST_SEED} to {most}")
    return int(seed)


def seed_or_fresh(seed: int | None, is_random: bool) -> int:
    """The seed that is given, or else a fresh one, which is told on standard error.

    Args:
        seed: as given.
        is_random: whether anything depends on it; else it is not told.
    """
    if seed is not None:
        return seed
    fresh = secrets.randbelow(_FRESH_SEEDS)
    if is_random:
        hint(f"--seed {fresh}")
    return fresh
