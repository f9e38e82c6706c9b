"""Strings of short examples of one author, such as single words of a speaker or letters of a writer, drawn anew."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from common.errors import FlagError


class Plan(NamedTuple):
    """Which examples follow one another.

    Attributes:
        members: indices of examples of one author.
        gaps: how much lies before each of them.
    """

    members: tuple[int, ...]
    gaps: tuple[float, ...]


def plan_strings(
    count: int,
    singles: Mapping[str, Sequence[int]],
    join: tuple[int, int],
    share: float,
    longest_gap: float,
    rng: np.random.Generator,
) -> list[Plan]:
    """Which examples are in which string: those that cannot be joined alone, the others joined.

    How many strings there are depends on the examples and the share alone.

    Args:
        count: of all examples.
        singles: those that can be joined, by author; see `singles_of`.
        join: fewest and most examples of a string; 0 0 for none.
        share: how often an example that can be joined is in a string on average.
        longest_gap: between two of them at most.
        rng: draws the author of each string, as often as there are examples of each, and its members, the same one at
            most once.
    """
    joinable = {index for indices in singles.values() for index in indices} if join != (0, 0) else set()
    plans = [Plan((index,), (0.0,)) for index in range(count) if index not in joinable]
    if not joinable:
        return plans
    groups = list(singles.values())
    counts = np.array([len(indices) for indices in groups], float)
    strings = max(round(share * len(joinable) / np.mean(join)), 1)
    for author in rng.choice(len(groups), strings, p=counts / counts.sum()):
        indices = groups[author]
        length = min(int(rng.integers(join[0], join[1] + 1)), len(indices))
        members = tuple(int(index) for index in rng.choice(indices, length, replace=False))
        plans.append(Plan(members, tuple(rng.uniform(0, longest_gap, length))))
    return plans


def singles_of(
    texts: Sequence[str], authors: Sequence[str], is_single: Callable[[str], bool]
) -> Mapping[str, list[int]]:
    """The examples whose text is a single one, by author; who is not known is one author."""
    singles: dict[str, list[int]] = defaultdict(list)
    for index, (text, author) in enumerate(zip(texts, authors, strict=True)):
        if is_single(text):
            singles[author].append(index)
    return singles


def require_join(join: tuple[int, int], noun: str) -> None:
    """Refuses numbers of joined examples that are none.

    Args:
        join: as `--join` gives it.
        noun: what is joined, such as "words".

    Raises:
        FlagError: the numbers are not 0 0, nor from 1 up with the lower one first.
    """
    lowest, highest = join
    if join != (0, 0) and not 1 <= lowest <= highest:
        raise FlagError(
            f"--join {lowest} {highest}: expected two numbers of {noun} from 1, the lower one first, or 0 0"
        )
