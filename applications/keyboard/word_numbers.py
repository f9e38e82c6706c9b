"""The numbers that words have in the model and in the user's state. Imports nothing."""

UNKNOWN, NUMBER, END, FIRST_WORD = 0, 1, 2, 3
"""The numbers of a word that is not in the vocabulary, of any number, of the end of a line or the beginning of a text,
and of the first word of the vocabulary."""

SENTENCE_ENDS = (".", "!", "?", "…")
"""The marks after which a sentence is over; so it is at the end of a line."""


def folded(word: str) -> str:
    """A word as it is compared with others: in lower case, with plain apostrophes.

    >>> folded("O’Neill")
    "o'neill"
    """
    return word.replace("’", "'").lower()
