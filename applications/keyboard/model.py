"""The language model: words -> vectors -> recurrent states -> queries, which are compared with the words' vectors."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from applications.keyboard.config import Config
from applications.keyboard.data import VALIDATION_ROWS
from applications.keyboard.word_numbers import UNKNOWN
from common.keras_package import PACKAGE
from common.layers.sampled_softmax import draw, sampled_nats
from common.layers.stateful_stack import streamed_stack
from common.layers.tied_embedding import TiedEmbedding, in_half, tied_cross_entropy
from common.text.character_ngrams import COUNT

MOST_SCORED = 10_000
"""Words up to which training scores all of them; of a larger vocabulary it draws some (sampled softmax)."""


def build(config: Config, words: int, precision: str = "float32") -> keras.Model:
    """Streams of words -> nats of the words that follow `[batch, time]`.

    Its inputs are those of `data.training_batches`. Its layers `vectors` (a `WordVectors`), `states` (a
    `StreamedStack`) and `queries` are all that a function without a stream needs: see `read`.

    Args:
        config: sizes, cell and dropout.
        words: how many numbers of words there are.
        precision: Keras dtype policy of all layers; nats are float32 always.
    """
    numbers = keras.Input((None,), dtype="int32", name="words")
    ngrams = keras.Input((None, COUNT), dtype="int32", name="ngrams")
    targets = keras.Input((None,), dtype="int32", name="targets")
    starts = keras.Input((), dtype="bool", name="starts")
    vectors = WordVectors(
        words, config.width, config.ngram_buckets, config.word_dropout, dtype=precision, name="vectors"
    )
    embedded = keras.layers.SpatialDropout1D(config.input_dropout, dtype=precision)(vectors(numbers, ngrams))
    streamed = streamed_stack(config, config.training.batch_size, VALIDATION_ROWS, precision)
    states = streamed(embedded, starts)
    states = keras.layers.SpatialDropout1D(config.output_dropout, dtype=precision)(states)
    queries = keras.layers.Dense(config.width, use_bias=False, dtype=precision, name="queries")(states)
    samples = config.sampled_words if words > MOST_SCORED else 0
    nats = WordLoss(vectors, samples, dtype=precision, name="nats")(queries, targets)
    inputs = {"words": numbers, "ngrams": ngrams, "targets": targets, "starts": starts}
    return keras.Model(inputs, nats, name="keyboard")


def read(
    model: keras.Model, numbers: Any, ngrams: Any, states: Sequence[Any], mask: Any = None
) -> tuple[Any, list[Any]]:
    """Reads words from the given states on: the query after each word `[batch, time, width]`, and the states.

    Args:
        model: of `build`.
        numbers: of the words `[batch, time]`.
        ngrams: of the unknown ones `[batch, time, COUNT]`.
        states: of the layer `states`' stack, `[batch, units]` each.
        mask: `[batch, time]`, false at padding, which leaves the states as they are.
    """
    stack = model.get_layer("states").stack
    outputs, after = stack(
        model.get_layer("vectors")(numbers, ngrams), mask=mask, initial_state=states, return_state=True
    )
    return model.get_layer("queries")(outputs), after


@keras.saving.register_keras_serializable(PACKAGE)
class WordVectors(keras.layers.Layer):
    """Words as vectors, and the scores of words: numbers `[batch, time]`, n-grams `[batch, time, n]` -> `[..., units]`.

    A known word has a vector of its own, which is its row of the output matrix too (see `TiedEmbedding`). An unknown
    one, number 0, has the mean of the vectors of its character n-grams.

    Args:
        words: how many numbers there are.
        units: width of the vectors.
        buckets: how many n-grams have a vector; 0 is none.
        word_dropout: share of the words whose vector is zero in training.
        seed: of the dropout.

    Example:
        >>> vectors = WordVectors(words=9, units=4, buckets=100)
        >>> embedded = vectors(tf.constant([[5, 0]]), tf.constant([[[0, 0], [17, 60]]]))
        >>> embedded.shape.as_list(), vectors.logits(embedded).shape.as_list()
        ([1, 2, 4], [1, 2, 9])
    """

    def __init__(
        self,
        words: int,
        units: int,
        buckets: int,
        word_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.words, self.units, self.buckets = words, units, buckets
        self.word_dropout, self.seed = word_dropout, seed
        self.tied = TiedEmbedding(words, units, word_dropout, seed, dtype=self.dtype_policy, name="tied")
        self.kept_ngrams: tf.Variable | None = None

    def build(self, numbers_shape: Sequence[int | None], ngrams_shape: Sequence[int | None]) -> None:
        """Makes the tables of the words and of the n-grams."""
        self.tied.build(tuple(numbers_shape))
        self.ngram_table = self.add_weight(
            (self.buckets + 1, self.units), keras.initializers.RandomNormal(stddev=1.0), name="ngrams"
        )
        self.built = True

    def call(self, numbers: Any, ngrams: Any, training: bool = False) -> Any:
        """Looks the vectors up; see the class."""
        known = self.tied(numbers, training=training)
        places = tf.where(tf.equal(numbers, UNKNOWN))
        parts = tf.gather_nd(ngrams, places)
        is_part = ops.cast(parts > 0, "float32")
        table = self.ngram_table if self.kept_ngrams is None else self.kept_ngrams
        vectors = ops.cast(ops.take(table, parts, axis=0), "float32") * is_part[..., None]
        means = ops.sum(vectors, axis=1) / ops.maximum(ops.sum(is_part, axis=1), 1.0)[:, None]
        return tf.tensor_scatter_nd_update(known, places, ops.cast(means, known.dtype))

    def logits(self, queries: Any) -> Any:
        """The scores of all words `[..., words]` in float32."""
        return self.tied.logits(queries)

    def keep_in_half(self) -> None:
        """From now on reads its tables in float16; see `TiedEmbedding`."""
        self.tied.keep_in_half()
        self.kept_ngrams = in_half(self.ngram_table)

    def compute_output_spec(
        self, numbers: keras.KerasTensor, ngrams: keras.KerasTensor, training: bool = False
    ) -> keras.KerasTensor:
        """`[batch, time, units]` in the layer's precision."""
        return keras.KerasTensor((*numbers.shape, self.units), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("words", "units", "buckets", "word_dropout", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


# Not registered for saving: it shares the model's vectors, and a loaded one would have a copy of them.
class WordLoss(keras.layers.Layer):
    """Nats of each word that follows: queries `[batch, time, units]`, numbers `[batch, time]` -> `[batch, time]`.

    Args:
        vectors: of the words.
        samples: words that are drawn for a training batch (`sampled_nats`), 0 for all; otherwise all are scored.
        seed: of the drawing.
    """

    def __init__(
        self, vectors: WordVectors, samples: int = 0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.vectors, self.samples = vectors, samples
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, queries: Any, targets: Any, training: bool = False) -> Any:
        """The nats; see the class."""
        if not training:
            logits = self.vectors.logits(queries)
            return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        flat = ops.reshape(ops.cast(queries, self.compute_dtype), (-1, self.vectors.units))
        words = ops.reshape(targets, (-1,))
        tied = self.vectors.tied
        if self.samples:
            drawn = draw(self.samples, self.vectors.words, self.seed_generator)
            nats = sampled_nats(flat, words, tied.table, tied.bias, drawn)
        else:
            nats = tied_cross_entropy(tied, flat, words)
        return ops.reshape(nats, ops.shape(targets))

    def compute_output_spec(
        self, queries: keras.KerasTensor, targets: keras.KerasTensor, training: bool = False
    ) -> keras.KerasTensor:
        """`[batch, time]` in float32."""
        return keras.KerasTensor(targets.shape, "float32")
