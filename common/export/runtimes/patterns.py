"""The graph's regular expressions (RE2) in the syntax of JavaScript, for front ends outside of the graph."""

import re

_ASCII_BLANK = r"\t\n\f\r "
_NEGATED_BLANK = re.compile(r"\\S")
_SCRIPT = re.compile(r"\\p\{(?=[A-Z][a-z]{2,}\})")


def ecmascript(pattern: str) -> str:
    r"""A pattern of RE2 as JavaScript takes it with its flag `u`; it matches the same.

    Code points and scripts are written otherwise, and `\s` is every blank of Unicode there, not those of ASCII alone.

    Raises:
        ValueError: the pattern has what is not translated.

    Example:
        >>> ecmascript(r"[\s\x{AD}]+")
        '[\\t\\n\\f\\r \\u{AD}]+'
    """
    if _NEGATED_BLANK.search(pattern) or "(?" in pattern.replace("(?:", ""):
        raise ValueError(f"expected a pattern without \\S and flags, got {pattern!r}")
    pattern = _SCRIPT.sub(r"\\p{Script=", pattern)
    translated, is_class, place = [], False, 0
    while place < len(pattern):
        piece = pattern[place : place + 2] if pattern[place] == "\\" else pattern[place]
        place += len(piece)
        if piece == r"\x" and pattern[place] == "{":
            piece = r"\u"
        elif piece == r"\s":
            piece = _ASCII_BLANK if is_class else f"[{_ASCII_BLANK}]"
        elif piece == "[":
            is_class = True
        elif piece == "]":
            is_class = False
        translated.append(piece)
    return "".join(translated)
