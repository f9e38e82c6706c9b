"""How the next token is chosen: adjustments of the logits that compose, and choices.

    choose = compose(
        repetition_penalty(penalties), forbid([UNKNOWN]), temperature(temperatures), truncate(top_k, top_p),
        choose=sample(seeds),
    )

Every parameter is a tensor `[batch]`: each row has its own. Logits are float32; minus infinity stands for a token that
cannot be chosen. Make these functions before the loop that calls them, so that it does not repeat what never changes.
"""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from common.decoding.generate import Choose, Moment
from common.decoding.random_numbers import uniform_stream

Adjust: TypeAlias = Callable[[tf.Tensor, Moment], tf.Tensor]
"""`(logits [batch, vocabulary], moment)` -> logits `[batch, vocabulary]`."""

NEVER = -float("inf")
_HEAD = 256  # tokens sorted first: a nucleus seldom reaches beyond
_ONE_LEVEL = 256  # weights that are added up one by one quickest


def compose(*adjustments: Adjust, choose: Choose) -> Choose:
    """Adjusts the logits by each of `adjustments`, the first one first, and then chooses."""

    def chosen(logits: tf.Tensor, moment: Moment) -> tf.Tensor:
        for adjust in adjustments:
            logits = adjust(logits, moment)
        return choose(logits, moment)

    return chosen


def greedy(logits: tf.Tensor, moment: Moment) -> tf.Tensor:
    """The most probable token of each row; the first one of several."""
    return tf.argmax(logits, axis=-1, output_type=tf.int32)


def sample(seeds: tf.Tensor, ahead: tf.Tensor | None = None) -> Choose:
    """Draws each row's token with the probabilities of the softmax.

    The draw depends on the row's logits, its seed and its position alone, so a row's text does not change with the rows
    beside it. A token whose logit is minus infinity is never drawn. Where the logits have no softmax, -1 is drawn.

    Args:
        seeds: `[batch]`, any int32 or int64.
        ahead: `[steps, batch]`, the random numbers of one call of `generate` (`drawn_ahead`); drawn one by one if not
            given. Steps beyond them choose, but what they choose means nothing.
    """
    uniform = uniform_stream(seeds)

    def numbers(moment: Moment) -> tf.Tensor:
        if ahead is None:
            return uniform(moment.position)
        return tf.gather(ahead, tf.minimum(moment.step, tf.shape(ahead)[0] - 1))

    def choose(logits: tf.Tensor, moment: Moment) -> tf.Tensor:
        # Faster than a softmax, which TensorFlow spreads over threads however small it is.
        weights = tf.exp(logits - tf.reduce_max(logits, axis=-1, keepdims=True))
        total = tf.reduce_sum(weights, axis=-1)
        return tf.where(tf.math.is_nan(total), -1, _place_of(numbers(moment) * total, weights))

    return choose


def temperature(values: tf.Tensor) -> Adjust:
    """Divides the logits by a temperature; rows of temperature 0 keep their most probable token alone (the first one of
    several).

    Args:
        values: `[batch]` float32; what is not above 0 counts as 0.
    """
    is_greedy = ~(values > 0)
    # Within these limits the quotients have a softmax, whatever the logits.
    divisors = tf.clip_by_value(tf.where(is_greedy, 1.0, values), 1e-30, 1e30)[:, None]

    def adjust(logits: tf.Tensor, moment: Moment) -> tf.Tensor:
        divided = (logits - tf.reduce_max(logits, axis=-1, keepdims=True)) / divisors
        is_dropped = is_greedy[:, None] & (greedy(logits, moment)[:, None] != tf.range(tf.shape(logits)[1]))
        return tf.where(is_dropped, NEVER, divided)

    return adjust


def truncate(top_k: tf.Tensor, top_p: tf.Tensor) -> Adjust:
    """Keeps the `top_k` most probable tokens (Fan et al. 2018), and of these the nucleus: the fewest most probable
    tokens that together have the share `top_p` or more of the kept probability (Holtzman et al. 2020, section 3.1).

    Of equally probable tokens those with the lower numbers are kept, so there are never more than `top_k`. The most
    probable token always stays. One sort serves both; it goes no further than it must, and there is none while no row
    of the batch truncates.

    Args:
        top_k: `[batch]` int32; 0 or less keeps all.
        top_p: `[batch]` float32; 1 or more keeps all.
    """
    has_k, has_p = top_k > 0, ~(top_p >= 1.0)
    truncates = has_k | has_p
    any_truncates = tf.reduce_any(truncates)
    # Without top_k nobody knows before how far a nucleus reaches.
    head = tf.reduce_max(tf.where(has_k, top_k, tf.where(has_p, _HEAD, 1)))

    def adjust(logits: tf.Tensor, moment: Moment) -> tf.Tensor:
        return tf.cond(any_truncates, lambda: truncated(logits), lambda: logits)

    def truncated(logits: tf.Tensor) -> tf.Tensor:
        vocabulary = tf.shape(logits)[1]
        largest = tf.reduce_max(logits, axis=-1, keepdims=True)

        def ranked(count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            values, tokens = tf.math.top_k(logits, count)
            return values, tokens, tf.cumsum(tf.exp(values - largest), axis=-1)

        nucleus = top_p * tf.reduce_sum(tf.exp(logits - largest), axis=-1)
        values, tokens, mass = ranked(tf.minimum(head, vocabulary))
        values, tokens, mass = tf.cond(
            tf.reduce_any(has_p & ~has_k & (mass[:, -1] < nucleus)),
            lambda: ranked(vocabulary),
            lambda: (values, tokens, mass),
        )
        last_of_k = tf.minimum(tf.where(has_k, top_k, vocabulary), tf.shape(values)[1]) - 1
        nucleus = tf.where(has_k, top_p * _at(mass, last_of_k), nucleus)
        last_of_p = tf.math.count_nonzero(mass < nucleus[:, None], axis=-1, dtype=tf.int32)
        last = tf.where(has_p, tf.minimum(last_of_p, last_of_k), last_of_k)
        value, token = _at(values, last)[:, None], _at(tokens, last)[:, None]
        is_kept = (logits > value) | ((logits == value) & (tf.range(vocabulary) <= token))
        return tf.where(is_kept | ~truncates[:, None], logits, NEVER)

    return adjust


def repetition_penalty(values: tf.Tensor) -> Adjust:
    """Makes the tokens that stand in the row's text so far less probable (Keskar et al. 2019, section 4.1).

    Positive logits of such tokens are divided by the penalty, as in the paper; negative ones are multiplied, so that
    they fall as well. Adjust thus before the temperature. `generate` must be given `seen`.

    Args:
        values: `[batch]` float32 above 0; 1 changes nothing.
    """
    penalties = values[:, None]

    def adjust(logits: tf.Tensor, moment: Moment) -> tf.Tensor:
        if moment.seen is None:
            raise ValueError("repetition_penalty: expected generate(..., seen=seen_tokens(...))")
        return tf.where(moment.seen, tf.where(logits > 0, logits / penalties, logits * penalties), logits)

    return adjust


def forbid(tokens: Sequence[int]) -> Adjust:
    """Never lets these tokens be chosen, such as a mark for unknown words."""

    return lambda logits, moment: without(logits, tokens)


def without(logits: tf.Tensor, tokens: Sequence[int]) -> tf.Tensor:
    """Minus infinity at `tokens`; the other logits `[batch, vocabulary]`, of a known width, as they are."""
    if not tokens:
        return logits
    penalty = np.zeros(logits.shape[1], np.float32)
    penalty[list(tokens)] = NEVER
    # Broadcast, an addition is faster than a choice.
    return logits + penalty


def _place_of(targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """`_first_to_reach` without the sum, in two levels if there are many weights: TensorFlow adds them up slowly."""
    count = weights.shape[-1]
    if count is None or count <= _ONE_LEVEL:
        return _first_to_reach(targets, weights)[0]
    width = math.isqrt(count)
    padded = tf.pad(weights, [[0, 0], [0, -count % width]])
    blocks = tf.reshape(padded, [-1, padded.shape[-1] // width, width])
    block, before = _first_to_reach(targets, tf.reduce_sum(blocks, axis=-1))
    return block * width + _first_to_reach(targets - before, tf.gather(blocks, block, batch_dims=1))[0]


def _first_to_reach(targets: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where the cumulative weights `[batch, n]` reach the targets `[batch]`, and their sum before that place.

    It is always a place of positive weight, the last one if rounding keeps the sum below the target.
    """
    cumulative = tf.cumsum(weights, axis=-1)
    places = tf.where(weights > 0, cumulative, -1.0)
    reached = places >= tf.minimum(targets, tf.reduce_max(places, axis=-1))[:, None]
    place = tf.argmax(tf.cast(reached, tf.int32), axis=-1, output_type=tf.int32)
    return place, _at(cumulative - weights, place)


def _at(values: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """The element of each row `[batch, n]` at its place `[batch]`."""
    return tf.gather(values, places, batch_dims=1)
