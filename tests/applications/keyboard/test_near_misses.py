"""A word of four letters or more is a near miss if one edit makes it a frequent word, as trying every edit says."""

import tensorflow as tf
from hypothesis import example, given
from hypothesis import strategies as st

from applications.keyboard.near_misses import NearMisses

FREQUENT = ("a", "on", "no", "form", "from", "farm", "cafés", "because", "x" * 23, "x" * 24)
LETTERS = "".join(sorted(set("".join(FREQUENT)))) + "z"
NEAR_MISSES = tf.function(
    NearMisses(FREQUENT), input_signature=[tf.TensorSpec([], tf.string)], autograph=False
)


def edits(word):
    cuts = [(word[:k], word[k:]) for k in range(len(word) + 1)]
    yield from (a + b[1:] for a, b in cuts if b)
    yield from (a + c + b for a, b in cuts for c in LETTERS)
    yield from (a + c + b[1:] for a, b in cuts if b for c in LETTERS if c != b[0])
    yield from (a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1 and b[0] != b[1])


@given(
    st.one_of(
        st.text(st.sampled_from(LETTERS), max_size=6),
        st.sampled_from(FREQUENT).flatmap(lambda word: st.sampled_from([word, *edits(word)])),
    )
)
@example("")
@example("x" * 22)
@example("x" * 25)
def test_a_near_miss_is_one_edit_away_from_a_frequent_word(word):
    expected = 4 <= len(word) <= 24 and not set(edits(word)).isdisjoint(FREQUENT)
    assert bool(NEAR_MISSES(tf.constant(word))) == expected
