"""The trained network as functions of text and of single words, for the signatures of the export."""

from typing import NamedTuple

import keras
import tensorflow as tf

from applications.keyboard.model import read
from applications.keyboard.sharing import shared
from applications.keyboard.user_tensors import mapped
from applications.keyboard.vocabulary import Words
from applications.keyboard.word_numbers import END, UNKNOWN
from common.text.character_ngrams import COUNT
from common.text.segmentation import LINE_END, is_word


class Passage(NamedTuple):
    """What the network makes of a text, word by word.

    Attributes:
        spellings: of the words `[batch, time]`, "" at padding.
        numbers: of the words `[batch, time]`.
        is_word: whether each is of letters `[batch, time]`.
        mask: false at padding `[batch, time]`.
        queries: before each word `[batch, time, width]`.
        word_nats: what each word costs as one of the known `[batch, time]`, 0 at padding.
        spelling_nats: what the characters of the unknown ones cost `[batch, time]`, 0 of the others.
        last: the last word `[batch]`.
        states: before the last word `[batch, n, units]`.
    """

    spellings: tf.Tensor
    numbers: tf.Tensor
    is_word: tf.Tensor
    mask: tf.Tensor
    queries: tf.Tensor
    word_nats: tf.Tensor
    spelling_nats: tf.Tensor
    last: tf.Tensor
    states: tf.Tensor


class Network:
    """Reads text with a trained model.

    Args:
        model: of `model.build`.
        words: the text front end that it was trained with.
    """

    def __init__(self, model: keras.Model, words: Words) -> None:
        self.words = words
        self._model = model
        self.stack = model.get_layer("states").stack
        self._vectors = model.get_layer("vectors")
        self._read_numbers = shared(
            self._read_in_order,
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None, None, COUNT], tf.int32),
            tf.TensorSpec([None], tf.int64),
            tf.TensorSpec([None, self.stack.state_count, self.stack.units], tf.float32),
        )

    def zero_states(self, batch: tf.Tensor) -> tf.Tensor:
        """The states before the first line end, which stands before all text: `[batch, n, units]`."""
        return tf.zeros([batch, self.stack.state_count, self.stack.units])

    def logits(self, queries: tf.Tensor) -> tf.Tensor:
        """The scores of all words `[..., words]`."""
        return self._vectors.logits(queries)

    def query_after(self, spellings: tf.RaggedTensor) -> tf.Tensor:
        """The query after the words of texts `[batch, (words)]`, read from the beginning: `[batch, width]`."""
        batch = tf.shape(spellings.row_lengths())[0]
        fed = tf.concat([tf.fill([batch, 1], LINE_END), spellings], axis=1)
        queries, _ = self._read(fed, fed.row_lengths(), self.zero_states(batch))
        return tf.gather(queries, fed.row_lengths() - 1, batch_dims=1)

    def passage(self, spellings: tf.RaggedTensor, last: tf.Tensor, states: tf.Tensor) -> Passage:
        """What the network makes of the words of texts.

        Args:
            spellings: `[batch, (words)]`.
            last: the word before them `[batch]`, which is read first.
            states: before that word `[batch, n, units]`.
        """
        lengths = spellings.row_lengths()
        fed = tf.concat([last[:, None], spellings], axis=1)
        # The model needs a step to stand on, even if all texts are empty.
        steps = tf.maximum(tf.reduce_max(tf.concat([lengths, [0]], 0)), 1)
        queries, after = self._read(fed, lengths, states, steps)
        flat = spellings.flat_values
        numbers = self.words.numbers(flat)
        nats = self.words.spelling_nats(flat, numbers)
        padded = [spellings.with_flat_values(one).to_tensor() for one in (flat, numbers, is_word(flat), nats)]
        width = tf.shape(padded[0])[1]
        mask = tf.sequence_mask(lengths, width)
        queries = queries[:, :width]
        word_nats = tf.nn.sparse_softmax_cross_entropy_with_logits(padded[1], self.logits(queries))
        return Passage(
            spellings=padded[0],
            numbers=padded[1],
            is_word=padded[2],
            mask=mask,
            queries=queries,
            word_nats=tf.where(mask, word_nats, 0.0),
            spelling_nats=padded[3],
            last=tf.gather(fed.to_tensor(""), lengths, batch_dims=1),
            states=after,
        )

    @property
    def width(self) -> int:
        """Of the queries."""
        width: int = self._vectors.units
        return width

    @property
    def place_size(self) -> int:
        """How many numbers say where a text stands, see `read_on`."""
        states: int = self.stack.state_count * self.stack.units
        return states + self.width

    def read_on(self, spellings: tf.RaggedTensor, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Reads the words of texts from where these stand, one word after another and each text for itself.

        So the last bit of what it makes of a text depends neither on the pieces in which it comes nor on the other
        texts of the batch.

        Args:
            spellings: `[batch, (words)]`.
            places: the states and the query after all that was read `[batch, place_size]`; 0 at the beginning.

        Returns:
            The queries before each word and after the last one `[batch, time + 1, width]`, right-padded, and the places
            after them.
        """
        by_time = [spellings.with_flat_values(one).to_tensor() for one in self._fed(spellings.flat_values)]
        beginning = self._beginning()

        def read_one(row: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, tf.Tensor]:
            numbers, ngrams, length, place = row
            place = tf.where(tf.reduce_all(place == 0), beginning, place)

            def read_word(
                time: tf.Tensor, place: tf.Tensor, queries: tf.TensorArray
            ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
                states = tf.reshape(place[: -self.width], [1, self.stack.state_count, self.stack.units])
                after = self._place(*self.step(numbers[time][None], ngrams[time][None], states))
                return time + 1, after, queries.write(time + 1, after[-self.width :])

            queries = tf.TensorArray(tf.float32, tf.size(numbers) + 1, element_shape=[self.width])
            _, place, queries = tf.while_loop(
                lambda time, *_: time < length,
                read_word,
                (tf.constant(0), place, queries.write(0, place[-self.width :])),
            )
            return queries.stack(), place

        rows = (*by_time, tf.cast(spellings.row_lengths(), tf.int32), places)
        kinds = (
            tf.TensorSpec([None, self.width], tf.float32),
            tf.TensorSpec([self.place_size], tf.float32),
        )
        queries, after = mapped(read_one, rows, kinds)
        return queries, after

    def _beginning(self) -> tf.Tensor:
        """The place after the line end that stands before all text."""
        zeros = tf.zeros([1, COUNT], tf.int32), self.zero_states(tf.constant(1))
        return self._place(*self.step(tf.constant([END]), *zeros))

    def _place(self, query: tf.Tensor, states: tf.Tensor) -> tf.Tensor:
        place = tf.concat([tf.reshape(states, [-1]), tf.reshape(query, [-1])], axis=0)
        return tf.ensure_shape(place, [self.place_size])

    def step(self, token: tf.Tensor, ngrams: tf.Tensor, states: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Reads one word: the query after it `[batch, width]` and the states `[batch, n, units]`.

        Args:
            token: its number `[batch]`.
            ngrams: of its characters `[batch, COUNT]`, where it is unknown.
            states: before it.
        """
        vectors = self._vectors(token[:, None], ngrams[:, None])[:, 0]
        outputs, after = self.stack.stepper(self._vectors.units)(vectors, tf.unstack(states, axis=1))
        return self._model.get_layer("queries")(outputs), tf.stack(after, axis=1)

    def _read(
        self,
        spellings: tf.RaggedTensor,
        lengths: tf.Tensor,
        states: tf.Tensor,
        steps: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Queries after each of the first `lengths` words, and the states after these."""
        by_time = [spellings.with_flat_values(one).to_tensor() for one in self._fed(spellings.flat_values)]
        if steps is not None:
            by_time = [one[:, :steps] for one in by_time]
        queries, after = self._read_numbers(*by_time, lengths, states)
        return queries, after

    def _read_in_order(
        self, numbers: tf.Tensor, ngrams: tf.Tensor, lengths: tf.Tensor, states: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        mask = tf.sequence_mask(lengths, tf.shape(numbers)[1])
        queries, after = read(self._model, numbers, ngrams, tf.unstack(states, axis=1), mask)
        return queries, tf.stack(after, axis=1)

    def _fed(self, words: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The numbers of words `[words]`, and the n-grams of the unknown ones `[words, COUNT]`."""
        numbers = self.words.numbers(words)
        places = tf.where(numbers == UNKNOWN)
        unknown = self.words.ngrams(tf.gather_nd(words, places))
        shape = tf.stack([tf.size(words, tf.int64), COUNT])
        return numbers, tf.ensure_shape(tf.scatter_nd(places, unknown, shape), [None, COUNT])
