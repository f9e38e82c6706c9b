"""Tensors as TensorFlow's messages, read as TensorFlow Serving reads them and checked as what a stranger sends."""

import math

import numpy as np
from tensorflow.core.framework.tensor_pb2 import TensorProto

from common.inference.tensorflow_c import DTYPE_NAMES, numpy_type
from common.serving.server.refusals import RequestError

_DTYPE_NUMBERS = {name: number for number, name in DTYPE_NAMES.items()}
# tensorflow/core/framework/tensor.proto: the field that holds the values of each type, and the type they have there.
_FIELDS = {
    "float32": ("float_val", "float32"),
    "float64": ("double_val", "float64"),
    "float16": ("half_val", "uint16"),
    "bfloat16": ("half_val", "uint16"),
    "complex64": ("scomplex_val", "float32"),
    "complex128": ("dcomplex_val", "float64"),
    "string": ("string_val", "object"),
    "bool": ("bool_val", "bool"),
    "int64": ("int64_val", "int64"),
    "uint32": ("uint32_val", "uint32"),
    "uint64": ("uint64_val", "uint64"),
} | dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), ("int_val", "int32"))
_SAME_BYTES = ("float16", "bfloat16", "complex64", "complex128")
# As many as NumPy's arrays have.
_MOST_DIMENSIONS = 64


def array_of_message(name: str, tensor: TensorProto, limit: int) -> np.ndarray:
    """The array in a message, strings as objects.

    Of too many values the first are taken, for too few the last one stands, for none zeros.

    Args:
        name: of the input, for messages.
        tensor: as it was sent. One value may stand for all of a large tensor.
        limit: bytes that its values may fill.

    Raises:
        RequestError: it is no tensor, or a larger one.
    """
    where = f"input {name!r}"
    dtype = DTYPE_NAMES.get(tensor.dtype)
    if dtype is None:
        raise RequestError(f"{where}: expected a dense tensor of a known type, got type {tensor.dtype}")
    sizes = [dimension.size for dimension in tensor.tensor_shape.dim]
    if tensor.tensor_shape.unknown_rank or min(sizes, default=0) < 0 or len(sizes) > _MOST_DIMENSIONS:
        raise RequestError(f"{where}: expected a shape of known sizes, got {sizes}")
    count = math.prod(sizes)
    if count * numpy_type(dtype).itemsize > limit:
        raise RequestError(f"{where}: expected at most {limit} bytes in a tensor, got the shape {sizes}")
    try:
        values = _content(tensor, dtype, count) if tensor.tensor_content and count else _listed(tensor, dtype)
    except ValueError as error:
        raise RequestError(f"{where}: no valid tensor: {error}") from None
    return _as_many(values[:count], count).reshape(sizes)


def _content(tensor: TensorProto, dtype: str, count: int) -> np.ndarray:
    """The values in a message's bytes."""
    if dtype == "string":
        return _strings(tensor.tensor_content, count)
    expected = count * numpy_type(dtype).itemsize
    if len(tensor.tensor_content) != expected:
        raise ValueError(f"expected {expected} bytes, got {len(tensor.tensor_content)}")
    if dtype == "bool" and max(tensor.tensor_content) > 1:
        raise ValueError(f"expected truth values of 0 or 1, got {max(tensor.tensor_content)}")
    return np.frombuffer(tensor.tensor_content, numpy_type(dtype)).copy()


def _strings(content: bytes, count: int) -> np.ndarray:
    """Strings one after another, after the lengths of all of them."""
    lengths, place = [], 0
    for _ in range(count):
        length = shift = 0
        while True:
            if place >= len(content) or shift > 28:
                raise ValueError(f"expected the lengths of {count} strings")
            byte = content[place]
            length |= (byte & 0x7F) << shift
            place, shift = place + 1, shift + 7
            if byte < 0x80:
                break
        lengths.append(length)
    if place + sum(lengths) != len(content):
        raise ValueError(f"expected {place + sum(lengths)} bytes, got {len(content)}")
    strings = np.empty(count, object)
    for number, length in enumerate(lengths):
        strings[number] = content[place : place + length]
        place += length
    return strings


def _listed(tensor: TensorProto, dtype: str) -> np.ndarray:
    """The values in a message's field for their type."""
    field, listed = _FIELDS[dtype]
    given = getattr(tensor, field)
    if listed == "object":
        strings = np.empty(len(given), object)
        strings[:] = given
        return strings
    wide = "int64" if listed == "uint16" else listed
    values = np.fromiter(given, wide, len(given)).astype(listed)
    if dtype in _SAME_BYTES:
        whole = len(values) - len(values) * values.itemsize % numpy_type(dtype).itemsize // values.itemsize
        return values[:whole].view(numpy_type(dtype))
    return values.astype(dtype)


def _as_many(values: np.ndarray, count: int) -> np.ndarray:
    if len(values) == count:
        return values
    filled = np.empty(count, values.dtype)
    filled[:] = values[-1] if len(values) else b"" if values.dtype == object else 0
    filled[: len(values)] = values
    return filled


def message_of(array: np.ndarray) -> TensorProto:
    """The message that holds an array, each value in the field of its type, as TensorFlow Serving sends it."""
    dtype = "string" if array.dtype == object else array.dtype.name
    field, listed = _FIELDS[dtype]
    tensor = TensorProto(dtype=_DTYPE_NUMBERS[dtype])
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    values = array.reshape(-1)
    getattr(tensor, field).extend((values.view(listed) if dtype in _SAME_BYTES else values).tolist())
    return tensor
