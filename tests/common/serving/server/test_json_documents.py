"""JSON means what it means to Python, but for what RapidJSON takes in another way."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.serving.server.json_documents import Repeated, encoded, is_integer, members, parse
from common.serving.server.refusals import RequestError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


def escaped(value):
    """Whether a value's escapes are those of whole characters."""
    return not any("\ud800" <= character <= "\udfff" for character in json.dumps(value, ensure_ascii=False))


@settings(max_examples=300)
@given(VALUES.filter(escaped), st.booleans(), st.sampled_from([None, 1]), st.binary(max_size=4))
def test_a_document_is_what_python_reads_whatever_follows_it(value, ascii_, indent, rest):
    document = {"value": value}
    text = json.dumps(document, ensure_ascii=ascii_, indent=indent)
    assert parse(text.encode() + rest) == document
    assert parse(b"\xef\xbb\xbf \n" + text.encode()) == document


@settings(max_examples=300)
@given(st.binary(max_size=30) | st.text('{}[]",:\\u0123dD8eE+-. NaInfity', max_size=30).map(str.encode))
def test_any_bytes_are_a_value_or_are_refused(body):
    try:
        parse(body)
    except RequestError as error:
        refusal = error
    else:
        return
    assert str(refusal).startswith("JSON Parse error: ")
    assert refusal.http_status == 400


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ('{"a": 1} x', {"a": 1}),
        ('{"a": 1}}', {"a": 1}),
        ('{"a": 1}\0', {"a": 1}),
        ('{"a": [Inf, -Inf, Infinity, -Infinity]}', {"a": [math.inf, -math.inf, math.inf, -math.inf]}),
        ('{"Inf": "Inf, -NaN \\" Inf", "a": -Inf}', {"Inf": 'Inf, -NaN " Inf', "a": -math.inf}),
        ('{"a": [1e308, 0.1e309, 10e308, 1e-999]}', {"a": [1e308, 1e308, math.inf, 0.0]}),
        ('{"a": -0}', {"a": 0}),
        (f'{{"a": {2**64 - 1}, "b": 1e-100}}', {"a": 2**64 - 1, "b": 1e-100}),
    ],
)
def test_more_is_taken_than_python_takes(body, value):
    assert parse(body.encode()) == value


def test_nan_may_have_a_sign():
    assert all(math.isnan(value) for value in parse(b"[NaN, -NaN]"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "The document is empty."),
        (" \n", "The document is empty. at offset: 2"),
        ("{", "Missing a name for object member. at offset: 1"),
        ('{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        ('{"a": 1e309}', "Number too big to be stored in double."),
        ('{"a": 0e999}', "Number too big to be stored in double."),
        ('{"a": 0.01e311}', "Number too big to be stored in double."),
        (f'{{"a": {"9" * 5000}}}', "Number too big to be stored in double."),
        ('{"a": nan}', "Invalid value. at offset: 6"),
        ('{"a": 01}', "Expecting ',' delimiter at offset: 7"),
        ('{"a": "\t"}', "Invalid escape character in string. at offset: 7"),
        ('{"a": "x', "Missing a closing quotation mark in string. at offset: 6"),
        (r'{"a": "\u12"}', r"Incorrect hex digit after \u escape in string. at offset: 8"),
        (r'{"a": "\\\ud800"}', "The surrogate pair in string is invalid. at offset: 9"),
        (r'{"a": "\ud800\ud800\udc00"}', "The surrogate pair in string is invalid. at offset: 7"),
        (r'{"a": "\ud800x\udc00"}', "The surrogate pair in string is invalid. at offset: 7"),
        ("[" * 100_000, "nested too deeply"),
        ('{"Inf": "' + r"\"" * 1_000_000, "Missing a closing quotation mark in string. at offset: 8"),
    ],
)
def test_what_is_no_document_is_refused(body, message):
    with pytest.raises(RequestError) as caught:
        parse(body.encode())
    assert str(caught.value) == f"JSON Parse error: {message}"


def test_half_a_pair_after_the_document_does_not_matter():
    assert parse(rb'{"a": "\\ud800"} \ud800') == {"a": "\\ud800"}


@given(st.binary(max_size=12).filter(lambda value: not set(value) & {*range(0x20), ord('"'), ord("\\")}))
def test_a_string_is_the_bytes_that_came(value):
    assert encoded(parse(b'["' + value + b'"]')[0]) == value


@given(st.text(st.characters(codec="utf-8")))
def test_a_text_is_its_utf_8(text):
    assert encoded(parse(json.dumps([text]).encode())[0]) == text.encode()


def test_second_halves_of_pairs_are_bytes_too_also_beside_stray_ones():
    assert encoded(parse(rb'["\udcff"]')[0]) == b"\xed\xb3\xbf"
    assert encoded(parse(b'["\xff\\udcff\xc3\xa9"]')[0]) == b"\xff\xed\xb3\xbf\xc3\xa9"


def test_the_first_of_equal_keys_counts_and_all_are_known():
    value = parse(b'{"a": 1, "b": {"c": 3}, "a": 2}')
    assert value["a"] == 1
    assert list(members(value)) == [("a", 1), ("b", {"c": 3}), ("a", 2)]
    assert isinstance(value, Repeated)
    assert list(members(value["b"])) == [("c", 3)]


def test_integers_have_64_bits():
    assert [is_integer(value) for value in parse(b"[0, 18446744073709551615, -9223372036854775808]")] == [
        True
    ] * 3
    others = parse(b"[18446744073709551616, -9223372036854775809, 1.0, true, null]")
    assert not any(map(is_integer, others))
