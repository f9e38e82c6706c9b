"""One table of vectors for the tokens that a model reads and for those that it writes, and the loss of writing them."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from common.keras_package import PACKAGE
from common.layers.recurrence.gradient import with_gradient
from common.layers.stored_variables import stored_instead

_PADDING = 0
_SHARDS = 2
_LEAST = 1e-37


def in_half(variable: keras.Variable) -> tf.Variable:
    """The values of a variable in float16, under its name, by which they are found again."""
    return stored_instead(variable.value, tf.cast(variable.value, tf.float16))


@keras.saving.register_keras_serializable(PACKAGE)
class TiedEmbedding(keras.layers.Layer):
    """Token numbers `[batch, time]` -> vectors `[batch, time, units]`, and back to a score for each token.

    With the table E the vector of token k is E_k, scaled by the root of its width, and the score of k after a vector v
    is E_k · v + b_k (Press and Wolf 2017; the scaling as in Vaswani et al. 2017, section 3.4). Token 0 is padding and
    is masked.

    Args:
        tokens: how many tokens there are.
        units: width of the vectors.
        token_dropout: share of the tokens whose vector is zero in training.
        seed: of the dropout.

    Example:
        >>> embedding = TiedEmbedding(tokens=50, units=4)
        >>> vectors = embedding(tf.constant([[3, 7, 0]]))
        >>> vectors.shape.as_list(), embedding.logits(vectors).shape.as_list()
        ([1, 3, 4], [1, 3, 50])
    """

    def __init__(
        self, tokens: int, units: int, token_dropout: float = 0.0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.tokens, self.units, self.token_dropout, self.seed = tokens, units, token_dropout, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.kept: tf.Variable | None = None

    def build(self, tokens_shape: tuple[int | None, ...]) -> None:
        """Makes the table and the bias of the scores."""
        initializer = keras.initializers.RandomNormal(stddev=self.units**-0.5)
        self.table = self.add_weight((self.tokens, self.units), initializer, name="table")
        self.bias = self.add_weight((self.tokens,), "zeros", name="bias")
        self.built = True

    def keep_in_half(self) -> None:
        """From now on reads the table in float16, in which a SavedModel of it is half as large; computes as before."""
        self.kept = in_half(self.table)

    def call(self, tokens: Any, training: bool = False) -> Any:
        """The vectors of tokens `[...]`: `[..., units]`."""
        vectors = ops.cast(ops.take(self._table, tokens, axis=0), self.variable_dtype) * self.units**0.5
        if training and self.token_dropout:
            kept = keras.random.uniform(ops.shape(tokens), seed=self.seed_generator) >= self.token_dropout
            vectors = ops.where(kept[..., None], vectors, 0.0)
        return ops.cast(vectors, self.compute_dtype)

    def logits(self, vectors: Any) -> Any:
        """The scores of all tokens after vectors `[..., units]`: `[..., tokens]` in float32."""
        vectors = ops.cast(vectors, self.compute_dtype)
        scores = ops.matmul(vectors, ops.transpose(ops.cast(self._table, self.compute_dtype)))
        return ops.cast(scores, "float32") + ops.cast(self.bias, "float32")

    @property
    def _table(self) -> Any:
        return self.table if self.kept is None else self.kept

    def compute_mask(self, tokens: Any, previous_mask: Any = None) -> Any:
        """False at padding."""
        return ops.not_equal(tokens, _PADDING)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("tokens", "units", "token_dropout", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


# Not registered for saving: it shares the model's embedding, and a loaded one would have a copy of it.
class TokenLoss(keras.layers.Layer):
    """Nats of writing each token of a text: vectors `[batch, time, units]`, tokens `[batch, time]` -> `[batch]`.

    The cross-entropy of the scores of a `TiedEmbedding`. In training `smoothing` of the target probability is spread
    over all tokens (Szegedy et al. 2016, section 7). Padding, token 0, does not count.

    Returns:
        `[batch]`: each row's summed loss over the batch's mean number of tokens per row, so that the mean over the
        rows is the mean loss per token.

    Example:
        >>> embedding, tokens = TiedEmbedding(tokens=50, units=4), tf.constant([[3, 7, 0]])
        >>> TokenLoss(embedding, smoothing=0.1)(embedding(tokens), tokens).shape.as_list()
        [1]
    """

    def __init__(self, embedding: TiedEmbedding, smoothing: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.embedding, self.smoothing = embedding, smoothing
        # How many tokens count is known only when it runs, and XLA compiles known sizes alone.
        self.supports_jit = False

    def call(self, vectors: Any, tokens: Any, training: bool = False) -> Any:
        real = ops.not_equal(tokens, _PADDING)
        places = tf.where(real)
        # The widest tensor of the whole model has a row for each token: halves keep two cores busy.
        pieces = tf.split(places, _halves(tf.shape(places)[0]))
        nats_of = self._training_nats if training else self._nats
        nats = [nats_of(tf.gather_nd(vectors, at), tf.gather_nd(tokens, at)) for at in pieces]
        by_place = tf.scatter_nd(places, tf.concat(nats, 0), tf.cast(tf.shape(tokens), places.dtype))
        mean_length = ops.mean(ops.sum(ops.cast(real, "float32"), axis=1))
        return ops.sum(by_place, axis=1) / ops.maximum(mean_length, 1.0)

    def _nats(self, vectors: Any, tokens: Any) -> Any:
        """The loss of each of the tokens `[n]` after vectors `[n, units]`."""
        return tf.nn.sparse_softmax_cross_entropy_with_logits(tokens, self.embedding.logits(vectors))

    def _training_nats(self, vectors: Any, tokens: Any) -> Any:
        """The smoothed loss."""
        return tied_cross_entropy(self.embedding, vectors, tokens, self.smoothing)

    def compute_mask(self, *_: Any) -> None:
        """None: time is summed away."""

    def compute_output_spec(self, vectors: Any, tokens: Any, training: bool = False) -> keras.KerasTensor:
        """`[batch]` in float32."""
        return keras.KerasTensor((vectors.shape[0],), "float32")


def tied_cross_entropy(embedding: TiedEmbedding, vectors: Any, tokens: Any, smoothing: float = 0.0) -> Any:
    """Nats of each of the tokens `[n]` after vectors `[n, units]`, for training: sooner than by way of all scores.

    Args:
        embedding: whose table and bias give the scores; token 0 counts like any other.
        vectors: `[n, units]`.
        tokens: `[n]`.
        smoothing: share of the target probability that is spread over all tokens.
    """
    dtype = embedding.compute_dtype
    table, bias = (tf.convert_to_tensor(weight) for weight in (embedding.table, embedding.bias))
    # The bias is the weight of a column of ones.
    table = tf.cast(tf.concat([tf.cast(table, tf.float32), tf.cast(bias, tf.float32)[:, None]], 1), dtype)
    vectors = tf.cast(vectors, dtype)
    vectors = tf.concat([vectors, tf.ones_like(vectors[:, :1])], 1)
    return _smoothed_cross_entropy(vectors, table, tokens, smoothing)


def _smoothed_cross_entropy(vectors: Any, table: Any, tokens: Any, smoothing: float) -> Any:
    """The loss of the tokens `[n]` after vectors `[n, units]`, with a gradient by hand.

    The scores are the vectors' products with the rows of the table `[tokens, units]`. There are so many of them that
    each pass over them counts: the softmax is the only one besides the three products, since what the targets add to
    the gradient is added to its products instead.
    """

    def forward(vectors: Any, table: Any) -> tuple[Sequence[Any], Any]:
        probabilities = tf.nn.softmax(tf.matmul(vectors, table, transpose_b=True))
        written = tf.cast(tf.gather(probabilities, tokens, batch_dims=1), tf.float32)
        true, mean = targets(table)
        above_mean = tf.reduce_sum(tf.cast(vectors, tf.float32) * (true - mean), 1)
        return [smoothing * above_mean - tf.math.log(tf.maximum(written, _LEAST))], probabilities

    def targets(table: Any) -> tuple[Any, Any]:
        true = tf.cast(tf.gather(table, tokens), tf.float32)
        return true, tf.reduce_mean(tf.cast(table, tf.float32), 0)

    def backward(arguments: Sequence[Any], probabilities: Any, upstream: Sequence[Any]) -> Sequence[Any]:
        vectors, table = arguments
        scale = upstream[0][:, None]
        true, mean = targets(table)
        expected = tf.cast(tf.matmul(probabilities, table), tf.float32)
        d_vectors = scale * (expected - (1 - smoothing) * true - smoothing * mean)
        scaled = scale * tf.cast(vectors, tf.float32)
        d_table = tf.matmul(probabilities, tf.cast(scaled, table.dtype), transpose_a=True)
        d_table = tf.cast(d_table, tf.float32) - smoothing / table.shape[0] * tf.reduce_sum(scaled, 0)
        d_table = tf.tensor_scatter_nd_sub(d_table, tokens[:, None], (1 - smoothing) * scaled)
        return [tf.cast(d_vectors, vectors.dtype), tf.cast(d_table, table.dtype)]

    (nats,) = with_gradient(forward, backward, [vectors, table])
    return nats


def _halves(count: tf.Tensor) -> list[tf.Tensor]:
    return [(count + shard) // _SHARDS for shard in range(_SHARDS)]
