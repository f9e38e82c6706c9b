"""The prefixes of labels that live in a beam search over CTC's frames, and how one more frame changes them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from common.decoding.language_models import LanguageModel
from common.decoding.shapes import shaped_like

LOG_ZERO = -1e30
"""The logarithm of 0 within a search; unlike minus infinity it can be subtracted from itself."""


class Beams(NamedTuple):
    """The prefixes that live, `[batch, width]` each.

    Attributes:
        blank: the log-probability of the alignments that end with a blank.
        symbol: that of the alignments that end with the prefix's last symbol.
        bonus: the prefix's weighted language models and length bonus.
        last: its last symbol, 0 if it is empty.
        name: a hash of all its symbols.
        parent: the name of the prefix without its last symbol.
        states: each language model's, `[batch, width, ...]`.
    """

    blank: tf.Tensor
    symbol: tf.Tensor
    bonus: tf.Tensor
    last: tf.Tensor
    name: tf.Tensor
    parent: tf.Tensor
    states: list[tf.Tensor]


def first_beams(batch: tf.Tensor, width: int, language_models: Sequence[LanguageModel]) -> Beams:
    """The empty prefix in the first place of each row; the others are prefixes that never were."""

    def rows(values: tf.Tensor) -> tf.Tensor:
        return tf.tile(values[None], [batch, 1])

    places = tf.range(width)
    never = rows(tf.fill([width], LOG_ZERO))
    names = rows(tf.range(width, dtype=tf.int64))
    return Beams(
        blank=rows(tf.where(places == 0, 0.0, LOG_ZERO)),
        symbol=never,
        bonus=tf.zeros_like(never),
        last=tf.zeros_like(never, tf.int32),
        name=names,
        parent=tf.fill(tf.shape(names), tf.constant(-1, tf.int64)),
        states=[tf.repeat(model.start(batch)[:, None], width, axis=1) for model in language_models],
    )


def advanced(
    beams: Beams,
    log_probabilities: tf.Tensor,
    candidates: tf.Tensor,
    after_silence: tf.Tensor,
    language_models: Sequence[LanguageModel],
    weight: tf.Tensor,
    bonus: tf.Tensor,
) -> tuple[Beams, tf.Tensor]:
    """The best prefixes after one more frame, and the places `[batch, width]` that they had among all that were to
    choose from: the prefixes as they are, then each with each candidate.

    Args:
        beams: those before.
        log_probabilities: `[batch, symbols]`.
        candidates: `[batch, candidates]`, symbols.
        after_silence: `[batch, 1]`, 0 where a certain blank stood before this frame, else `LOG_ZERO`.
        language_models: they score what is added.
        weight: theirs, `[batch, 1, 1]`.
        bonus: of a symbol, `[batch, 1, 1]`.
    """
    width, choices = beams.last.shape[1], candidates.shape[1]
    total = log_add(beams.blank, beams.symbol)
    # After silence all alignments end with a blank. (The total is never less than one of its parts.)
    after_blank = tf.maximum(beams.blank, total + after_silence)
    after_symbol = beams.symbol + (LOG_ZERO - after_silence)
    is_repeated = beams.last[:, :, None] == candidates[:, None]
    extended = tf.where(is_repeated, after_blank[:, :, None], total[:, :, None])
    extended += tf.gather(log_probabilities, candidates, batch_dims=1)[:, None]
    # For each pair of prefixes, whether the first with the last symbol of the second is the second.
    is_parent = beams.name[:, :, None] == beams.parent[:, None]
    is_double = beams.last[:, :, None] == beams.last[:, None]
    joins = tf.where(is_double, after_blank[:, :, None], total[:, :, None])
    joining = tf.reduce_max(_select(is_parent, joins, tf.fill(tf.shape(joins), LOG_ZERO)), axis=1)
    kept_blank = total + log_probabilities[:, :1]
    kept_symbol = log_add(after_symbol, joining) + tf.gather(log_probabilities, beams.last, batch_dims=1)
    # An extension that is one of the prefixes has joined it. (oneDNN, which takes float32 only, needs ten times as long
    # for so many small matrices.)
    has_joined = tf.matmul(tf.cast(is_parent, tf.float64), tf.cast(is_repeated, tf.float64))
    extended += LOG_ZERO * tf.cast(has_joined, tf.float32)
    bonuses = beams.bonus[:, :, None] + bonus
    for model, states in zip(language_models, beams.states, strict=True):
        following = tf.gather(model.log_probabilities(states), candidates, axis=2, batch_dims=1)
        bonuses += weighted(following, weight)
    bonuses = tf.broadcast_to(bonuses, tf.shape(extended))

    def flat(kept: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
        return tf.concat([kept, tf.reshape(new, [-1, width * choices])], axis=1)

    scores = flat(log_add(kept_blank, kept_symbol) + beams.bonus, extended + bonuses)
    places = tf.math.top_k(scores, width, sorted=False).indices
    parent, symbol = origin(places, candidates)
    stays = places < width
    names = tf.gather(beams.name, parent, batch_dims=1)
    after = Beams(
        blank=_select(
            stays, tf.gather(kept_blank, parent, batch_dims=1), tf.fill(tf.shape(places), LOG_ZERO)
        ),
        symbol=tf.gather(flat(kept_symbol, extended), places, batch_dims=1),
        bonus=tf.gather(flat(beams.bonus, bonuses), places, batch_dims=1),
        last=_select(stays, tf.gather(beams.last, parent, batch_dims=1), symbol),
        name=_select(stays, names, _named(names, symbol)),
        parent=_select(stays, tf.gather(beams.parent, parent, batch_dims=1), names),
        states=[
            _after(model, tf.gather(states, parent, batch_dims=1), symbol)
            for model, states in zip(language_models, beams.states, strict=True)
        ],
    )
    return tf.nest.map_structure(shaped_like, after, beams), shaped_like(places, beams.last)


def origin(places: tf.Tensor, candidates: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Which prefix each chosen one came from, and which symbol was added, 0 if none was.

    Args:
        places: `[..., width]`, as `advanced` gives them.
        candidates: `[..., candidates]`, the symbols that it was given.
    """
    width, choices = places.shape[-1], candidates.shape[-1]
    extension = places - width
    symbol = tf.gather(candidates, tf.math.floormod(extension, choices), batch_dims=candidates.shape.rank - 1)
    stays = places < width
    return _select(stays, places, extension // choices), _select(stays, tf.zeros_like(symbol), symbol)


def labels_of(slots: tf.Tensor, parents: tf.Tensor, added: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The symbols `[batch, hypotheses, time]` of the prefixes that stand in `slots` `[batch, hypotheses]` at the end,
    followed by zeros, and how many each has.

    Args:
        slots: places in the last beam.
        parents: `[time, batch, width]`, the place of each prefix in the beam of the frame before.
        added: `[time, batch, width]`, the symbol that it got in this frame, 0 if none.
    """
    time = tf.shape(parents)[0]

    def turn(index: tf.Tensor, slots: tf.Tensor, path: tf.TensorArray) -> tuple[Any, ...]:
        before = tf.gather(tf.gather(parents, index), slots, batch_dims=1)
        return index - 1, shaped_like(before, slots), path.write(index, slots)

    path = tf.TensorArray(tf.int32, time, element_shape=slots.shape)
    *_, path = tf.while_loop(lambda index, *_: index >= 0, turn, (time - 1, slots, path))
    symbols = tf.transpose(tf.gather(added, path.stack(), batch_dims=2), [1, 2, 0])
    rows = tf.reshape(symbols, [-1, time])
    order, lengths = present_first(rows > 0)
    return (
        tf.reshape(tf.gather(rows, order, batch_dims=1), tf.shape(symbols)),
        tf.reshape(lengths, tf.shape(slots)),
    )


def present_first(is_present: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The order `[rows, n]` that has what is present, of booleans `[rows, n]`, at the front, and its count `[rows]`."""
    order = tf.argsort(tf.cast(~is_present, tf.int32), axis=1, stable=True)
    return order, tf.math.count_nonzero(is_present, axis=1, dtype=tf.int32)


def log_add(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """log(exp(a) + exp(b))."""
    return tf.maximum(a, b) + tf.nn.softplus(-tf.abs(a - b))


def weighted(log_probabilities: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Weighted log-probabilities; what is impossible stays so if the weight is 0."""
    return tf.where(log_probabilities > LOG_ZERO, weight * log_probabilities, LOG_ZERO)


def _select(condition: tf.Tensor, these: tf.Tensor, those: tf.Tensor) -> tf.Tensor:
    """`tf.where` of equal shapes, in a fraction of its time."""
    return tf.raw_ops.Select(condition=condition, x=these, y=those)


def _named(names: tf.Tensor, symbols: tf.Tensor) -> tf.Tensor:
    """The hashes of prefixes, whose hashes are given, with one more symbol."""
    hashed = (names + tf.cast(symbols, tf.int64) + 1) * 0x2545F4914F6CDD1D
    return tf.bitwise.bitwise_xor(hashed, tf.bitwise.right_shift(hashed, tf.constant(32, tf.int64)))


def _after(model: LanguageModel, states: tf.Tensor, symbols: tf.Tensor) -> tf.Tensor:
    """The states after the symbols; where these are 0, as they were."""
    is_same = tf.reshape(symbols == 0, tf.concat([tf.shape(symbols), [1] * (states.shape.rank - 2)], 0))
    return tf.where(is_same, states, model.advance(states, symbols))
