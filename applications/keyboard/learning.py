"""How a keyboard learns from what is typed, accepted, passed over and deleted: a pure function, in the graph.

The same words and choices make the same state, byte for byte, whether they come at once or one by one.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from applications.keyboard.near_misses import FREQUENT, NearMisses
from applications.keyboard.user_state import (
    HALF_LIFE,
    MOST_SIGHTINGS,
    NONE,
    SIGHTING,
    WORD_BYTES,
    Choice,
    Sizes,
    UserState,
)
from applications.keyboard.user_tensors import (
    Memory,
    add_count,
    changed_if,
    contexts_of,
    first,
    free_slot,
    halved_counts,
    moved_to_front,
    put,
    slot_of,
    state_specs,
    subtract_count,
    unit_at,
    with_bias,
    with_cached,
    without_row,
    without_word,
)
from applications.keyboard.word_numbers import END, FIRST_WORD, SENTENCE_ENDS, UNKNOWN

PASSES = 3
"""So many times a suggestion must be passed over in one context to count less."""

_SIGHTINGS, _SIGHTINGS_OF_NEAR_MISS = 2, 3
_NEVER_LEARNED = r"(?s)[^\p{L}]*|.*@.*|.*://.*|(?:.*\p{N}){4}.*"
_LETTERS_AND_DIGITS = r"(?s).*\p{N}.*"
_CODE_CHARACTERS = 8
_PLAIN = int(Choice.ACCEPTED)
"""The place of the rule for most words among those of the choices: an accepted word follows that of a typed one."""


class Typed(NamedTuple):
    """What is learned from, in the order in which it happened.

    Attributes:
        words: string `[batch, time]`, as they are spelled.
        numbers: int32 `[batch, time]`, those of the base; `UNKNOWN` if it does not have the word.
        queries: float32 `[batch, time, width]`, of the base before each word.
        choices: int32 `[batch, time]`, see `Choice`.
    """

    words: tf.Tensor
    numbers: tf.Tensor
    queries: tf.Tensor
    choices: tf.Tensor


class Event(NamedTuple):
    """What happened to one word, or to several `[time]`; see `Typed`.

    Attributes:
        word: as it is spelled.
        folded: as it is compared.
        number: that of the base.
        query: of the base before it.
        choice: see `Choice`.
        may_learn: whether it may enter the lexicon.
    """

    word: tf.Tensor
    folded: tf.Tensor
    number: tf.Tensor
    query: tf.Tensor
    choice: tf.Tensor
    may_learn: tf.Tensor

    @property
    def times(self) -> tf.Tensor:
        """How often the word counts: an accepted one twice."""
        return tf.where(self.choice == Choice.ACCEPTED, 2, 1)


def at(events: Event, time: tf.Tensor) -> Event:
    """One of several events."""
    return Event(*(values[time] for values in events))


class _Added(NamedTuple):
    """What a word that the base lacks added to the lexicon, and when it was used before."""

    number: tf.Tensor
    sightings: tf.Tensor
    used: tf.Tensor


class Learner:
    """Learns from what users type.

    Args:
        sizes: of a user's state.
        words: the base's words, folded, in the order of their frequency, from number `FIRST_WORD` on.
        fold: words as they are compared, in the graph; it leaves "" as it is.

    Example:
        >>> from applications.keyboard.user_state import empty_state, stacked
        >>> sizes = Sizes(words=5, width=4, network=5)
        >>> learner = Learner(sizes, ["see", "you"], tf.strings.lower)
        >>> choices = tf.constant([[Choice.TYPED, Choice.TYPED]])
        >>> typed = Typed(tf.constant([["see", "Zoe"]]), tf.constant([[3, 0]]), tf.ones([1, 2, 4]), choices)
        >>> state = learner.observe(typed, stacked(empty_state(sizes)))
        >>> state.lexicon_words[0, 0].numpy(), int(state.clock[0])
        (b'Zoe', 2)
    """

    def __init__(self, sizes: Sizes, words: Sequence[str], fold: Callable[[tf.Tensor], tf.Tensor]) -> None:
        if len(words) + FIRST_WORD != sizes.words:
            raise ValueError(f"expected {sizes.words - FIRST_WORD} words, got {len(words)}")
        self.sizes, self.fold = sizes, fold
        self.is_near_miss = NearMisses([word for word in words[:FREQUENT] if word.isalpha()])
        self._sentence_ends = [
            END,
            *(words.index(mark) + FIRST_WORD for mark in SENTENCE_ENDS if mark in words),
        ]

        self._rules = {
            Choice.TYPED: _called(self._typed),
            Choice.PASSED_OVER: _called(self._passed_over),
            Choice.DELETED: _called(self._deleted),
        }

    def observe(self, typed: Typed, states: UserState) -> UserState:
        """The states after what was typed, and what was chosen, one of each user `[batch]`."""
        observed: UserState = tf.map_fn(
            lambda one: self._observe(*one),
            (typed, states),
            fn_output_signature=state_specs(self.sizes),
            name="users",
        )
        return observed

    def _observe(self, typed: Typed, state: UserState) -> UserState:
        events = self.events(typed)

        def step(time: tf.Tensor, memory: Memory) -> tuple[tf.Tensor, Memory]:
            return time + 1, self.learn(memory, at(events, time))

        steps = tf.shape(typed.words)[0]
        before = self.memory(state)
        after: Memory = tf.while_loop(lambda time, _: time < steps, step, (tf.constant(0), before))[1]
        return after.state

    def memory(self, state: UserState) -> Memory:
        """One user's state as `learn` changes it."""
        return Memory(state, self.fold(state.lexicon_words))

    def events(self, typed: Typed) -> Event:
        """What one user typed, all `[time, ...]`; see `at`."""
        return Event(
            typed.words,
            self.fold(typed.words),
            typed.numbers,
            typed.queries,
            typed.choices,
            _may_learn(typed),
        )

    def learn(self, memory: Memory, event: Event) -> Memory:
        """What one user's memory is after one event."""
        is_typed = (event.choice == Choice.TYPED) | (event.choice == Choice.ACCEPTED)
        is_plain = is_typed & (event.number != UNKNOWN) & ~_is_half_life(memory.state.clock + 1)
        rule = tf.where(is_plain, _PLAIN, tf.where(is_typed, Choice.TYPED, event.choice))
        learned: Memory = tf.switch_case(
            rule,
            {
                Choice.NOTHING: lambda: memory,
                Choice.TYPED: lambda: self._rules[Choice.TYPED](memory, event),
                _PLAIN: lambda: self._plain(memory, event),
                Choice.PASSED_OVER: lambda: self._rules[Choice.PASSED_OVER](memory, event),
                Choice.DELETED: lambda: self._rules[Choice.DELETED](memory, event),
                Choice.PRIVATE: lambda: _in_private(memory),
            },
        )
        return learned

    def number(self, memory: Memory, event: Event) -> tf.Tensor:
        """The number of an event's word, which may be in the lexicon."""
        is_there, slot = slot_of(memory, event.folded)
        return tf.where((event.number == UNKNOWN) & is_there, self.sizes.words + slot, event.number)

    def _plain(self, memory: Memory, event: Event) -> Memory:
        """After a word of the base: what most words are, and `_typed` in short."""
        state = memory.state._replace(clock=memory.state.clock + 1)
        added = _Added(event.number, tf.constant(0), tf.constant(0))
        return memory._replace(state=_followed(self._counted(state, event, added), event.number))

    def _typed(self, memory: Memory, event: Event) -> Memory:
        state = memory.state
        state = state._replace(clock=state.clock + 1)
        state = tf.cond(_is_half_life(state.clock), lambda: halved_counts(state), lambda: state)
        memory = memory._replace(state=state)
        is_own = (event.number == UNKNOWN) & (event.may_learn | slot_of(memory, event.folded)[0])
        memory, added = tf.cond(
            is_own,
            lambda: self._sighted(memory, event),
            lambda: (memory, _Added(event.number, tf.constant(0), tf.constant(0))),
        )
        state = tf.cond(
            added.number == UNKNOWN,
            lambda: _unlearned(memory.state),
            lambda: self._counted(memory.state, event, added),
        )
        return memory._replace(state=_followed(state, added.number))

    def _sighted(self, memory: Memory, event: Event) -> tuple[Memory, _Added]:
        """Into the lexicon, or once more seen there."""
        is_there, slot = slot_of(memory, event.folded)
        memory, slot = tf.cond(is_there, lambda: (memory, slot), lambda: self._entered(memory, event))
        state = memory.state
        number = self.sizes.words + slot
        before, used = tf.gather(state.lexicon_sightings, slot), tf.gather(state.lexicon_used, slot)
        sightings = tf.minimum(before + event.times * SIGHTING, MOST_SIGHTINGS)
        # At the beginning of a sentence a capital says nothing.
        says_nothing = tf.reduce_any(state.context[1] == self._sentence_ends) & is_there
        spelling = tf.where(says_nothing, tf.gather(state.lexicon_words, slot), event.word)
        state = state._replace(
            lexicon_words=put(state.lexicon_words, slot, spelling),
            lexicon_sightings=put(state.lexicon_sightings, slot, sightings),
            lexicon_used=put(state.lexicon_used, slot, state.clock),
        )
        return memory._replace(state=state), _Added(number, sightings - before, used)

    def _entered(self, memory: Memory, event: Event) -> tuple[Memory, tf.Tensor]:
        slot = free_slot(memory.state)
        memory = changed_if(
            tf.gather(memory.state.lexicon_sightings, slot) > 0,
            lambda: without_word(memory, self.sizes.words + slot, self.sizes),
            memory,
        )
        state = memory.state
        required = tf.where(self.is_near_miss(event.folded), _SIGHTINGS_OF_NEAR_MISS, _SIGHTINGS)
        state = state._replace(
            lexicon_required=put(state.lexicon_required, slot, required),
            lexicon_since=put(state.lexicon_since, slot, state.clock),
        )
        return Memory(state, put(memory.folded, slot, event.folded)), slot

    def _counted(self, state: UserState, event: Event, added: _Added) -> UserState:
        """A word in the counts, the cache, the bias, and among the recent ones."""
        before, last = tf.unstack(state.context)
        word, amount = added.number, event.times * unit_at(state.clock)
        for context in contexts_of(before, last):
            state = add_count(state, context, word, amount)
        bias = tf.gather(state.bias, word)
        state = with_bias(state, word, event.times - 1)
        steps = tf.cast(tf.gather(state.bias, word) - bias, tf.int32)
        slot = state.cached % self.sizes.cache
        state = with_cached(state, event.query, word)
        row = tf.stack([word, before, last, amount, added.sightings, added.used, steps, slot])
        is_it = tf.reduce_all(state.passed[:, :3] == tf.stack([before, last, word]), axis=1)
        return state._replace(
            recent=tf.concat([row[None], state.recent[:-1]], axis=0),
            passed=tf.where(is_it[:, None], NONE, state.passed),
        )

    def _passed_over(self, memory: Memory, event: Event) -> Memory:
        number = self.number(memory, event)
        return changed_if(number != UNKNOWN, lambda: self._passed(memory, number), memory)

    def _passed(self, memory: Memory, number: tf.Tensor) -> Memory:
        state = memory.state
        key = tf.concat([state.context, [number]], axis=0)
        is_it = tf.reduce_all(state.passed[:, :3] == key, axis=1)
        is_there = tf.reduce_any(is_it)
        times = tf.where(is_there, tf.gather(state.passed[:, 3], first(is_it)), 0) + 1
        is_empty = state.passed[:, 2] == NONE
        oldest = tf.where(tf.reduce_any(is_empty), first(is_empty), tf.size(is_empty) - 1)
        place = tf.where(is_there, first(is_it), oldest)
        passed = moved_to_front(state.passed, place, tf.concat([key, [times]], axis=0))
        memory = memory._replace(state=state._replace(passed=passed))
        return changed_if(times >= PASSES, lambda: self._rejected(memory, number), memory)

    def _rejected(self, memory: Memory, number: tf.Tensor) -> Memory:
        """A suggestion that was passed over too often counts half a word less."""
        state = memory.state
        contexts = contexts_of(*tf.unstack(state.context))[1:]
        state = subtract_count(state, contexts, number, unit_at(state.clock) // 2)
        state = with_bias(state, number, -1)
        state = state._replace(passed=put(state.passed, tf.constant(0), [NONE] * 4))
        return self._less_sighted(memory._replace(state=state), number, tf.constant(SIGHTING // 2))

    def _deleted(self, memory: Memory, event: Event) -> Memory:
        number = self.number(memory, event)
        is_it = memory.state.recent[:, 0] == number
        return changed_if(tf.reduce_any(is_it), lambda: self._taken_back(memory, first(is_it)), memory)

    def _taken_back(self, memory: Memory, place: tf.Tensor) -> Memory:
        """Without what one of the recent words added."""
        state = memory.state
        number, before, last, count, sightings, used, bias, slot = tf.unstack(state.recent[place])
        is_newest = place == 0
        state = state._replace(
            recent=without_row(state.recent, place),
            context=tf.where(is_newest, tf.stack([before, last]), state.context),
        )
        state = subtract_count(state, contexts_of(before, last), number, count)
        steps = tf.cast(tf.gather(state.bias, number), tf.int32) - bias
        state = state._replace(bias=put(state.bias, number, steps))
        is_cached = (tf.range(self.sizes.cache) == slot) & (state.cache_words == number)
        is_last = is_newest & (slot >= 0) & (slot == (state.cached - 1) % self.sizes.cache)
        state = state._replace(
            cache_keys=tf.where(is_cached[:, None], tf.zeros([], tf.int8), state.cache_keys),
            cache_scales=tf.where(is_cached, 0.0, state.cache_scales),
            cache_words=tf.where(is_cached, NONE, state.cache_words),
            cached=state.cached - tf.cast(is_last, tf.int32),
        )
        lexicon_slot = tf.maximum(number - self.sizes.words, 0)
        used = tf.where(number >= self.sizes.words, used, tf.gather(state.lexicon_used, lexicon_slot))
        state = state._replace(lexicon_used=put(state.lexicon_used, lexicon_slot, used))
        return self._less_sighted(memory._replace(state=state), number, sightings)

    def _less_sighted(self, memory: Memory, number: tf.Tensor, sightings: tf.Tensor) -> Memory:
        """A word of the lexicon with fewer sightings; without any, it is gone with all its traces."""

        def lessened() -> Memory:
            state, slot = memory.state, number - self.sizes.words
            remaining = tf.gather(state.lexicon_sightings, slot) - sightings
            state = state._replace(lexicon_sightings=put(state.lexicon_sightings, slot, remaining))
            less = memory._replace(state=state)
            return changed_if(remaining <= 0, lambda: without_word(less, number, self.sizes), less)

        return changed_if(number >= self.sizes.words, lessened, memory)


def _called(rule: Callable[[Memory, Event], Memory]) -> Callable[[Memory, Event], Memory]:
    """A rule as a function of the graph that is called and not built in.

    A step of a loop passes through all operations that are built in, those of the rules that do not hold included.
    """
    called: Callable[[Memory, Event], Memory] = tf.function(
        rule, autograph=False, reduce_retracing=True, experimental_attributes={"_noinline": True}
    )
    return called


def _followed(state: UserState, number: tf.Tensor) -> UserState:
    """With a word as the last one."""
    return state._replace(context=tf.stack([state.context[1], number]))


def _is_half_life(clock: tf.Tensor) -> tf.Tensor:
    """Whether the counts are halved at a time."""
    return clock % HALF_LIFE == 0


def _may_learn(typed: Typed) -> tf.Tensor:
    """Whether each word `[time]` may enter the lexicon."""
    words = typed.words
    is_never = tf.strings.regex_full_match(words, _NEVER_LEARNED) | (tf.strings.length(words) > WORD_BYTES)
    is_long = tf.strings.length(words, unit="UTF8_CHAR") >= _CODE_CHARACTERS
    is_code = is_long & tf.strings.regex_full_match(words, _LETTERS_AND_DIGITS)
    return ~is_never & (~is_code | (typed.choices == Choice.ACCEPTED))


def _in_private(memory: Memory) -> Memory:
    """After a word of private text: what follows has no context, and what came before is not taken back."""
    state = memory.state
    context, recent = tf.fill([2], UNKNOWN), tf.fill(state.recent.shape, NONE)
    return memory._replace(state=state._replace(context=context, recent=recent))


def _unlearned(state: UserState) -> UserState:
    """After a word that is not learned: it has its place among the recent ones, so that it can be deleted."""
    row = tf.concat([[UNKNOWN], state.context, [0, 0, 0, 0, NONE]], axis=0)
    return state._replace(recent=tf.concat([row[None], state.recent[:-1]], axis=0))
