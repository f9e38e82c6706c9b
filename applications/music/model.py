"""The composer: the steps so far, and the notes that are given -> the probability of each note of the next step.

One recurrence reads step after step. Another reads the given notes from the end to the beginning, so that each step
knows what is to come (Hadjeres and Nielsen 2017, "Interactive music generation with positional constraints using
Anticipation-RNNs"). A head writes the notes of a step one by one, the highest first, each given those above it, so that
the probability of a step is exact (as in Boulanger-Lewandowski et al. 2012, RNN-NADE).
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from applications.music.config import Config
from applications.music.notes import (
    FEATURES,
    SYMBOLS,
    Passage,
    features_of,
    floors_of,
    given_features,
    is_possible,
    neighbours_above,
    roll_of,
)
from applications.music.piece import KEYS
from common.layers.recurrent import GRU
from common.layers.stack import RecurrentStack

IMPOSSIBLE = -1e9


class Parts(NamedTuple):
    """The layers of a composer.

    Attributes:
        anticipation: reads the given notes.
        inputs: from what is known of a step to what the recurrence reads.
        states: the recurrence over steps.
        head: writes the notes of a step.
        harmony: tells which notes are to be expected around given ones.
    """

    anticipation: "Anticipation"
    inputs: keras.layers.Layer
    states: RecurrentStack
    head: "NoteHead"
    harmony: "Harmony"


def parts_of(model: keras.Model) -> Parts:
    """The layers of a model that `build` made."""
    parts: Parts = model.get_layer("composer").parts
    return parts


def build(config: Config, voices: int, precision: str = "float32") -> keras.Model:
    """Passages -> the negative log-likelihood of each step, `[batch, time]` in nats.

    Its inputs, by name: `notes` `[batch, time + 1, voices]`, numbers of keys, of which the first step is the one before
    the passage; `given` `[batch, time, voices]`, which of the passage's notes are told beforehand, and cost nothing;
    `lengths` `[batch]`, steps after which the passage is padding, which costs nothing; `shares` `[batch]`, whether two
    voices may share a key; and the fields of `Passage`.

    Args:
        config: sizes and dropout.
        voices: notes that sound at once at most.
        precision: Keras dtype policy of all layers; probabilities are float32 always.
    """
    kinds = {
        "notes": ((None, voices), "int32"),
        "given": ((None, voices), "bool"),
        "lengths": ((), "int32"),
        "shares": ((), "bool"),
        "place": ((None,), "int32"),
        "remaining": ((None,), "int32"),
        "steps_per_quarter": ((), "int32"),
        "tonality": ((), "int32"),
    }
    inputs = {name: keras.Input(shape, dtype=kind, name=name) for name, (shape, kind) in kinds.items()}
    return keras.Model(
        inputs, Composer(config, voices, dtype=precision, name="composer")(inputs), name="music"
    )


def step_inputs(before: tf.Tensor, features: tf.Tensor, anticipated: tf.Tensor, parts: Parts) -> tf.Tensor:
    """What the recurrence reads at a step: the one before, its place, and what is given from it on.

    Args:
        before: keys that sounded, `[..., KEYS]` of zeros and ones.
        features: of the place, `[..., FEATURES]`.
        anticipated: `[..., units]`, of `Anticipation`.
        parts: of the model.
    """
    joined = tf.concat(
        [tf.cast(part, anticipated.dtype) for part in (before, features, anticipated)], axis=-1
    )
    return parts.inputs(joined)


# Not registered for saving: only its weights are.
class Composer(keras.layers.Layer):
    """The whole model as one layer; see `build`."""

    def __init__(self, config: Config, voices: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        policy = self.dtype_policy
        self.voices = voices
        self.parts = Parts(
            Anticipation(config.anticipation_units, dtype=policy, name="anticipation"),
            keras.layers.Dense(config.units, dtype=policy, name="inputs"),
            RecurrentStack(
                config.cell,
                config.units,
                layers=config.layers,
                residual=True,
                dropout=config.dropout,
                recurrent_dropout=config.recurrent_dropout,
                dtype=policy,
                name="states",
            ),
            NoteHead(voices, config.head_units, config.dropout, dtype=policy, name="head"),
            Harmony(voices, config.harmony_units, config.dropout, dtype=policy, name="harmony"),
        )
        self.input_dropout, self.output_dropout = (
            keras.layers.SpatialDropout1D(config.dropout, dtype=policy) for _ in range(2)
        )
        # Found by Keras as attributes alone.
        self.anticipation, self.inputs_layer, self.states, self.head, self.harmony = self.parts

    def build(self, shapes: Any) -> None:
        """Makes the weights of all layers."""
        self.anticipation.build((None, None, self.voices * SYMBOLS))
        width = self.anticipation.units
        self.inputs_layer.build((None, None, KEYS + FEATURES + width))
        self.states.build((None, None, self.inputs_layer.units))
        self.head.build((None, None, self.states.width + width))
        self.harmony.build((None, None, self.voices * SYMBOLS + FEATURES))
        self.built = True

    def call(self, inputs: dict[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Costs of the steps; see `build`."""
        notes, given = inputs["notes"], inputs["given"]
        targets = notes[:, 1:]
        real = tf.sequence_mask(inputs["lengths"], tf.shape(targets)[1])
        given &= real[..., None]
        known = given_features(targets, given)
        anticipated = self.anticipation(known, real)
        roll = roll_of(notes[:, :-1])
        features = features_of(Passage(*(inputs[name] for name in Passage._fields)))
        if training:
            expected = self.harmony(tf.concat([known, features], axis=-1), real, training=True)
            self.add_loss(_cost_of(expected, targets, given, real))
        read = step_inputs(roll, features, anticipated, self.parts)
        states = self.states(self.input_dropout(read, training=training), training=training)
        states = self.output_dropout(states, training=training)
        of_step = self.head.of_step(states, anticipated, roll)
        chosen = tf.cumsum(tf.one_hot(targets - 1, KEYS), axis=2, exclusive=True)
        above = neighbours_above(targets)
        logits = self.head.of_note(
            of_step[:, :, None],
            tf.minimum(chosen, 1.0),
            above,
            tf.range(self.voices),
            training,
        )
        shares = tf.repeat(inputs["shares"][:, None], tf.shape(targets)[1], axis=1)
        possible = is_possible(above, floors_of(targets, given, shares), shares[..., None])
        nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, tf.where(possible, logits, IMPOSSIBLE))
        return tf.reduce_sum(tf.where(given, 0.0, nats), axis=-1) * tf.cast(real, tf.float32)

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> keras.KerasTensor:
        """`[batch, time]` in float32."""
        return keras.KerasTensor(inputs["place"].shape, "float32")


def _cost_of(expected: tf.Tensor, targets: tf.Tensor, given: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
    """The mean cost of the notes that are to be written in the rows in which some are given, in nats; 0 of none."""
    counted = ~given & real[..., None] & tf.reduce_any(given, axis=[1, 2])[:, None, None]
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, expected)
    count = tf.reduce_sum(tf.cast(counted, tf.float32))
    return tf.reduce_sum(tf.where(counted, nats, 0.0)) / tf.maximum(count, 1.0)


# Not registered for saving: only its weights are.
class Harmony(keras.layers.Layer):
    """What is to be expected of each note around the given ones, whatever the others are: features `[batch, time,
    features]` (`given_features` and those of the place) and which steps are real -> logits `[batch, time, voices,
    SYMBOLS]` in float32.

    It reads from both sides (Schuster and Paliwal 1997), and sees what is given only. The notes that it finds most
    probable one by one are right more often than those of the most probable piece, which has to go on as it began.

    Args:
        voices: notes of a step at most.
        units: of each recurrence and direction.
        dropout: variational dropout of what the recurrences read and put out.
    """

    def __init__(self, voices: int, units: int, dropout: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.voices, self.units = voices, units
        policy = self.dtype_policy
        self.embedding = keras.layers.Dense(units, dtype=policy, name="embedding")
        self.states = RecurrentStack(
            "gru", units, layers=2, bidirectional=True, dropout=dropout, dtype=policy, name="states"
        )
        self.drop_inputs, self.drop_outputs = (
            keras.layers.SpatialDropout1D(dropout, dtype=policy) for _ in range(2)
        )
        self.logits = keras.layers.Dense(voices * SYMBOLS, dtype="float32", name="logits")

    def build(self, features_shape: Any, real_shape: Any = None) -> None:
        """Makes the weights."""
        self.embedding.build(features_shape)
        self.states.build((None, None, self.units))
        self.logits.build((None, None, self.states.width))
        self.built = True

    def call(self, features: tf.Tensor, real: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """See the class."""
        read = self.drop_inputs(self.embedding(features), training=training)
        states = self.drop_outputs(self.states(read, mask=real, training=training), training=training)
        logits = self.logits(tf.cast(states, tf.float32))
        shape = tf.shape(logits)
        return tf.reshape(logits, [shape[0], shape[1], self.voices, SYMBOLS])


# Not registered for saving: only its weights are.
class Anticipation(keras.layers.Layer):
    """What is given from each step on: features `[batch, time, features]` of `given_features` and which steps are real
    `[batch, time]` -> `[batch, time, units]`. Where nothing is given from a step on, all is 0.

    Args:
        units: of the recurrence from the end to the beginning.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.embedding = keras.layers.Dense(units, use_bias=False, dtype=self.dtype_policy, name="embedding")
        self.recurrence = GRU(
            units, return_sequences=True, go_backwards=True, dtype=self.dtype_policy, name="recurrence"
        )

    def build(self, features_shape: Any, real_shape: Any = None) -> None:
        """Makes the weights."""
        self.embedding.build(features_shape)
        self.recurrence.build((*features_shape[:-1], self.units))
        self.built = True

    def call(self, features: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        """See the class."""
        is_given = tf.cumsum(tf.reduce_sum(features, axis=-1), axis=1, reverse=True) > 0
        backwards = self.recurrence(self.embedding(features), mask=real)
        read = tf.reverse(backwards, [1])
        return tf.where((is_given & real)[..., None], read, tf.zeros_like(read))


# Not registered for saving: only its weights are.
class NoteHead(keras.layers.Layer):
    """Writes the notes of a step, the highest first: the logits of each, given the state and the notes above it.

    Args:
        voices: notes of a step at most.
        units: of the hidden layer.
        dropout: share of the hidden units dropped.
    """

    def __init__(self, voices: int, units: int, dropout: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.voices, self.units = voices, units
        dense = keras.layers.Dense
        self.of_state = dense(units, dtype=self.dtype_policy, name="of_state")
        self.of_chosen = dense(units, use_bias=False, dtype=self.dtype_policy, name="of_chosen")
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.logits = dense(SYMBOLS, dtype="float32", name="logits")

    def build(self, states_shape: Any) -> None:
        """Makes the weights, for states and anticipation of so many units together."""
        self.of_state.build((*states_shape[:-1], states_shape[-1] + KEYS))
        self.of_chosen.build((*states_shape[:-1], KEYS + KEYS + 1 + self.voices))
        self.logits.build((*states_shape[:-1], self.units))
        self.built = True

    def of_step(self, states: tf.Tensor, anticipated: tf.Tensor, roll: tf.Tensor) -> tf.Tensor:
        """What all notes of a step have in common: `[..., units]`.

        Args:
            states: of the recurrence, `[..., units]`.
            anticipated: of `Anticipation`, `[..., units]`.
            roll: the keys of the step before, `[..., KEYS]`.
        """
        return self.of_state(tf.concat([states, anticipated, tf.cast(roll, states.dtype)], axis=-1))

    def of_note(
        self,
        of_step: tf.Tensor,
        chosen: tf.Tensor,
        above: tf.Tensor,
        voice: tf.Tensor,
        training: bool | None = False,
    ) -> tf.Tensor:
        """The logits of a note: `[..., SYMBOLS]` in float32.

        Args:
            of_step: of `of_step`, `[..., units]`.
            chosen: the keys above it in this step, `[..., KEYS]`.
            above: the number of the lowest of these, `[...]`; more than `KEYS` where there is none.
            voice: 0 for the highest, `[...]` or what broadcasts to it.
            training: whether dropout applies.
        """
        kind = of_step.dtype
        place = tf.broadcast_to(
            tf.one_hot(voice, self.voices), tf.concat([tf.shape(above), [self.voices]], axis=0)
        )
        told = tf.concat([chosen, tf.one_hot(above - 1, KEYS + 1), place], axis=-1)
        hidden = keras.activations.gelu(of_step + self.of_chosen(tf.cast(told, kind)))
        hidden = self.drop(hidden, training=training)
        return self.logits(tf.cast(hidden, tf.float32))
