"""The graph's patterns in JavaScript's syntax."""

import pytest

from common.export.runtimes.patterns import ecmascript


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"\x{AD}", r"\u{AD}"),
        (r"\s+", r"[\t\n\f\r ]+"),
        (r"[^\s\p{L}]", r"[^\t\n\f\r \p{L}]"),
        (r"(?:\p{N}|'s)\b", r"(?:\p{N}|'s)\b"),
        (r"[\p{Han}\p{Lao}\p{Zs}]", r"[\p{Script=Han}\p{Script=Lao}\p{Zs}]"),
    ],
)
def test_code_points_and_blanks_are_written_otherwise(pattern, expected):
    assert ecmascript(pattern) == expected


@pytest.mark.parametrize("pattern", [r"\S", "(?s)."])
def test_what_is_not_translated_is_refused(pattern):
    with pytest.raises(ValueError, match="expected a pattern without"):
        ecmascript(pattern)
