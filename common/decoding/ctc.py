"""Labels from the symbols' probabilities in each frame: what a model that learnt with CTC gives, decoded in the graph.

An alignment gives each frame a symbol, 0 being the blank; merging equal neighbours and then removing blanks makes it a
label (Graves et al. 2006).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from common.decoding.faults import errors_of, lacks_distribution, require_none_outside_of_graphs
from common.decoding.language_models import LanguageModel

_NEVER = -1e30
"""The logarithm of 0 within a search; unlike minus infinity it can be subtracted from itself."""


class GreedyLabels(NamedTuple):
    """What `greedy` read from the best alignment of each row.

    Attributes:
        labels: `[batch, labels]` int32, right-padded with 0; the second dimension is the longest label's length.
        lengths: `[batch]` int32.
        first_frames: `[batch, labels]` int32, the first frame of each symbol's run; 0 in padding.
        last_frames: `[batch, labels]` int32, the last one.
        probabilities: `[batch, labels]`, the highest that the symbol has within its run.
        log_probabilities: `[batch]`, of the alignment.
        is_faulty: `[batch]`, whether the row met logits without probabilities, such as NaN. It is empty then, with the
            log-probability minus infinity.
    """

    labels: tf.Tensor
    lengths: tf.Tensor
    first_frames: tf.Tensor
    last_frames: tf.Tensor
    probabilities: tf.Tensor
    log_probabilities: tf.Tensor
    is_faulty: tf.Tensor

    @property
    def error(self) -> tf.Tensor:
        """Strings `[batch]`: "" where all was well, else one line that says why there is no label."""
        return errors_of(self.is_faulty)


class LabelHypotheses(NamedTuple):
    """What `prefix_beam_search` found, the best first.

    Where a row has fewer hypotheses than asked for, length 0 and the score minus infinity fill the place.

    Attributes:
        labels: `[batch, hypotheses, labels]` int32, right-padded with 0; the last dimension is the longest one's.
        lengths: `[batch, hypotheses]` int32.
        scores: `[batch, hypotheses]`, the log-probabilities with the weighted language model and the length bonus.
        log_probabilities: `[batch, hypotheses]`, summed over the alignments that the search followed, in nats.
        is_faulty: `[batch]`, whether the row met logits without probabilities, such as NaN. It has no hypotheses then.
    """

    labels: tf.Tensor
    lengths: tf.Tensor
    scores: tf.Tensor
    log_probabilities: tf.Tensor
    is_faulty: tf.Tensor

    @property
    def error(self) -> tf.Tensor:
        """Strings `[batch]`: "" where the search came to an end, else one line that says why there is no hypothesis."""
        return errors_of(self.is_faulty)


class _Beams(NamedTuple):
    """The prefixes that live, `[batch, width]` each."""

    blank: tf.Tensor  # log-probability of the alignments that end with a blank
    symbol: tf.Tensor  # of those that end with the prefix's last symbol
    bonus: tf.Tensor  # the prefix's weighted language model and length bonus
    last: tf.Tensor  # its last symbol, 0 if it is empty
    name: tf.Tensor  # a hash of all its symbols
    parent: tf.Tensor  # the name of the prefix without the last symbol
    states: list[tf.Tensor]  # each language model's, `[batch, width, ...]`


class _Frames(NamedTuple):
    """The frames that are searched, time first, each row's own at the front; certain blanks follow.

    `log_probabilities` is `[time, batch, symbols]`, `candidates` `[time, batch, candidates]`, `follows_silence` `[time,
    batch, 1]`, whether skipped frames stand before, and `silence` `[batch]`, the log-probability of all skipped ones.
    """

    log_probabilities: tf.Tensor
    candidates: tf.Tensor
    follows_silence: tf.Tensor
    silence: tf.Tensor


def greedy(logits: tf.Tensor, frames: tf.Tensor) -> GreedyLabels:
    """Reads the most probable alignment: the most probable symbol of each frame (of equals the lowest number).

    Args:
        logits: `[batch, time, symbols]`, symbol 0 being the blank.
        frames: `[batch]`, how many frames of each row are real; a row without any has the empty label.

    Raises:
        ValueError: a row is faulty, and this is no graph; in a graph one row never fails the others.

    Example:
        >>> frames = tf.constant([[0, 2, 2, 0, 2, 1]])
        >>> best = greedy(10 * tf.one_hot(frames, 3), tf.constant([6]))
        >>> best.labels.numpy().tolist(), best.first_frames.numpy().tolist(), best.last_frames.numpy().tolist()
        ([[2, 2, 1]], [[1, 4, 5]], [[2, 4, 5]])
    """
    log_probabilities, is_real, is_faulty = _log_probabilities(logits, frames)
    batch, time = tf.unstack(tf.shape(is_real))
    path = tf.where(is_real, tf.argmax(log_probabilities, axis=-1, output_type=tf.int32), 0)
    best = tf.where(is_real, tf.reduce_max(log_probabilities, axis=-1), 0)
    begins = (path != 0) & (path != tf.pad(path, [[0, 0], [1, 0]])[:, :-1])
    place = tf.cumsum(tf.cast(begins, tf.int32), axis=1) - 1
    lengths = tf.math.count_nonzero(begins, axis=1, dtype=tf.int32)
    longest = tf.maximum(tf.reduce_max(lengths), 0)
    runs = tf.where(path != 0, tf.range(batch)[:, None] * longest + place, -1)
    is_label = tf.sequence_mask(lengths, longest)

    def of_runs(reduction: Any, values: tf.Tensor) -> tf.Tensor:
        reduced = tf.reshape(reduction(values, runs, batch * longest), [batch, longest])
        return tf.where(is_label, reduced, tf.zeros_like(reduced))

    frame = tf.broadcast_to(tf.range(time), [batch, time])
    largest, smallest = tf.math.unsorted_segment_max, tf.math.unsorted_segment_min
    return GreedyLabels(
        of_runs(largest, path),
        lengths,
        of_runs(smallest, frame),
        of_runs(largest, frame),
        of_runs(largest, tf.exp(best)),
        tf.where(is_faulty, -float("inf"), tf.reduce_sum(best, axis=1)),
        is_faulty,
    )


def prefix_beam_search(
    logits: tf.Tensor,
    frames: tf.Tensor,
    *,
    beam_width: int,
    hypotheses: int | None = None,
    candidates: int = 10,
    language_models: Sequence[LanguageModel] = (),
    lm_weight: tf.Tensor | float = 1.0,
    length_bonus: tf.Tensor | float = 0.0,
    blank_threshold: float = 0.999,
) -> LabelHypotheses:
    """Looks for the labels of the highest score, each of which sums over its alignments.

    After each frame the `beam_width` prefixes of the highest score live (Hannun et al. 2014, "First-pass large
    vocabulary continuous speech recognition using bi-directional recurrent DNNs", algorithm 1). A prefix that two ways
    lead to is one. The score is log P(label | frames) + lm_weight * log P(label) + length_bonus * |label|, the second
    P being the language models' product, that of the end among its factors. With a beam that holds all prefixes, all
    symbols as candidates and no skipped frame, scores are exact.

    A row's answer depends on that row alone. Where a lexicon allows no end for any prefix that lives at the last frame,
    the row has no hypothesis: a wider beam or more candidates help.

    Args:
        logits: `[batch, time, symbols]`, symbol 0 being the blank; the number of symbols is known.
        frames: `[batch]`, how many frames of each row are real; a row without any has the empty label alone.
        beam_width: how many prefixes of a row live at once.
        hypotheses: how many labels of each row to return, `beam_width` or fewer. All if not given.
        candidates: how many symbols of each frame, the most probable ones, may extend a prefix.
        language_models: what they forbid is in no label, whatever their weight; see `LanguageModel`.
        lm_weight: of the language models, a number or `[batch]`.
        length_bonus: what each symbol of a label adds to its score, a number or `[batch]`.
        blank_threshold: a frame whose blank is more probable is skipped as if its blank were certain, which spares its
            time and leaves out the alignments that have a symbol there; 1 skips none.

    Raises:
        ValueError: one of the numbers is out of its range; or a row is faulty, and this is no graph (in a graph one row
            never fails the others).

    Example:
        >>> logits = tf.math.log([[[0.6, 0.4, 0.0], [0.6, 0.4, 0.0]]])  # the best alignment has blanks only
        >>> best = prefix_beam_search(logits, tf.constant([2]), beam_width=4, hypotheses=2)
        >>> best.labels.numpy().tolist(), tf.exp(best.scores).numpy().round(2).tolist()
        ([[[1], [0]]], [[0.64, 0.36]])
    """
    count = beam_width if hypotheses is None else hypotheses
    if beam_width < 1:
        raise ValueError(f"beam_width={beam_width}: expected at least 1")
    if not 1 <= count <= beam_width:
        raise ValueError(f"hypotheses={count}: expected 1 to {beam_width}, the beam width")
    if candidates < 1:
        raise ValueError(f"candidates={candidates}: expected at least 1")
    log_probabilities, is_real, is_faulty = _log_probabilities(logits, frames)
    batch = tf.shape(is_real)[0]
    searched = _searched(log_probabilities, is_real, candidates, blank_threshold)
    weight, bonus = (
        tf.broadcast_to(tf.cast(value, tf.float32), [batch])[:, None, None]
        for value in (lm_weight, length_bonus)
    )

    def turn(
        index: tf.Tensor, beams: _Beams, parents: tf.TensorArray, added: tf.TensorArray
    ) -> tuple[Any, ...]:
        frame = [values[index] for values in searched[:3]]
        beams, parent, symbol = _advanced(beams, *frame, language_models, weight, bonus)
        return index + 1, beams, parents.write(index, parent), added.write(index, symbol)

    time = tf.shape(searched.candidates)[0]
    tapes = [tf.TensorArray(tf.int32, time, element_shape=[None, beam_width]) for _ in range(2)]
    _, beams, parents, added = tf.while_loop(
        lambda index, *_: index < time, turn, (0, _first_beams(batch, beam_width, language_models), *tapes)
    )
    totals = _log_add(beams.blank, beams.symbol)
    scores = totals + beams.bonus
    for model, states in zip(language_models, beams.states, strict=True):
        scores += _weighted(model.log_probabilities(states)[:, :, :1], weight)[:, :, 0]
    scores, slots = tf.math.top_k(scores, count)
    labels, lengths = _labels(slots, parents, added, time)
    is_found = (scores > _NEVER / 2) & ~is_faulty[:, None]
    lengths = tf.where(is_found, lengths, 0)
    longest = tf.maximum(tf.reduce_max(lengths), 0)
    require_none_outside_of_graphs(is_faulty)
    return LabelHypotheses(
        tf.where(tf.range(longest) < lengths[:, :, None], labels[:, :, :longest], 0),
        lengths,
        *(
            tf.where(is_found, values + searched.silence[:, None], -float("inf"))
            for values in (scores, tf.gather(totals, slots, batch_dims=1))
        ),
        is_faulty,
    )


def _log_probabilities(logits: tf.Tensor, frames: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The log-probabilities `[batch, time, symbols]`, which frames are real `[batch, time]`, faulty rows having none,
    and which rows are faulty `[batch]`."""
    logits = tf.cast(logits, tf.float32)
    is_real = tf.sequence_mask(frames, tf.shape(logits)[1])
    is_faulty = tf.reduce_any(lacks_distribution(logits) & is_real, axis=1)
    is_real &= ~is_faulty[:, None]
    return tf.maximum(tf.nn.log_softmax(logits), _NEVER), is_real, is_faulty


def _searched(log_probabilities: tf.Tensor, is_real: tf.Tensor, candidates: int, threshold: float) -> _Frames:
    symbols = log_probabilities.shape[-1]
    blank = log_probabilities[:, :, 0]
    is_silent = is_real & (tf.exp(blank) > threshold)
    is_searched = is_real & ~is_silent
    order, counts = _present_first(is_searched)
    # One frame more than any row has: a search takes one turn at least, as arrays without an element do not stack.
    order = tf.pad(order, [[0, 0], [0, 1]])[:, : tf.reduce_max(counts) + 1]
    certain_blank = tf.constant([0.0] + [_NEVER] * (symbols - 1))
    log_probabilities = tf.pad(log_probabilities, [[0, 0], [0, 1], [0, 0]])
    chosen = tf.where(
        tf.sequence_mask(counts, tf.shape(order)[1])[:, :, None],
        tf.gather(log_probabilities, order, batch_dims=1),
        certain_blank,
    )
    chosen = tf.transpose(chosen, [1, 0, 2])
    # Each frame stands where the flag of the one before it would.
    before = tf.gather(tf.pad(is_silent, [[0, 0], [1, 0]]), order, batch_dims=1)
    return _Frames(
        chosen,
        1 + tf.math.top_k(chosen[:, :, 1:], min(candidates, symbols - 1)).indices,
        tf.transpose(before)[:, :, None],
        tf.reduce_sum(tf.where(is_silent, blank, 0), axis=1),
    )


def _present_first(is_present: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The order `[rows, n]` that has what is present, of booleans `[rows, n]`, at the front, and its count `[rows]`."""
    order = tf.argsort(tf.cast(~is_present, tf.int32), axis=1, stable=True)
    return order, tf.math.count_nonzero(is_present, axis=1, dtype=tf.int32)


def _first_beams(batch: tf.Tensor, width: int, language_models: Sequence[LanguageModel]) -> _Beams:
    """The empty prefix in the first place; the others are prefixes that never were."""

    def rows(values: tf.Tensor) -> tf.Tensor:
        return tf.tile(values[None], [batch, 1])

    places = tf.range(width)
    never = rows(tf.fill([width], _NEVER))
    names = rows(tf.range(width, dtype=tf.int64))
    return _Beams(
        blank=rows(tf.where(places == 0, 0.0, _NEVER)),
        symbol=never,
        bonus=tf.zeros_like(never),
        last=tf.zeros_like(never, tf.int32),
        name=names,
        parent=tf.fill(tf.shape(names), tf.constant(-1, tf.int64)),
        states=[tf.repeat(model.start(batch)[:, None], width, axis=1) for model in language_models],
    )


def _advanced(
    beams: _Beams,
    log_probabilities: tf.Tensor,
    candidates: tf.Tensor,
    follows_silence: tf.Tensor,
    language_models: Sequence[LanguageModel],
    weight: tf.Tensor,
    bonus: tf.Tensor,
) -> tuple[_Beams, tf.Tensor, tf.Tensor]:
    """The best prefixes after one more frame, and `[batch, width]` each: the place of the one each came from, and the
    symbol that was added, 0 if none was.

    Args:
        beams: those before.
        log_probabilities: `[batch, symbols]`.
        candidates: `[batch, candidates]`, symbols.
        follows_silence: `[batch, 1]`, whether a certain blank stood before this frame.
        language_models: they score what is added.
        weight: theirs, `[batch, 1, 1]`.
        bonus: of a symbol, `[batch, 1, 1]`.
    """
    width, choices = beams.last.shape[1], candidates.shape[1]
    total = _log_add(beams.blank, beams.symbol)
    after_blank = tf.where(follows_silence, total, beams.blank)
    after_symbol = tf.where(follows_silence, _NEVER, beams.symbol)
    is_repeated = beams.last[:, :, None] == candidates[:, None]
    extended = tf.where(is_repeated, after_blank[:, :, None], total[:, :, None])
    extended += tf.gather(log_probabilities, candidates, batch_dims=1)[:, None]
    # Of each pair of prefixes, whether the first with the last symbol of the second is the second.
    is_parent = beams.name[:, :, None] == beams.parent[:, None]
    joins = tf.where(
        beams.last[:, :, None] == beams.last[:, None], after_blank[:, :, None], total[:, :, None]
    )
    joining = tf.reduce_max(tf.where(is_parent, joins, _NEVER), axis=1)
    last = tf.gather(log_probabilities, beams.last, batch_dims=1)
    kept_blank = total + log_probabilities[:, :1]
    kept_symbol = _log_add(after_symbol, joining) + last
    exists = tf.matmul(tf.cast(is_parent, tf.float32), tf.cast(is_repeated, tf.float32)) > 0
    bonuses = beams.bonus[:, :, None] + bonus
    for model, states in zip(language_models, beams.states, strict=True):
        following = tf.gather(model.log_probabilities(states), candidates, axis=2, batch_dims=1)
        bonuses += _weighted(following, weight)
    bonuses = tf.broadcast_to(bonuses, tf.shape(extended))
    extended = tf.where(exists, _NEVER, extended)

    def flat(kept: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
        return tf.concat([kept, tf.reshape(new, [-1, width * choices])], axis=1)

    scores = flat(_log_add(kept_blank, kept_symbol) + beams.bonus, extended + bonuses)
    places = tf.math.top_k(scores, width, sorted=False).indices
    stays = places < width
    extension = tf.maximum(places - width, 0)
    parent = tf.where(stays, places, extension // choices)
    symbol = tf.where(stays, 0, tf.gather(candidates, extension % choices, batch_dims=1))
    names = tf.gather(beams.name, parent, batch_dims=1)
    advanced = _Beams(
        blank=tf.where(stays, tf.gather(kept_blank, parent, batch_dims=1), _NEVER),
        symbol=tf.gather(flat(kept_symbol, extended), places, batch_dims=1),
        bonus=tf.gather(flat(beams.bonus, bonuses), places, batch_dims=1),
        last=tf.where(stays, tf.gather(beams.last, parent, batch_dims=1), symbol),
        name=tf.where(stays, names, _named(names, symbol)),
        parent=tf.where(stays, tf.gather(beams.parent, parent, batch_dims=1), names),
        states=[
            _after(model, tf.gather(states, parent, batch_dims=1), symbol)
            for model, states in zip(language_models, beams.states, strict=True)
        ],
    )
    advanced = tf.nest.map_structure(_like, advanced, beams)
    return advanced, _like(parent, beams.last), _like(symbol, beams.last)


def _log_add(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.maximum(a, b) + tf.nn.softplus(-tf.abs(a - b))


def _weighted(log_probabilities: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """What is impossible stays so if the weight is 0."""
    return tf.where(log_probabilities > _NEVER, weight * log_probabilities, _NEVER)


def _named(names: tf.Tensor, symbols: tf.Tensor) -> tf.Tensor:
    """The hashes of prefixes, of which the hashes are given, with one more symbol."""
    hashed = (names + tf.cast(symbols, tf.int64) + 1) * 0x2545F4914F6CDD1D
    return tf.bitwise.bitwise_xor(hashed, tf.bitwise.right_shift(hashed, tf.constant(32, tf.int64)))


def _after(model: LanguageModel, states: tf.Tensor, symbols: tf.Tensor) -> tf.Tensor:
    """The states after the symbols; where these are 0, as they were."""
    is_same = tf.reshape(symbols == 0, tf.concat([tf.shape(symbols), [1] * (states.shape.rank - 2)], 0))
    return tf.where(is_same, states, model.advance(states, symbols))


def _labels(
    slots: tf.Tensor, parents: tf.TensorArray, added: tf.TensorArray, time: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The symbols `[batch, hypotheses, time]` of the prefixes that stand in `slots` `[batch, hypotheses]` at the end,
    followed by zeros, and how many each has."""

    def turn(index: tf.Tensor, slots: tf.Tensor, symbols: tf.TensorArray) -> tuple[Any, ...]:
        symbols = symbols.write(index, tf.gather(added.read(index), slots, batch_dims=1))
        return index - 1, _like(tf.gather(parents.read(index), slots, batch_dims=1), slots), symbols

    tape = tf.TensorArray(tf.int32, time, element_shape=slots.shape)
    _, _, tape = tf.while_loop(lambda index, *_: index >= 0, turn, (time - 1, slots, tape))
    symbols = tf.transpose(tape.stack(), [1, 2, 0])
    rows = tf.reshape(symbols, [-1, time])
    order, lengths = _present_first(rows > 0)
    return (
        tf.reshape(tf.gather(rows, order, batch_dims=1), tf.shape(symbols)),
        tf.reshape(lengths, tf.shape(slots)),
    )


def _like(new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
    new.set_shape(old.shape)
    return new
