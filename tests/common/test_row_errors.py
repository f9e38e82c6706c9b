"""A row that cannot be answered is told why, and its neighbours are answered as if it were not there."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from common.row_errors import first_error, first_fault, neutral_where, with_equal_rows, with_row_errors


def test_the_first_case_that_holds_in_each_row_is_told():
    faults = first_fault(
        (tf.constant([True, False, False]), "first"),
        (tf.constant([True, True, False]), tf.constant(["a", "b", "c"])),
    )
    assert faults.numpy().tolist() == [b"first", b"b", b""]
    assert first_fault((tf.constant(False), "never")).numpy() == b""


def test_of_several_errors_of_a_row_the_first_is_told():
    errors = first_error(tf.constant(["a", "", ""]), tf.constant(["b", "c", ""]))
    assert errors.numpy().tolist() == [b"a", b"c", b""]


@given(
    values=arrays.arrays(
        st.sampled_from([np.float32, np.int32, np.bool_]), arrays.array_shapes(min_dims=1, max_dims=4)
    ),
    data=st.data(),
)
def test_rows_become_neutral_and_others_stay(values, data):
    is_bad = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    expected = values.copy()
    expected[is_bad] = 0
    np.testing.assert_array_equal(neutral_where(tf.constant(is_bad), tf.constant(values)).numpy(), expected)


def test_a_row_with_an_error_has_no_other_answer():
    outputs = with_row_errors(
        {
            "label": tf.constant(["good", "bad"]),
            "scores": tf.constant([[0.1, 0.9], [float("nan"), 1.0]]),
            "cut": tf.constant([True, True]),
            "error": tf.constant(["", "expected a text"]),
        }
    )
    assert outputs["label"].numpy().tolist() == [b"good", b""]
    np.testing.assert_array_equal(outputs["scores"], np.float32([[0.1, 0.9], [0, 0]]))
    assert outputs["cut"].numpy().tolist() == [True, False]
    assert outputs["error"].numpy().tolist() == [b"", b"expected a text"]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_where_every_row_can_be_answered_no_error_is_told(rows):
    outputs = with_row_errors({"length": tf.zeros([rows, 2])})
    assert outputs["error"].numpy().tolist() == [b""] * rows


def test_an_error_that_is_no_text_for_each_row_is_a_fault_of_the_program():
    with pytest.raises(ValueError, match="expected strings"):
        with_row_errors({"length": tf.zeros([2]), "error": tf.constant("")})


def test_unequal_rows_are_refused_in_one_line_with_the_rows_of_each_input():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string), tf.TensorSpec([None, None], tf.float32)])
    def answer(text, weight):
        inputs = with_equal_rows({"text": text, "weight": weight})
        return tf.strings.length(inputs["text"]) + tf.cast(inputs["weight"][:, 0], tf.int32)

    assert answer(["ab", "c"], [[1.0], [2.0]]).numpy().tolist() == [3, 3]
    with pytest.raises(tf.errors.InvalidArgumentError, match="every input, got text 2, weight 1"):
        answer(["ab", "c"], [[1.0]])
