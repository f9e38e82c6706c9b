"""A recurrent network over symbols as a language model of a search: how probable each next symbol is, and the end."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from common.decoding.generate import DecodingStep


class RecurrentLanguageModel:
    """A `LanguageModel` that takes a step of a recurrent network for each symbol of a prefix.

    Its state is one tensor: the states of the network side by side, and then the log-probabilities of what follows.
    A search keeps them with the prefix, so that the network takes one step for each frame and prefix.

    Args:
        step: takes the latest symbols, 0 before the first one, and gives logits of the next ones; those of the label's
            end stand at place 0. Made of a stack's `stepper`, it packs the weights once.
        zero_states: makes the network's states before the first step of so many rows, `[rows, units]` each, their
            widths known. They are kept in float32.

    Example:
        >>> def step(symbols, states):  # after each symbol the next one is likely, at last the end
        ...     return 5 * tf.one_hot((symbols + 1) % 4, 4), states
        >>> model = RecurrentLanguageModel(step, lambda rows: [tf.zeros([rows, 1])])
        >>> states = model.advance(model.start(1)[:, None], tf.constant([[3]]))
        >>> tf.exp(model.log_probabilities(states)).numpy().astype(float).round(2).tolist()
        [[[0.98, 0.01, 0.01, 0.01]]]
    """

    def __init__(
        self, step: DecodingStep, zero_states: Callable[[tf.Tensor | int], Sequence[tf.Tensor]]
    ) -> None:
        self._step, self._zero_states = step, zero_states
        self._widths = [int(state.shape[-1]) for state in zero_states(1)]

    def start(self, batch: tf.Tensor) -> tf.Tensor:
        """As `LanguageModel` has it."""
        states = [tf.cast(state, tf.float32) for state in self._zero_states(batch)]
        return self._stepped(tf.zeros([batch], tf.int32), states)

    def log_probabilities(self, states: tf.Tensor) -> tf.Tensor:
        """As `LanguageModel` has it."""
        return states[:, :, sum(self._widths) :]

    def advance(self, states: tf.Tensor, symbols: tf.Tensor) -> tf.Tensor:
        """As `LanguageModel` has it."""
        rows = tf.reshape(states[:, :, : sum(self._widths)], [-1, sum(self._widths)])
        after = self._stepped(tf.reshape(symbols, [-1]), tf.split(rows, self._widths, axis=1))
        return tf.reshape(after, tf.concat([tf.shape(symbols), [after.shape[1]]], axis=0))

    def _stepped(self, symbols: tf.Tensor, states: list[tf.Tensor]) -> tf.Tensor:
        logits, after = self._step(symbols, states)
        log_probabilities = tf.nn.log_softmax(tf.cast(logits, tf.float32))
        return tf.concat([*(tf.cast(state, tf.float32) for state in after), log_probabilities], axis=1)
