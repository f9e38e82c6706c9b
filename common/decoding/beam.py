"""Beam search over a step function, in graph, for a batch at once."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import tensorflow as tf

from common.decoding.faults import errors_of, require_none_outside_of_graphs
from common.decoding.samplers import NEVER, without
from common.decoding.shapes import shaped_like
from common.decoding.top_k import largest

BeamStep: TypeAlias = Callable[[tf.Tensor, list[tf.Tensor]], Sequence[Any]]
"""`(tokens [batch * beam] int32, states [batch * beam, ...] each)` -> `(logits [batch * beam, vocabulary], states
after)`, the size of the vocabulary being known, and if `record` is given a tensor `[batch * beam, ...]` to record."""


class Hypotheses(NamedTuple):
    """What `beam_search` found, the best first.

    A hypothesis whose last token is not the end token was cut off by the row's longest length. Where a row has fewer
    hypotheses than asked for, length 0 and the score minus infinity fill the place.

    Attributes:
        tokens: `[batch, hypotheses, time]` int32, right-padded with 0; time is the longest one's. A finished hypothesis
            keeps its end token.
        lengths: `[batch, hypotheses]` int32, with the end token.
        scores: `[batch, hypotheses]`, the log-probabilities over the length penalty.
        log_probabilities: `[batch, hypotheses]`, of all the tokens together, the end token among them.
        recorded: `[batch, hypotheses, time, ...]`, what the step recorded as it computed the logits of each token, 0
            after the last; None without `record`.
        is_faulty: `[batch]`, whether the row met logits without probabilities, such as NaN. It has no hypotheses then.
    """

    tokens: tf.Tensor
    lengths: tf.Tensor
    scores: tf.Tensor
    log_probabilities: tf.Tensor
    recorded: tf.Tensor | None
    is_faulty: tf.Tensor | None = None

    @property
    def error(self) -> tf.Tensor:
        """Strings `[batch]`: "" where the search came to an end, else one line that says why there is no hypothesis."""
        return errors_of(self.is_faulty)


class _Ranked(NamedTuple):
    """Hypotheses that left the beam, `[batch, beam]` each and their histories `[batch, beam, time]`; best first."""

    scores: tf.Tensor
    log_probabilities: tf.Tensor
    lengths: tf.Tensor
    histories: list[tf.Tensor]


def beam_search(
    step: BeamStep,
    token: tf.Tensor,
    states: Sequence[tf.Tensor],
    *,
    end: int,
    max_lengths: tf.Tensor,
    beam_width: int,
    length_penalty: float = 0.0,
    hypotheses: int | None = None,
    forbidden: Sequence[int] = (),
    no_repeat_ngram: int = 0,
    record: tf.TensorSpec | None = None,
) -> Hypotheses:
    """Looks for the token sequences of the highest score.

    At each step the `beam_width` most probable extensions of a row's live hypotheses are kept (of equals those of the
    better hypothesis, then of the lower token). Those that end leave the beam for a separate set of the `beam_width`
    best finished ones; the others live on. With `beam_width=1` this is greedy search. At the row's longest length,
    hypotheses that have not ended compete as they are if fewer than `beam_width` have finished.

    The score is log P(Y) / ((5 + |Y|) / 6)**length_penalty (Wu et al. 2016, equation 14, without the coverage penalty).
    The search of a row stops as soon as no live hypothesis can reach the best ones any more: its log-probability can
    only fall, and no length divides it by more than the longest does. Stopping early thus never changes the answer.

    Args:
        step: computes the logits of the next token; see `BeamStep`. What is the same at every step, such as an
            encoder's outputs, it holds itself, laid out by `tile_beams`.
        token: `[batch]` int32, the token to feed first; it is not part of the hypotheses.
        states: the states before `token`, `[batch, ...]` each; they are tiled here.
        end: the token that ends a hypothesis.
        max_lengths: `[batch]` int32, how many tokens, the end token among them, a hypothesis has at most.
        beam_width: how many hypotheses of a row live at once.
        length_penalty: 0 compares log-probabilities as they are; the higher, the longer the answers.
        hypotheses: how many of each row to return, `beam_width` or fewer; fewer are found sooner. All if not given.
        forbidden: tokens that no hypothesis may hold. The probabilities of the others stay as they are.
        no_repeat_ngram: no hypothesis holds the same sequence of so many tokens twice (Paulus et al. 2018, section
            2.5); 0 allows it.
        record: type and shape `[batch * beam, ...]` of what the step returns to be recorded, such as attention weights.

    Raises:
        ValueError: one of the numbers is out of its range; or a row is faulty, and this is no graph (in a graph one row
            never fails the others).
    """
    count = beam_width if hypotheses is None else hypotheses
    _require_at_least(1, beam_width=beam_width, hypotheses=count)
    _require_at_least(0, length_penalty=length_penalty, no_repeat_ngram=no_repeat_ngram)
    if count > beam_width:
        raise ValueError(f"hypotheses={count}: expected {beam_width}, the beam width, or fewer")
    token, limits = tf.convert_to_tensor(token, tf.int32), tf.cast(max_lengths, tf.int32)
    time = tf.maximum(tf.reduce_max(limits), 1)
    batch = tf.shape(token)[0]
    penalty_at_limit = _penalty(tf.maximum(limits, 0), length_penalty)

    def goes_on(index: tf.Tensor, token: tf.Tensor, live: tf.Tensor, *_: object) -> tf.Tensor:
        # The first turn is always taken: an array without any element could not be stacked.
        return (index == 0) | tf.reduce_any(live > NEVER)

    def turn(
        index: tf.Tensor,
        token: tf.Tensor,
        live: tf.Tensor,
        histories: list[tf.Tensor],
        ranked: _Ranked,
        recorded: list[tf.TensorArray],
        is_faulty: tf.Tensor,
        states: list[tf.Tensor],
    ) -> tuple[Any, ...]:
        logits, after, *extra = step(token, list(states))
        recorded = [array.write(index, value) for array, value in zip(recorded, extra, strict=True)]
        log_probabilities = tf.nn.log_softmax(tf.cast(logits, tf.float32))
        # Logits without a softmax, be it by one of them, have a NaN at every place.
        has_none = tf.reshape(tf.math.is_nan(log_probabilities[:, 0]), tf.shape(live))
        is_faulty |= tf.reduce_any(has_none & (live > NEVER), axis=1)
        log_probabilities = without(log_probabilities, forbidden)
        if no_repeat_ngram:
            log_probabilities = _without_repeats(log_probabilities, histories[0], index, no_repeat_ngram)
        parent, chosen, live = _extended(live, log_probabilities)
        live = tf.where(is_faulty[:, None], NEVER, live)
        histories = [
            _with(tf.gather(history, parent, batch_dims=1), index, value)
            for history, value in zip(histories, (chosen, parent), strict=False)
        ]
        is_real, is_last = live > NEVER, (index + 1 >= limits)[:, None]
        ends = is_real & (chosen == end)
        places = beam_width - _count(ranked.scores > NEVER) - _count(ends)
        leaves = ends | (is_real & is_last & (places > 0)[:, None])
        lengths = tf.fill(tf.shape(live), index + 1)
        scores = tf.where(leaves, live / _penalty(index + 1, length_penalty), NEVER)
        ranked = _best(ranked, _Ranked(scores, live, lengths, histories))
        live = tf.where(is_real & ~ends & ~is_last, live, NEVER)
        bound = tf.reduce_max(live, axis=-1) / penalty_at_limit
        live = tf.where((ranked.scores[:, count - 1] >= bound)[:, None], NEVER, live)
        rows = tf.reshape(_rows(parent, beam_width), [-1])
        after = [shaped_like(tf.gather(new, rows), old) for new, old in zip(after, states, strict=True)]
        token = shaped_like(tf.reshape(chosen, [-1]), token)
        return index + 1, token, live, histories, ranked, recorded, is_faulty, after

    # At first a row has one hypothesis, the empty one; a row of no length has none but that.
    first = tf.where(tf.range(beam_width) == 0, 0.0, NEVER)
    is_empty = (limits <= 0)[:, None]
    live = tf.where(is_empty, NEVER, first)
    nothing = tf.zeros([batch, beam_width, time], tf.int32)
    histories = [nothing] if record is None else [nothing, nothing]
    empty = tf.where(is_empty, first, NEVER)
    ranked = _Ranked(empty, empty, tf.zeros([batch, beam_width], tf.int32), histories)
    recorded = [] if record is None else [tf.TensorArray(record.dtype, 0, True, element_shape=record.shape)]
    tiled = [tile_beams(state, beam_width) for state in states]
    no_fault = tf.zeros_like(limits, tf.bool)
    _, _, _, _, ranked, recorded, is_faulty, _ = tf.while_loop(
        goes_on, turn, (0, tile_beams(token, beam_width), live, histories, ranked, recorded, no_fault, tiled)
    )
    require_none_outside_of_graphs(is_faulty)
    return _answer(ranked, recorded, count, is_faulty)


def tile_beams(tensor: tf.Tensor, beam_width: int) -> tf.Tensor:
    """Repeats each row for the hypotheses of its beam: `[batch, ...]` -> `[batch * beam, ...]`."""
    return tf.repeat(tensor, beam_width, axis=0)


def _require_at_least(least: float, **numbers: float) -> None:
    for name, number in numbers.items():
        if not number >= least:
            raise ValueError(f"{name}={number}: expected at least {least}")


def _penalty(length: tf.Tensor, alpha: float) -> tf.Tensor:
    return ((5.0 + tf.cast(length, tf.float32)) / 6.0) ** alpha


def _extended(live: tf.Tensor, log_probabilities: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The best extensions of hypotheses by one token.

    Args:
        live: `[batch, beam]`, their log-probabilities.
        log_probabilities: `[batch * beam, vocabulary]`, of their next tokens.

    Returns:
        `[batch, beam]` each: the place of the extended hypothesis, its next token, and their log-probability.
    """
    beam_width = live.shape[1]
    # Of each hypothesis no more than `beam_width` extensions can be among the best.
    extensions = min(beam_width, log_probabilities.shape[1])
    values, tokens = largest(log_probabilities, extensions)
    # A hypothesis that is no more has no extensions, whatever its logits are by now.
    totals = tf.where(
        live[:, :, None] > NEVER, live[:, :, None] + tf.reshape(values, [-1, beam_width, extensions]), NEVER
    )
    live, places = tf.math.top_k(tf.reshape(totals, [-1, beam_width * extensions]), beam_width)
    chosen = tf.gather(tf.reshape(tokens, [-1, beam_width * extensions]), places, batch_dims=1)
    return places // extensions, chosen, live


def _without_repeats(
    log_probabilities: tf.Tensor, history: tf.Tensor, index: tf.Tensor, size: int
) -> tf.Tensor:
    """Forbids each hypothesis the tokens that would complete a sequence of `size` tokens that it holds already.

    Args:
        log_probabilities: `[batch * beam, vocabulary]`.
        history: `[batch, beam, time]`, of which the first `index` tokens are written.
    """
    written = tf.reshape(history, [-1, tf.shape(history)[2]])
    starts = tf.range(tf.maximum(tf.shape(written)[1] - size + 1, 0))
    repeats = (starts + size <= index)[None]
    for offset in range(size - 1):
        last = written[:, tf.clip_by_value(index - size + 1 + offset, 0, tf.shape(written)[1] - 1), None]
        repeats &= tf.gather(written, starts + offset, axis=1) == last
    completing = tf.gather(written, starts + size - 1, axis=1)
    rows = tf.broadcast_to(tf.range(tf.shape(written)[0])[:, None], tf.shape(completing))
    places = tf.stack([rows, completing], axis=-1)
    updates = tf.where(tf.broadcast_to(repeats, tf.shape(completing)), NEVER, -NEVER)
    return tf.tensor_scatter_nd_min(log_probabilities, places, updates)


def _best(ranked: _Ranked, more: _Ranked) -> _Ranked:
    """As many of both as the first holds, by score; of equals the ones that were there first."""
    scores, places = tf.math.top_k(tf.concat([ranked.scores, more.scores], axis=1), ranked.scores.shape[1])
    _, *fields = tf.nest.map_structure(
        lambda old, new: tf.gather(tf.concat([old, new], axis=1), places, batch_dims=1), ranked, more
    )
    return _Ranked(scores, *fields)


def _answer(ranked: _Ranked, recorded: list[tf.TensorArray], count: int, is_faulty: tf.Tensor) -> Hypotheses:
    beam_width = ranked.scores.shape[1]
    is_fine = ~is_faulty[:, None]
    scores, log_probabilities = (tf.where(is_fine, values[:, :count], NEVER) for values in ranked[:2])
    lengths = tf.where(is_fine, ranked.lengths[:, :count], 0)
    time = tf.maximum(tf.reduce_max(lengths), 0)
    is_written = tf.range(time) < lengths[:, :, None]
    tokens, *slots = [tf.where(is_written, history[:, :count, :time], 0) for history in ranked.histories]
    if not recorded:
        return Hypotheses(tokens, lengths, scores, log_probabilities, None, is_faulty)
    rows = _rows(slots[0], beam_width)
    steps = tf.broadcast_to(tf.range(time), tf.shape(rows))
    values = tf.gather_nd(recorded[0].stack(), tf.stack([steps, rows], axis=-1))
    is_written = tf.reshape(is_written, [*tf.unstack(tf.shape(is_written)), *[1] * (values.shape.rank - 3)])
    values = tf.where(is_written, values, tf.zeros_like(values))
    return Hypotheses(tokens, lengths, scores, log_probabilities, values, is_faulty)


def _rows(slots: tf.Tensor, beam_width: int) -> tf.Tensor:
    """The rows, of `[batch * beam]`, of the slots `[batch, ...]` in their beams."""
    first = tf.range(tf.shape(slots)[0]) * beam_width
    return tf.reshape(first, [-1] + [1] * (slots.shape.rank - 1)) + slots


def _with(history: tf.Tensor, index: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """`history` `[batch, beam, time]` with `value` `[batch, beam]` at the time `index`."""
    return tf.where(tf.range(tf.shape(history)[2]) == index, value[:, :, None], history)


def _count(conditions: tf.Tensor) -> tf.Tensor:
    return tf.math.count_nonzero(conditions, axis=-1, dtype=tf.int32)
