"""Requests in JSON become the tensors that they stand for, or are refused; never anything else."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tensorflow.core.example.example_pb2 import Example

from common.inference.signatures import SignatureInfo, TensorInfo
from common.serving.server.json_requests import examples, parse, predict_inputs
from common.serving.server.refusals import RequestError

DTYPES = ("float32", "float64", "int8", "uint8", "int16", "int32", "int64", "uint64", "bool")


def signature(**dtypes):
    inputs = {name: TensorInfo(dtype, None) for name, dtype in dtypes.items()}
    return SignatureInfo(inputs, {}, "tensorflow/serving/predict")


def read(document, **dtypes):
    return predict_inputs(document, signature(**dtypes), lambda rows: None)


@settings(max_examples=100)
@given(st.data(), st.sampled_from(DTYPES))
def test_numbers_in_rows_and_in_columns_are_the_same_tensor(data, dtype):
    shape = data.draw(arrays.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
    limit = {"float32": 2**20, "float64": 2**50}.get(dtype)
    elements = None if limit is None else st.integers(-limit, limit).map(lambda n: n / 16)
    array = data.draw(arrays.arrays(dtype, shape, elements=elements))
    values = parse(json.dumps({"values": array.tolist()}).encode())["values"]
    for document in (
        {"instances": values},
        {"inputs": values},
        {"instances": [{"x": value} for value in values]},
        {"inputs": {"x": values}},
    ):
        tensor = read(document, x=dtype)["x"]
        assert tensor.dtype == array.dtype
        np.testing.assert_array_equal(tensor, array)


@given(st.lists(st.text(st.characters(codec="utf-8")) | st.binary(), min_size=1, max_size=5))
def test_strings_and_base64_are_bytes(values):
    given = [
        value if isinstance(value, str) else {"b64": base64.b64encode(value).decode()} for value in values
    ]
    expected = [value.encode() if isinstance(value, str) else value for value in values]
    document = parse(json.dumps({"instances": given}).encode())
    assert read(document, text="string")["text"].tolist() == expected


def test_several_inputs_of_each_row_become_columns():
    rows = [{"text": "a", "x": [1, 2]}, {"text": "b", "x": [3, 4]}]
    tensors = read({"instances": rows}, text="string", x="int32")
    assert tensors["text"].tolist() == [b"a", b"b"]
    assert tensors["x"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("dtype", "value", "message"),
    [
        ("float64", 10**400, "JSON Parse error: Number too big to be stored in double."),
        ("float32", True, "JSON Value: true Type: True is not of expected type: float"),
        ("float32", "1", 'JSON Value: "1" Type: String is not of expected type: float'),
        ("float32", {"y": 1}, "Type: Object is not of expected type: float"),
        ("int32", 1.0, "Type: Number is not of expected type: int32"),
        ("int32", 2**31, "Type: Number is not of expected type: int32"),
        ("uint8", 2**31, "Type: Number is not of expected type: uint8"),
        ("uint32", -1, "Type: Number is not of expected type: uint32"),
        ("int64", 2**63, "Type: Number is not of expected type: int64"),
        ("uint64", 2**64, "Type: Number is not of expected type: uint64"),
        ("bool", 1, "Type: Number is not of expected type: bool"),
        ("complex64", 1, "Conversion of JSON Value: 1 to type: complex64"),
        ("float16", 1, "Conversion of JSON Value: 1 to type: half"),
        ("uint16", {"y": 1}, "Type: Object is not of expected type: uint16"),
        ("float32_ref", 1, "Conversion of JSON Value: 1 to type: float_ref"),
        ("string", {"b64": 1}, "not formatted correctly for base64 data"),
        ("string", {"b64": "a"}, "Unable to base64 decode"),
        ("float32", [[1], [2, 3]], "unexpected size: 2 at level: 1 expected size: 1"),
        ("float32", [[1], 2], "found at incorrect level: 2"),
        ("float32", [1, [2]], "unexpected level: 1 expected < 1"),
    ],
)
def test_what_is_not_of_the_type_is_refused(dtype, value, message):
    with pytest.raises(RequestError) as caught:
        read({"inputs": {"x": value}}, x=dtype)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_float_may_be_any_that_json_can_say():
    tensor = read(parse(b'{"inputs": [NaN, Infinity, -Infinity, 1e-50, 3]}'), x="float32")["x"]
    np.testing.assert_array_equal(tensor, np.array([np.nan, np.inf, -np.inf, 0, 3], np.float32))


def test_rows_of_different_shapes_are_refused():
    with pytest.raises(RequestError, match=r"element: 1 .*Expecting tensor size: 2 but got: 1"):
        read({"instances": [[1, 2], [3]]}, x="int32")
    with pytest.raises(RequestError, match=r"element: 1 .*Expecting shape \[2,1\] but got: \[1,2\]"):
        read({"instances": [[[1], [2]], [[3, 4]]]}, x="int32")


def test_rows_are_counted_before_they_are_read():
    def refuse(rows):
        raise RequestError(f"{rows} rows")

    with pytest.raises(RequestError, match="3 rows"):
        predict_inputs({"instances": [None] * 3}, signature(x="int32"), refuse)


def test_examples_take_the_type_of_their_values_and_share_a_context():
    document = {
        "context": {"user": "me", "age": 3},
        "examples": [{"age": [1, True], "weight": 0.5}, {"data": {"b64": "AP8="}}],
    }
    first, second = examples(document, "classify")
    assert isinstance(first, Example)
    features = first.features.feature
    assert features["age"].int64_list.value == [1, 1]
    assert features["weight"].float_list.value == [0.5]
    assert features["user"].bytes_list.value == [b"me"]
    assert second.features.feature["age"].int64_list.value == [3]
    assert second.features.feature["data"].bytes_list.value == [b"\0\xff"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "When method is regress, key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
        ({"examples": [{"x": [[1]]}]}, "Feature: x has element with unexpected JSON type: Array"),
        ({"examples": [{"x": [1, "a"]}]}, "Unexpected element type in feature: x"),
        ({"examples": [{"x": 2**63}]}, "Only int64 is supported"),
        ({"examples": [{"x": [1, 2.5]}]}, "Unexpected element type in feature: x expecting type: int64"),
        ({"examples": [{"x": {"b64": 1}}]}, "Feature: x has element with unexpected JSON type: Object"),
    ],
)
def test_what_is_no_example_is_refused(document, message):
    with pytest.raises(RequestError, match=message):
        examples(document, "regress")
