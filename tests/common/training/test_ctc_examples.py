"""What can be learnt with CTC, and how it is handed to the loss."""

import numpy as np
import pytest
import tensorflow as tf

from common.audio.utterances import Utterances
from common.errors import UserError
from common.text.symbols import Symbols
from common.training.ctc import ctc_loss
from common.training.ctc_examples import (
    alignable,
    loss_per_symbol,
    of_known_symbols,
    require_known,
    targets_of,
)

SYMBOLS = Symbols("characters", ("n", "o"))


def saying(*texts):
    silence = [np.zeros(10, np.float32)] * len(texts)
    return Utterances("made", silence, texts, [""] * len(texts), [f"{text}.wav" for text in texts])


def test_a_long_text_weighs_no_more_than_a_short_one():
    logits = tf.random.stateless_normal([2, 9, 4], [1, 2])
    targets = tf.constant(targets_of([np.int32([1]), np.int32([1, 2, 3])], [9, 7]))
    losses = loss_per_symbol(targets, logits)
    labels = tf.constant([[1, 0, 0], [1, 2, 3]])
    whole = ctc_loss(logits, labels, tf.constant([9, 7]), tf.constant([1, 3]))
    np.testing.assert_allclose(losses, whole / [1, 3], rtol=1e-6)


def test_a_label_without_an_alignment_teaches_nothing_and_spares_the_others():
    logits = tf.random.stateless_normal([2, 3, 4], [1, 2])
    targets = tf.constant(targets_of([np.int32([1, 1]), np.int32([2])], [2, 3]))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = loss_per_symbol(targets, logits)
    gradient = tape.gradient(losses, logits).numpy()
    alone = loss_per_symbol(targets[1:], logits[1:])
    np.testing.assert_allclose(losses, [0, alone[0]], rtol=1e-6)
    assert not gradient[0].any()
    assert np.isfinite(gradient[1]).all()
    assert gradient[1].any()


def test_a_text_that_needs_more_frames_than_there_are_is_left_out_and_counted():
    # "noon" needs a blank between its two o.
    usable = alignable(saying("noon", "non", "noon"), SYMBOLS, [4, 3, 5], "recording")
    assert list(usable.origins) == ["non.wav", "noon.wav"]
    assert usable.left_out == {"more symbols than frames": 1}
    with pytest.raises(UserError, match="no recording can be used"):
        alignable(saying("noon"), SYMBOLS, [2], "recording")


def test_a_text_of_unknown_symbols_is_refused_in_one_line_or_left_out():
    with pytest.raises(UserError) as refused:
        require_known(saying("no", "snow"), SYMBOLS, "transcript")
    assert "snow.wav" in str(refused.value)
    assert "the transcript 'snow' has 's', 'w', which no training transcript has" in str(refused.value)
    known = of_known_symbols(saying("no", "snow"), SYMBOLS, "recording")
    assert list(known.texts) == ["no"]
    assert known.left_out == {"symbols that training lacks": 1}
