"""The classifier: token features -> recurrent states -> one vector -> logits; and the language model it may begin as."""

from typing import Any

import keras
from keras import ops

from applications.sentiment_analysis.config import Config
from common.layers.attention import AttentionPooling, MaskedMaxPooling, MaskedMeanPooling
from common.layers.sampled_softmax import SampledSoftmax
from common.layers.stack import RecurrentStack
from common.layers.text import FEATURES, FIRST_WORD, TokenEmbedding

_POOLING = {
    "max": (MaskedMaxPooling,),
    "attention": (AttentionPooling,),
    "all": (MaskedMaxPooling, MaskedMeanPooling, AttentionPooling),
}


def build(config: Config, words: int, classes: int, precision: str = "float32") -> keras.Model:
    """Token features `[batch, time, 5]` -> logits `[batch, classes]`.

    The states over time are the output of the layer `states`, `[batch, time, units]` (twice the units if bidirectional); the
    logits are linear in them once the pooling is fixed, which `contributions` uses.

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
    pooled = [layer(dtype=precision, name=layer.__name__)(states) for layer in _POOLING[config.pooling]]
    pooled = keras.layers.Concatenate(name="pooled", dtype=precision)(pooled) if len(pooled) > 1 else pooled[0]
    pooled = keras.layers.Dropout(config.dropout, dtype=precision)(pooled)
    logits = keras.layers.Dense(classes, dtype="float32", name="logits")(pooled)
    return keras.Model(features, logits, name="sentiment_analysis")
