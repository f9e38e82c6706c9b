"""The translator: subwords of the source -> encoder states -> attending decoder -> subwords of the target."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from applications.translation.config import Config
from common.decoding.generate import Step
from common.layers.attention_decoder import AttentionDecoder, Memory
from common.layers.stack import RecurrentStack
from common.layers.tied_embedding import TiedEmbedding, TokenLoss

SOURCE, TARGET, LABELS = "source", "target", "labels"


def build(config: Config, tokens: int, precision: str = "float32") -> keras.Model:
    """The model as it is trained: what it reads and what it is to write -> the loss of writing it, `[batch]`.

    Inputs are ids, right-padded with 0: `source` `[batch, source time]`; `target` `[batch, time]`, which teacher
    forcing feeds the decoder; `labels` `[batch, time]`, what follows each id of `target`. The mean of the output is the
    mean loss per id in nats, smoothed in training. `encode` and `decoder` use the same weights to translate.

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
    return model.get_layer("decoder").memory(states, mask)


def initial_states(model: keras.Model, memory: Memory) -> list[tf.Tensor]:
    """The states before the first step, `[batch, units]` each in float32."""
    states = model.get_layer("decoder").initial_states(memory)
    upper = _upper_layers(model)
    if upper is not None:
        rows = tf.shape(states[0])[0]
        states = [*states, *(tf.cast(state, tf.float32) for state in upper.zero_states(rows))]
    return states


def decoder(model: keras.Model, memory: Memory) -> Any:
    """One step of translating, made once before the loop that calls it.

    Returns:
        `(tokens [rows], states [rows, units] each)` -> `(logits [rows, tokens] in float32, states after, attention
        weights [rows, source time])`. The first tokens are `START`; rows are those of the memory, or the same number
        of hypotheses for each of them, next to each other.
    """
    embedding, projection = model.get_layer("embedding"), model.get_layer("projection")
    lower = model.get_layer("decoder")
    lower_step, own_states = lower.stepper(memory), lower.state_count
    upper = _upper_layers(model)
    upper_step = None if upper is None else upper.stepper(lower.units)

    def step(tokens: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor], tf.Tensor]:
        outputs, after, weights = lower_step(embedding(tokens), states[:own_states])
        if upper_step is not None:
            outputs, above = upper_step(outputs, states[own_states:])
            after = [*after, *above]
        return embedding.logits(projection(outputs)), after, weights

    return step


def without_attention(step: Any) -> Step:
    """A step as the searches take it, from one of `decoder`."""

    def scoring(tokens: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        logits, after, _ = step(tokens, states)
        return logits, after

    return scoring


def teacher_forced(model: keras.Model, memory: Memory, target: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The logits `[batch, time, tokens]` after each id of `target` `[batch, time]`, and the attention weights
    `[batch, time, source time]`, all steps in one pass."""
    embedding = model.get_layer("embedding")
    outputs, weights = model.get_layer("decoder")(
        embedding(target), memory.values, values_mask=memory.mask, return_attention_scores=True
    )
    upper = _upper_layers(model)
    outputs = outputs if upper is None else upper(outputs)
    return embedding.logits(model.get_layer("projection")(outputs)), weights


def log_likelihood(model: keras.Model, memory: Memory, target: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The log-probability of given translations, `[batch]` in nats; `labels` follow `target` as in training."""
    logits, _ = teacher_forced(model, memory, target)
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return -ops.sum(ops.where(labels != 0, nats, 0.0), axis=1)


def _upper_layers(model: keras.Model) -> RecurrentStack | None:
    return next((layer for layer in model.layers if layer.name == "upper_layers"), None)
