"""Tokens with what each adds to an answer, for the terminal: in colours, or as numbers."""

from collections.abc import Sequence

from rich.text import Text

Contributions = Sequence[tuple[str, float]]
"""Pairs of a token and what it adds."""

_STRONG, _WEAK = 0.5, 0.1


def coloured(tokens: Contributions) -> Text:
    """Green towards the answer and red against it, bold where it adds more than half of what the strongest does.

    >>> coloured([("not", 0.1), ("bad", 1.0)]).plain
    'not bad '
    """
    largest = max((abs(value) for _, value in tokens), default=0.0) or 1.0
    shown = Text()
    for token, value in tokens:
        strength, colour = abs(value) / largest, "green" if value > 0 else "red"
        style = f"bold {colour}" if strength > _STRONG else colour if strength > _WEAK else "dim"
        shown.append(token, style=style).append(" ")
    return shown


def numbered(tokens: Contributions) -> str:
    """Each token with its number.

    >>> numbered([("not", -0.125), ("bad", 1.0)])
    'not(-0.12) bad(+1.00)'
    """
    return " ".join(f"{token}({value:+.2f})" for token, value in tokens)
