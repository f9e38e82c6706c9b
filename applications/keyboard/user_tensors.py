"""Elementary changes of one user's state, in the graph: what the learning rules are made of.

All work on the state of one user, without a batch.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from applications.keyboard.user_state import (
    KINDS,
    LEAST_COUNT,
    MOST_BIAS,
    MOST_COUNT,
    NONE,
    OWN_SIGHTINGS,
    SIGHTING,
    SINCE_STEP,
    UNITS,
    Sizes,
    UserState,
    unit_place,
)
from applications.keyboard.word_numbers import UNKNOWN

_KEEPING_OFFERED, _KEEPING_OWN = 5_000, 20_000
"""For how many words longer than a silent word an offered one and an own one stay in a full lexicon."""


class Memory(NamedTuple):
    """A user's state, and the words of its lexicon as they are compared.

    Attributes:
        state: of one user.
        folded: string `[lexicon]`, "" in an empty slot.
    """

    state: UserState
    folded: tf.Tensor


def state_specs(sizes: Sizes) -> UserState:
    """The types and shapes of one user's state."""
    kinds = {
        name: tf.string if kind.dtype is object else tf.as_dtype(kind.dtype) for name, kind in KINDS.items()
    }
    return UserState(**{name: tf.TensorSpec(sizes.shapes[name], kind) for name, kind in kinds.items()})


def mapped(function: Callable[[Any], Any], rows: Any, kinds: Any) -> Any:
    """`tf.map_fn` of rows whose results have a time dimension; a batch without rows is none too.

    Args:
        function: of one row of each tensor.
        rows: tensors `[batch, ...]`.
        kinds: the types and shapes of what the function returns.
    """
    batch = tf.shape(tf.nest.flatten(rows)[0])[0]
    # Where there is no row, nothing says how long the results are.
    added = tf.cast(batch == 0, tf.int32)

    def with_a_row(values: tf.Tensor) -> tf.Tensor:
        row = tf.zeros(tf.concat([[added], tf.shape(values)[1:]], axis=0), values.dtype)
        return tf.concat([values, row], axis=0)

    results = tf.map_fn(function, tf.nest.map_structure(with_a_row, rows), fn_output_signature=kinds)
    return tf.nest.map_structure(lambda values: values[:batch], results)


def changed_if(holds: tf.Tensor, change: Callable[[], Memory], memory: Memory) -> Memory:
    """What a change makes of the memory if something holds, else the memory as it is."""
    changed: Memory = tf.cond(holds, change, lambda: memory)
    return changed


def unit_at(clock: tf.Tensor) -> tf.Tensor:
    """What a word adds to a count at a time."""
    return tf.gather(tf.constant(UNITS), unit_place(clock))


def put(values: tf.Tensor, place: tf.Tensor, value: Any) -> tf.Tensor:
    """`values` with another one at `place` `[]` of the first dimension."""
    return tf.tensor_scatter_nd_update(values, [[place]], [tf.cast(value, values.dtype)])


def first(holds: tf.Tensor) -> tf.Tensor:
    """The first place at which it holds, 0 if there is none: int32 `[]`."""
    return tf.argmax(tf.cast(holds, tf.int8), output_type=tf.int32)


def is_offered(state: UserState) -> tf.Tensor:
    """Whether each word of the lexicon may be suggested, of one user or of a batch."""
    is_word = state.lexicon_sightings > 0
    return is_word & (state.lexicon_sightings >= SIGHTING * state.lexicon_required)


def slot_of(memory: Memory, folded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Whether a word is in the lexicon, and its slot."""
    is_it = (memory.folded == folded) & (memory.state.lexicon_sightings > 0)
    return tf.reduce_any(is_it), first(is_it)


def free_slot(state: UserState) -> tf.Tensor:
    """The first empty slot of the lexicon, or else that of the word to give up.

    The word that was not used for the longest time goes first; one that is offered, and more so one of the user's own,
    stays longer.
    """
    is_own = is_offered(state) & (state.lexicon_sightings >= SIGHTING * OWN_SIGHTINGS)
    keeping = tf.where(is_own, _KEEPING_OWN, tf.where(is_offered(state), _KEEPING_OFFERED, 0))
    until = tf.where(state.lexicon_sightings > 0, state.lexicon_used + keeping, NONE)
    return tf.argmin(until, output_type=tf.int32)


def without_word(memory: Memory, number: tf.Tensor, sizes: Sizes) -> Memory:
    """The memory without any trace of a word of the lexicon; its slot is empty."""
    state, folded = memory
    slot = number - sizes.words
    is_counted = (state.count_words == number) | tf.reduce_any(state.count_contexts == number, axis=1)
    is_cached = state.cache_words == number
    is_passed = tf.reduce_any(state.passed[:, :3] == number, axis=1)
    is_recent = state.recent[:, :1] == number
    recent = tf.where(is_recent, [[UNKNOWN, NONE, NONE, 0, 0, 0, 0, NONE]], state.recent)
    contexts = tf.where(state.recent[:, 1:3] == number, UNKNOWN, state.recent[:, 1:3])
    state = state._replace(
        lexicon_words=put(state.lexicon_words, slot, ""),
        lexicon_sightings=put(state.lexicon_sightings, slot, 0),
        lexicon_required=put(state.lexicon_required, slot, 0),
        lexicon_since=put(state.lexicon_since, slot, 0),
        lexicon_used=put(state.lexicon_used, slot, 0),
        bias=put(state.bias, number, 0),
        cache_keys=tf.where(is_cached[:, None], tf.zeros([], tf.int8), state.cache_keys),
        cache_scales=tf.where(is_cached, 0.0, state.cache_scales),
        cache_words=tf.where(is_cached, NONE, state.cache_words),
        passed=tf.where(is_passed[:, None], NONE, state.passed),
        recent=tf.concat([recent[:, :1], contexts, recent[:, 3:]], axis=1),
        context=tf.where(state.context == number, UNKNOWN, state.context),
    )
    return Memory(_without_counts(state, is_counted), put(folded, slot, ""))


def contexts_of(before: tf.Tensor, last: tf.Tensor) -> list[tf.Tensor]:
    """The contexts of no word, of the last one, and of the last two, `[2]` each."""
    none = tf.fill([], NONE)
    return [tf.stack(pair) for pair in ((none, none), (none, last), (before, last))]


def add_count(state: UserState, context: tf.Tensor, word: tf.Tensor, amount: tf.Tensor) -> UserState:
    """Counts a word in a context; if all slots are taken, the smallest count, the first of equals, goes for it."""
    is_it = _is_counted(state, context, word)
    # A slot that is counted comes before all others, none of which is below 0: one search finds either.
    slot = tf.argmin(tf.where(is_it, -1, state.counts), output_type=tf.int32)
    is_there = tf.gather(is_it, slot)
    since = tf.minimum(state.clock // SINCE_STEP, tf.uint16.max)
    return state._replace(
        count_contexts=put(state.count_contexts, slot, context),
        count_words=put(state.count_words, slot, word),
        counts=put(
            state.counts,
            slot,
            tf.minimum(tf.where(is_there, tf.gather(state.counts, slot), 0) + amount, MOST_COUNT),
        ),
        count_since=put(
            state.count_since, slot, tf.where(is_there, tf.gather(state.count_since, slot), since)
        ),
    )


def subtract_count(
    state: UserState, contexts: Sequence[tf.Tensor], word: tf.Tensor, amount: tf.Tensor
) -> UserState:
    """Takes an amount from the counts of a word in some contexts; what falls to 0 is gone."""
    is_it = tf.reduce_any(tf.stack([_is_counted(state, context, word) for context in contexts]), axis=0)
    counts = tf.where(is_it, state.counts - amount, state.counts)
    return _without_counts(state._replace(counts=counts), is_it & (counts <= 0))


def halved_counts(state: UserState) -> UserState:
    """All counts halved, those of the recent words too, so that what they added can still be taken away."""
    counts = state.counts // 2
    recent = tf.concat([state.recent[:, :3], state.recent[:, 3:4] // 2, state.recent[:, 4:]], axis=1)
    recent = tf.where(state.recent[:, :1] == NONE, NONE, recent)
    return _without_counts(state._replace(counts=counts, recent=recent), counts < LEAST_COUNT)


def with_bias(state: UserState, word: tf.Tensor, steps: Any) -> UserState:
    """The bias of a word moved by some steps, within its bounds."""
    bias = tf.cast(tf.gather(state.bias, word), tf.int32) + steps
    return state._replace(bias=put(state.bias, word, tf.clip_by_value(bias, -MOST_BIAS, MOST_BIAS)))


def with_cached(state: UserState, query: tf.Tensor, word: tf.Tensor) -> UserState:
    """The query before a word in place of the oldest of the cache."""
    slot = state.cached % tf.size(state.cache_words)
    scale = tf.maximum(tf.reduce_max(tf.abs(query)) / 127, 1e-30)
    return state._replace(
        cache_keys=put(state.cache_keys, slot, tf.round(query / scale)),
        cache_scales=put(state.cache_scales, slot, scale),
        cache_words=put(state.cache_words, slot, word),
        cached=state.cached + 1,
    )


def moved_to_front(rows: tf.Tensor, place: tf.Tensor, newest: tf.Tensor) -> tf.Tensor:
    """Rows without the one at `place`, and `newest` before all of them."""
    moved = tf.concat([newest[None], rows[:place], rows[place + 1 :]], axis=0)
    return tf.ensure_shape(moved, rows.shape)


def without_row(rows: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    """Rows without the one at `place`; an empty one follows the others."""
    empty = tf.fill([1, tf.shape(rows)[1]], NONE)
    return tf.ensure_shape(tf.concat([rows[:place], rows[place + 1 :], empty], axis=0), rows.shape)


def _is_counted(state: UserState, context: tf.Tensor, word: tf.Tensor) -> tf.Tensor:
    return (state.count_words == word) & are_pairs(state.count_contexts, context)


def are_pairs(pairs: tf.Tensor, pair: tf.Tensor) -> tf.Tensor:
    """Which of the pairs int32 `[..., 2]` are the given ones `[2]`, or as many as broadcast: bool `[...]`.

    A pair is compared as one number, which is ten times as fast as two and whether both are the same.
    """
    return tf.bitcast(pairs, tf.int64) == tf.bitcast(pair, tf.int64)


def _without_counts(state: UserState, is_gone: tf.Tensor) -> UserState:
    return state._replace(
        count_contexts=tf.where(is_gone[:, None], NONE, state.count_contexts),
        count_words=tf.where(is_gone, NONE, state.count_words),
        counts=tf.where(is_gone, 0, state.counts),
        count_since=tf.where(is_gone, 0, state.count_since),
    )
