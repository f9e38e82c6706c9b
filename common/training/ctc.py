"""The loss of labels whose symbols have no known times (connectionist temporal classification, CTC)."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

BLANK = 0
"""The number of the blank among the symbols."""


def ctc_loss(logits: tf.Tensor, labels: tf.Tensor, frames: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """-log P(label | frames) of each row in nats, summed over all alignments (Graves et al. 2006).

    An alignment gives each frame a symbol; merging equal neighbours and then removing blanks makes it the label. The
    loss of an empty label is that of blanks alone. A label that needs more frames than there are (`frames_needed`) has
    the loss infinity, as it has no alignment, and gives no gradient; no row changes what its neighbours get. Frames
    after a row's last have no influence and get no gradient.

    Args:
        logits: `[batch, time, symbols]`, symbol 0 being the blank; one frame or more. They are taken as float32.
        labels: `[batch, labels]` symbol numbers from 1, right-padded with 0.
        frames: `[batch]`, how many frames of each row are real.
        lengths: `[batch]`, how many symbols each label has.

    Returns:
        The losses `[batch]`, float32.

    Example:
        >>> logits = tf.math.log([[[0.2, 0.8], [0.5, 0.5]]])  # alignments of "1": 11, 1-, -1
        >>> losses = ctc_loss(logits, tf.constant([[1]]), tf.constant([2]), tf.constant([1]))
        >>> round(float(tf.exp(-losses[0])), 4)
        0.9
    """
    logits = tf.cast(logits, tf.float32)
    labels, frames, lengths = (tf.cast(values, tf.int32) for values in (labels, frames, lengths))
    is_label = tf.sequence_mask(lengths, tf.shape(labels)[1])
    repeats = tf.math.count_nonzero(
        (labels[:, 1:] == labels[:, :-1]) & is_label[:, 1:], axis=1, dtype=tf.int32
    )
    is_empty = lengths == 0
    is_possible = lengths + repeats <= frames
    # The kernel fails a batch for one row that is empty or impossible: there it gets a label of one symbol instead.
    is_usual = is_possible & ~is_empty
    labels = tf.where(is_usual[:, None], labels, 1)
    labels = tf.concat([labels, tf.ones_like(is_usual, tf.int32)[:, None]], axis=1)
    places = tf.where(tf.sequence_mask(tf.where(is_usual, lengths, 1), tf.shape(labels)[1]))
    sparse = tf.SparseTensor(places, tf.gather_nd(labels, places), tf.shape(labels, tf.int64))
    # Sparse labels without `label_length` choose the kernel that needs a fraction of the dense form's time.
    losses = tf.nn.ctc_loss(
        sparse, logits, None, tf.where(is_usual, frames, 1), logits_time_major=False, blank_index=BLANK
    )
    losses = tf.where(is_usual, losses, np.inf)
    silent = tf.where(is_empty)
    return tf.tensor_scatter_nd_update(
        losses, silent, _loss_of_blanks(tf.gather_nd(logits, silent), tf.gather_nd(frames, silent))
    )


def frames_needed(label: Sequence[int] | np.ndarray) -> int:
    """How many frames a label needs at least: one for each symbol, and a blank between each two equal neighbours.

    Args:
        label: the symbol numbers of one label, without padding.

    Example:
        >>> frames_needed([5, 7, 7, 5])
        5
    """
    numbers = np.asarray(label)
    return len(numbers) + int(np.count_nonzero(numbers[1:] == numbers[:-1]))


def _loss_of_blanks(logits: tf.Tensor, frames: tf.Tensor) -> tf.Tensor:
    """-log P of blanks in all frames: `[batch, time, symbols]` -> `[batch]`."""
    is_real = tf.sequence_mask(frames, tf.shape(logits)[1])
    # What stands in padding, be it NaN, must not reach a gradient.
    logits = tf.where(is_real[:, :, None], logits, 0)
    losses = tf.reduce_logsumexp(logits, axis=-1) - logits[:, :, BLANK]
    return tf.reduce_sum(tf.where(is_real, losses, 0), axis=1)
