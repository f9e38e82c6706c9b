"""Tensors in messages are what TensorFlow's own functions write and read."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tensorflow.core.framework.tensor_pb2 import TensorProto

from common.inference.tensorflow_c import DTYPE_NAMES
from common.serving.tensor_protos import MESSAGES, read_tensor, write_tensor

NUMBERS = sorted(set(DTYPE_NAMES.values()) - {"string", "bfloat16"})
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


def ours(theirs):
    return MESSAGES["TensorProto"].FromString(theirs.SerializeToString())


def numbers(data):
    return data.draw(arrays.arrays(data.draw(st.sampled_from(NUMBERS)), data.draw(SHAPES)))


@given(st.data())
def test_tensorflow_reads_what_is_written(data):
    array = numbers(data)
    message = MESSAGES["TensorProto"]()
    write_tensor(message, array)
    read = tf.make_ndarray(TensorProto.FromString(message.SerializeToString()))
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


def test_bfloat16_is_read_from_bytes_and_from_values():
    array = np.array([1.5, -2], tf.bfloat16.as_numpy_dtype)
    by_values = TensorProto(dtype=tf.bfloat16.as_datatype_enum, half_val=array.view(np.uint16).tolist())
    by_values.tensor_shape.dim.add(size=2)
    written = MESSAGES["TensorProto"]()
    write_tensor(written, array)
    for message in (ours(tf.make_tensor_proto(array)), ours(by_values), written):
        read = read_tensor(message)
        assert read.dtype == array.dtype
        assert read.tolist() == [1.5, -2]


@given(st.data())
def test_what_tensorflow_writes_as_bytes_is_read(data):
    array = numbers(data)
    read = read_tensor(ours(tf.make_tensor_proto(array)))
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


@given(st.data())
def test_what_tensorflow_serving_writes_value_by_value_is_read(data):
    array = numbers(data)
    theirs = by_value(array)
    read = read_tensor(ours(theirs))
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


def by_value(array):
    """The array's message with each value in the field of its type, as TensorFlow reads it."""
    empty = tf.make_tensor_proto(array)
    result = TensorProto(dtype=empty.dtype, tensor_shape=empty.tensor_shape)
    flat = array.ravel()
    if array.dtype.name == "float16":
        result.half_val.extend(flat.view(np.uint16).tolist())
    elif array.dtype.name in ("complex64", "complex128"):
        field = "scomplex_val" if array.dtype.name == "complex64" else "dcomplex_val"
        getattr(result, field).extend(part for value in flat.tolist() for part in (value.real, value.imag))
    else:
        fields = {"float32": "float_val", "float64": "double_val"}
        short = "int_val" if array.dtype.itemsize < 4 or array.dtype.name == "int32" else None
        name = "bool_val" if array.dtype.name == "bool" else short or f"{array.dtype.name}_val"
        getattr(result, fields.get(array.dtype.name, name)).extend(flat.tolist())
    np.testing.assert_array_equal(tf.make_ndarray(result), array)
    return result


@given(st.lists(st.lists(st.binary(), min_size=2, max_size=2), max_size=4))
def test_strings_go_there_and_back(rows):
    array = np.empty((len(rows), 2), object)
    array[:] = np.array(rows, object).reshape(len(rows), 2)
    message = MESSAGES["TensorProto"]()
    write_tensor(message, array)
    theirs = TensorProto.FromString(message.SerializeToString())
    assert [theirs.dtype, list(theirs.string_val)] == [
        tf.string.as_datatype_enum,
        [v for row in rows for v in row],
    ]
    assert read_tensor(ours(theirs)).tolist() == array.tolist()


@pytest.mark.parametrize("values", [[7], [1, 2], [1, 2, 3, 4]])
def test_the_last_value_stands_for_those_left_out(values):
    theirs = TensorProto(dtype=3, int_val=values)
    theirs.tensor_shape.dim.add(size=4)
    assert read_tensor(ours(theirs)).tolist() == tf.make_ndarray(theirs).tolist()


@pytest.mark.parametrize(
    "wrong",
    [
        TensorProto(dtype=20),
        TensorProto(),
        TensorProto(dtype=1, float_val=[1, 2]),
        TensorProto(dtype=1),
        TensorProto(dtype=1, tensor_content=b"\0\0\0"),
        TensorProto(dtype=1, tensor_content=b"\0" * 8),
        TensorProto(dtype=7),
    ],
)
def test_what_is_no_tensor_is_a_value_error(wrong):
    with pytest.raises(ValueError, match=r"expected|must be"):
        read_tensor(ours(wrong))
