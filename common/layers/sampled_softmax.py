"""The loss of a word-level language model, at a cost that does not grow with the vocabulary."""

from typing import Any, Literal

import keras
from keras import ops

from common.text.word_features import PADDING, UNKNOWN, TokenEmbedding

Neighbour = Literal["next", "previous"]
_NEVER = -1e9


# Not registered for saving: it shares the model's embedding, and a loaded one would have a copy of it.
class NeighbourLoss(keras.layers.Layer):
    """Nats of predicting the next or the previous word by a sampled softmax: `[batch, time, units]` -> `[batch]`.

    The score of word k after state h is E_k · (W h) + b_k, E being the word table of the input embedding (tied: Inan
    et al. 2017). For each batch `samples` words are drawn with replacement from a log-uniform (Zipf) distribution
    over the ranks; every score is lessened by the log of its word's expected count, which makes the loss an estimate
    of the full softmax's (Jean et al. 2015, section 3). A drawn word that equals the target does not count.

    Args:
        neighbour: which word the states predict: `next` or `previous`.
        embedding: the input embedding; its words are numbered by falling frequency.
        samples: words drawn per batch.
        seed: of the drawing.

    Call arguments:
        states: `[batch, time, units]`; for `next` they have read the words up to their own step, for `previous` from
            it.
        words: word numbers `[batch, time]`, right-padded with 0.

    Returns:
        `[batch]`: each row's summed loss over the batch's mean number of predictions per row, so that the mean over
        the rows is the mean loss per predicted word.

    Example:
        >>> embedding = TokenEmbedding(words=100, affix_buckets=10, units=8)
        >>> features = np.full((2, 5, 5), 3, "int32")
        >>> loss = NeighbourLoss("next", embedding, samples=20)
        >>> loss(embedding(features), features[..., 0]).shape
        TensorShape([2])
    """

    def __init__(
        self,
        neighbour: Neighbour,
        embedding: TokenEmbedding,
        samples: int,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.neighbour, self.embedding, self.samples = neighbour, embedding, samples
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, states_shape: tuple[int | None, ...], words_shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(shape=(states_shape[-1], self.embedding.units), name="kernel")
        self.bias = self.add_weight(shape=(self._classes,), initializer="zeros", name="bias")

    @property
    def _classes(self) -> int:
        return self.embedding.words + 1

    def call(self, states: Any, words: Any) -> Any:
        states, targets = (
            (states[:, :-1], words[:, 1:]) if self.neighbour == "next" else (states[:, 1:], words[:, :-1])
        )
        real = (words[:, 1:] != PADDING) & (words[:, :-1] != PADDING)
        states = ops.where(real[..., None], states, 0.0)
        # Class 0 is the unknown word; where there is padding any class will do, since it does not count.
        targets = ops.maximum(targets - UNKNOWN, 0)
        nats = self._sampled_nats(ops.reshape(states, (-1, states.shape[-1])), ops.reshape(targets, (-1,)))
        counts = ops.cast(real, "float32")
        total = ops.sum(ops.reshape(nats, ops.shape(targets)) * counts, axis=1)
        return total / ops.maximum(ops.mean(ops.sum(counts, axis=1)), 1.0)

    def compute_mask(self, *_: Any) -> None:
        return None

    def _sampled_nats(self, states: Any, targets: Any) -> Any:
        queries = ops.matmul(ops.cast(states, self.compute_dtype), self.kernel)
        return sampled_nats(
            queries, targets, self.embedding.word_table, self.bias, self._draw(), first=UNKNOWN
        )

    def _draw(self) -> Any:
        return draw(self.samples, self._classes, self.seed_generator)


def draw(samples: int, classes: int, seed: keras.random.SeedGenerator) -> Any:
    """Classes `[samples]` drawn with replacement from a log-uniform (Zipf) distribution over their ranks."""
    uniform = keras.random.uniform((samples,), dtype="float32", seed=seed)
    rank = ops.exp(uniform * ops.log(ops.cast(classes + 1, "float32"))) - 1.0
    return ops.minimum(ops.cast(rank, "int32"), classes - 1)


def sampled_nats(queries: Any, targets: Any, table: Any, bias: Any, drawn: Any, first: int = 0) -> Any:
    """An estimate of the loss of the full softmax, see `NeighbourLoss`: nats `[n]`.

    Args:
        queries: `[n, units]`.
        targets: classes `[n]`, numbered by falling frequency.
        table: rows `[first + classes, units]`; class k is row first + k.
        bias: `[classes]`.
        drawn: classes `[samples]` of `draw`.
        first: see `table`.
    """
    classes, dtype = bias.shape[0], queries.dtype

    def rows(of: Any, dtype: Any) -> Any:
        return ops.cast(ops.take(table, of + first, axis=0), dtype)

    def bias_of(of: Any) -> Any:
        return ops.cast(ops.take(bias, of, axis=0), "float32")

    true = ops.sum(ops.cast(queries, "float32") * rows(targets, "float32"), axis=-1) + bias_of(targets)
    rank = ops.cast(drawn, "float32")
    probability = ops.log1p(1.0 / (rank + 1.0)) / ops.log(ops.cast(classes + 1, "float32"))
    others = ops.cast(ops.matmul(queries, ops.transpose(rows(drawn, dtype))), "float32")
    others += bias_of(drawn) - ops.log(probability * drawn.shape[0])
    others = ops.where(targets[:, None] == drawn, _NEVER, others)
    return ops.softplus(ops.logsumexp(others, axis=-1) - true)
