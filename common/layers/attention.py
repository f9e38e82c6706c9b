"""Attention over the states of a sequence, and pooling of a sequence into one vector, with padding left out.

Scores, softmax and sums are computed in float32 whatever the layer's precision. A row without any real step
gives zeros. What stands at padding has no influence, not even by an infinity or NaN there.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from common.keras_package import PACKAGE
from common.layers.masks import fitting_mask, without_masked


@keras.saving.register_keras_serializable(PACKAGE)
class MaskedMaxPooling(keras.layers.Layer):
    """The largest value of each feature over time: `[batch, time, features]` -> `[batch, features]`.

    Example:
        >>> MaskedMaxPooling()(tf.constant([[[1.0], [9.0]]]), mask=tf.constant([[True, False]])).numpy().tolist()
        [[1.0]]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Pools over time; `mask` is `[batch, time]`, false at padding."""
        inputs = ops.cast(inputs, self.compute_dtype)
        if mask is None:
            return ops.max(inputs, axis=1)
        real = fitting_mask(mask, inputs, self.name)[..., None]
        largest = ops.max(ops.where(real, inputs, -float("inf")), axis=1)
        return ops.where(ops.any(real, axis=1), largest, 0.0)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """None: time is pooled away."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """`[batch, features]`."""
        return (input_shape[0], input_shape[-1])


@keras.saving.register_keras_serializable(PACKAGE)
class MaskedMeanPooling(keras.layers.Layer):
    """The mean of each feature over time: `[batch, time, features]` -> `[batch, features]`.

    Example:
        >>> MaskedMeanPooling()(tf.constant([[[1.0], [3.0]]])).numpy().tolist()
        [[2.0]]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Pools over time; `mask` is `[batch, time]`, false at padding."""
        values = ops.cast(inputs, "float32")
        if mask is None:
            return ops.cast(ops.mean(values, axis=1), self.compute_dtype)
        real = fitting_mask(mask, inputs, self.name)[..., None]
        count = ops.maximum(ops.sum(ops.cast(real, "float32"), axis=1), 1.0)
        return ops.cast(ops.sum(ops.where(real, values, 0.0), axis=1) / count, self.compute_dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """None: time is pooled away."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """`[batch, features]`."""
        return (input_shape[0], input_shape[-1])


@keras.saving.register_keras_serializable(PACKAGE)
class AttentionPooling(keras.layers.Layer):
    """Additive self-attention over time: `[batch, time, features]` -> `[batch, features]`.

    With a_t = softmax over the real steps of v · tanh(W h_t + b), the output is the sum of a_t h_t (Yang et
    al., 2016, Hierarchical attention networks, equations 5 to 7).

    Args:
        units: width of the score's hidden layer; the number of features if not given.

    Call arguments:
        inputs: `[batch, time, features]`.
        mask: `[batch, time]`, false at padding.
        return_attention_scores: whether to return the weights a_t, `[batch, time]` in float32, as well.

    Example:
        >>> AttentionPooling(units=8)(tf.ones([2, 5, 3])).shape.as_list()
        [2, 3]
    """

    def __init__(self, units: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units = units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights for inputs `[batch, time, features]`."""
        features = input_shape[-1]
        units = self.units or features
        self.kernel = self.add_weight((features, units), "glorot_uniform", name="kernel")
        self.bias = self.add_weight((units,), "zeros", name="bias")
        self.score_vector = self.add_weight((units, 1), "glorot_uniform", name="score_vector")
        self.built = True

    def call(
        self, inputs: tf.Tensor, mask: tf.Tensor | None = None, return_attention_scores: bool = False
    ) -> Any:
        """Pools over time; see the class."""
        inputs = ops.cast(inputs, self.compute_dtype)
        if mask is not None:
            mask = fitting_mask(mask, inputs, self.name)
            inputs = without_masked(inputs, mask)
        hidden = ops.tanh(ops.matmul(inputs, self.kernel) + self.bias)
        scores = ops.squeeze(ops.matmul(hidden, self.score_vector), -1)
        weights = masked_softmax(scores, mask)
        pooled = ops.cast(weighted_sum(weights[:, None], inputs)[:, 0], self.compute_dtype)
        return (pooled, weights) if return_attention_scores else pooled

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """None: time is pooled away."""

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(PACKAGE)
class AdditiveAttention(keras.layers.Layer):
    """Score v · tanh(W q_i + U k_j) of query i and value j (Bahdanau et al., 2015, appendix A.1.2).

    The context of a query is the sum of the values weighted by the softmax of the scores over the real steps.

    Args:
        units: width of the score's hidden layer.

    Call arguments:
        query: `[batch, queries, query_features]`, or `[batch, query_features]` for one step of a decoder.
        values: `[batch, time, features]`.
        values_mask: `[batch, time]`, false at padding; taken from `values` if Keras knows it.
        keys: `project_keys(values)`, which a decoder computes once for all its steps; computed here if not
            given.
        return_attention_scores: whether to return the weights, `[batch, queries, time]` (or `[batch, time]`)
            in float32.

    Returns:
        The contexts, `[batch, queries, features]` (or `[batch, features]`), and the weights if asked for.

    Example:
        >>> query, values = tf.ones([2, 1, 4]), tf.ones([2, 5, 3])
        >>> AdditiveAttention(units=8)(query, values).shape.as_list()
        [2, 1, 3]
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units = units

    def build(self, query_shape: tuple[int | None, ...], values_shape: tuple[int | None, ...]) -> None:
        """Makes the weights for the widths of query and values."""
        self.query_kernel = self.add_weight(
            (query_shape[-1], self.units), "glorot_uniform", name="query_kernel"
        )
        self.key_kernel = self.add_weight((values_shape[-1], self.units), "glorot_uniform", name="key_kernel")
        self.score_vector = self.add_weight((self.units,), "random_uniform", name="score_vector")
        self.built = True

    def project_keys(self, values: tf.Tensor) -> tf.Tensor:
        """U k_j of every step: `[batch, time, features]` -> `[batch, time, units]`."""
        return ops.matmul(ops.cast(values, self.compute_dtype), ops.cast(self.key_kernel, self.compute_dtype))

    @property
    def score_weights(self) -> list[Any]:
        """The weights that `scores` takes."""
        return [self.query_kernel, self.score_vector]

    @staticmethod
    def scores(queries: tf.Tensor, keys: tf.Tensor, query_kernel: Any, score_vector: Any) -> tf.Tensor:
        """`[batch, queries, query_features]` x `[batch, time, units]` -> `[batch, queries, time]` in float32."""
        hidden = ops.tanh(ops.matmul(queries, query_kernel)[:, :, None] + keys[:, None])
        return ops.sum(ops.cast(hidden * score_vector, "float32"), axis=-1)

    def call(
        self,
        query: tf.Tensor,
        values: tf.Tensor,
        values_mask: tf.Tensor | None = None,
        keys: tf.Tensor | None = None,
        return_attention_scores: bool = False,
    ) -> Any:
        """Attends; see the class."""
        return _attend(self, query, values, values_mask, keys, return_attention_scores)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The query's mask: the contexts stand where the queries stood."""
        return previous_mask if len(inputs.shape) == 3 else None

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(PACKAGE)
class MultiplicativeAttention(keras.layers.Layer):
    """Score q_i · W k_j of query i and value j (Luong et al., 2015, equation 8, "general").

    The context of a query is the sum of the values weighted by the softmax of the scores over the real steps.

    Call arguments and results are those of `AdditiveAttention`.

    Example:
        >>> query, values = tf.ones([2, 1, 4]), tf.ones([2, 5, 3])
        >>> MultiplicativeAttention()(query, values).shape.as_list()
        [2, 1, 3]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, query_shape: tuple[int | None, ...], values_shape: tuple[int | None, ...]) -> None:
        """Makes the weight for the widths of query and values."""
        self.kernel = self.add_weight((values_shape[-1], query_shape[-1]), "glorot_uniform", name="kernel")
        self.built = True

    def project_keys(self, values: tf.Tensor) -> tf.Tensor:
        """W k_j of every step: `[batch, time, features]` -> `[batch, time, query_features]`."""
        return ops.matmul(ops.cast(values, self.compute_dtype), ops.cast(self.kernel, self.compute_dtype))

    @property
    def score_weights(self) -> list[Any]:
        """The weights that `scores` takes: none."""
        return []

    @staticmethod
    def scores(queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        """`[batch, queries, features]` x `[batch, time, features]` -> `[batch, queries, time]` in float32."""
        return ops.cast(ops.matmul(queries, ops.swapaxes(keys, 1, 2)), "float32")

    def call(
        self,
        query: tf.Tensor,
        values: tf.Tensor,
        values_mask: tf.Tensor | None = None,
        keys: tf.Tensor | None = None,
        return_attention_scores: bool = False,
    ) -> Any:
        """Attends; see `AdditiveAttention`."""
        return _attend(self, query, values, values_mask, keys, return_attention_scores)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The query's mask: the contexts stand where the queries stood."""
        return previous_mask if len(inputs.shape) == 3 else None


def masked_softmax(scores: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """Softmax over the last axis in float32; the weight is exactly 0 where `mask` is false."""
    scores = ops.cast(scores, "float32")
    if mask is None:
        return ops.softmax(scores, axis=-1)
    real = ops.broadcast_to(ops.cast(mask, "bool"), ops.shape(scores))
    weights = ops.softmax(ops.where(real, scores, -1e30), axis=-1)
    return ops.where(real, weights, 0.0)


def weighted_sum(weights: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """`[batch, queries, time]` x `[batch, time, features]` -> `[batch, queries, features]` in float32."""
    return ops.matmul(weights, ops.cast(values, "float32"))


def _attend(
    layer: "AdditiveAttention | MultiplicativeAttention",
    query: tf.Tensor,
    values: tf.Tensor,
    mask: Any,
    keys: tf.Tensor | None,
    return_attention_scores: bool,
) -> Any:
    query, values = ops.cast(query, layer.compute_dtype), ops.cast(values, layer.compute_dtype)
    if mask is not None:
        mask = fitting_mask(mask, values, layer.name)
        values, keys = without_masked(values, mask), None if keys is None else without_masked(keys, mask)
    queries = query if len(query.shape) == 3 else query[:, None]
    projected_keys = layer.project_keys(values) if keys is None else keys
    scores = layer.scores(queries, projected_keys, *layer.score_weights)
    weights = masked_softmax(scores, None if mask is None else mask[:, None])
    contexts = ops.cast(weighted_sum(weights, values), layer.compute_dtype)
    if len(query.shape) == 2:
        contexts, weights = contexts[:, 0], weights[:, 0]
    return (contexts, weights) if return_attention_scores else contexts
