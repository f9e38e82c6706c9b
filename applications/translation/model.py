"""The translator: subwords of the source -> encoder states -> attending decoder -> subwords of the target."""

import keras
import tensorflow as tf

from applications.translation.config import Config
from common.layers.attention_decoder import AttentionDecoder, Memory
from common.layers.stack import RecurrentStack
from common.layers.tied_embedding import TiedEmbedding, TokenLoss

SOURCE, TARGET, LABELS = "source", "target", "labels"


def build(config: Config, tokens: int, precision: str = "float32") -> keras.Model:
    """The model as it is trained: what it reads and what it is to write -> the loss of writing it, `[batch]`.

    Inputs are ids, right-padded with 0: `source` `[batch, source time]`; `target` `[batch, time]`, which teacher
    forcing feeds the decoder; `labels` `[batch, time]`, what follows each id of `target`. The mean of the output is the
    mean loss per id in nats, smoothed in training. `encode` and the model's `SequenceDecoder` use the same weights to
    translate.

    Args:
        config: sizes, cell, attention and dropout.
        tokens: how many ids there are.
        precision: Keras dtype policy of all layers; states, gates and losses are float32 always.
    """
    source, target, labels = (
        keras.Input((None,), dtype="int32", name=name) for name in (SOURCE, TARGET, LABELS)
    )
    embedding = TiedEmbedding(
        tokens, config.embedding_units, config.word_dropout, dtype=precision, name="embedding"
    )
    read = keras.layers.SpatialDropout1D(config.embedding_dropout, dtype=precision)(embedding(source))
    states = RecurrentStack(
        config.cell,
        config.encoder_units,
        layers=config.encoder_layers,
        bidirectional=True,
        dropout=config.dropout,
        dtype=precision,
        name="encoder",
    )(read)
    states = keras.layers.SpatialDropout1D(config.dropout, dtype=precision)(states)
    fed = keras.layers.SpatialDropout1D(config.embedding_dropout, dtype=precision)(embedding(target))
    outputs = AttentionDecoder(
        config.cell,
        config.decoder_units,
        score=config.attention,
        input_feeding=config.input_feeding,
        dropout=config.dropout,
        dtype=precision,
        name="decoder",
    )(fed, states)
    if config.decoder_layers > 1:
        upper = RecurrentStack(
            config.cell,
            config.decoder_units,
            layers=config.decoder_layers - 1,
            residual=True,
            dropout=config.dropout,
            dtype=precision,
            name="upper_layers",
        )(outputs)
        outputs = keras.layers.SpatialDropout1D(config.dropout, dtype=precision)(upper)
    vectors = keras.layers.Dense(config.embedding_units, dtype=precision, name="projection")(outputs)
    nats = TokenLoss(embedding, config.label_smoothing, dtype=precision, name="loss")(vectors, labels)
    return keras.Model({SOURCE: source, TARGET: target, LABELS: labels}, nats, name="translation")


def encode(model: keras.Model, source: tf.Tensor) -> Memory:
    """Reads source ids `[batch, source time]`, right-padded with 0: what the decoder attends to."""
    embedding = model.get_layer("embedding")
    mask = embedding.compute_mask(source)
    states = model.get_layer("encoder")(embedding(source), mask=mask)
    memory: Memory = model.get_layer("decoder").memory(states, mask)
    return memory
