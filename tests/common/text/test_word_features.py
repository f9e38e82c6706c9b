"""Text is read the same way in training and in the exported graph, whatever its language and whatever it holds."""

import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.text.word_features import (
    FEATURES,
    FIRST_WORD,
    PADDING,
    UNKNOWN,
    TextFeatures,
    TokenEmbedding,
    affix_hashes,
    choose_vocabulary,
    count_words,
    tokenize,
)

WORDS = ["great", "it's", "!", "очень"]


@pytest.fixture(scope="module")
def features():
    return TextFeatures(WORDS, affix_buckets=50, max_tokens=10)


@pytest.fixture(scope="module")
def traced(features):
    return tf.function(features.call, input_signature=[tf.TensorSpec([None], tf.string)])


def tokens(text):
    return [token.decode("utf-8") for token in tokenize(tf.constant([text])).flat_values.numpy()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's GREAT!!", ["it's", "great", "!", "!"]),
        ("Don’t stop — now", ["don't", "stop", "—", "now"]),
        ("end.<br /><br />Next<BR>one", ["end", ".", "next", "one"]),
        ("&quot;Tom &amp; Jerry&quot;", ['"', "tom", "&", "jerry", '"']),
        ("ОЧЕНЬ хорошо, ça été ÉPATANT", ["очень", "хорошо", ",", "ça", "été", "épatant"]),
        ("it 's n't done , they 'll see", ["it'sn't", "done", ",", "they'll", "see"]),
        ("she is n't 'sorry' .", ["she", "isn't", "'", "sorry", "'", "."]),
        ("naı\u0308ve cafe\u0301", ["naı\u0308ve", "cafe\u0301"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("很好看", ["很", "好", "看"]),
        ("so good 👍🏽", ["so", "good", "👍", "🏽"]),
        ("a\u00a0b\tc\u200bd", ["a", "b", "cd"]),
        ("x < y and y > z", ["x", "<", "y", "and", "y", ">", "z"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_words_and_punctuation_of_many_languages(text, expected):
    assert tokens(text) == expected


def test_bytes_that_are_not_utf8_do_not_stop_the_reading():
    assert tokens(b"good \xff\xfe film") == ["good", "film"]


def test_known_words_have_their_own_number_and_unknown_ones_differ_by_their_affixes(features):
    known, walked, talked, walker = features(tf.constant(["great", "walked", "talked", "walker"])).numpy()[
        :, 0
    ]
    assert known[0] == FIRST_WORD
    assert walked[0] == talked[0] == walker[0] == UNKNOWN
    assert list(walked[3:]) == list(talked[3:])
    assert walked[1] == walker[1]
    assert walked[1] != talked[1]


def test_affixes_are_the_first_3_and_5_and_the_last_3_and_4_characters():
    features = TextFeatures(WORDS, affix_buckets=5_000, max_tokens=10)

    def features_of(word):
        return features(tf.constant([word])).numpy()[0, 0, 1:].tolist()

    def shared(one, other):
        return [a == b for a, b in zip(features_of(one), features_of(other), strict=True)]

    assert shared("abcdefgh", "abcZdefgh") == [True, False, True, True]
    assert shared("abcdeXefgh", "abcdeYYefgh") == [True, True, True, True]
    assert shared("abZdefgh", "abcdefXgh") == [False, False, False, False]
    assert shared("abcdXfgh", "abcdYfgh") == [True, False, True, False]


def fnv1a(values):
    """The hash of 32 bits as its authors give it, over numbers below 2**32."""
    state = 0x811C9DC5
    for value in values:
        state = (state ^ value) * 0x01000193 % 2**32
    return state


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=5))
def test_affixes_are_hashed_as_any_language_can_in_three_lines(words):
    marked = [f"<{word}>" for word in (word.encode("utf-8", "replace").decode() for word in words)]
    points = tf.strings.unicode_decode(marked, "UTF-8")
    hashes = affix_hashes(points.to_tensor(), tf.cast(points.row_lengths(), tf.int32)).numpy()
    for word, row in zip(marked, hashes, strict=True):
        affixes = word[:4], word[:6], word[-4:], word[-5:]
        assert list(row) == [fnv1a([number, *map(ord, affix)]) for number, affix in enumerate(affixes)]


def test_models_of_before_read_as_they_did():
    old = TextFeatures(WORDS, affix_buckets=500, max_tokens=10, version=1)
    assert [token.decode() for token in old.tokens(tf.constant(["is n't"]))[0].numpy()] == ["is", "n't"]
    ((_, *affixes),) = old(tf.constant(["great"])).numpy()[0]
    named = ["prefix3:<gre", "prefix5:<great", "suffix3:eat>", "suffix4:reat>"]
    assert affixes == (1 + tf.strings.to_hash_bucket_fast(named, 500).numpy()).tolist()
    again = TextFeatures.from_config(old.get_config())
    np.testing.assert_array_equal(again(tf.constant(["great"])), old(tf.constant(["great"])))


def test_an_empty_text_holds_one_unknown_step(features):
    result = features(tf.constant(["", "great !"])).numpy()
    assert result.shape == (2, 2, FEATURES)
    assert list(result[:, :, 0].ravel()) == [UNKNOWN, PADDING, FIRST_WORD, FIRST_WORD + 2]


def test_a_long_text_loses_its_middle(features):
    text = " ".join(f"w{index}" for index in range(100_000))
    kept = [token.decode() for token in features.tokens(tf.constant([text]))[0].numpy()]
    assert kept == ["w0", "w1", "w2", "w3", "w4", "w99995", "w99996", "w99997", "w99998", "w99999"]


def test_no_texts_give_no_rows(traced):
    assert traced(tf.constant([], tf.string)).shape[0] == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=60), st.binary(max_size=60)), min_size=1, max_size=5))
def test_any_text_gives_valid_features_the_same_alone_and_in_a_batch(traced, texts):
    texts = [text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text for text in texts]
    batch = traced(tf.constant(texts)).numpy()
    assert batch.dtype == np.int32
    assert (batch[:, 0, 0] != PADDING).all()
    assert batch[..., 0].max() < FIRST_WORD + len(WORDS)
    assert batch[..., 1:].max() <= 50
    for text, row in zip(texts, batch, strict=True):
        alone = traced(tf.constant([text])).numpy()[0]
        np.testing.assert_array_equal(row[: len(alone)], alone)
        assert not row[len(alone) :].any()
        assert (alone != PADDING).all()


def test_the_vocabulary_is_the_commonest_words_in_a_fixed_order():
    counts = count_words(["b b a a c", "a d", "c"])
    assert counts == {"a": 3, "b": 2, "c": 2, "d": 1}
    assert choose_vocabulary(counts, 3, 1) == ["a", "b", "c"]
    assert choose_vocabulary(counts, 9, 2) == ["a", "b", "c"]


def test_an_embedding_is_the_sum_of_word_and_affix_vectors_and_padding_is_masked(features):
    embedding = TokenEmbedding(len(WORDS), 50, 6)
    ids = features(tf.constant(["great", "great film !"]))
    vectors = embedding(ids).numpy()
    word, affixes = (np.asarray(table) for table in (embedding.word_table, embedding.affix_table))
    row = ids.numpy()[1, 1]
    np.testing.assert_allclose(vectors[1, 1], word[row[0]] + affixes[row[1:]].sum(0) / 2, rtol=1e-5)
    assert embedding.compute_mask(ids).numpy().tolist() == [[True, False, False], [True, True, True]]


def test_word_dropout_hides_words_in_training_only_and_leaves_their_affixes(features):
    embedding = TokenEmbedding(len(WORDS), 50, 6, word_dropout=1.0)
    ids = features(tf.constant(["great !"]))
    hidden = ids.numpy()
    hidden[..., 0] = UNKNOWN
    np.testing.assert_array_equal(embedding(ids, training=True), embedding(hidden, training=False))
    assert np.abs(embedding(ids, training=False) - embedding(hidden, training=False)).max() > 0


def test_a_front_end_made_again_from_its_configuration_reads_alike(features):
    copy = TextFeatures.from_config(json.loads(json.dumps(features.get_config())))
    text = tf.constant(["Great! It's очень great", ""])
    np.testing.assert_array_equal(copy(text), features(text))
