"""Sampled softmax: the loss of predicting one of many words, at a cost that does not grow with their number."""

from typing import Any

import keras
from keras import ops


class SampledSoftmax(keras.layers.Layer):
    """Nats of predicting each target against sampled words: states and targets `[batch, time]` -> losses `[batch, time]`.

    The score of word k after state h is E_k·(W h) + b_k with E the embedding table of the input (tied, Inan et al. 2017). Each batch
    draws `samples` words with replacement from a log-uniform (Zipf) distribution over the ranks, and subtracts the log of
    their expected counts (Bengio and Senécal 2008; Jean et al. 2015, eq. 8 to 10), which makes the sampled gradient follow the full one;
    a sampled word equal to the target does not count. Words must be numbered by falling frequency.

    Args:
        vocabulary_size: number of words.
        samples: words drawn per batch.
        seed: of the draws.

    Call arguments:
        states: `[batch, time, units]`.
        targets: int `[batch, time]`, in 0 .. vocabulary_size - 1.
        embeddings: `[vocabulary_size, width]`.
    """

    def __init__(self, vocabulary_size: int, samples: int, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size, self.samples = vocabulary_size, samples
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, states_shape: tuple, targets_shape: tuple, embeddings_shape: tuple) -> None:
        self.kernel = self.add_weight(shape=(states_shape[-1], embeddings_shape[-1]), name="kernel")
        self.bias = self.add_weight(shape=(self.vocabulary_size,), initializer="zeros", name="bias")

    def call(self, states: Any, targets: Any, embeddings: Any) -> Any:
        queries = ops.matmul(states, self.kernel)
        embeddings = ops.cast(embeddings, queries.dtype)
        drawn = self._draw()
        true = ops.sum(queries * ops.take(embeddings, targets, axis=0), axis=-1)
        true = ops.cast(true, "float32") + self._offset(targets)
        against = ops.matmul(queries, ops.transpose(ops.take(embeddings, drawn, axis=0)))
        against = ops.cast(against, "float32") + self._offset(drawn)
        against = ops.where(targets[..., None] == drawn, -1e9, against)
        largest = ops.stop_gradient(ops.maximum(true, ops.max(against, axis=-1)))
        total = ops.exp(true - largest) + ops.sum(ops.exp(against - largest[..., None]), axis=-1)
        return ops.log(total) + largest - true

    def _draw(self) -> Any:
        uniform = keras.random.uniform((self.samples,), seed=self.seed_generator)
        rank = ops.exp(uniform * ops.log(self.vocabulary_size + 1.0)) - 1.0
        return ops.minimum(ops.cast(rank, "int32"), self.vocabulary_size - 1)

    def _offset(self, words: Any) -> Any:
        rank = ops.cast(words, "float32")
        probability = ops.log((rank + 2.0) / (rank + 1.0)) / ops.log(self.vocabulary_size + 1.0)
        bias = ops.cast(ops.take(self.bias, words, axis=0), "float32")
        return bias - ops.log(probability * float(self.samples))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vocabulary_size": self.vocabulary_size, "samples": self.samples}
