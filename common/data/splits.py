"""Splits that stay the same: the part of an example follows from its text alone, or from the texts of its class."""

import hashlib
from bisect import bisect_right
from collections import Counter, defaultdict
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


def stratified_split(keys: Sequence[str], labels: Sequence[str], share: float) -> list[bool]:
    """Which examples are held out, so that each class gives its share.

    Examples of equal keys (but for case and white space) stay together, and the keys are taken in the order of their
    hashes: the order of the examples and the machine make no difference. A class gives `share` of its examples, to the
    nearest whole number, as far as examples of one key can be kept together; one that would give less than half an
    example gives none. Every class keeps an example in training. Where there are so many small classes that less than
    half of the share would be held out, the larger of them give one each; and if nothing could be held out so, one key
    is.

    Args:
        keys: one per example, such as its text or its speaker.
        labels: one per example.
        share: of the examples that is to be held out, from 0 to 1.

    Raises:
        ValueError: the share lies outside 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"held out: {share:g}; expected a share between 0 and 1")
    hashes = [_hash(key) for key in keys]
    groups: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for one, label in zip(hashes, labels, strict=True):
        groups[one][label] += 1
    trained_on = Counter(label for group in groups.values() for label in group)
    wanted = _quotas(Counter(labels), trained_on, share)
    held: Counter[str] = Counter()

    def gain(one: int) -> int:
        """How much nearer the classes come to what is wanted of them."""
        far = ((wanted[label] - held[label], count) for label, count in groups[one].items())
        return sum(abs(left) - abs(left - count) for left, count in far)

    def is_free(one: int) -> bool:
        return all(trained_on[label] > 1 for label in groups[one])

    chosen = set()
    for one in sorted(groups):
        if gain(one) > 0 and is_free(one):
            chosen.add(one)
            held.update(groups[one])
            trained_on.subtract(groups[one].keys())
    if not chosen and share > 0:
        chosen = set(sorted(filter(is_free, sorted(groups)), key=gain, reverse=True)[:1])
    return [one in chosen for one in hashes]


def keeps_shares(held: Sequence[bool], labels: Sequence[str], share: float) -> bool:
    """Whether a split leaves every class in training, and holds out of each between half and one and a half times its
    share, but at least one example where that is due."""
    counts = Counter(labels)
    of_class = Counter(label for label, is_held in zip(labels, held, strict=True) if is_held)

    def is_near(label: str, count: int) -> bool:
        wanted = count * share
        least = max(wanted / 2, 1) if wanted >= 0.5 else 0
        return least <= of_class[label] <= max(1.5 * wanted, 1) and of_class[label] < count

    return all(is_near(label, count) for label, count in counts.items())


def held_out(keys: Sequence[str], labels: Sequence[str], share: float) -> list[bool]:
    """Which examples are held out, those of equal keys together.

    As the hashes of the keys have it (see `stable_split`), so that data may grow without an example changing sides;
    where a class is then far from its share, as `stratified_split` has it.

    Args:
        keys: one per example, such as its writer or its speaker.
        labels: one per example; "" each where there are no classes.
        share: of the examples that is to be held out, from 0 to 1.
    """
    held = [part == "held" for part in stable_split(keys, {"held": share, "rest": 1 - share})]
    return held if keeps_shares(held, labels, share) else stratified_split(keys, labels, share)


def _quotas(counts: Mapping[str, int], keys: Mapping[str, int], share: float) -> dict[str, int]:
    """How many examples each class is to give.

    Args:
        counts: examples of each class.
        keys: different keys of each class; of a single one nothing can be held out.
        share: that is held out.
    """
    quotas = {label: int(count * share + 0.5) if keys[label] > 1 else 0 for label, count in counts.items()}
    missing = int(sum(counts.values()) * share + 0.5) - sum(quotas.values())
    if missing > sum(quotas.values()):
        small = (label for label in counts if not quotas[label] and keys[label] > 1)
        larger_first = sorted(small, key=lambda label: (-counts[label], label))
        quotas |= dict.fromkeys(larger_first[:missing], 1)
    return quotas


def _hash(text: str) -> int:
    # The byte in front is there since the first split: without it examples would change sides.
    data = ("\0" + " ".join(text.casefold().split())).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
