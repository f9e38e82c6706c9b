"""What cannot be answered is refused in the graph with its row and the first thing that is wrong with it."""

import pytest
import tensorflow as tf

from common.layers.refusal import first_fault, refuse


def test_the_first_case_that_holds_in_each_row_is_told():
    faults = first_fault(
        (tf.constant([True, False, False]), "first"),
        (tf.constant([True, True, False]), tf.constant(["a", "b", "c"])),
    )
    assert faults.numpy().tolist() == [b"first", b"b", b""]
    assert first_fault((tf.constant(False), "never")).numpy() == b""


def test_only_a_row_with_a_fault_is_refused():
    @tf.function(input_signature=[tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.string)])
    def answer(row, fault):
        with tf.control_dependencies([refuse(row, fault)]):
            return tf.identity(row)

    assert answer(3, "") == 3
    with pytest.raises(tf.errors.InvalidArgumentError, match="row 3: expected more"):
        answer(3, "expected more")
