"""What a keyboard knows of one user on two devices, together. Imports neither Keras nor TensorFlow."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from applications.keyboard.user_data import cached_slots
from applications.keyboard.user_file import Base, User, joined_times
from applications.keyboard.user_state import (
    LEAST_COUNT,
    MOST_BIAS,
    MOST_COUNT,
    MOST_SIGHTINGS,
    NONE,
    SINCE_STEP,
    UserState,
    empty_state,
    unit_at,
)
from applications.keyboard.word_numbers import UNKNOWN, folded
from common.errors import UserError

_DROPPED = -2


class _Word(NamedTuple):
    word: bytes
    sightings: int
    required: int
    since: int
    used: int


def merge(user: User, other: User, base: Base) -> User:
    """What is known of one user on two devices, together.

    Counts and sightings add up; where there is no room for all, the largest counts, the words used last and the last of
    the cached words stay. What was typed last cannot be taken back any more. A file that is merged twice counts twice.

    Raises:
        UserError: more words are blocked than there is room for.
    """
    states = (user.state, other.state)
    clock = max(int(state.clock) for state in states)
    merged = empty_state(base.sizes)
    numbers = _merge_lexicons(merged, states, clock, base)
    _merge_counts(merged, states, numbers, clock)
    cached = _merge_caches(merged, states, numbers)
    for state, renumbered in zip(states, numbers, strict=True):
        for number in np.flatnonzero(state.bias):
            if (now := renumbered[number]) != _DROPPED:
                steps = int(merged.bias[now]) + int(state.bias[number])
                merged.bias[now] = np.clip(steps, -MOST_BIAS, MOST_BIAS)
    blocked = sorted({word for state in states for word in state.blocked if word})
    if len(blocked) > base.sizes.blocked:
        raise UserError(f"{len(blocked)} blocked words in both files: expected at most {base.sizes.blocked}")
    merged.blocked[: len(blocked)] = blocked
    context = np.maximum(numbers[0][user.state.context], UNKNOWN).astype(np.int32)
    state = merged._replace(context=context, clock=np.int32(clock), cached=np.int32(cached))
    return User(state, _merged_times((user, other), clock))


def _at(state: UserState, then: int, clock: int) -> int:
    """A time of one device in words of both: as long ago."""
    return max(clock - (int(state.clock) - int(then)), 0)


def _merge_lexicons(
    merged: UserState, states: Sequence[UserState], clock: int, base: Base
) -> list[np.ndarray]:
    """Fills the lexicon, the first one's words in their slots; gives the new number of each number of each state."""
    words: dict[str, _Word] = {}
    for state in states:
        for slot in np.flatnonzero(state.lexicon_sightings).tolist():
            new = _Word(
                state.lexicon_words[slot],
                int(state.lexicon_sightings[slot]),
                int(state.lexicon_required[slot]),
                _at(state, state.lexicon_since[slot], clock),
                _at(state, state.lexicon_used[slot], clock),
            )
            key = folded(new.word.decode())
            old = words.get(key, _Word(new.word, 0, 0, new.since, 0))
            words[key] = _Word(
                old.word,
                min(old.sightings + new.sightings, MOST_SIGHTINGS),
                max(old.required, new.required),
                min(old.since, new.since),
                max(old.used, new.used),
            )
    ranked = sorted(words, key=lambda key: (-words[key].used, -words[key].sightings, key))
    remaining = set(ranked[: base.sizes.lexicon])
    slots = {
        key: slot
        for slot, word in enumerate(states[0].lexicon_words)
        if (key := folded(word.decode())) in remaining
    }
    taken = {*slots.values()}
    free = (slot for slot in range(base.sizes.lexicon) if slot not in taken)
    slots |= dict(zip((key for key in ranked if key in remaining - slots.keys()), free, strict=False))
    for key, slot in slots.items():
        for name, value in words[key]._asdict().items():
            name = "words" if name == "word" else name
            getattr(merged, f"lexicon_{name}")[slot] = value
    return [_renumbered(state, slots, base) for state in states]


def _renumbered(state: UserState, slots: dict[str, int], base: Base) -> np.ndarray:
    own = [
        base.sizes.words + slots[key] if (key := folded(word.decode())) in slots else _DROPPED
        for word in state.lexicon_words
    ]
    # Indexed with `NONE`, the last one: no word stays no word.
    return np.array([*range(base.sizes.words), *own, NONE], np.int32)


def _merge_counts(
    merged: UserState, states: Sequence[UserState], numbers: Sequence[np.ndarray], clock: int
) -> None:
    counts: dict[tuple[int, ...], list[float]] = {}
    places: dict[tuple[int, ...], int] = {}
    for state, renumbered in zip(states, numbers, strict=True):
        for slot in np.flatnonzero(state.counts).tolist():
            triple = np.append(state.count_contexts[slot], state.count_words[slot])
            key = tuple(renumbered[triple].tolist())
            if _DROPPED in key:
                continue
            since = _at(state, int(state.count_since[slot]) * SINCE_STEP, clock) // SINCE_STEP
            count = int(state.counts[slot]) * unit_at(clock) / unit_at(int(state.clock))
            old = counts.get(key, [0.0, since])
            counts[key] = [old[0] + count, min(old[1], since)]
            if state is states[0]:
                places[key] = slot
    ranked = sorted(counts, key=lambda key: (-counts[key][0], -counts[key][1], key))
    ranked = [key for key in ranked if counts[key][0] >= LEAST_COUNT][: len(merged.counts)]
    taken = {places[key] for key in ranked if key in places}
    free = iter([slot for slot in range(len(merged.counts)) if slot not in taken])
    for key in ranked:
        slot = places[key] if key in places else next(free)
        merged.count_contexts[slot], merged.count_words[slot] = key[:2], key[2]
        merged.counts[slot] = min(round(counts[key][0]), MOST_COUNT)
        merged.count_since[slot] = min(counts[key][1], np.iinfo(np.uint16).max)


def _merge_caches(merged: UserState, states: Sequence[UserState], numbers: Sequence[np.ndarray]) -> int:
    """Fills the cache with the last words of both, one of each in turn; tells how many there are."""

    def newest_first() -> Iterator[tuple[int, int, UserState, int, int]]:
        for order, (state, renumbered) in enumerate(zip(states, numbers, strict=True)):
            for age, slot in enumerate(reversed(cached_slots(state))):
                if (number := renumbered[state.cache_words[slot]]) != _DROPPED:
                    yield age, order, state, slot, int(number)

    entries = sorted(newest_first(), key=lambda entry: entry[:2])[: len(merged.cache_words)]
    for place, (_, _, state, slot, number) in enumerate(reversed(entries)):
        merged.cache_words[place] = number
        merged.cache_keys[place], merged.cache_scales[place] = (
            state.cache_keys[slot],
            state.cache_scales[slot],
        )
    return len(entries)


def _merged_times(users: Sequence[User], clock: int) -> tuple[tuple[int, int], ...]:
    """The times of both; what either typed since a time counts as typed since then."""

    def before(user: User, time: int) -> int:
        then = next((words for earlier, words in user.times if earlier >= time), int(user.state.clock))
        return _at(user.state, then, clock)

    times = sorted({time for user in users for time, _ in user.times})
    return joined_times([(time, min(before(user, time) for user in users)) for time in times])
