"""What the training music of each grid has in common, which a model is told to know."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """Music of one grid.

    Attributes:
        steps_per_quarter: of the grid.
        shares: whether two voices may share a key, as where the data tell voices apart.
        ranges: the lowest and the highest note of each voice, 0 and 0 for one that is always silent.
    """

    steps_per_quarter: int
    shares: bool
    ranges: tuple[tuple[int, int], ...]


def kinds_from(described: Iterable[Mapping[str, Any]]) -> tuple[Kind, ...]:
    """The kinds that a file describes by their fields.

    >>> kinds_from([{"steps_per_quarter": 4, "shares": True, "ranges": [[60, 81]]}])
    (Kind(steps_per_quarter=4, shares=True, ranges=((60, 81),)),)
    """
    return tuple(
        Kind(kind["steps_per_quarter"], kind["shares"], tuple((low, high) for low, high in kind["ranges"]))
        for kind in described
    )
