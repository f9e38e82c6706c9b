"""Text becomes a stream of words whose windows feed each word before its target, spelled where it is unknown."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from applications.keyboard.config import PRESETS, Config
from applications.keyboard.data import (
    encode,
    make_vocabulary,
    segmented,
    training_batches,
    training_examples,
    validation_batches,
)
from applications.keyboard.model import build
from applications.keyboard.train import likelihood
from applications.keyboard.vocabulary import Words
from applications.keyboard.word_numbers import END, UNKNOWN
from common.errors import UserError
from common.text.running import RawText, RawTextSource

TEXT = RawText("notes", "The cat sat.\n\n  The dog sat on Zoë’s mat in 2024!  \n" * 30)
CONFIG = dataclasses.replace(PRESETS["tiny"], min_count=1, vocabulary=6, spelled_words=0.0)


@pytest.fixture(scope="module")
def words():
    return Words(make_vocabulary(CONFIG, TEXT, segmented(TEXT, False)), CONFIG.ngram_buckets)


@pytest.fixture(scope="module")
def stream(words):
    return encode(TEXT, segmented(TEXT, False), words)


def test_lines_end_with_a_line_end_and_empty_ones_leave_nothing():
    assert segmented(RawText("", "\n\n a b\n\n\nc"), False) == ["a", "b", "\n", "c", "\n"]
    assert segmented(RawText("", " <unk> n't ,\n N\n"), True) == ["<unk>", "n't", ",", "\n", "N", "\n"]


def test_a_batch_feeds_the_word_before_each_target_and_the_characters_of_unknown_ones(words, stream):
    batches, steps = training_batches(stream, CONFIG, epochs=range(2))
    seen = list(batches.as_numpy_iterator())
    assert len(seen) == 2 * steps
    for inputs, targets in seen:
        np.testing.assert_array_equal(inputs["targets"], targets)
        np.testing.assert_array_equal(inputs["words"][:, 1:], targets[:, :-1])
        assert ((inputs["words"] == UNKNOWN) == inputs["ngrams"].any(-1)).all()
        assert (inputs["words"][:, 0] == END).all() or not inputs["starts"].any()
    again = training_batches(stream, CONFIG, epochs=range(1, 2))[0].as_numpy_iterator()
    for one, other in zip(again, seen[steps:], strict=True):
        np.testing.assert_array_equal(one[0]["words"], other[0]["words"])


def test_a_share_of_the_known_words_is_read_through_its_characters(stream):
    config = dataclasses.replace(CONFIG, spelled_words=0.5)
    plain, spelled = (
        np.concatenate([inputs["words"].ravel() for inputs, _ in batches.as_numpy_iterator()])
        for batches in (training_batches(stream, one, epochs=range(20))[0] for one in (CONFIG, config))
    )
    known = plain > END
    assert (spelled[~known] == plain[~known]).all()
    assert (spelled[known] == UNKNOWN).mean() == pytest.approx(0.5, abs=0.05)


def test_validation_reads_nearly_all_of_the_text_side_by_side(stream):
    targets = np.concatenate(
        [targets for _, targets in validation_batches(stream, 4).as_numpy_iterator()], axis=1
    )
    np.testing.assert_array_equal(targets.ravel(), stream.numbers[: len(stream) // 4 * 4])


def test_bits_per_character_count_every_word_and_unknown_ones_by_their_spelling(words, stream):
    """An untrained model with no weights but zeros takes all words for equally probable."""
    model = build(CONFIG, words.vocabulary.size)
    tied = model.get_layer("vectors").tied
    tied.table.assign(tf.zeros_like(tied.table))
    figures = likelihood(model, stream)
    size = words.vocabulary.size
    spellings = tf.constant(segmented(TEXT, False))
    spelling = float(tf.reduce_sum(words.spelling_nats(spellings, words.numbers(spellings))))
    nats = len(stream) * math.log(size) + spelling
    assert figures["validation_perplexity"] == pytest.approx(size, rel=1e-5)
    assert figures["validation_bits_per_character"] == pytest.approx(nats / math.log(2) / len(TEXT), rel=1e-5)


def test_tokens_of_a_dialogue_are_joined_if_asked(tmp_path):
    path = tmp_path / "dialogues.jsonl"
    path.write_text('["I ’ ll go , do n\'t wait .", "Fine !"]\n' * 40, "utf-8")
    config = Config(source=RawTextSource(data=str(path)), join_tokens=True)
    train, _ = training_examples(config)
    assert train.text.startswith("I’ll go, don't wait.\nFine!\n")


def test_a_text_in_which_no_word_recurs_is_refused():
    text = RawText(
        "lone.txt", " ".join(f"w{'abcdefghij'[k % 10]}{'abcdefghij'[k // 10]}" for k in range(100))
    )
    with pytest.raises(UserError, match=r"lone.txt: no word occurs 2 times or more \(--min-count\)"):
        make_vocabulary(dataclasses.replace(CONFIG, min_count=2), text, segmented(text, False))
