"""What the first line of a table tells: whether it is a header, and why a column may not be in it."""

import re
from collections import Counter
from collections.abc import Sequence

_DELIMITERS = {";": "a semicolon", "\t": "a tab", ",": "a comma", "|": "a bar"}
_NAME = re.compile(r"[^\W\d][\w .:-]{0,30}")
_MOST_WORDS = 3
_USUAL_NAMES = """
text texts review reviews sentence sentences comment tweet message content body phrase document
label labels sentiment class category target score stars rating polarity y intent emotion
source src tgt english german french spanish italian portuguese russian chinese japanese
en de fr es it pt ru zh ja nl pl tr ar cs sv fi translation
image image_name filename file_name file caption id index
"""
_USUAL = frozenset(_USUAL_NAMES.split())


def looks_like_header(first: Sequence[str], rest: Sequence[Sequence[str]], indices: Sequence[int]) -> bool:
    """Whether the first line of a table names the columns of the given indices.

    It does if their fields are short names, and these are usual ones, or one of them is like nothing below it: no
    number above numbers, or none of a few values that all recur.
    """
    names = [first[index].strip() for index in indices]
    if not all(_NAME.fullmatch(name) and len(name.split()) <= _MOST_WORDS for name in names):
        return False
    if all(name.casefold() in _USUAL for name in names):
        return True
    return any(
        _is_unlike(name, [fields[index].strip() for fields in rest if len(fields) > index])
        for name, index in zip(names, indices, strict=True)
    )


def _is_unlike(name: str, values: Sequence[str]) -> bool:
    if len(values) < 2 or name in values:
        return False
    return all(map(_is_number, values)) or min(Counter(values).values()) > 1


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def missing_column(names: Sequence[str], columns: Sequence[str], delimiter: str) -> str:
    """What helps where columns are not among the names: another delimiter, or a name that differs in case and blanks.

    Args:
        names: of the header, or the fields of a first line.
        columns: of which the first is not there; none if they are numbers.
        delimiter: of the table; "" of a table that has none.
    """
    header = delimiter.join(names)
    for other, spoken in _DELIMITERS.items() if delimiter else ():
        parts = [_plain(part) for part in header.split(other)]
        is_wanted = bool(columns) and _plain(columns[0]) in parts
        if other != delimiter and len(parts) > 1 and (is_wanted or len(names) == 1):
            shown = "\\t" if other == "\t" else other
            return f"; {spoken} stands between them: give --delimiter '{shown}'"
    similar = [name for name in names if columns and _plain(name) == _plain(columns[0])]
    return f'; did you mean "{similar[0]}"?' if similar else ""


def _plain(name: str) -> str:
    return "".join(name.strip('"').split()).casefold()
