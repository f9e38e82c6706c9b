"""The classifier: token features -> states -> one vector -> logits; and the language model it may begin as."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from applications.sentiment_analysis.config import Config
from common.layers.attention import AttentionPooling, MaskedMaxPooling
from common.layers.contributions import POOLING, contributions
from common.layers.sampled_softmax import Neighbour, NeighbourLoss
from common.layers.stack import RecurrentStack
from common.text.word_features import FEATURES, TokenEmbedding

_POOLING = {
    "max": (MaskedMaxPooling,),
    "attention": (AttentionPooling,),
    "all": POOLING,
}
_NEIGHBOURS: tuple[Neighbour, Neighbour] = ("next", "previous")


def build(config: Config, words: int, classes: int, precision: str = "float32") -> keras.Model:
    """Token features `[batch, time, 5]` -> logits `[batch, classes]`.

    The states over time are the output of the layer `states`, `[batch, time, units]` (twice the units if
    bidirectional); the logits are linear in them once the pooling is fixed, which `explained` uses.

    Args:
        config: sizes, cell, pooling and dropout.
        words: size of the vocabulary.
        classes: number of labels.
        precision: Keras dtype policy of all layers; logits are float32 always.
    """
    features = keras.Input((None, FEATURES), dtype="int32", name="features")
    embedded = TokenEmbedding(
        words,
        config.affix_buckets,
        config.embedding_units,
        word_dropout=config.word_dropout,
        dtype=precision,
        name="token_embedding",
    )(features)
    embedded = keras.layers.SpatialDropout1D(config.embedding_dropout, dtype=precision)(embedded)
    states = RecurrentStack(
        config.cell,
        config.units,
        layers=config.layers,
        bidirectional=config.bidirectional,
        dropout=config.dropout,
        dtype=precision,
        name="states",
    )(embedded)
    states = keras.layers.SpatialDropout1D(config.dropout, dtype=precision)(states)
    pooled = [layer(dtype=precision, name=layer.__name__)(states) for layer in _POOLING[config.pooling]]
    pooled = (
        keras.layers.Concatenate(name="pooled", dtype=precision)(pooled) if len(pooled) > 1 else pooled[0]
    )
    pooled = keras.layers.Dropout(config.pooled_dropout, dtype=precision)(pooled)
    logits = keras.layers.Dense(classes, dtype="float32", name="logits")(pooled)
    return keras.Model(features, logits, name="sentiment_analysis")


def build_language_model(classifier: keras.Model, config: Config, precision: str = "float32") -> keras.Model:
    """A language model that shares the classifier's embedding and recurrence: features `[batch, time, 5]` -> loss
    `[batch]`.

    The forward states predict the next word and the backward states, where there are any, the previous one (Dai and
    Le 2015; Peters et al. 2018). The mean of the output is the mean loss of a prediction in nats.
    """
    features = keras.Input((None, FEATURES), dtype="int32", name="features")
    embedding, recurrence = classifier.get_layer("token_embedding"), classifier.get_layer("states")
    rate = config.pretraining_dropout
    embedded = keras.layers.SpatialDropout1D(rate, dtype=precision)(embedding(features))
    states = keras.layers.SpatialDropout1D(rate, dtype=precision)(recurrence(embedded))
    losses = []
    for direction, neighbour in enumerate(_NEIGHBOURS[: 2 if config.bidirectional else 1]):
        read = states[..., direction * config.units : (direction + 1) * config.units]
        head = NeighbourLoss(neighbour, embedding, config.sampled_words, dtype=precision, name=neighbour)
        losses.append(head(read, features[..., 0]))
    return keras.Model(features, ops.mean(ops.stack(losses), axis=0), name="language_model")


def logits_without_padding(classifier: keras.Model, features: Any) -> Any:
    """The logits `[batch, classes]` of features `[batch, time, 5]` without padding, for which no mask is made."""
    kinds = tuple({kind for kinds in _POOLING.values() for kind in kinds})
    # What an operation returns has no mask.
    vectors = tf.identity(classifier.get_layer("token_embedding")(features))
    states = classifier.get_layer("states")(vectors)
    pooled = [layer(states) for layer in classifier.layers if isinstance(layer, kinds)]
    return classifier.get_layer("logits")(ops.concatenate(pooled, axis=-1))


def explained(classifier: keras.Model, features: Any) -> tuple[Any, Any]:
    """What each step adds to each logit: features `[batch, time, 5]` -> `[batch, time, classes]`, and the logits."""
    read = keras.Model(classifier.input, [classifier.get_layer("states").output, classifier.output])
    states, logits = read(features, training=False)
    pooling = [layer for layer in classifier.layers if isinstance(layer, POOLING)]
    return contributions(pooling, classifier.get_layer("logits"), states, features[..., 0] != 0), logits
