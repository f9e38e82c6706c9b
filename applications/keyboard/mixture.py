"""What a keyboard suggests to one user: its base, the last words typed and the user's own counts, mixed, in the graph.

P(word) = (1 - a - b) P_base(word) + a P_cache(word) + b P_counts(word), with a and b from the situation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from applications.keyboard.user_state import BIAS_STEP, NONE, Sizes, UserState
from applications.keyboard.user_tensors import are_pairs, is_offered, unit_at

FEATURES = ("constant", "log cached", "entropy of the base", "log typed", "log last", "log last two")
"""What the weights of a mixture depend on: logarithms of 1 + how many words are in the cache, are in the counts at all,
after the last word, and after the last two."""

LEFT_OUT = 2
"""The cache has no say on the last words typed, or it would always suggest these."""

_NEVER = -1e9


@dataclass(frozen=True)
class Mixture:
    """How much the cache and the counts weigh against the base, and how sharply the cache tells contexts apart.

    The weights are the softmax of 0 for the base and of a linear function of `FEATURES` for each of the others, see
    `mixture_fitting.fit`.

    Attributes:
        cache: coefficients of the cache, one for each feature.
        counts: those of the counts.
        sharpness: of the cache; 0 weighs all that it holds alike.
    """

    cache: tuple[float, ...] = (-3.0, 0.2, 0.0, 0.0, 0.0, 0.0)
    counts: tuple[float, ...] = (-3.0, 0.0, 0.0, 0.2, 0.1, 0.3)
    sharpness: float = 1.2

    def __post_init__(self) -> None:
        if not len(self.cache) == len(self.counts) == len(FEATURES):
            raise ValueError(f"expected {len(FEATURES)} coefficients, got {self.cache} and {self.counts}")


class Experts(NamedTuple):
    """Who has a say.

    Attributes:
        probabilities: `[batch, 3, numbers]` of the base, the cache and the counts; all 0 of one that knows nothing.
        features: `[batch, features]`, see `FEATURES`.
    """

    probabilities: tf.Tensor
    features: tf.Tensor


def experts(logits: tf.Tensor, queries: tf.Tensor, states: UserState, sharpness: float) -> Experts:
    """What each expects after the text so far.

    Args:
        logits: of the base `[batch, words]`.
        queries: of the base `[batch, width]`.
        states: of the users.
        sharpness: see `Mixture`.
    """
    numbers = states.bias.shape[1]
    base = tf.nn.softmax(logits + BIAS_STEP * tf.cast(states.bias[:, : logits.shape[1]], tf.float32))
    entropy = -tf.reduce_sum(tf.math.xlogy(base, base), axis=1)
    base = tf.pad(base, [[0, 0], [0, numbers - logits.shape[1]]])
    cache, cached = _cache(queries, states, sharpness)
    counts, occurrences = _counts(states)
    features = [tf.ones_like(entropy), tf.math.log1p(cached), entropy, *map(tf.math.log1p, occurrences)]
    return Experts(tf.stack([base, cache, counts], axis=1), tf.stack(features, axis=1))


def mixed(opinions: Experts, mixture: Mixture) -> tf.Tensor:
    """The probability of each word `[batch, numbers]`.

    That of an unknown word, number 0, is for all words that are unknown to the base: one of the lexicon has its share
    of it, by its spelling, beside its own.
    """
    coefficients = tf.constant([[0.0] * len(FEATURES), mixture.cache, mixture.counts])
    scores = tf.matmul(opinions.features, coefficients, transpose_b=True)
    knows = tf.reduce_any(opinions.probabilities > 0, axis=2)
    weights = tf.nn.softmax(tf.where(knows, scores, _NEVER))
    return tf.einsum("be,ben->bn", weights, opinions.probabilities)


class Personal:
    """The words that may be suggested to users, and the most probable of them.

    Args:
        sizes: of the users' states.
        spelled: the base's numbers of words `[batch, n]` as they are usually written, in the graph.
        fold: words as they are compared, in the graph.
        numbers: the base's numbers of words, in the graph; 0 of those it lacks.

    Example:
        >>> from applications.keyboard.user_state import empty_state, stacked
        >>> sizes = Sizes(words=5, width=4, network=5)
        >>> spelled = lambda numbers: tf.gather(["", "", "", "see", "you"], numbers)
        >>> table = lambda words: tf.where(words == "you", 4, 0)
        >>> personal = Personal(sizes, spelled, tf.strings.lower, table)
        >>> state = stacked(empty_state(sizes))
        >>> probabilities = mixed(experts(tf.zeros([1, 5]), tf.ones([1, 4]), state, 1.0), Mixture())
        >>> may = personal.fitting(state, tf.constant([[False, False, False, True, True]]), tf.constant([""]))
        >>> personal.best(probabilities, may, state, tf.constant([1]))[0].numpy().tolist()
        [[b'see']]
    """

    def __init__(
        self,
        sizes: Sizes,
        spelled: Callable[[tf.Tensor], tf.Tensor],
        fold: Callable[[tf.Tensor], tf.Tensor],
        numbers: Callable[[tf.Tensor], tf.Tensor],
    ) -> None:
        self.sizes, self.fold, self.numbers = sizes, fold, numbers
        self._spelled = spelled

    def fitting(self, states: UserState, fits: tf.Tensor, prefixes: tf.Tensor) -> tf.Tensor:
        """Which words may be suggested for the words begun: `[batch, numbers]`.

        Those of the base that fit and of the lexicon that begin so, and are offered; none that is blocked.

        Args:
            states: of the users.
            fits: which words of the base may be suggested, but for the user's `[batch, words]`.
            prefixes: the words begun `[batch]`, folded.
        """
        # Only the words that are offered are folded, which costs more than all else here.
        offered = tf.where(is_offered(states))
        users = offered[:, 0]
        own, begun = self.fold(tf.gather_nd(states.lexicon_words, offered)), tf.gather(prefixes, users)
        lengths = tf.strings.length(begun)
        begins = tf.strings.substr(own, tf.zeros_like(lengths), lengths) == begun
        # Numbers are compared ten times as fast as strings; two words in 2^63 have the same one.
        hashed, hashed_blocked = (
            tf.strings.to_hash_bucket_fast(words, 2**63 - 1) for words in (own, states.blocked)
        )
        is_blocked = tf.reduce_any(hashed[:, None] == tf.gather(hashed_blocked, users), axis=1)
        shape = tf.shape(states.lexicon_words, out_type=tf.int64)
        may_be_own = tf.scatter_nd(offered, tf.cast(begins & ~is_blocked, tf.int32), shape) > 0
        blocked = self.numbers(states.blocked)
        rows = tf.broadcast_to(tf.range(tf.shape(blocked)[0])[:, None], tf.shape(blocked))
        may_be_known = tf.tensor_scatter_nd_update(
            fits, tf.stack([rows, blocked], axis=2), tf.zeros_like(blocked, tf.bool)
        )
        return tf.concat([may_be_known, may_be_own], axis=1)

    def best(
        self, probabilities: tf.Tensor, may: tf.Tensor, states: UserState, counts: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The most probable words that may be suggested, and their probabilities among all these.

        Args:
            probabilities: `[batch, numbers]`.
            may: which may be suggested `[batch, numbers]`.
            states: of the users.
            counts: how many are wanted `[batch]`.

        Returns:
            Strings and float32 `[batch, most wanted]`, "" and 0 where there are fewer, or fewer are wanted.
        """
        scores = tf.where(may, probabilities, 0.0)
        most = tf.clip_by_value(tf.reduce_max(tf.concat([counts, [0]], 0)), 0, self.sizes.numbers)
        # A word that may be suggested comes before all that may not, be it ever so improbable.
        ranked = tf.where(may, probabilities, -1.0)
        _, numbers = tf.math.top_k(ranked, most)
        is_answer = tf.gather(may, numbers, batch_dims=1) & (tf.range(most) < counts[:, None])
        total = tf.maximum(tf.reduce_sum(scores, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        own = tf.gather(states.lexicon_words, tf.maximum(numbers - self.sizes.words, 0), batch_dims=1)
        known = self._spelled(tf.minimum(numbers, self.sizes.words - 1))
        words = tf.where(numbers < self.sizes.words, known, own)
        chosen = tf.gather(scores, numbers, batch_dims=1) / total
        return tf.where(is_answer, words, ""), tf.where(is_answer, chosen, 0.0)


def _cache(queries: tf.Tensor, states: UserState, sharpness: float) -> tuple[tf.Tensor, tf.Tensor]:
    """What followed where the text was like it is now `[batch, numbers]`, and how many words that is from `[batch]`."""
    size, width = states.cache_keys.shape[1:]
    age = (states.cached[:, None] - 1 - tf.range(size)) % size
    is_used = (states.cache_words != NONE) & (age >= LEFT_OUT)
    likeness = tf.einsum("bcw,bw->bc", tf.cast(states.cache_keys, tf.float32), queries) * states.cache_scales
    scores = tf.where(is_used, likeness * (sharpness / width**0.5), _NEVER)
    shares = tf.where(is_used, tf.nn.softmax(scores), 0.0)
    return _by_word(shares, states.cache_words, states), tf.reduce_sum(tf.cast(is_used, tf.float32), axis=1)


def _counts(states: UserState) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """What followed the last two words, the last, and any, each smoothed by the next as by Witten and Bell (1991).

    Returns:
        Probabilities `[batch, numbers]`, and occurrences of any word, of the last, and of the last two, `[batch]` each.
    """
    unit = unit_at(states.clock)
    values = tf.cast(states.counts, tf.float32) / tf.cast(unit, tf.float32)[:, None]
    none = tf.fill(tf.shape(states.context), NONE)
    last = tf.concat([none[:, :1], states.context[:, 1:]], axis=1)
    is_in = [
        are_pairs(states.count_contexts, context[:, None]) & (states.counts > 0)
        for context in (none, last, states.context)
    ]
    occurrences = [tf.reduce_sum(tf.where(one, values, 0.0), axis=1) for one in is_in]
    kinds = [tf.math.count_nonzero(one, axis=1, dtype=tf.float32) for one in is_in]
    # Nothing stands below the counts of any word.
    kinds[0] = tf.zeros_like(kinds[0])
    shares, passed_on = tf.zeros_like(values), tf.ones_like(kinds[0])
    for one, total, kind in zip(reversed(is_in), reversed(occurrences), reversed(kinds), strict=True):
        share = tf.math.divide_no_nan(passed_on, total + kind)
        shares += tf.where(one, values * share[:, None], 0.0)
        passed_on = tf.where(total > 0, kind * share, passed_on)
    return _by_word(shares, states.count_words, states), occurrences


def _by_word(shares: tf.Tensor, words: tf.Tensor, states: UserState) -> tf.Tensor:
    """The sum of the shares `[batch, slots]` of each word: `[batch, numbers]`; those of `NONE` are 0."""
    batch, numbers = tf.shape(shares)[0], states.bias.shape[1]
    places = tf.range(batch)[:, None] * numbers + tf.maximum(words, 0)
    sums = tf.math.unsorted_segment_sum(tf.reshape(shares, [-1]), tf.reshape(places, [-1]), batch * numbers)
    return tf.reshape(sums, [batch, numbers])
