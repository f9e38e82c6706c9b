"""JSON as TensorFlow Serving's parser, RapidJSON, takes it.

What differs from Python's `json`: what follows the document is not looked at; of several values of a key the first
counts; numbers may be NaN, Inf and Infinity, with a sign; an integer beyond 64 bits is a float, and a number beyond the
largest double is refused; strings are bytes, which need not be UTF-8.

References:
    https://rapidjson.org, with kParseNanAndInfFlag and kParseStopWhenDoneFlag; tensorflow_serving/util/json_tensor.cc.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from common.serving.server.refusals import RequestError

_SPACE = re.compile(r"[ \t\n\r]*")
# One that does not end reaches to the end of the text, so that a text is looked through once.
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"?'
_SHORT_NUMBERS = re.compile(rf"{_STRING}|-?Inf(?!inity)|-NaN", re.DOTALL)
_LONG_EXPONENT = re.compile(r"[eE]\+?[0-9]{3}")
_HIGH_SURROGATE = re.compile(r"\\u[dD][89abAB]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
# A byte that is not UTF-8 is kept as a first half of a surrogate pair, which no escape can leave alone; Python's second
# halves can.
_STRAY = re.compile("[\udc80-\udcff]")
_PYTHONS_STRAY_BYTES, _STRAY_BYTES = 0xDC00, 0xD800
_LARGEST_EXPONENT = 308
_LARGEST_INTEGER = 2**64 - 1
_SMALLEST_INTEGER = -(2**63)
# RapidJSON's words for what Python says in others.
_REASONS = {
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Expecting value": "Invalid value.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid control character at": "Invalid escape character in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
}


class Repeated(dict[str, Any]):
    """An object with a key that occurs more than once, which has its first value here.

    Attributes:
        members: all keys and values, in order.

    Example:
        >>> document = parse(b'{"a": 1, "a": 2}')
        >>> document, document.members
        ({'a': 1}, [('a', 1), ('a', 2)])
    """

    def __init__(self, members: list[tuple[str, Any]]) -> None:
        super().__init__()
        self.members = members
        for key, value in members:
            self.setdefault(key, value)


def parse(body: bytes) -> Any:
    """The first JSON value in a body.

    Raises:
        RequestError: it holds none.
    """
    text = _decoded(body)
    start = _end_of_space(text, 0)
    if start == len(text):
        raise _parse_error("The document is empty.", start if text else None)
    if "Inf" in text or "-NaN" in text:
        text = _SHORT_NUMBERS.sub(_long_number, text)
    decoder = _LONG_NUMBERS if _LONG_EXPONENT.search(text) else _NUMBERS
    try:
        value, end = decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise _parse_error(_REASONS.get(error.msg, error.msg), error.pos) from None
    except RecursionError:
        raise _parse_error("nested too deeply") from None
    except ValueError:
        raise number_too_big() from None
    if _HIGH_SURROGATE.search(text, start, end):
        _require_pairs(text, start, end)
    return value


def members(value: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """The keys and values of a parsed object, in order, a key as often as it occurs."""
    return value.members if isinstance(value, Repeated) else value.items()


def number_too_big() -> RequestError:
    return _parse_error("Number too big to be stored in double.")


def is_integer(value: object) -> bool:
    """Whether a parsed value is a number of up to 64 bits without a fraction; larger ones are floats."""
    return type(value) is int and _SMALLEST_INTEGER <= value <= _LARGEST_INTEGER


def encoded(text: str) -> bytes:
    """The bytes of a parsed string: UTF-8, but for those that came as other bytes and for halves of surrogate pairs."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return b"".join(_encoded_character(character) for character in text)


def _encoded_character(character: str) -> bytes:
    byte = ord(character) - _STRAY_BYTES
    return bytes([byte]) if 0x80 <= byte <= 0xFF else character.encode("utf-8", "surrogatepass")


def _decoded(body: bytes) -> str:
    for byte in b"\xef\xbb\xbf":
        body = body[1:] if body[:1] == bytes([byte]) else body
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("utf-8", "surrogateescape")
        return _STRAY.sub(lambda stray: chr(ord(stray[0]) - _PYTHONS_STRAY_BYTES + _STRAY_BYTES), text)


def _end_of_space(text: str, start: int) -> int:
    space = _SPACE.match(text, start)
    return space.end() if space else start


def _long_number(match: re.Match[str]) -> str:
    token = match[0]
    if token.startswith('"'):
        return token
    return "NaN" if token == "-NaN" else f"{token}inity"


def _require_pairs(text: str, start: int, end: int) -> None:
    """Raises RequestError if the first half of a surrogate pair is escaped without the second."""
    high: int | None = None
    for escape in _ESCAPE.finditer(text, start, end):
        code = int(escape[1], 16) if escape[1] else 0
        if high is not None and not (escape.start() == high + 6 and 0xDC00 <= code <= 0xDFFF):
            break
        high = escape.start() if 0xD800 <= code <= 0xDBFF else None
    if high is not None:
        raise _parse_error("The surrogate pair in string is invalid.", high)


def _float(literal: str) -> float:
    mantissa, _, exponent = literal.lower().partition("e")
    integer, _, fraction = mantissa.partition(".")
    if math.isinf(float(integer)) or _is_beyond(exponent, _LARGEST_EXPONENT + len(fraction)):
        raise number_too_big()
    return float(literal)


def _is_beyond(exponent: str, largest: int) -> bool:
    if not exponent or exponent.startswith("-"):
        return False
    digits = exponent.lstrip("+0") or "0"
    return len(digits) > len(str(largest)) or int(digits) > largest


def _parse_error(reason: str, place: int | None = None) -> RequestError:
    return RequestError(f"JSON Parse error: {reason}{'' if place is None else f' at offset: {place}'}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    return value if len(value) == len(pairs) else Repeated(pairs)


_NUMBERS = json.JSONDecoder(object_pairs_hook=_object)
_LONG_NUMBERS = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float)
