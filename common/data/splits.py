"""Splits that stay the same: the part of an example follows from its text alone."""

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

_HASHES = 2**64


def stable_split(texts: Sequence[str], fractions: Mapping[str, float]) -> list[str]:
    """Assigns each text to one of the parts by a hash of the text.

    The order of the texts, the machine, and what else is in the data make no difference, so a data set may grow without
    an example changing sides. Texts that differ only in case or white space fall on the same side, so no part holds a
    duplicate of another's. The sizes of the parts come near the fractions as the number of texts grows.

    Args:
        texts: one text per example.
        fractions: from the name of each part to its share; the shares add up to 1. Their order matters.

    Returns:
        The name of a part for each text.

    Raises:
        ValueError: a share lies outside 0 to 1, or they do not add up to 1.
    """
    shares = list(fractions.values())
    if not all(0 <= share <= 1 for share in shares) or abs(sum(shares) - 1) > 1e-9:
        shown = ", ".join(f"{name} {share:g}" for name, share in fractions.items())
        raise ValueError(f"parts of the data: {shown}; expected shares between 0 and 1 that add up to 1")
    names = [name for name, share in fractions.items() if share > 0]
    bounds = [share * _HASHES for share in accumulate(share for share in shares if share > 0)][:-1]
    return [names[bisect_right(bounds, _hash(text))] for text in texts]


def _hash(text: str) -> int:
    # The byte in front is there since the first split: without it examples would change sides.
    data = ("\0" + " ".join(text.casefold().split())).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
