"""Text as the words that a keyboard sees, in the graph: those that are complete, and the one that is being typed.

The same functions prepare training text and are traced into the exported graph.
"""

import tensorflow as tf

from common.text.normalization import composed

LINE_END = "\n"
"""The word that stands for the end of a line."""

_LETTER = r"\p{L}\p{M}\p{N}\x{200C}\x{200D}"
WORD = rf"\p{{N}}*\p{{L}}[{_LETTER}]*(?:['’-][{_LETTER}]+)*"
NUMBER = r"\p{N}+(?:[.,:/-]\p{N}+)*"
_MAILBOX = r"[\p{L}\p{N}][\p{L}\p{M}\p{N}._%+-]*@"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*://"
END_OF_TEXT, _BOUNDARY = "\x1e", "\x1f"
_SOLID = rf"[^\s{END_OF_TEXT}]"
_LAST = r"[\p{L}\p{M}\p{N}/_=&#%+-]"  # an address does not end with the full stop of its sentence
_ADDRESS = rf"(?:{_MAILBOX}|{_SCHEME}){_SOLID}*{_LAST}"
_BEGUN = rf"(?:{WORD}['’-]?|{NUMBER}[.,:/-]?|(?:{_MAILBOX}|{_SCHEME}){_SOLID}*){END_OF_TEXT}"
PIECES = rf"({_BEGUN}|{_ADDRESS}|{WORD}|{NUMBER}|\n|{_SOLID})| +"
LINE_BREAK = r"[\p{Z}\p{Cc}]*[\n\r\x{85}\x{2028}\x{2029}][\p{Z}\p{Cc}]*"
NOT_LINE_END = r"[\p{Z}\x{00}-\x{09}\x{0B}-\x{1F}\x{7F}-\x{9F}\x{FFFD}]+"


def segment(texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
    """The complete words of texts, and the word that each ends with.

    A word is a run of letters, marks and digits with a letter in it, apostrophes (' or ’) and hyphens standing only
    within; a number is a run of digits with one of .,:/- within; an e-mail address or a URL is one word; the ends of
    lines, with all blanks and empty lines around them, are one `LINE_END`; any other character that is no blank is a
    word of its own. Letters are composed with their marks (NFC for up to two), invisible characters vanish; case stays.

    A word is complete once a character follows that cannot belong to it. What is typed later never changes a complete
    word, unless it makes it a part of an address, which is one only from its "@" or "://" on.

    Args:
        texts: strings `[batch]`; bytes that are not UTF-8 are blanks.

    Returns:
        The complete words `[batch, (words)]`, and the word begun `[batch]`, "" after a blank or a punctuation mark.

    Example:
        >>> words, begun = segment(tf.constant(["Don't go, al"]))
        >>> [word.decode() for word in words.to_list()[0]], begun.numpy()[0].decode()
        (["Don't", 'go', ','], 'al')
    """
    lines = _lines(texts)
    marked = tf.strings.regex_replace(tf.strings.join([lines, END_OF_TEXT]), PIECES, rf"\1{_BOUNDARY}")
    return _complete_and_begun(tf.strings.split(marked, _BOUNDARY))


def split_at_blanks(texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
    """As `segment`, of a text that is tokenised already: a word is whatever stands between blanks.

    Example:
        >>> words, begun = split_at_blanks(tf.constant(["it 's <unk> , N"]))
        >>> [word.decode() for word in words.to_list()[0]], begun.numpy()[0].decode()
        (['it', "'s", '<unk>', ','], 'N')
    """
    lines = tf.strings.regex_replace(_lines(texts), LINE_END, f" {LINE_END} ")
    marked = tf.strings.regex_replace(tf.strings.join([lines, END_OF_TEXT]), " +", _BOUNDARY)
    return _complete_and_begun(tf.strings.split(marked, _BOUNDARY))


def is_word(words: tf.Tensor) -> tf.Tensor:
    """Whether each of the words of a text is one of letters, rather than a number, a mark or an address."""
    return tf.strings.regex_full_match(words, WORD)


def is_number(words: tf.Tensor) -> tf.Tensor:
    """Whether each of the words of a text is a number."""
    return tf.strings.regex_full_match(words, NUMBER)


def _lines(texts: tf.Tensor) -> tf.Tensor:
    """Texts in which a line break is one `LINE_END` and every other blank one space."""
    texts = composed(tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8"))
    texts = tf.strings.regex_replace(texts, LINE_BREAK, LINE_END)
    return tf.strings.regex_replace(texts, NOT_LINE_END, " ")


def _complete_and_begun(pieces: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
    is_last = tf.strings.regex_full_match(pieces.flat_values, rf"(?s).*{END_OF_TEXT}")
    is_word = (pieces.flat_values != "") & ~is_last
    begun = tf.strings.regex_replace(tf.boolean_mask(pieces.flat_values, is_last), END_OF_TEXT, "")
    return tf.ragged.boolean_mask(pieces, pieces.with_flat_values(is_word)), begun
