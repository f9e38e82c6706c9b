"""Tensors travel in TensorFlow's messages and come back as they were; what is none is refused."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tensorflow.core.framework.tensor_pb2 import TensorProto

from common.serving.refusals import RequestError
from common.serving.tensor_messages import array_of, message_of

DTYPES = (
    "float32",
    "float64",
    "float16",
    "int8",
    "uint8",
    "int16",
    "int32",
    "int64",
    "uint32",
    "uint64",
    "bool",
)
LIMIT = 10_000


@given(st.data(), st.sampled_from(DTYPES))
def test_arrays_are_those_of_tensorflow(data, dtype):
    array = data.draw(arrays.arrays(dtype, arrays.array_shapes(min_dims=0, min_side=0, max_side=3)))
    np.testing.assert_array_equal(array_of("x", tf.make_tensor_proto(array), LIMIT), array)
    message = message_of(array)
    assert tf.make_ndarray(message).dtype == array.dtype
    np.testing.assert_array_equal(tf.make_ndarray(message), array)


@given(st.lists(st.binary(), max_size=4))
def test_strings_are_bytes(values):
    array = np.array(values, object)
    message = message_of(array)
    assert message.dtype == tf.string.as_datatype_enum
    assert array_of("x", message, LIMIT).tolist() == values


def test_numbers_are_in_the_field_that_clients_of_tensorflow_serving_read():
    assert list(message_of(np.array([1.5, 2], np.float32)).float_val) == [1.5, 2]
    assert list(message_of(np.array([3, 4], np.int32)).int_val) == [3, 4]
    assert list(message_of(np.array([5], np.int64)).int64_val) == [5]


def test_one_value_may_stand_for_all_but_not_for_more_than_the_limit():
    message = TensorProto(dtype=1, float_val=[2])
    message.tensor_shape.dim.add(size=3)
    assert array_of("x", message, LIMIT).tolist() == [2, 2, 2]
    message.tensor_shape.dim[0].size = 2**40
    with pytest.raises(RequestError, match="input 'x': expected at most 10000 bytes in a tensor"):
        array_of("x", message, LIMIT)


@settings(max_examples=200)
@given(
    st.integers(0, 120),
    st.lists(st.integers(-2, 4), max_size=4),
    st.booleans(),
    st.binary(max_size=20),
    st.lists(st.floats(width=32), max_size=3),
    st.lists(st.binary(max_size=3), max_size=3),
)
def test_any_message_is_a_tensor_of_its_shape_or_refused(dtype, sizes, is_unknown, content, floats, strings):
    message = TensorProto(dtype=dtype, tensor_content=content, float_val=floats, string_val=strings)
    message.tensor_shape.unknown_rank = is_unknown
    for size in sizes:
        message.tensor_shape.dim.add(size=size)
    try:
        array = array_of("x", message, LIMIT)
    except RequestError:
        return
    assert list(array.shape) == sizes
    assert array.dtype == tf.dtypes.as_dtype(dtype).as_numpy_dtype
