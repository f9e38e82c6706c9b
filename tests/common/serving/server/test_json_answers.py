"""Answers in JSON say what the tensors hold, in rows or in columns."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from common.serving.server.json_answers import classifications, columns, predictions, regressions
from common.serving.server.refusals import RequestError


@given(st.data(), st.sampled_from(["float32", "float64", "int32", "int64", "bool", "uint8"]))
def test_numbers_are_read_back_exactly(data, dtype):
    shape = data.draw(arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3))
    array = data.draw(arrays.arrays(dtype, shape))
    for answer, key in ((predictions({"y": array}), "predictions"), (columns({"y": array}), "outputs")):
        values = np.array(json.loads(json.dumps(answer))[key], dtype).reshape(shape)
        np.testing.assert_array_equal(values, array)


def test_a_float_is_written_with_no_more_digits_than_it_has():
    assert (
        json.dumps(columns({"y": np.array([0.1, 1e-30, 2], np.float32)})) == '{"outputs": [0.1, 1e-30, 2.0]}'
    )


def test_rows_hold_the_outputs_by_name_and_bytes_as_base64():
    data = np.array([b"\xff\0", b""], object)
    answer = predictions({"label": np.array(["né".encode(), b"\xff"], object), "image_bytes": data})
    assert [row["label"] for row in answer["predictions"]] == ["né", "\N{REPLACEMENT CHARACTER}"]
    assert [base64.b64decode(row["image_bytes"]["b64"]) for row in answer["predictions"]] == data.tolist()


def test_columns_hold_the_tensors_by_name():
    tokens = np.array([[b"a", b"b"]], object)
    assert columns({"tokens": tokens, "n": np.array([2])}) == {"outputs": {"tokens": [["a", "b"]], "n": [2]}}
    assert columns({"tokens": tokens}) == {"outputs": [["a", "b"]]}


@pytest.mark.parametrize("other", [np.zeros(3), np.float32(1)])
def test_outputs_without_the_same_rows_cannot_be_rows(other):
    with pytest.raises(RequestError, match=r"inconsistent batch size|no shape information"):
        predictions({"a": np.zeros(2), "b": other})


def test_classes_come_in_pairs_with_their_scores():
    classes = np.array([[b"no", b"yes"]], object)
    scores = np.array([[0.25, 0.75]], np.float32)
    assert classifications({"classes": classes, "scores": scores}, 1) == {
        "results": [[["no", 0.25], ["yes", 0.75]]]
    }
    assert classifications({"scores": scores}, 1) == {"results": [[["", 0.25], ["", 0.75]]]}
    for outputs, message in (
        ({"classes": classes, "scores": scores[:, :1]}, r"should match in dim_size\(1\). Got 2 vs. 1"),
        ({"scores": scores[0]}, r"Expected Tensor shape: \[batch_size num_classes\] of scores but got \[2\]"),
        ({"scores": scores.astype(np.float64)}, "Expected scores Tensor of DT_FLOAT. Got: float64"),
        ({"classes": scores}, "Expected classes Tensor of DT_STRING. Got: float32"),
        ({"scores": np.zeros((2, 2), np.float32)}, "Expected scores output batch size of 1. Got: 2"),
    ):
        with pytest.raises(RequestError, match=message):
            classifications(outputs, 1)


def test_regressions_are_a_number_for_each_row():
    assert regressions({"outputs": np.array([[1.5], [2]], np.float32)}, 2) == {"results": [1.5, 2.0]}
    for array, message in (
        (np.zeros((2, 2), np.float32), r"either \[batch_size\] or \[batch_size, 1\] but got \[2, 2\]"),
        (np.float32(1).reshape(()), "but got \\[\\]"),
        (np.zeros(3, np.float32), "Input batch size did not match output batch size: 2 vs. 3"),
        (np.zeros(2), "Expected output Tensor of DT_FLOAT.  Got: float64"),
    ):
        with pytest.raises(RequestError, match=message):
            regressions({"outputs": array}, 2)


@pytest.mark.parametrize(
    ("dtype", "said"), [("float16", "half"), ("uint16", "uint16"), ("complex64", "complex64")]
)
def test_numbers_that_json_has_no_words_for_are_refused_unless_there_are_none(dtype, said):
    for write in (predictions, columns):
        with pytest.raises(RequestError, match=f"^Failed to write JSON value for tensor type: {said}$"):
            write({"y": np.ones([2, 1], dtype)})
    assert predictions({"y": np.ones([2, 0], dtype)}) == {"predictions": [[], []]}
    with pytest.raises(RequestError, match="Cannot convert empty tensor map to JSON"):
        write({})
