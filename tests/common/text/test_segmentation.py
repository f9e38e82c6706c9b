"""Text falls into the words that a plain scanner in Python finds, whatever is typed."""

import re
import unicodedata

import tensorflow as tf
from hypothesis import assume, example, given
from hypothesis import strategies as st

from common.text.segmentation import LINE_END, segment, split_at_blanks

LINE_BREAKS = "\n\r\x85\u2028\u2029"
INVISIBLE = re.compile("[\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
TYPED = "abI\u00e9\u4e2d\u0434\u0627\u0301\u09301\u0663'\u2019-.,:/@!?(\U0001f44d\u200d_ \t\n\r\u2028\xad"
ANYTHING = st.characters(exclude_categories=("Cs", "Cn"), max_codepoint=0x2FFFF)
TEXTS = st.lists(st.sampled_from(TYPED) | ANYTHING).map(
    lambda parts: unicodedata.normalize("NFC", "".join(parts))
)


GRAPHS = {
    function: tf.function(function, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    for function in (segment, split_at_blanks)
}


def segmented(text, function=segment):
    words, begun = GRAPHS[function](tf.constant([text]))
    return [word.decode() for word in words.to_list()[0]], begun.numpy()[0].decode()


def kind(character):
    if character in "\u200c\u200d":
        return "joiner"
    major = unicodedata.category(character)[0]
    return {"L": "letter", "M": "mark", "N": "digit"}.get(major, "other")


def is_blank(character):
    return unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc") or character == "\ufffd"


def run_from(text, start, joiners, kinds):
    """The end of a run of these kinds from a place on, single joiners standing within."""
    end = start
    while end < len(text):
        if kind(text[end]) in kinds:
            end += 1
        elif end > start and text[end] in joiners and end + 1 < len(text) and kind(text[end + 1]) in kinds:
            end += 2
        else:
            break
    return end


def scanned(text):
    """The words of a text without addresses, and the word begun, one character after another."""
    text, words, place = INVISIBLE.sub("", text), [], 0
    while place < len(text):
        if is_blank(text[place]):
            end = place
            while end < len(text) and is_blank(text[end]):
                end += 1
            words += [LINE_END] if any(one in LINE_BREAKS for one in text[place:end]) else []
            place = end
            continue
        letter = place
        while letter < len(text) and kind(text[letter]) == "digit":
            letter += 1
        if letter < len(text) and kind(text[letter]) == "letter":
            end, joiners = (
                run_from(text, place, "'\u2019-", ("letter", "mark", "digit", "joiner")),
                "'\u2019-",
            )
        elif letter > place:
            end, joiners = run_from(text, place, ".,:/-", ("digit",)), ".,:/-"
        else:
            end, joiners = place + 1, None
        if joiners and (end == len(text) or (end + 1 == len(text) and text[end] in joiners)):
            return words, text[place:]
        words.append(text[place:end])
        place = end
    return words, ""


@given(TEXTS)
@example("10-year\u2019s 3rd, 1,000.5.")
@example("don'")
@example("\n\xad\n a")
def test_words_are_those_of_a_plain_scanner(text):
    assume("@" not in text and "://" not in text)
    assert segmented(text) == scanned(text)


@given(TEXTS, st.integers(0, 40))
def test_what_is_typed_later_changes_no_complete_word(text, count):
    assume("@" not in text and "://" not in text)
    before, whole = segmented(text[:count])[0], segmented(text)[0]
    assert whole[: len(before)] == before


@given(st.lists(TEXTS, max_size=4))
def test_a_text_has_the_same_words_alone_and_in_a_batch(texts):
    words, begun = GRAPHS[segment](tf.constant(texts, tf.string))
    together = [
        ([word.decode() for word in row], one.decode())
        for row, one in zip(words.to_list(), begun.numpy(), strict=True)
    ]
    assert together == [segmented(text) for text in texts]


def test_an_address_is_one_word_and_leaves_the_full_stop_to_the_sentence():
    words, begun = segmented(
        "Write to ann.lee+x@mail.example.org. Or see https://a.example/b?c=1#d, then www"
    )
    assert words[2] == "ann.lee+x@mail.example.org"
    assert words[3] == "."
    assert "https://a.example/b?c=1#d" in words
    assert begun == "www"
    assert segmented("mail ann@mail.") == (["mail"], "ann@mail.")
    assert segmented("see https://a.") == (["see"], "https://a.")


def test_a_letter_typed_with_a_combining_mark_is_the_composed_one():
    assert segmented("cafe\u0301 e\u0301") == (["caf\u00e9"], "\u00e9")


def test_bytes_that_are_no_text_are_blanks():
    words, begun = segment(tf.constant([b"a\xffb "]))
    assert (words.to_list(), begun.numpy().tolist()) == ([[b"a", b"b"]], [b""])


@given(st.text(st.sampled_from("ab'<>.,N \n\t")))
def test_tokenised_text_is_split_at_blanks_and_line_ends(text):
    lines = [line.split() for line in re.split(r"[ \t]*\n\s*", text.replace("\t", " "))]
    tokens = [token for number, line in enumerate(lines) for token in ([LINE_END] * (number > 0) + line)]
    begun = tokens.pop() if tokens and not text[-1].isspace() else ""
    assert segmented(text, split_at_blanks) == (tokens, begun)
