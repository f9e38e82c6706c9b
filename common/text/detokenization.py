"""Undoes the tokenisation of published data sets, so that models learn to write as a person does."""

import re

_CLOSING = re.compile(r" ([.,;:!?%)\]…”])")
_OPENING = re.compile(r"([(\[¿¡“]) ")
_QUOTED = re.compile(r'(^|[ (\[])" ([^"]*?) ?"')
_CONTRACTED = re.compile(r" (n['’]t|['’](?:s|m|re|ve|ll|d))\b", re.IGNORECASE)
_SPACED_CONTRACTION = re.compile(r" (['’]) (s|m|re|ve|ll|d|t)\b", re.IGNORECASE)
_RUN_TOGETHER = re.compile(r"\b(gon|wan) (na)\b", re.IGNORECASE)
_ELIDED = re.compile(
    r"\b(\w|qu|jusqu|lorsqu|puisqu|un|all|dall|dell|nell|sull|quest|quell|com|dov|anch)(['’]) (?=\w)",
    re.IGNORECASE,
)


def join_tokens(text: str) -> str:
    """The text as a person writes it: "it 's so , is n't it ?" -> "it's so, isn't it?".

    Punctuation moves to its words, and contractions become one: those of the Penn Treebank, also where blanks
    stand on both sides of the apostrophe ("I ' ll"), and the elisions of French and Italian ("c' est").
    """
    text = _QUOTED.sub(r'\1"\2"', text)
    text = _OPENING.sub(r"\1", _CLOSING.sub(r"\1", text))
    text = _SPACED_CONTRACTION.sub(r"\1\2", text)
    text = _RUN_TOGETHER.sub(r"\1\2", _CONTRACTED.sub(r"\1", text))
    return _ELIDED.sub(r"\1\2", text)
