"""The keyboard of one user in the graph: suggestions with a state, learning, and what a state makes of a text."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import tensorflow as tf

from applications.keyboard.learning import Event, Learner, Typed, at
from applications.keyboard.mixture import FEATURES, Experts, Mixture, Personal, experts, mixed
from applications.keyboard.network import Network
from applications.keyboard.suggestions import Suggestions, typed
from applications.keyboard.user_state import Choice, Sizes, UserState
from applications.keyboard.user_tensors import Memory, is_offered, mapped, state_specs
from applications.keyboard.word_numbers import UNKNOWN
from common.text.segmentation import LINE_END, is_word

Tensors = dict[str, tf.Tensor]
Arrays = dict[str, tf.TensorArray]
_LEAST = 1e-37
_READ = (Choice.TYPED, Choice.ACCEPTED, Choice.PRIVATE)


class Expectation(NamedTuple):
    """What is expected before a user types a word.

    Attributes:
        memory: all that is known of the user.
        event: the word.
        experts: see `mixture.Experts`, of a batch of one.
        number: of the word; `UNKNOWN` if neither the base nor the lexicon has it.
        spelling_nats: what its characters cost, 0 for one that the base has.
    """

    memory: Memory
    event: Event
    experts: Experts
    number: tf.Tensor
    spelling_nats: tf.Tensor

    def of_the_word(self, probabilities: tf.Tensor) -> tf.Tensor:
        """The log-probability of the word, from those of all numbers `[..., numbers]`: `[...]`.

        A word that the base lacks has a share of that of all unknown words, by its spelling; one of the lexicon has
        its own beside it.
        """
        base = _log(tf.gather(probabilities, self.event.number, axis=-1)) - self.spelling_nats
        own = tf.gather(probabilities, self.number, axis=-1)
        own = _log(tf.where(self.number == self.event.number, 0.0, own))
        return tf.reduce_logsumexp(tf.stack([base, own]), axis=0)


def _log(probabilities: tf.Tensor) -> tf.Tensor:
    return tf.math.log(tf.maximum(probabilities, _LEAST))


Record = Callable[[Expectation, Memory], Tensors]
"""What is recorded of a word, from what is expected before it and what is known after it."""


class Users:
    """What a keyboard does for users whose states come with each request.

    Args:
        network: the base.
        suggestions: its words that may be suggested.
        mixture: how much the users' own words weigh.
    """

    def __init__(self, network: Network, suggestions: Suggestions, mixture: Mixture) -> None:
        words = network.words
        vocabulary = words.vocabulary
        self.sizes = Sizes.fitting(vocabulary.size, network.width, network.place_size)
        self.mixture = mixture
        self.learner = Learner(self.sizes, vocabulary.words, words.folded)
        self._network, self._suggestions, self._words = network, suggestions, words
        self._personal = Personal(self.sizes, suggestions.spelled, words.folded, words.numbers)

    def suggest(
        self, text: tf.Tensor, prefix: tf.Tensor, count: tf.Tensor, states: UserState
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The words that may follow texts `[batch]`, or complete the words begun, and their probabilities.

        Where no word begun is given, it is that at the end of the text; else the text is complete without it.
        """
        is_given = prefix != ""
        spellings, begun = self._words.segment(tf.strings.join([text, tf.where(is_given, " ", "")]))
        prefix = tf.where(is_given, prefix, begun)
        query = self._network.query_after(spellings)
        ends = tf.concat([tf.fill([tf.shape(text)[0], 2], LINE_END), spellings], axis=1).to_tensor("")
        places = spellings.row_lengths()[:, None] + tf.constant([0, 1], tf.int64)
        last_two = tf.gather(ends, places, batch_dims=1)
        states = states._replace(context=self._numbers(last_two, states))
        opinions = experts(self._network.logits(query), query, states, self.mixture.sharpness)
        fits = self._suggestions.fits(prefix)
        may = self._personal.fitting(states, fits, self._words.folded(prefix))
        best, probabilities = self._personal.best(mixed(opinions, self.mixture), may, states, count)
        return self._suggestions.written(best, typed(text, last_two[:, 1], prefix)), probabilities

    def observe(self, pieces: tf.Tensor, choices: tf.Tensor, states: UserState) -> UserState:
        """The states after pieces of text `[batch, time]`, each taken as complete words, and what became of each.

        The network reads on what is typed, what is deleted later too; instead of private words it reads line ends.
        """
        spellings, by_word = self._words_of(pieces, choices)
        is_read = tf.reduce_any(by_word.flat_values[:, None] == _READ, axis=1)
        is_private = by_word.flat_values == Choice.PRIVATE
        shown = spellings.with_flat_values(tf.where(is_private, LINE_END, spellings.flat_values))
        read = tf.ragged.boolean_mask(shown, shown.with_flat_values(is_read))
        queries, places = self._network.read_on(read, states.network)
        read_so_far = tf.cumsum(
            by_word.with_flat_values(tf.cast(is_read, tf.int32)).to_tensor(), axis=1, exclusive=True
        )
        events = Typed(
            spellings.to_tensor(""),
            spellings.with_flat_values(self._words.numbers(spellings.flat_values)).to_tensor(),
            tf.gather(queries, read_so_far, batch_dims=1),
            by_word.to_tensor(Choice.NOTHING),
        )
        return self.learner.observe(events, states)._replace(network=places)

    def follow(self, text: tf.Tensor, learns: tf.Tensor, states: UserState) -> tuple[Tensors, UserState]:
        """What the states expect of texts `[batch]`, word by word, each learned before the next where a text `learns`.

        Returns:
            `spellings`, `words` (their numbers before each is learned), `learned` (after), `is_word` and
            `log_likelihoods`, `[batch, time]` each; before each word the `probabilities` of all, `[batch, time,
            numbers]`, and whether each of the lexicon is `offered`, `[batch, time, lexicon]`; and the states.
        """

        def record(expected: Expectation, after: Memory) -> Tensors:
            probabilities = mixed(expected.experts, self.mixture)[0]
            return {
                "words": expected.number,
                "learned": after.state.context[1],
                "log_likelihoods": expected.of_the_word(probabilities),
                "probabilities": probabilities,
                "offered": is_offered(expected.memory.state),
            }

        numbers, lexicon = self.sizes.numbers, self.sizes.lexicon
        kinds = {
            "words": tf.TensorSpec([], tf.int32),
            "learned": tf.TensorSpec([], tf.int32),
            "log_likelihoods": tf.TensorSpec([], tf.float32),
            "probabilities": tf.TensorSpec([numbers], tf.float32),
            "offered": tf.TensorSpec([lexicon], tf.bool),
        }
        spellings, outputs, states = self._followed(text, learns, states, record, kinds)
        return {"spellings": spellings, "is_word": is_word(spellings), **outputs}, states

    def opinions(self, text: tf.Tensor, states: UserState) -> tuple[Tensors, UserState]:
        """What each expert expects of texts `[batch]`, to fit a mixture to; each word is learned before the next.

        Returns:
            What `mixture_fitting.Collected` has: `probabilities` and `knows` `[batch, time, 3]`, and `features`
            `[batch, time, features]`; and the states after all.
        """

        def record(expected: Expectation, _: Memory) -> Tensors:
            probabilities, features = (one[0] for one in expected.experts)
            return {
                "probabilities": tf.exp(expected.of_the_word(probabilities)),
                "features": features,
                "knows": tf.reduce_any(probabilities > 0, axis=1),
            }

        kinds = {
            "probabilities": tf.TensorSpec([3], tf.float32),
            "features": tf.TensorSpec([len(FEATURES)], tf.float32),
            "knows": tf.TensorSpec([3], tf.bool),
        }
        learns = tf.ones(tf.shape(text), tf.bool)
        _, outputs, states = self._followed(text, learns, states, record, kinds)
        return outputs, states

    def _followed(
        self,
        text: tf.Tensor,
        learns: tf.Tensor,
        states: UserState,
        record: Record,
        kinds: Mapping[str, tf.TensorSpec],
    ) -> tuple[tf.Tensor, Tensors, UserState]:
        """The spellings `[batch, time]`, what is recorded of each word, 0 at padding, and the states."""
        spellings, _ = self._words.segment(tf.strings.join([text, " "]))
        queries, places = self._network.read_on(spellings, states.network)
        padded, queries = spellings.to_tensor(""), queries[:, :-1]
        numbers = self._words.numbers(spellings.flat_values)
        nats = self._words.spelling_nats(spellings.flat_values, numbers)
        is_learned = learns[:, None] & (padded != "")
        choices = tf.where(is_learned, int(Choice.TYPED), int(Choice.NOTHING))
        events = Typed(padded, spellings.with_flat_values(numbers).to_tensor(), queries, choices)
        reading = _Reading(
            events, self._network.logits(queries), spellings.with_flat_values(nats).to_tensor()
        )
        by_time = {name: tf.TensorSpec([None, *kind.shape], kind.dtype) for name, kind in kinds.items()}
        outputs, after = mapped(
            lambda one: self._followed_by_one(one[0], one[1], record, kinds),
            (reading, states),
            (by_time, state_specs(self.sizes)),
        )
        return padded, outputs, after._replace(network=places)

    def _followed_by_one(
        self, reading: "_Reading", state: UserState, record: Record, kinds: Mapping[str, tf.TensorSpec]
    ) -> tuple[Tensors, UserState]:
        """What is recorded of each word of one user `[time, ...]`, and the state."""
        events = self.learner.events(reading.events)
        steps = tf.shape(events.word)[0]

        def step(time: tf.Tensor, memory: Memory, arrays: Arrays) -> tuple[tf.Tensor, Memory, Arrays]:
            event = at(events, time)
            one = UserState(*(tensor[None] for tensor in memory.state))
            opinions = experts(reading.logits[time][None], event.query[None], one, self.mixture.sharpness)
            number = self.learner.number(memory, event)
            expected = Expectation(memory, event, opinions, number, reading.spelling_nats[time])
            after = self.learner.learn(memory, event)
            is_there = event.word != ""
            is_passed = is_there & (event.choice == Choice.NOTHING)
            context = tf.where(is_passed, tf.stack([after.state.context[1], number]), after.state.context)
            after = after._replace(state=after.state._replace(context=context))
            recorded = {
                name: tf.where(is_there, value, tf.zeros([], value.dtype))
                for name, value in record(expected, after).items()
            }
            return time + 1, after, {name: arrays[name].write(time, recorded[name]) for name in arrays}

        arrays = {
            name: tf.TensorArray(kind.dtype, steps, element_shape=kind.shape) for name, kind in kinds.items()
        }
        start = (tf.constant(0), self.learner.memory(state), arrays)
        _, memory, arrays = tf.while_loop(lambda time, *_: time < steps, step, start)
        return {name: array.stack() for name, array in arrays.items()}, memory.state

    def _words_of(self, pieces: tf.Tensor, choices: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """The words of pieces `[batch, time]` and the choice of each: `[batch, (words)]`."""
        spellings, _ = self._words.segment(tf.strings.join([tf.reshape(pieces, [-1]), " "]))
        counts = spellings.row_lengths()
        by_row = tf.reduce_sum(tf.reshape(counts, tf.shape(pieces)), axis=1)
        by_word = tf.repeat(tf.reshape(choices, [-1]), counts)
        # What was typed last is taken back first.
        backwards = tf.reverse(spellings, axis=[1]).flat_values
        words = tf.where(by_word == Choice.DELETED, backwards, spellings.flat_values)
        return tuple(
            tf.RaggedTensor.from_row_lengths(values, by_row, validate=False) for values in (words, by_word)
        )

    def _numbers(self, words: tf.Tensor, states: UserState) -> tf.Tensor:
        """The numbers of words `[batch, n]`, which may be in the users' lexicons."""
        numbers = self._words.numbers(words)
        own = self._words.folded(states.lexicon_words)[:, None]
        is_it = (own == self._words.folded(words)[:, :, None]) & (states.lexicon_sightings > 0)[:, None]
        slot = tf.argmax(tf.cast(is_it, tf.int8), axis=2, output_type=tf.int32)
        is_own = (numbers == UNKNOWN) & tf.reduce_any(is_it, axis=2)
        return tf.where(is_own, self.sizes.words + slot, numbers)


class _Reading(NamedTuple):
    """What the base makes of texts: `[batch, time, ...]`, or of one text.

    Attributes:
        events: what is learned from.
        logits: before each word.
        spelling_nats: what the characters of a word cost, 0 for one that the base has.
    """

    events: Typed
    logits: tf.Tensor
    spelling_nats: tf.Tensor
