"""Writes tokens while it looks at something: embedding, attending decoder, further layers and scores, as one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import tensorflow as tf
from keras import ops

from common.decoding.generate import DecodingStep
from common.layers.attention_decoder import AttentionDecoder, Memory
from common.layers.stack import RecurrentStack
from common.layers.tied_embedding import TiedEmbedding

SequenceDecoderStep: TypeAlias = Callable[
    [tf.Tensor, Sequence[tf.Tensor]], tuple[tf.Tensor, list[tf.Tensor], tf.Tensor]
]
"""`(tokens [rows], states [rows, units] each)` -> `(logits [rows, tokens] in float32, states after, attention weights
[rows, source time])`."""


@dataclass(frozen=True)
class SequenceDecoder:
    """The layers of a trained model that write.

    Attributes:
        embedding: of the tokens, and their scores.
        decoder: looks at a memory.
        projection: to the width of the embedding.
        upper: recurrent layers above the decoder, if any.

    Example:
        >>> decoder = AttentionDecoder("gru", units=8)
        >>> decoder.build((2, None, 4), (2, None, 3))
        >>> layers = SequenceDecoder(TiedEmbedding(50, 4), decoder, keras.layers.Dense(4))
        >>> memory, ids = decoder.memory(tf.ones([2, 5, 3])), tf.constant([[1, 7], [1, 9]])
        >>> layers.teacher_forced(memory, ids)[0].shape.as_list()
        [2, 2, 50]
    """

    embedding: TiedEmbedding
    decoder: AttentionDecoder
    projection: keras.layers.Dense
    upper: RecurrentStack | None = None

    def initial_states(self, memory: Memory) -> list[tf.Tensor]:
        """The states before the first step, `[batch, units]` each in float32."""
        states = self.decoder.initial_states(memory)
        if self.upper is None:
            return states
        above = self.upper.zero_states(tf.shape(states[0])[0])
        return [*states, *(tf.cast(state, tf.float32) for state in above)]

    def keep_in_bfloat16(self) -> None:
        """From now on reads the kernels of the recurrent layers as bfloat16 holds them, see
        `recurrent.keep_in_bfloat16`."""
        for stack in (self.decoder.recurrence, self.upper):
            if stack is not None:
                stack.keep_in_bfloat16()

    def stepper(self, memory: Memory) -> SequenceDecoderStep:
        """One step of writing, made once before the loop that calls it.

        The rows of a step are those of the memory, or the same number of hypotheses for each of them, next to each
        other.
        """
        lower_step, own_states = self.decoder.stepper(memory), self.decoder.state_count
        upper_step = None if self.upper is None else self.upper.stepper(self.decoder.units)

        def step(
            tokens: tf.Tensor, states: Sequence[tf.Tensor]
        ) -> tuple[tf.Tensor, list[tf.Tensor], tf.Tensor]:
            outputs, after, weights = lower_step(self.embedding(tokens), states[:own_states])
            if upper_step is not None:
                outputs, above = upper_step(outputs, states[own_states:])
                after = [*after, *above]
            return self.embedding.logits(self.projection(outputs)), after, weights

        return step

    def teacher_forced(self, memory: Memory, target: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The logits `[batch, time, tokens]` after each id of `target` `[batch, time]`, and the attention weights
        `[batch, time, source time]`, all steps in one pass."""
        outputs, weights = self.decoder(
            self.embedding(target), memory.values, values_mask=memory.mask, return_attention_scores=True
        )
        outputs = outputs if self.upper is None else self.upper(outputs)
        return self.embedding.logits(self.projection(outputs)), weights

    def log_likelihood(self, memory: Memory, target: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """The log-probability of given texts, `[batch]` in nats; `labels` follow `target` as in training."""
        logits, _ = self.teacher_forced(memory, target)
        nats = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return -ops.sum(ops.where(labels != 0, nats, 0.0), axis=1)


def without_attention(step: SequenceDecoderStep) -> DecodingStep:
    """A step as the searches take it."""

    def scoring(tokens: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        logits, after, _ = step(tokens, states)
        return logits, after

    return scoring


def sequence_decoder_of(model: keras.Model) -> SequenceDecoder:
    """The writing layers of a model that has them by the names `embedding`, `decoder` and `projection`, and perhaps
    `upper_layers`."""
    layers: dict[str, Any] = {layer.name: layer for layer in model.layers}
    return SequenceDecoder(
        layers["embedding"], layers["decoder"], layers["projection"], layers.get("upper_layers")
    )
