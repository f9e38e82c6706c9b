"""One token after another from a step function: the in-graph loop that every search without a beam shares."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import tensorflow as tf

from common.decoding.faults import errors_of, lacks_distribution, require_none_outside_of_graphs
from common.decoding.shapes import shaped_like

DecodingStep: TypeAlias = Callable[[tf.Tensor, list[tf.Tensor]], tuple[tf.Tensor, Sequence[tf.Tensor]]]
"""`(tokens [batch] int32, states [batch, ...] each)` -> `(logits [batch, vocabulary], states after)`."""


class Moment(NamedTuple):
    """Where in its text each row stands when its next token is chosen.

    Attributes:
        position: `[batch]` int32, how many tokens the row has chosen before.
        step: int32, how many tokens this call of `generate` has chosen before.
        seen: `[batch, vocabulary]` bool, which tokens stand in the row's text so far; None if nobody keeps count.
    """

    position: tf.Tensor
    seen: tf.Tensor | None
    step: tf.Tensor | int = 0


STEPS_A_TURN = 2
"""How many tokens one turn of the loop chooses: of more, the last turn would compute more steps in vain."""

Choose: TypeAlias = Callable[[tf.Tensor, Moment], tf.Tensor]
"""`(logits [batch, vocabulary] float32, moment)` -> the chosen tokens `[batch]` int32, below 0 if there is none."""


class Generated(NamedTuple):
    """What `generate` wrote, and what it takes to go on.

    Attributes:
        tokens: `[batch, time]` int32, right-padded with 0; time is the longest row's.
        lengths: `[batch]` int32, how many tokens each row has; an end token counts.
        token: `[batch]` int32, the last token of each row, to be fed next.
        states: the states before that token is fed, `[batch, ...]` each; none unless they are kept.
        seen: `[batch, vocabulary]` bool, the tokens in the text so far, if `generate` was given those before.
        is_faulty: `[batch]`, whether the row met logits without probabilities, such as NaN. It has no tokens then.
    """

    tokens: tf.Tensor
    lengths: tf.Tensor
    token: tf.Tensor
    states: list[tf.Tensor]
    seen: tf.Tensor | None
    is_faulty: tf.Tensor | None = None

    @property
    def error(self) -> tf.Tensor:
        """Strings `[batch]`: "" where all was well, else one line that says why nothing could be chosen."""
        return errors_of(self.is_faulty)


def generate(
    step: DecodingStep,
    token: tf.Tensor,
    states: Sequence[tf.Tensor],
    lengths: tf.Tensor,
    choose: Choose,
    *,
    position: tf.Tensor | int = 0,
    end: int | None = None,
    seen: tf.Tensor | None = None,
    keeps_states: bool = True,
) -> Generated:
    """Feeds each row its last token, chooses the next, and so on.

    A row that has all its tokens stays as it is while others go on, so that it can be continued later: call again with
    the result's `token`, `states` and `seen`, and with its `lengths` added to `position`. Two such calls write what one
    call writes.

    Args:
        step: computes the logits of the next token; see `DecodingStep`.
        token: `[batch]` int32, the token to feed first; it is not written.
        states: the states before `token`, `[batch, ...]` each.
        lengths: `[batch]` int32, how many tokens to write in each row; none if 0 or less.
        choose: chooses from the logits; see `common.decoding.samplers`.
        position: how many tokens of each row were chosen before this call: a number, or `[batch]`.
        end: a row stops after this token, if given. It is the row's last token then. (A first `token` that equals it
            stops nothing.)
        seen: `[batch, vocabulary]` bool, the tokens that stand in each row's text before this call (`seen_tokens`);
            needed by `samplers.repetition_penalty` alone.
        keeps_states: whether the text can be continued. Otherwise the loop need not hold the states of rows that have
            all their tokens, which is faster, and returns none.

    Raises:
        ValueError: a row is faulty, and this is no graph; in a graph one row never fails the others.
    """
    token = tf.convert_to_tensor(token, tf.int32)
    position = tf.fill(tf.shape(token), 0) + tf.cast(position, tf.int32)
    limits = tf.maximum(tf.cast(lengths, tf.int32), 0)
    history = [] if seen is None else [seen]
    written = tf.TensorArray(tf.int32, size=0, dynamic_size=True, element_shape=token.shape)

    def goes_on(index: tf.Tensor, token: tf.Tensor, limits: tf.Tensor, *_: object) -> tf.Tensor:
        # The first turn is always taken (and left without effect if no row wants a token): an array without any
        # element could not be stacked.
        return (index == 0) | (index < tf.reduce_max(limits))

    def choose_next(
        index: tf.Tensor,
        token: tf.Tensor,
        limits: tf.Tensor,
        written: tf.TensorArray,
        is_faulty: tf.Tensor,
        history: list[tf.Tensor],
        states: list[tf.Tensor],
    ) -> tuple[Any, ...]:
        writes = index < limits
        logits, after = step(token, states)
        logits = tf.cast(logits, tf.float32)
        chosen = choose(logits, Moment(position + index, history[0] if history else None, index))
        fails = writes & (lacks_distribution(logits) | (chosen < 0))
        writes &= ~fails
        limits = tf.where(fails, 0, limits)
        written = written.write(index, tf.where(writes, chosen, 0))
        if end is not None:
            limits = tf.where(writes & (chosen == end), index + 1, limits)
        if history:
            is_chosen = chosen[:, None] == tf.range(tf.shape(history[0])[1])
            history = [history[0] | (is_chosen & writes[:, None])]
        if keeps_states:
            chosen = select_rows(writes, chosen, token)
            after = [select_rows(writes, new, old) for new, old in zip(after, states, strict=True)]
        else:
            chosen = shaped_like(tf.maximum(chosen, 0), token)
            after = [shaped_like(new, old) for new, old in zip(after, states, strict=True)]
        return index + 1, chosen, limits, written, is_faulty | fails, history, after

    def turn(*carried: Any) -> tuple[Any, ...]:
        for _ in range(STEPS_A_TURN):
            carried = choose_next(*carried)
        return carried

    _, token, limits, written, is_faulty, history, states = tf.while_loop(
        goes_on, turn, (0, token, limits, written, tf.zeros_like(limits, tf.bool), history, list(states))
    )
    require_none_outside_of_graphs(is_faulty)
    tokens = tf.transpose(written.stack())[:, : tf.reduce_max(limits)]
    tokens = tf.where(is_faulty[:, None], 0, tokens)
    seen = history[0] if history else None
    return Generated(tokens, limits, token, list(states) if keeps_states else [], seen, is_faulty)


def select_rows(condition: tf.Tensor, new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
    """The rows of `new` `[batch, ...]` where `condition` `[batch]` holds, of `old` elsewhere."""
    return shaped_like(tf.raw_ops.Select(condition=condition, x=new, y=old), old)


def seen_tokens(tokens: tf.Tensor, lengths: tf.Tensor, vocabulary: int) -> tf.Tensor:
    """Which tokens of the vocabulary stand in each row: `[batch, vocabulary]` bool, as `generate` takes it.

    Args:
        tokens: `[batch, time]` int32, right-padded.
        lengths: `[batch]` int32, how many tokens of each row are real.
        vocabulary: how many tokens there are.
    """
    batch, time = tf.unstack(tf.shape(tokens))
    is_real = tf.sequence_mask(lengths, time)
    places = tf.stack([tf.where(is_real)[:, 0], tf.cast(tokens[is_real], tf.int64)], axis=-1)
    counts = tf.scatter_nd(
        places, tf.ones_like(places[:, 0], tf.int32), tf.cast([batch, vocabulary], tf.int64)
    )
    return counts > 0
