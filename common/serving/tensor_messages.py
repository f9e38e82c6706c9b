"""Tensors as TensorFlow's messages, checked as what a stranger sends."""

import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

from common.errors import one_line
from common.serving.refusals import RequestError
from common.serving.tensorflow_c import DTYPE_NAMES

_DTYPE_NUMBERS = {name: number for number, name in DTYPE_NAMES.items()}
# tensorflow/core/framework/tensor.proto: the field that holds the values of each type.
_FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "string": "string_val",
    "bool": "bool_val",
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
} | dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), "int_val")


def array_of(name: str, tensor: TensorProto, limit: int) -> np.ndarray:
    """The array in a message, strings as objects.

    Args:
        name: of the input, for messages.
        tensor: as it was sent. One value may stand for all of a large tensor.
        limit: bytes that its values may fill.

    Raises:
        RequestError: it is no tensor, or a larger one.
    """
    where = f"input {name!r}"
    if tensor.dtype not in DTYPE_NAMES:
        raise RequestError(f"{where}: expected a dense tensor of a known type, got type {tensor.dtype}")
    sizes = [dimension.size for dimension in tensor.tensor_shape.dim]
    if tensor.tensor_shape.unknown_rank or min(sizes, default=0) < 0 or len(sizes) > 32:
        raise RequestError(f"{where}: expected a shape of known sizes, got {sizes}")
    dtype = tf.dtypes.as_dtype(tensor.dtype)
    if math.prod(sizes) * max(dtype.size or 1, 1) > limit:
        raise RequestError(f"{where}: expected at most {limit} bytes in a tensor, got the shape {sizes}")
    try:
        return tf.make_ndarray(tensor)
    except (ValueError, TypeError, OverflowError) as error:
        raise RequestError(f"{where}: no valid tensor: {one_line(error)}") from None


def message_of(array: np.ndarray) -> TensorProto:
    """The message that holds an array, each value in the field of its type, as TensorFlow Serving sends it."""
    dtype = "string" if array.dtype == object else array.dtype.name
    if dtype not in _FIELDS:
        return tf.make_tensor_proto(array)
    tensor = TensorProto(dtype=_DTYPE_NUMBERS[dtype])
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    getattr(tensor, _FIELDS[dtype]).extend(array.reshape(-1).tolist())
    return tensor
