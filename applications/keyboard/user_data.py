"""What a user may do with what a keyboard knows of them: see, export, block, forget. Pure functions on arrays.

Imports neither Keras nor TensorFlow.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from applications.keyboard.user_file import Base, User, new_user
from applications.keyboard.user_state import (
    KINDS,
    NONE,
    OWN_SIGHTINGS,
    SIGHTING,
    SINCE_STEP,
    WORD_BYTES,
    UserState,
    unit_at,
)
from applications.keyboard.word_numbers import END, FIRST_WORD, NUMBER, UNKNOWN, folded
from common.errors import UserError

_RUNGS = ("silent", "offered", "own")
_CLASSES = {UNKNOWN: "(unknown)", NUMBER: "(number)", END: "(line end)"}
_PER_WORD = ("lexicon_words", "lexicon_sightings", "lexicon_required", "lexicon_since", "lexicon_used")
_PER_COUNT = ("count_contexts", "count_words", "counts", "count_since")
_PER_CACHED = ("cache_keys", "cache_scales", "cache_words")


def knowledge(user: User, base: Base) -> dict[str, Any]:
    """All that a keyboard knows of its user, as values of JSON: words, what follows what, and the last words.

    Each of `words` has its `rung`: "silent" until it was typed twice (three times if it looks like a typing error),
    then "offered", and "own" from three times on.
    """
    state = user.state
    spelled = _spelling(state, base)
    unit = unit_at(int(state.clock))
    counted = sorted(
        (
            {
                "after": " ".join(spelled(number) for number in context if number != NONE),
                "word": spelled(word),
                "count": round(count / unit, 2),
            }
            for context, word, count in zip(
                state.count_contexts, state.count_words, state.counts, strict=True
            )
            if count > 0
        ),
        key=lambda one: (-one["count"], one["after"], one["word"]),
    )
    return {
        "words_typed": int(state.clock),
        "words": sorted(
            (
                {
                    "word": word.decode(),
                    "times": count / SIGHTING,
                    "rung": rung(int(count), int(required)),
                }
                for word, count, required in zip(
                    state.lexicon_words, state.lexicon_sightings, state.lexicon_required, strict=True
                )
                if count
            ),
            key=lambda one: (-one["times"], one["word"]),
        ),
        "follow": counted,
        "last_words": [spelled(state.cache_words[slot]) for slot in cached_slots(state)],
        "preferred": {
            spelled(number): int(state.bias[number]) for number in np.flatnonzero(np.asarray(state.bias))
        },
        "blocked": [word.decode() for word in state.blocked if word],
        "times": [list(pair) for pair in user.times],
    }


def rung(halves: int, required: int) -> str:
    """Of a word of the lexicon, from its sightings in halves and how many it takes until it is suggested."""
    is_offered = halves >= SIGHTING * required
    return _RUNGS[is_offered + (is_offered and halves >= SIGHTING * OWN_SIGHTINGS)]


def export(user: User, base: Base) -> str:
    """All that a keyboard knows of its user, as JSON that a person can read."""
    return json.dumps(knowledge(user, base), ensure_ascii=False, indent=2) + "\n"


def block(user: User, word: str) -> User:
    """A user to whom a word is never suggested.

    Raises:
        UserError: it is no word, or too many are blocked.
    """
    key, blocked = folded(word).encode(), user.state.blocked.copy()
    if not is_one_word(word):
        raise UserError(f"{word!r:.60}: expected one word of at most {WORD_BYTES} bytes to block")
    if key in blocked:
        return user
    free = np.flatnonzero(blocked == b"")
    if not free.size:
        raise UserError(f"{word!r:.60}: expected at most {len(blocked)} blocked words; unblock one first")
    blocked[free[0]] = key
    return user._replace(state=user.state._replace(blocked=blocked))


def is_one_word(word: str) -> bool:
    """Whether it is a word that a keyboard may know."""
    return 0 < len(folded(word).encode()) <= WORD_BYTES and not re.search(r"\s", word)


def unblock(user: User, word: str) -> User:
    """A user to whom a word may be suggested again."""
    blocked = [one for one in user.state.blocked if one and one != folded(word).encode()]
    return user._replace(state=user.state._replace(blocked=_strings(blocked, len(user.state.blocked))))


def forget(user: User, word: str, base: Base) -> User:
    """A user who never typed a word, nor one that it is a part of, as in "Zoe's" or "Zoe-Marie".

    What was typed before and after it is not known to be so any more. If it was blocked, it is so no longer.
    """
    key, state = folded(word), user.state

    def is_it(one: str) -> bool:
        return key in (one, *re.split(r"['-]", one))

    numbers = [FIRST_WORD + place for place, one in enumerate(base.words) if folded(one) == key]
    numbers += [
        base.sizes.words + slot
        for slot, one in enumerate(state.lexicon_words)
        if one and is_it(folded(one.decode()))
    ]
    blocked = [one for one in state.blocked if one and not is_it(one.decode())]
    state = _without_words(state, numbers, base)
    return user._replace(state=state._replace(blocked=_strings(blocked, len(state.blocked))))


def forget_since(user: User, time: float, base: Base) -> User:
    """A user of whom nothing is known that came up since a time, in seconds since 1970.

    What was known before stays, with what it counts now; which suggestions were accepted is forgotten as a whole, since
    it is not known when. Blocked words stay blocked.
    """
    clock = next((before for earlier, before in user.times if earlier >= time), None)
    if clock is None:
        return user
    state = user.state
    empty = new_user(base).state
    is_new = np.asarray((state.lexicon_sightings > 0) & (state.lexicon_since > clock))
    state = _without_words(state, base.sizes.words + np.flatnonzero(is_new), base)
    is_late = (state.counts > 0) & (state.count_since >= min(clock // SINCE_STEP, np.iinfo(np.uint16).max))
    # At most one word was cached for each word typed since.
    late = cached_slots(state)[::-1][: int(state.clock) - clock]
    state = _emptied(_emptied(state, _PER_COUNT, is_late), _PER_CACHED, np.asarray(late, int))
    state = state._replace(
        lexicon_used=np.minimum(state.lexicon_used, clock).astype(np.int32),
        bias=empty.bias,
        passed=empty.passed,
        recent=empty.recent,
        context=np.full(2, UNKNOWN, np.int32),
    )
    return User(state, tuple(pair for pair in user.times if pair[1] < clock))


def forget_all(base: Base) -> User:
    """A user of whom nothing is known."""
    return new_user(base)


def _spelling(state: UserState, base: Base) -> Any:
    def spelled(number: int) -> str:
        if number >= base.sizes.words:
            return str(state.lexicon_words[number - base.sizes.words].decode())
        return _CLASSES.get(int(number)) or base.words[number - FIRST_WORD]

    return spelled


def cached_slots(state: UserState) -> list[int]:
    """The slots of the cache in use, the oldest first."""
    size = len(state.cache_words)
    return [
        slot
        for slot in ((int(state.cached) + k) % size for k in range(size))
        if state.cache_words[slot] != NONE
    ]


def _strings(words: Iterable[bytes], slots: int) -> np.ndarray:
    array = np.full(slots, b"", object)
    for slot, word in enumerate(words):
        array[slot] = word
    return array


def _emptied(state: UserState, names: Iterable[str], slots: Any) -> UserState:
    """The state with some slots of some tensors empty."""
    changed = {}
    for name in names:
        changed[name] = getattr(state, name).copy()
        changed[name][slots] = KINDS[name].empty
    return state._replace(**changed)


def _without_words(state: UserState, numbers: Any, base: Base) -> UserState:
    """The state without any trace of some words."""
    numbers = np.asarray(numbers, int)
    own = numbers[numbers >= base.sizes.words] - base.sizes.words
    state = _emptied(state, _PER_WORD, own)
    is_counted = np.isin(state.count_words, numbers) | np.isin(state.count_contexts, numbers).any(axis=1)
    state = _emptied(state, _PER_COUNT, is_counted)
    state = _emptied(state, _PER_CACHED, np.isin(state.cache_words, numbers))
    state = _emptied(state, ["bias"], numbers)
    state = _emptied(state, ["passed"], np.isin(state.passed[:, :3], numbers).any(axis=1))
    recent = state.recent.copy()
    recent[np.isin(recent[:, 0], numbers)] = [UNKNOWN, UNKNOWN, UNKNOWN, 0, 0, 0, 0, NONE]
    recent[:, 1:3][np.isin(recent[:, 1:3], numbers)] = UNKNOWN
    context = np.where(np.isin(state.context, numbers), UNKNOWN, state.context).astype(np.int32)
    # What the network remembers cannot be taken apart into words.
    return state._replace(recent=recent, context=context, network=np.zeros_like(state.network))
