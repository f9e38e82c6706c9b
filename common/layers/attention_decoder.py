"""A recurrent decoder with attention and input feeding, over whole target sequences or one token at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import keras
import tensorflow as tf
from keras import ops

from common.keras_package import PACKAGE
from common.layers.attention import AdditiveAttention, MultiplicativeAttention
from common.layers.masks import fitting_mask, without_masked
from common.layers.recurrence.input_feeding import Attended, Weights, attentive_scan
from common.layers.recurrence.loops import sharded
from common.layers.recurrent import packed_cell
from common.layers.stack import CellName, RecurrentStack

Tensor: TypeAlias = tf.Tensor
Score = Literal["additive", "multiplicative"]
AttentionDecoderStep: TypeAlias = Callable[[Tensor, Sequence[Tensor]], tuple[Tensor, list[Tensor], Tensor]]
_SHARDS = 2
_FAR_BELOW = -1e30


@dataclass(frozen=True)
class Memory:
    """What a decoder attends to, computed once for all its steps.

    Attributes:
        keys: `[batch, source, ...]`.
        values: `[batch, source, features]`, zero at padding.
        mask: `[batch, source]`, false at padding.
    """

    keys: Tensor
    values: Tensor
    mask: Tensor


@keras.saving.register_keras_serializable(PACKAGE)
class AttentionDecoder(keras.layers.Layer):
    """Target vectors `[batch, time, features]` and what to attend to, `[batch, source, features]` -> attentional
    vectors `[batch, time, units]`.

    At step t, with the input x_t, the recurrent cell's state h_t and the values v_j:

        h_t = cell([f_{t-1}; x_t], h_{t-1})          input feeding; without it cell(x_t, h_{t-1})
        c_t = sum over j of softmax_j(score(h_t, v_j)) v_j
        f_t = tanh(W [c_t; h_t])

    (Luong et al. 2015, equations 5 to 8 and section 3.3.) With the gate, W reads g_t c_t in place of c_t, where the
    number g_t = sigmoid(w · h_t + d) tells how much the step needs of what it attends to (Xu et al. 2015, section
    4.2.1, of h_t as the scores are). The first states are tanh(U m + b), m being the mean of the values (Bahdanau et
    al. 2015, appendix A.2.2, of which this is the form for two directions), and f_0 is zero. Dropout is variational:
    one mask for all f_t of a sequence, where they are fed as where they are put out (Gal and Ghahramani 2016).

    Args:
        cell: "lstm", "gru" or "rnn".
        units: width of the states and of the attentional vectors.
        score: "additive" (Bahdanau et al. 2015) or "multiplicative" (Luong et al. 2015, "general").
        input_feeding: whether a step reads the attentional vector of the one before. Without it all steps attend
            at once.
        gate: whether a step scales the context that it reads by a number from 0 to 1, which it learns to choose.
        dropout: share of the attentional vector's units dropped.
        seed: of the dropout.

    Call arguments:
        inputs: `[batch, time, features]`, right-padded.
        values: `[batch, source, features]`.
        values_mask: `[batch, source]`, false at padding; taken from `values` if Keras knows it.
        training: whether dropout applies.
        return_attention_scores: whether to return the attention weights `[batch, time, source]` too, in float32;
            they carry no gradient.
        inputs_mask: `[batch, time]`, false at padding, which is read as zeros where it is not finite, so that it spoils
            no gradient; taken from `inputs` if Keras knows it.

    Example:
        >>> decoder = AttentionDecoder("lstm", units=8)
        >>> decoder(tf.ones([2, 6, 4]), tf.ones([2, 5, 3])).shape.as_list()
        [2, 6, 8]
    """

    def __init__(
        self,
        cell: CellName,
        units: int,
        score: Score = "multiplicative",
        input_feeding: bool = True,
        gate: bool = False,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score not in ("additive", "multiplicative"):
            raise ValueError(f"AttentionDecoder score={score!r}: expected additive or multiplicative")
        self.supports_masking = True
        self.cell, self.units, self.score, self.seed = cell, units, score, seed
        self.input_feeding, self.gate, self.dropout = input_feeding, gate, dropout
        self.recurrence = RecurrentStack(cell, units, dtype=self.dtype_policy, name="recurrence")
        self.attention: Any = (
            AdditiveAttention(units, dtype=self.dtype_policy, name="attention")
            if score == "additive"
            else MultiplicativeAttention(dtype=self.dtype_policy, name="attention")
        )
        self.bridge = keras.layers.Dense(
            self.recurrence.state_count * units, "tanh", dtype=self.dtype_policy, name="bridge"
        )
        self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def state_count(self) -> int:
        """Number of the states of `step`."""
        return self.recurrence.state_count + (1 if self.input_feeding else 0)

    def build(self, inputs_shape: Sequence[Any], values_shape: Sequence[Any]) -> None:
        """Makes the weights for the widths of inputs and values."""
        self.features = inputs_shape[-1] + (self.units if self.input_feeding else 0)
        self.recurrence.build((None, None, self.features))
        self.attention.build((None, None, self.units), tuple(values_shape))
        self.bridge.build((None, values_shape[-1]))
        self.combination = self.add_weight(
            (values_shape[-1] + self.units, self.units), "glorot_uniform", name="combination"
        )
        if self.gate:
            self.gate_kernel = self.add_weight((self.units, 1), "glorot_uniform", name="gate_kernel")
            self.gate_bias = self.add_weight((1,), "zeros", name="gate_bias")
        self.built = True

    def memory(self, values: Tensor, values_mask: Tensor | None = None) -> Memory:
        """What the steps attend to."""
        values = tf.cast(values, self.compute_dtype)
        if values_mask is None:
            mask = tf.ones(tf.shape(values)[:2], tf.bool)
        else:
            mask = fitting_mask(values_mask, values, self.name)
            values = without_masked(values, mask)
        return Memory(self.attention.project_keys(values), values, mask)

    def initial_states(self, memory: Memory) -> list[Tensor]:
        """What `step` starts from: the recurrent states and, with input feeding, f_0, `[batch, units]` each."""
        count = tf.reduce_sum(tf.cast(memory.mask, tf.float32), 1, keepdims=True)
        mean = tf.reduce_sum(tf.cast(memory.values, tf.float32), 1) / tf.maximum(count, 1.0)
        states = [
            tf.cast(state, tf.float32)
            for state in tf.split(self.bridge(mean), self.recurrence.state_count, 1)
        ]
        return [*states, tf.zeros_like(states[0])] if self.input_feeding else states

    def call(
        self,
        inputs: Tensor,
        values: Tensor,
        values_mask: Tensor | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        inputs_mask: Tensor | None = None,
    ) -> Any:
        """Reads whole target sequences, teacher-forced; see the class."""
        inputs = tf.cast(inputs, self.compute_dtype)
        if inputs_mask is not None:
            is_finite = tf.reduce_all(tf.math.is_finite(inputs), axis=-1)
            inputs = without_masked(inputs, is_finite | fitting_mask(inputs_mask, inputs, self.name))
        memory = self.memory(values, values_mask)
        factor = self._dropout_factor(memory) if training and self.dropout else None
        run = self._feeding if self.input_feeding else self._attending
        outputs, weights = run(inputs, memory, factor, bool(training))
        if not return_attention_scores:
            return outputs
        if weights is None:
            raise ValueError("AttentionDecoder: the attention weights are returned in inference only")
        return outputs, weights

    def stepper(self, memory: Memory) -> AttentionDecoderStep:
        """One step of inference with the same weights, made before a loop that generates.

        Returns:
            `(inputs [rows, features], states)` -> `(outputs [rows, units], states, attention weights [rows,
            source])`. The states are those of `initial_states`. There may be `rows / batch` rows for each row of the
            memory, next to each other: the hypotheses of a beam search attend to one memory.
        """
        recurrent_step = self.recurrence.stepper(self.features)
        combination = tf.cast(self.combination, self.compute_dtype)
        penalty = _penalty(memory.mask)[:, None]
        score_weights = [tf.cast(weight, self.compute_dtype) for weight in self.attention.score_weights]
        features = memory.values.shape[-1]

        def step(inputs: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor], Tensor]:
            inputs = tf.cast(inputs, self.compute_dtype)
            if self.input_feeding:
                *states, fed = states
                inputs = tf.concat([tf.cast(fed, self.compute_dtype), inputs], 1)
            hidden, states = recurrent_step(inputs, states)
            queries = tf.reshape(hidden, [tf.shape(memory.mask)[0], -1, self.units])
            scores = self.attention.scores(queries, memory.keys, *score_weights)
            weights = tf.nn.softmax(tf.cast(scores, tf.float32) + penalty)
            contexts = tf.matmul(tf.cast(weights, self.compute_dtype), memory.values)
            read = tf.concat([self._gated(tf.reshape(contexts, [-1, features]), hidden), hidden], 1)
            outputs = tf.tanh(tf.cast(tf.matmul(read, combination), tf.float32))
            states = [*states, outputs] if self.input_feeding else states
            return (
                tf.cast(outputs, self.compute_dtype),
                states,
                tf.reshape(weights, [-1, tf.shape(memory.mask)[1]]),
            )

        return step

    def _gated(self, contexts: Tensor, hidden: Tensor) -> Tensor:
        """The contexts `[..., features]`, as far as the gate lets them through at h_t `[..., units]`."""
        if not self.gate:
            return contexts
        kernel, bias = (tf.cast(weight, self.compute_dtype) for weight in (self.gate_kernel, self.gate_bias))
        return contexts * ops.sigmoid(ops.matmul(hidden, kernel) + bias)

    def _dropout_factor(self, memory: Memory) -> Tensor:
        ones = tf.ones([tf.shape(memory.mask)[0], self.units], tf.float32)
        return keras.random.dropout(ones, self.dropout, seed=self.seed_generator)

    def _feeding(
        self, inputs: Tensor, memory: Memory, factor: Tensor | None, training: bool
    ) -> tuple[Tensor, Tensor | None]:
        cell, packed = packed_cell(self.recurrence.recurrent_layers[0])
        gate = [self.gate_kernel, self.gate_bias] if self.gate else []
        weights = Weights(
            [tf.cast(tf.transpose(matrix), self.compute_dtype) for matrix in packed],
            tf.cast(tf.transpose(self.combination), self.compute_dtype),
            [tf.cast(weight, self.compute_dtype) for weight in self.attention.score_weights],
            [tf.cast(tf.reshape(weight, [1, -1]), self.compute_dtype) for weight in gate],
        )
        states = self.initial_states(memory)[:-1]
        factors = [] if factor is None else [factor]

        def on_shard(inputs: Tensor, keys: Tensor, values: Tensor, penalty: Tensor, *rest: Tensor) -> Any:
            swapped = tf.transpose(inputs, [1, 2, 0])
            swapped.set_shape([None, inputs.shape[-1], inputs.shape[0]])
            fed, shares = attentive_scan(
                cell,
                tf.concat([swapped, tf.ones_like(swapped[:, :1])], 1),
                weights,
                Attended(self.attention.scores, keys, values, penalty),
                [tf.transpose(state) for state in rest[: len(states)]],
                tf.transpose(rest[-1]) if factors else None,
                training,
            )
            sequences = [tf.transpose(fed, [2, 0, 1])]
            return sequences + ([] if shares is None else [tf.transpose(shares, [1, 0, 2])]), []

        per_row = [inputs, memory.keys, memory.values, _penalty(memory.mask), *states, *factors]
        sequences, _ = sharded(on_shard, per_row, _SHARDS)
        return sequences[0], None if training else sequences[1]

    def _attending(
        self, inputs: Tensor, memory: Memory, factor: Tensor | None, training: bool
    ) -> tuple[Tensor, Tensor]:
        hidden = self.recurrence(inputs, initial_state=self.initial_states(memory), training=training)
        contexts, weights = self.attention(
            hidden, memory.values, memory.mask, memory.keys, return_attention_scores=True
        )
        read = ops.concatenate([self._gated(contexts, hidden), hidden], -1)
        outputs = ops.tanh(ops.matmul(read, self.combination))
        return outputs if factor is None else outputs * tf.cast(factor, outputs.dtype)[:, None], weights

    def compute_output_spec(
        self,
        inputs: keras.KerasTensor,
        values: keras.KerasTensor,
        values_mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        inputs_mask: Any = None,
    ) -> Any:
        """Shapes and dtypes of `call`, known without running the loop."""
        outputs = keras.KerasTensor((*inputs.shape[:-1], self.units), self.compute_dtype)
        if not return_attention_scores:
            return outputs
        return outputs, keras.KerasTensor((*inputs.shape[:-1], values.shape[1]), "float32")

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The inputs' mask."""
        return previous_mask[0] if isinstance(previous_mask, (list, tuple)) else previous_mask

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("cell", "units", "score", "input_feeding", "gate", "dropout", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _penalty(mask: Tensor) -> Tensor:
    return tf.where(mask, 0.0, _FAR_BELOW)
