"""The subwords of a model for other runtimes: the pieces, and the steps before them."""

from typing import Any

from common.export.runtimes.patterns import ecmascript
from common.text import subwords
from common.text.normalization import BLANK, INVISIBLE, MARKS_ON_A_LETTER

# What a text of JavaScript may hold and UTF-8 may not; the graph gets bytes, and takes those that are not UTF-8 so.
_HALF_A_PAIR = r"\p{Cs}"


def subwords_frontend(layer: subwords.SubwordText, **more: Any) -> dict[str, Any]:
    """What makes ids of a text, and text of ids: pieces, and patterns in JavaScript's syntax with its flag u.

    Example:
        >>> layer = subwords.SubwordText(["▁", "a", "▁a"], [-2.0, -3.0, -3.5], max_tokens=8)
        >>> frontend = subwords_frontend(layer)
        >>> frontend["pieces"], frontend["first_piece"], frontend["unknown_score"]
        (['▁', 'a', '▁a'], 4, -13.5)
    """
    return {
        "kind": "subwords",
        "padding": subwords.PADDING,
        "unknown": subwords.UNKNOWN,
        "start": subwords.START,
        "end": subwords.END,
        "first_piece": subwords.FIRST_PIECE,
        "space": subwords.SPACE,
        "normalisation": [
            {"replace": _HALF_A_PAIR, "by": subwords.UNKNOWN_CHARACTER},
            {"replace": ecmascript(INVISIBLE), "by": ""},
            {"compose": MARKS_ON_A_LETTER},
            {"replace": ecmascript(BLANK), "by": " "},
        ],
        "max_tokens": layer.max_tokens,
        "unknown_score": layer.unknown_score,
        **layer.subwords.to_json(),
        **more,
    }
