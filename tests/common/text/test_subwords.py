"""Texts are cut into their most probable subwords, as sentencepiece itself does it, and come back letter for letter."""

import io
import itertools
import json
import math
from collections import Counter

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.text.normalization import normalize
from common.text.subwords import (
    END,
    FIRST_PIECE,
    PADDING,
    START,
    UNKNOWN,
    Subwords,
    SubwordText,
    learn_subwords,
)

TEXTS = [
    "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche.",
    "Two young, white males are outside near many bushes.",
    "Ein kleines Mädchen klettert in ein Spielhaus aus Holz – „schön“, sagt es!",
    'A little girl climbs into a wooden playhouse; "nice", she says (twice).',
    "Am 3. März 1987 kostete es 12.345,67 €, d.h. 50 % mehr als 1986.",
    "On March 3, 1987 it cost €12,345.67, that's 50% more than in 1986.",
    "Größe, Straße, Übermut, Äpfel, Öl – naïve Café-Besitzer",
    "Men in hard hats are operating a giant pulley system & laughing…",
] * 3
LIMIT = 200


@pytest.fixture(scope="module")
def subwords():
    return learn_subwords(TEXTS, 300)


@pytest.fixture(scope="module")
def layer(subwords):
    return SubwordText(subwords.pieces, subwords.log_probabilities, LIMIT)


@pytest.fixture(scope="module")
def encode(layer):
    traced = tf.function(layer.call, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    return lambda texts: traced(tf.constant(texts, tf.string)).numpy()


@pytest.fixture(scope="module")
def decode(layer):
    traced = tf.function(layer.detokenize, input_signature=[tf.TensorSpec([None, None], tf.int32)])
    return lambda ids: [text.decode("utf-8") for text in traced(tf.constant(ids, tf.int32)).numpy()]


@pytest.fixture(scope="module")
def reference(subwords):
    """sentencepiece's own processor of the very same pieces and scores."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS),
        model_writer=model,
        vocab_size=301,
        hard_vocab_limit=False,
        character_coverage=1.0,
        normalization_rule_name="identity",
        split_digits=True,
        bos_id=-1,
        eos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    assert [processor.id_to_piece(index + 1) for index in range(len(subwords.pieces))] == list(
        subwords.pieces
    )
    return processor


def row_ids(row):
    return row[: list(row).index(END)]


def log_probability(subwords, pieces):
    return sum(subwords.log_probabilities[subwords.pieces.index(piece)] for piece in pieces)


def known(subwords):
    return "".join(piece for piece in subwords.pieces if len(piece) == 1).replace("▁", " ")


def test_what_is_cut_as_sentencepiece_cuts_it_has_the_same_probability(subwords, encode, reference):
    for text, row in zip(TEXTS, encode(TEXTS), strict=True):
        ours = [subwords.pieces[index - FIRST_PIECE] for index in row_ids(row)]
        theirs = reference.encode(text, out_type=str)
        assert "".join(ours) == "".join(theirs)
        assert log_probability(subwords, ours) == pytest.approx(log_probability(subwords, theirs), abs=1e-3)


@given(st.data())
@settings(max_examples=60)
def test_any_text_of_known_characters_is_cut_like_that_and_comes_back(
    subwords, encode, decode, reference, data
):
    texts = data.draw(st.lists(st.text(known(subwords), max_size=40), min_size=1, max_size=4))
    rows = encode(texts)
    normalized = [text.decode("utf-8") for text in normalize(tf.constant(texts)).numpy()]
    assert decode(rows) == normalized
    for text, row in zip(normalized, rows, strict=True):
        ours = [subwords.pieces[index - FIRST_PIECE] for index in row_ids(row)]
        theirs = reference.encode(text, out_type=str)
        assert log_probability(subwords, ours) == pytest.approx(log_probability(subwords, theirs), abs=1e-3)


def test_case_umlauts_quotes_and_numbers_come_back_as_they_were_written(encode, decode):
    assert decode(encode(TEXTS)) == TEXTS


def test_each_digit_is_a_subword_of_its_own(subwords):
    assert all(len(piece.strip("▁")) == 1 for piece in subwords.pieces if any(map(str.isdigit, piece)))


def test_characters_never_seen_are_one_unknown_a_run_and_leave_no_mark_in_the_text(encode, decode):
    rows = encode(["Two 漢字かな men", "Two men 👍🏽", "漢字"])
    assert [list(row).count(UNKNOWN) for row in rows] == [1, 1, 1]
    assert decode(rows) == ["Two men", "Two men", ""]


def test_each_row_ends_with_the_end_and_padding_and_an_empty_text_is_the_end_alone(encode):
    rows = encode(["", "Two young", " \n "])
    assert rows.dtype == np.int32
    assert list(rows[0]) == [END] + [PADDING] * (rows.shape[1] - 1)
    assert list(rows[2]) == list(rows[0])
    assert list(rows[1][len(row_ids(rows[1])) :]) == [END]
    assert encode(["", ""]).tolist() == [[END], [END]]
    assert encode([]).shape[0] == 0


def test_what_follows_the_end_and_what_is_no_subword_is_not_written(subwords, encode, decode):
    row = list(row_ids(encode(["Two young"])[0]))
    later = row_ids(encode(["near"])[0])
    assert decode([[START, UNKNOWN, *row, PADDING, END, *later]]) == ["Two young"]
    assert decode([row]) == ["Two young"]
    assert decode(np.zeros([2, 0])) == ["", ""]


def test_a_text_is_read_the_same_alone_and_in_a_batch(encode):
    for text, row in zip(TEXTS[:8], encode(TEXTS[:8]), strict=True):
        assert encode([text])[0].tolist() == [*row_ids(row), END]


def test_a_long_text_loses_its_end(subwords, encode, decode):
    layer = SubwordText(subwords.pieces, subwords.log_probabilities, 5)
    text = "Two young, white males are outside near many bushes. " * 1000
    row = layer(tf.constant([text])).numpy()[0]
    assert list(row) == [*row_ids(encode([TEXTS[1]])[0])[:5], END]
    assert encode([text]).shape == (1, LIMIT + 1)


@pytest.fixture(scope="module")
def tiny():
    pieces = {"▁": 0.1, "a": 0.2, "b": 0.15, "ab": 0.2, "▁a": 0.15, "ba": 0.1, "▁ab": 0.1}
    return Subwords(tuple(pieces), tuple(map(math.log, pieces.values())))


def segmentations(subwords, text):
    """Every way to cut a text into pieces, with its log-probability."""
    for cuts in itertools.product((False, True), repeat=len(text) - 1):
        bounds = [0, *(index for index, cut in enumerate(cuts, start=1) if cut), len(text)]
        pieces = [text[start:stop] for start, stop in itertools.pairwise(bounds)]
        if all(piece in subwords.pieces for piece in pieces):
            yield tuple(pieces), log_probability(subwords, pieces)


def test_of_all_ways_to_cut_a_text_the_most_probable_is_taken(tiny):
    layer = SubwordText(tiny.pieces, tiny.log_probabilities, LIMIT)
    texts = ["".join(letters) for size in range(1, 6) for letters in itertools.product("ab", repeat=size)]
    for text, row in zip(texts, layer(tf.constant(texts)).numpy(), strict=True):
        taken = [tiny.pieces[index - FIRST_PIECE] for index in row_ids(row)]
        best = max(score for _, score in segmentations(tiny, f"▁{text}"))
        assert log_probability(tiny, taken) == pytest.approx(best)


@pytest.mark.parametrize("sharpness", [0.3, 1.0])
def test_ways_to_cut_a_text_are_drawn_with_their_probabilities_to_the_power_of_the_sharpness(tiny, sharpness):
    layer = SubwordText(tiny.pieces, tiny.log_probabilities, LIMIT)
    draws = 20_000
    rows = layer(tf.constant(["abab"] * draws), sharpness=sharpness, seed=(3, 4)).numpy()
    counts = Counter(tuple(tiny.pieces[index - FIRST_PIECE] for index in row_ids(row)) for row in rows)
    weights = {pieces: math.exp(sharpness * score) for pieces, score in segmentations(tiny, "▁abab")}
    assert set(counts) <= set(weights)
    for pieces, weight in weights.items():
        share = weight / sum(weights.values())
        assert counts[pieces] / draws == pytest.approx(share, abs=4 * math.sqrt(share / draws))


def test_drawing_follows_from_the_seed_and_gives_back_the_same_text(layer, decode):
    text = tf.constant(TEXTS[:4])
    first, again, other = (layer(text, sharpness=0.2, seed=(1, seed)).numpy() for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()
    assert decode(other) == TEXTS[:4]


def test_learning_twice_gives_the_same_subwords_which_survive_json_and_a_configuration(subwords, layer):
    assert learn_subwords(TEXTS, 300) == subwords
    assert Subwords.from_json(json.loads(json.dumps(subwords.to_json()))) == subwords
    copy = SubwordText.from_config(json.loads(json.dumps(layer.get_config())))
    np.testing.assert_array_equal(copy(tf.constant(TEXTS)), layer(tf.constant(TEXTS)))
    assert subwords.size == FIRST_PIECE + len(subwords.pieces)
    assert subwords.size <= 304


def test_texts_without_as_many_subwords_as_wanted_give_fewer():
    assert 3 <= len(learn_subwords(["ab ab", "ab"], 5000).pieces) < 10


def test_characters_beyond_the_coverage_are_unknown():
    texts = ["abc"] * 1000 + ["漢"]
    assert "漢" in "".join(learn_subwords(texts, 50).pieces)
    assert "漢" not in "".join(learn_subwords(texts, 50, character_coverage=0.999).pieces)


def test_what_cannot_be_learnt_is_refused_in_one_line():
    with pytest.raises(UserError, match="all of them are empty"):
        learn_subwords(["", " \n"], 100)
    with pytest.raises(UserError, match=r"10 subwords cannot spell these texts, which hold \d+ different"):
        learn_subwords(TEXTS, 10)
