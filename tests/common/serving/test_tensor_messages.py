"""Tensors travel in TensorFlow's messages and come back as they were; what is none is refused."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tensorflow.core.framework.tensor_pb2 import TensorProto

from common.serving.server.refusals import RequestError
from common.serving.tensor_messages import array_of_message, message_of

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
    "uint16",
    "uint64",
    "bool",
    "complex64",
    "complex128",
)
LIMIT = 10_000


@given(st.data(), st.sampled_from(DTYPES))
def test_arrays_are_those_of_tensorflow(data, dtype):
    array = data.draw(arrays.arrays(dtype, arrays.array_shapes(min_dims=0, min_side=0, max_side=3)))
    np.testing.assert_array_equal(array_of_message("x", tf.make_tensor_proto(array), LIMIT), array)
    message = message_of(array)
    assert tf.make_ndarray(message).dtype == array.dtype
    np.testing.assert_array_equal(tf.make_ndarray(message), array)


@given(st.lists(st.binary(), max_size=4))
def test_strings_are_bytes(values):
    array = np.array(values, object)
    message = message_of(array)
    assert message.dtype == tf.string.as_datatype_enum
    assert array_of_message("x", message, LIMIT).tolist() == values


def test_numbers_are_in_the_field_that_clients_of_tensorflow_serving_read():
    assert list(message_of(np.array([1.5, 2], np.float32)).float_val) == [1.5, 2]
    assert list(message_of(np.array([3, 4], np.int32)).int_val) == [3, 4]
    assert list(message_of(np.array([5], np.int64)).int64_val) == [5]
    assert list(message_of(np.array([1, -2], np.float16)).half_val) == [0x3C00, 0xC000]
    assert list(message_of(np.array([1 + 2j], np.complex64)).scomplex_val) == [1, 2]


def test_bfloat16_is_in_the_field_of_halves():
    message = TensorProto(dtype=tf.bfloat16.as_datatype_enum, half_val=[0x3FC0])
    message.tensor_shape.dim.add(size=2)
    array = array_of_message("x", message, LIMIT)
    assert array.dtype == tf.bfloat16.as_numpy_dtype
    assert array.tolist() == [1.5, 1.5]
    assert list(message_of(array).half_val) == [0x3FC0, 0x3FC0]


def test_one_value_may_stand_for_all_but_not_for_more_than_the_limit():
    message = TensorProto(dtype=1, float_val=[2])
    message.tensor_shape.dim.add(size=3)
    assert array_of_message("x", message, LIMIT).tolist() == [2, 2, 2]
    message.tensor_shape.dim[0].size = 2**40
    with pytest.raises(RequestError, match="input 'x': expected at most 10000 bytes in a tensor"):
        array_of_message("x", message, LIMIT)


NUMBERS = st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4)


@settings(max_examples=300)
@given(st.sampled_from((*DTYPES, "string", "bfloat16")), st.lists(st.integers(0, 3), max_size=2), st.data())
def test_too_few_too_many_and_too_large_values_are_read_as_tensorflow_reads_them(dtype, sizes, data):
    type_ = tf.as_dtype(dtype)
    message = TensorProto(dtype=type_.as_datatype_enum)
    for size in sizes:
        message.tensor_shape.dim.add(size=size)
    if data.draw(st.booleans()):
        message.tensor_content = data.draw(st.binary(max_size=20))
    message.int_val.extend(data.draw(NUMBERS))
    message.half_val.extend(data.draw(NUMBERS))
    message.int64_val.extend(data.draw(NUMBERS))
    message.uint32_val.extend(abs(number) for number in data.draw(NUMBERS))
    message.uint64_val.extend(abs(number) for number in data.draw(NUMBERS))
    message.bool_val.extend(data.draw(st.lists(st.booleans(), max_size=4)))
    message.string_val.extend(data.draw(st.lists(st.binary(max_size=3), max_size=4)))
    for field in (message.float_val, message.double_val, message.scomplex_val, message.dcomplex_val):
        field.extend(data.draw(st.lists(st.floats(width=32), max_size=4)))
    try:
        expected = tf.io.parse_tensor(message.SerializeToString(), type_).numpy()
    except tf.errors.InvalidArgumentError:
        with pytest.raises(RequestError, match="input 'x': no valid tensor: expected"):
            array_of_message("x", message, LIMIT)
        return
    array = array_of_message("x", message, LIMIT)
    assert list(array.shape) == sizes
    if dtype == "string":
        assert array.tolist() == np.asarray(expected, object).tolist()
    else:
        assert array.dtype == type_.as_numpy_dtype
        np.testing.assert_array_equal(array.tobytes(), expected.tobytes())


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
        array = array_of_message("x", message, LIMIT)
    except RequestError:
        return
    assert list(array.shape) == sizes
    assert array.dtype == tf.dtypes.as_dtype(dtype).as_numpy_dtype
