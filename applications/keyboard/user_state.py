"""What a keyboard knows of its user: a fixed set of tensors, the same in the graph, in requests and in the user's file.

A word of the base vocabulary has its number there, below `Sizes.words`; a word that only the user has is in the lexicon
and has the number `Sizes.words` + its slot. Imports neither Keras nor TensorFlow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from applications.keyboard.word_numbers import END

NONE = -1
"""Stands for no word: in an empty slot, and in a context that is shorter than two words."""

SIGHTING = 2
"""What one sighting of a word of the lexicon counts: these counts are halves."""

HALF_LIFE = 10_000
"""Words after which a count is worth half."""

UNITS = np.round(256 * 2 ** (np.arange(64) / 64)).astype(np.int32)
"""What a word adds to a count, by the time since the counts were last halved, in 64ths of `HALF_LIFE`.

Counts are whole numbers. A later word adds more instead of every count shrinking with every word, so that a count in
the slot is true in proportion at any time, and all are halved together once in `HALF_LIFE` words.
"""

OWN_SIGHTINGS = 3
"""From so many on, a word of the lexicon is the user's own."""

MOST_COUNT = 60_000
LEAST_COUNT = 16
"""The bounds of a count in a slot; one that is halved to less than `LEAST_COUNT` is forgotten."""

MOST_SIGHTINGS = 60_000
WORD_BYTES = 48
"""A longer word is not learned."""

RECENT, PASSED, TIMES = 20, 48, 64
"""How many words can be unlearned, how many words passed over are remembered, and how many times of day."""

BIAS_STEP, MOST_BIAS = 0.05, 20
"""What a suggestion that is accepted adds to its word's score in the base, and how many of these steps there can be."""

SINCE_STEP = 64
"""A count knows when it began to so many words."""

FILE_BYTES = 256 * 1024
HEADER_BYTES = 4096
"""The bound of a user's file, and what is set aside in it for its header."""


def unit_place(clock: Any) -> Any:
    """Where in `UNITS` it stands what a word adds to a count at a time, a number or a tensor."""
    return clock % HALF_LIFE * len(UNITS) // HALF_LIFE


def unit_at(clock: int) -> int:
    """What a word adds to a count at a time."""
    return int(UNITS[unit_place(clock)])


class Choice(IntEnum):
    """What happened to a word.

    Attributes:
        NOTHING: padding.
        TYPED: it was typed, and what ends a word after it.
        ACCEPTED: it was suggested, or shown as typed, and accepted. Counts twice.
        PASSED_OVER: it was suggested after the last two words, and something else is typed. It is not in the text.
        DELETED: it was typed before, and was deleted at once or replaced by what follows: what it added is taken away.
        PRIVATE: it was typed where nothing may be learned.
    """

    NOTHING = 0
    TYPED = 1
    ACCEPTED = 2
    PASSED_OVER = 3
    DELETED = 4
    PRIVATE = 5


class Event(NamedTuple):
    """What became of a piece of text.

    Attributes:
        text: one or more words, each complete; the end of a line is "\\n".
        choice: what happened to all of them.
    """

    text: str
    choice: Choice = Choice.TYPED


class UserState(NamedTuple):
    """The tensors; in the graph and in requests, each has the batch as a further first dimension.

    Attributes:
        lexicon_words: string `[lexicon]`, the user's own words as they are spelled, "" in an empty slot.
        lexicon_sightings: int32 `[lexicon]`, how often each was typed, in halves; 0 in an empty slot.
        lexicon_required: int32 `[lexicon]`, how many sightings it takes until it is suggested.
        lexicon_since: int32 `[lexicon]`, the clock when it was first typed.
        lexicon_used: int32 `[lexicon]`, the clock when it was last typed.
        cache_keys: int8 `[cache, width]`, the queries before the last words typed, scaled.
        cache_scales: float32 `[cache]`, with which they are multiplied; 0 in an empty slot.
        cache_words: int32 `[cache]`, the word that followed, or `NONE`.
        count_contexts: int32 `[counts, 2]`, the word before the last and the last; `NONE` for a shorter context.
        count_words: int32 `[counts]`, the word that followed, or `NONE`.
        counts: int32 `[counts]`, how often, see `UNITS`; 0 in an empty slot.
        count_since: int32 `[counts]`, when it first did, in `SINCE_STEP` words.
        bias: int8 `[numbers]`, steps by which the base's score of a word is too low.
        blocked: string `[blocked]`, the words never to be suggested, folded; "" in an empty slot.
        passed: int32 `[PASSED, 4]`, suggestions passed over, the newest first: context, word, times.
        recent: int32 `[RECENT, 8]`, what the last words added, the newest first, see `RECENT_FIELDS`.
        context: int32 `[2]`, the last two words.
        network: float32 `[network]`, the base's states and its query after all that was typed; 0 at the beginning.
        clock: int32 `[]`, how many words were typed so far.
        cached: int32 `[]`, how many were written to the cache; the next one goes to this slot, modulo their number.
    """

    lexicon_words: Any
    lexicon_sightings: Any
    lexicon_required: Any
    lexicon_since: Any
    lexicon_used: Any
    cache_keys: Any
    cache_scales: Any
    cache_words: Any
    count_contexts: Any
    count_words: Any
    counts: Any
    count_since: Any
    bias: Any
    blocked: Any
    passed: Any
    recent: Any
    context: Any
    network: Any
    clock: Any
    cached: Any


RECENT_FIELDS = ("word", "before", "last", "count", "sightings", "used", "bias", "cache_slot")
"""What a word typed lately was, which two stood before it, what it added to the counts, to its sightings and to its
bias, when it had been used before, and its slot in the cache or `NONE`."""


class Kind(NamedTuple):
    """How a tensor is kept.

    Attributes:
        dtype: in memory and in requests; `object` for strings of bytes.
        stored: in the file; `object` for strings with their lengths.
        empty: in a slot that holds nothing.
    """

    dtype: type
    stored: type
    empty: Any


_WORDS = Kind(np.int32, np.uint16, NONE)
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "lexicon_words": Kind(object, object, b""),
        "lexicon_sightings": Kind(np.int32, np.uint16, 0),
        "lexicon_required": Kind(np.int32, np.uint8, 0),
        "lexicon_since": Kind(np.int32, np.int32, 0),
        "lexicon_used": Kind(np.int32, np.int32, 0),
        "cache_keys": Kind(np.int8, np.int8, 0),
        "cache_scales": Kind(np.float32, np.float32, 0),
        "cache_words": _WORDS,
        "count_contexts": _WORDS,
        "count_words": _WORDS,
        "counts": Kind(np.int32, np.uint16, 0),
        "count_since": Kind(np.int32, np.uint16, 0),
        "bias": Kind(np.int8, np.int8, 0),
        "blocked": Kind(object, object, b""),
        "passed": Kind(np.int32, np.int32, NONE),
        "recent": Kind(np.int32, np.int32, NONE),
        "context": Kind(np.int32, np.int32, END),
        "network": Kind(np.float32, np.float32, 0),
        "clock": Kind(np.int32, np.int32, 0),
        "cached": Kind(np.int32, np.int32, 0),
    }
)


@dataclass(frozen=True)
class Sizes:
    """How large a user's state is.

    Example:
        >>> sizes = Sizes.fitting(words=15_003, width=160, network=864)
        >>> sizes.cache, sizes.file_bytes <= 256 * 1024 < replace(sizes, cache=sizes.cache + 1).file_bytes
        (143, True)

    Attributes:
        words: numbers of words of the base, those of `UNKNOWN`, `NUMBER` and `END` among them.
        width: of its queries.
        network: numbers in its states and a query.
        lexicon: words that only the user has.
        cache: last words whose queries are kept.
        counts: pairs of a context and a word that are counted.
        blocked: words that are never to be suggested.
    """

    words: int
    width: int
    network: int
    lexicon: int = 1280
    cache: int = 512
    counts: int = 13_312
    blocked: int = 64

    def __post_init__(self) -> None:
        if self.cache < RECENT or self.numbers >= np.iinfo(np.uint16).max:
            raise ValueError(f"expected a cache of {RECENT} or more and fewer than 65535 words, got {self}")

    @classmethod
    def fitting(cls, words: int, width: int, network: int) -> "Sizes":
        """The sizes of a file of at most `FILE_BYTES`: the cache has what the others leave.

        Raises:
            ValueError: they leave less than it needs.
        """
        least = cls(words, width, network, cache=RECENT)
        return replace(least, cache=RECENT + (FILE_BYTES - least.file_bytes) // (width + 6))

    @property
    def numbers(self) -> int:
        """Numbers of words, the user's own among them."""
        return self.words + self.lexicon

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of each tensor, without the batch."""
        return {
            **dict.fromkeys((name for name in KINDS if name.startswith("lexicon_")), (self.lexicon,)),
            "cache_keys": (self.cache, self.width),
            "cache_scales": (self.cache,),
            "cache_words": (self.cache,),
            "count_contexts": (self.counts, 2),
            "count_words": (self.counts,),
            "counts": (self.counts,),
            "count_since": (self.counts,),
            "bias": (self.numbers,),
            "blocked": (self.blocked,),
            "passed": (PASSED, 4),
            "recent": (RECENT, len(RECENT_FIELDS)),
            "context": (2,),
            "network": (self.network,),
            "clock": (),
            "cached": (),
        }

    @property
    def file_bytes(self) -> int:
        """What a file of full tensors has at most, its header included."""

        def item(kind: Kind) -> int:
            return 1 + WORD_BYTES if kind.stored is object else np.dtype(kind.stored).itemsize

        return HEADER_BYTES + sum(
            int(np.prod(self.shapes[name])) * item(kind) for name, kind in KINDS.items()
        )


def empty_state(sizes: Sizes) -> UserState:
    """The state of a user who has typed nothing yet, as arrays without a batch."""
    return UserState(
        **{name: np.full(sizes.shapes[name], kind.empty, kind.dtype) for name, kind in KINDS.items()}
    )


def stacked(*states: UserState) -> UserState:
    """The states of several users as one batch."""
    return UserState(*(np.stack(arrays) for arrays in zip(*states, strict=True)))


def row(states: UserState, index: int) -> UserState:
    """The state of one user of a batch."""
    return UserState(*(np.asarray(array)[index] for array in states))
