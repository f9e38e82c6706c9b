"""Labels from the symbols' probabilities in each frame: what a model that learnt with CTC gives, decoded in the graph.

An alignment gives each frame a symbol, 0 being the blank; merging equal neighbours and then removing blanks makes it a
label (Graves et al. 2006).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from common.decoding.ctc_prefixes import (
    LOG_ZERO,
    Beams,
    advanced,
    first_beams,
    labels_of,
    log_add,
    origin,
    present_first,
    weighted,
)
from common.decoding.faults import errors_of, lacks_distribution, require_none_outside_of_graphs
from common.decoding.language_models import LanguageModel


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


class _Frames(NamedTuple):
    """The frames that are searched, time first, each row's own at the front; certain blanks follow."""

    log_probabilities: tf.Tensor  # `[time, batch, symbols]`
    candidates: tf.Tensor  # `[time, batch, candidates]`, the symbols that may extend a prefix
    after_silence: tf.Tensor  # `[time, batch, 1]`, 0 where skipped frames stand before, else `LOG_ZERO`
    silence: tf.Tensor  # `[batch]`, the log-probability of all skipped frames


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
    log_probabilities, is_real, is_faulty = real_log_probabilities(logits, frames)
    path = tf.where(is_real, tf.argmax(log_probabilities, axis=-1, output_type=tf.int32), 0)
    best = tf.where(is_real, tf.reduce_max(log_probabilities, axis=-1), 0)
    begins = (path != 0) & (path != tf.pad(path, [[0, 0], [1, 0]])[:, :-1])
    place = tf.cumsum(tf.cast(begins, tf.int32), axis=1) - 1
    lengths = tf.math.count_nonzero(begins, axis=1, dtype=tf.int32)
    longest = tf.maximum(tf.reduce_max(lengths), 0)
    places = tf.where(path != 0, place, -1)
    is_label = tf.sequence_mask(lengths, longest)
    first_frames, last_frames, probabilities = runs_of(places, tf.exp(best), is_label)
    labels = tf.gather(path, first_frames, batch_dims=1)
    require_none_outside_of_graphs(is_faulty)
    return GreedyLabels(
        tf.where(is_label, labels, 0),
        lengths,
        first_frames,
        last_frames,
        probabilities,
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
        >>> best.labels.numpy().tolist(), tf.exp(best.scores).numpy().astype(float).round(2).tolist()
        ([[[1], [0]]], [[0.64, 0.36]])
    """
    count = beam_width if hypotheses is None else hypotheses
    if beam_width < 1:
        raise ValueError(f"beam_width={beam_width}: expected at least 1")
    if not 1 <= count <= beam_width:
        raise ValueError(f"hypotheses={count}: expected 1 to {beam_width}, the beam width")
    if candidates < 1:
        raise ValueError(f"candidates={candidates}: expected at least 1")
    log_probabilities, is_real, is_faulty = real_log_probabilities(logits, frames)
    batch = tf.shape(is_real)[0]
    searched = _searched(log_probabilities, is_real, candidates, blank_threshold)
    weight, bonus = (
        tf.broadcast_to(tf.cast(value, tf.float32), [batch])[:, None, None]
        for value in (lm_weight, length_bonus)
    )

    def turn(index: tf.Tensor, beams: Beams, places: tf.TensorArray) -> tuple[Any, ...]:
        beams, chosen = advanced(
            beams,
            tf.gather(searched.log_probabilities, index),
            tf.gather(searched.candidates, index),
            tf.gather(searched.after_silence, index),
            language_models,
            weight,
            bonus,
        )
        return index + 1, beams, places.write(index, chosen)

    time = tf.shape(searched.candidates)[0]
    places = tf.TensorArray(tf.int32, time, element_shape=[None, beam_width])
    first = first_beams(batch, beam_width, language_models)
    _, beams, places = tf.while_loop(lambda index, *_: index < time, turn, (0, first, places))
    totals = log_add(beams.blank, beams.symbol)
    scores = totals + beams.bonus
    for model, states in zip(language_models, beams.states, strict=True):
        scores += weighted(model.log_probabilities(states)[:, :, :1], weight)[:, :, 0]
    scores, slots = tf.math.top_k(scores, count)
    labels, lengths = labels_of(slots, *origin(places.stack(), searched.candidates))
    is_found = (scores > LOG_ZERO / 2) & ~is_faulty[:, None]
    lengths = tf.where(is_found, lengths, 0)
    longest = tf.maximum(tf.reduce_max(lengths), 0)
    require_none_outside_of_graphs(is_faulty)
    scores, totals = (
        tf.where(is_found, values + searched.silence[:, None], -float("inf"))
        for values in (scores, tf.gather(totals, slots, batch_dims=1))
    )
    labels = tf.where(tf.range(longest) < lengths[:, :, None], labels[:, :, :longest], 0)
    return LabelHypotheses(labels, lengths, scores, totals, is_faulty)


def with_fallback(hypotheses: LabelHypotheses, read: GreedyLabels) -> tuple[tf.Tensor, tf.Tensor]:
    """The best hypothesis of each row; where a lexicon left none, what `greedy` read of the same logits.

    A faulty row has the empty label, as both have it.

    Returns:
        The labels `[batch, labels]` int32, right-padded with 0 (the second dimension is the longest label's length),
        and their lengths `[batch]`.

    Example:
        >>> from common.decoding.language_models import Lexicon
        >>> logits, frames = 10 * tf.one_hot([[1, 1, 0], [1, 2, 0]], 3), tf.constant([3, 3])
        >>> words = Lexicon([[1, 2]], symbols=3)
        >>> best = prefix_beam_search(logits, frames, beam_width=1, language_models=[words])
        >>> with_fallback(best, greedy(logits, frames))[0].numpy().tolist()  # no word is the first row's
        [[1, 0], [1, 2]]
    """
    has_none = hypotheses.scores[:, 0] == -float("inf")
    lengths = tf.where(has_none, read.lengths, hypotheses.lengths[:, 0])
    longest = tf.maximum(tf.reduce_max(lengths), 0)

    def fitted(labels: tf.Tensor) -> tf.Tensor:
        return tf.pad(labels, [[0, 0], [0, longest]])[:, :longest]

    return tf.where(has_none[:, None], fitted(read.labels), fitted(hypotheses.labels[:, 0])), lengths


def runs_of(
    places: tf.Tensor, probabilities: tf.Tensor, is_label: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The first frame, the last frame and the highest probability of the run of each symbol, `[batch, labels]` each.

    Args:
        places: `[batch, time]` int32, which of its row's symbols each frame belongs to, -1 where none.
        probabilities: `[batch, time]`, of the frames.
        is_label: `[batch, labels]`, which symbols there are; each has a frame. The others have 0.
    """
    batch, time = tf.unstack(tf.shape(places))
    longest = tf.shape(is_label)[1]
    runs = tf.where(places < 0, -1, tf.range(batch)[:, None] * longest + places)

    def of_runs(reduction: Any, values: tf.Tensor) -> tf.Tensor:
        reduced = tf.reshape(reduction(values, runs, batch * longest), [batch, longest])
        return tf.where(is_label, reduced, tf.zeros_like(reduced))

    frame = tf.broadcast_to(tf.range(time), [batch, time])
    largest, smallest = tf.math.unsorted_segment_max, tf.math.unsorted_segment_min
    return of_runs(smallest, frame), of_runs(largest, frame), of_runs(largest, probabilities)


def real_log_probabilities(logits: tf.Tensor, frames: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The log-probabilities `[batch, time, symbols]`, which frames are real `[batch, time]`, faulty rows having none,
    and which rows are faulty `[batch]`."""
    logits = tf.cast(logits, tf.float32)
    is_real = tf.sequence_mask(frames, tf.shape(logits)[1])
    is_faulty = tf.reduce_any(lacks_distribution(logits) & is_real, axis=1)
    is_real &= ~is_faulty[:, None]
    return tf.maximum(tf.nn.log_softmax(logits), LOG_ZERO), is_real, is_faulty


def _searched(log_probabilities: tf.Tensor, is_real: tf.Tensor, candidates: int, threshold: float) -> _Frames:
    symbols = log_probabilities.shape[-1]
    blank = log_probabilities[:, :, 0]
    is_silent = is_real & (tf.exp(blank) > threshold)
    is_searched = is_real & ~is_silent
    order, counts = present_first(is_searched)
    # One frame more than any row has: a search takes one turn at least, as arrays without an element do not stack.
    longest = tf.maximum(tf.reduce_max(counts), 0) + 1
    order = tf.pad(order, [[0, 0], [0, 1]])[:, :longest]
    order = tf.where(tf.sequence_mask(counts, longest), order, tf.shape(blank)[1])
    certain_blank = tf.tile(tf.constant([[[0.0] + [LOG_ZERO] * (symbols - 1)]]), [tf.shape(blank)[0], 1, 1])
    chosen = tf.gather(tf.concat([log_probabilities, certain_blank], axis=1), order, batch_dims=1)
    chosen = tf.transpose(chosen, [1, 0, 2])
    # Shifted by one, the flag of the frame before stands in each frame's place.
    is_after_silence = tf.gather(tf.pad(is_silent, [[0, 0], [1, 0]]), order, batch_dims=1)
    return _Frames(
        chosen,
        1 + tf.math.top_k(chosen[:, :, 1:], min(candidates, symbols - 1)).indices,
        tf.where(tf.transpose(is_after_silence), 0.0, LOG_ZERO)[:, :, None],
        tf.reduce_sum(tf.where(is_silent, blank, 0), axis=1),
    )
