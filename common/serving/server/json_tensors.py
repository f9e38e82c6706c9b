"""Tensors from JSON values, as TensorFlow Serving reads them.

References:
    https://www.tensorflow.org/tfx/serving/api_rest; the texts of errors are those of
    tensorflow_serving/util/json_tensor.cc.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import numpy as np

from common.inference.signatures import TensorInfo
from common.inference.tensorflow_c import numpy_type
from common.serving.server.json_documents import encoded, members, number_too_big
from common.serving.server.refusals import RequestError

_JSON_TYPES = {int: "Number", float: "Number", str: "String", list: "Array"}
_ENCODER = json.JSONEncoder()
_SHOWN_CHARACTERS = 200
# NumPy's arrays have as many; an array of rows has one more than each row.
_MOST_DIMENSIONS = 63
# What TensorFlow Serving looks at before it cuts an integer to the size of its type.
_RANGES: dict[str, Any] = {
    "uint32": np.iinfo(np.uint32),
    "int64": np.iinfo(np.int64),
    "uint64": np.iinfo(np.uint64),
} | dict.fromkeys(("int8", "uint8", "int16", "int32"), np.iinfo(np.int32))
_FLOATS = ("float32", "float64")
_READ = ("string", "bool", *_FLOATS, *_RANGES)
_C_NAMES = {"float32": "float", "float64": "double", "float16": "half"}
_BASE64 = re.compile(r"([A-Za-z0-9+/]*)([=.]*)")
_WHITE = re.compile(r"[ \t\n\v\f\r]+")


def array_of_json(value: Any, info: TensorInfo) -> np.ndarray:
    """The tensor that a JSON value stands for: a value, or lists nested as deep as the first elements are.

    Raises:
        RequestError: the lists are uneven, or a value is not of the type.
    """
    shape: list[int] = []
    first = value
    while isinstance(first, list) and first:
        shape.append(len(first))
        first = first[0]
    if isinstance(first, list):
        shape.append(0)
    elif info.dtype not in _READ:
        raise _type_error(first, info.dtype) if isinstance(first, dict) else _no_conversion(first, info.dtype)
    if len(shape) > _MOST_DIMENSIONS:
        raise RequestError(
            f"tensor parsing error: expected at most {_MOST_DIMENSIONS} dimensions, got {len(shape)}"
        )
    leaves: list[Any] = []
    _flatten(value, shape, 0, leaves)
    return _of_type(leaves, info).reshape(shape)


def _flatten(value: Any, shape: Sequence[int], level: int, leaves: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise RequestError(
                f"JSON Value: {shown(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        leaves.append(value)
        return
    if level >= len(shape):
        raise RequestError(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise RequestError(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    if level == len(shape) - 1 and list not in set(map(type, value)):
        leaves.extend(value)
        return
    for element in value:
        _flatten(element, shape, level + 1, leaves)


def _of_type(leaves: Sequence[Any], info: TensorInfo) -> np.ndarray:
    dtype = info.dtype
    if dtype == "string":
        array = np.empty(len(leaves), dtype=object)
        array[:] = [bytes_of(leaf) for leaf in leaves]
        return array
    if not leaves:
        return np.zeros(0, numpy_type(dtype))
    numbers = (bool,) if dtype == "bool" else (int, float) if dtype in _FLOATS else (int,)
    if not set(map(type, leaves)) <= set(numbers):
        raise _type_error(next(leaf for leaf in leaves if type(leaf) not in numbers), dtype)
    if dtype == "bool":
        return np.array(leaves, bool)
    if dtype in _FLOATS:
        return floats(leaves, dtype)
    range_ = _RANGES[dtype]
    for leaf in leaves:
        if not range_.min <= leaf <= range_.max:
            raise _type_error(leaf, dtype)
    return np.array(leaves, range_.dtype).astype(dtype)


def floats(leaves: Sequence[int | float], dtype: str) -> np.ndarray:
    """Numbers as the nearest floats; beyond the largest one lies infinity.

    Raises:
        RequestError: a number is beyond the largest double.
    """
    try:
        wide = np.array(leaves, np.float64)
    except OverflowError:
        raise number_too_big() from None
    with np.errstate(over="ignore"):
        return wide.astype(dtype)


def bytes_of(leaf: Any) -> bytes:
    """What a JSON string, or the object `{"b64": ...}`, stands for."""
    if isinstance(leaf, dict):
        return _decoded(leaf)
    if not isinstance(leaf, str):
        raise _type_error(leaf, "string")
    return encoded(leaf)


def is_base64(value: Any) -> bool:
    """Whether a JSON value has the form of bytes."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    return [(key, type(held)) for key, held in members(value)] == [("b64", str)]


def _decoded(value: Mapping[str, Any]) -> bytes:
    if not is_base64(value):
        raise RequestError(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    match = _BASE64.fullmatch(_WHITE.sub("", value["b64"]))
    filled = -len(match[1]) % 4 if match else 3
    if match is None or filled == 3 or len(match[2]) not in (0, filled):
        raise RequestError("Unable to base64 decode")
    return base64.b64decode(match[1] + "=" * filled)


def json_type(value: Any) -> str:
    """RapidJSON's name for the type of a value."""
    if value is None or isinstance(value, bool):
        return "Null" if value is None else str(value)
    return "Object" if isinstance(value, dict) else _JSON_TYPES[type(value)]


def shown(value: Any) -> str:
    """The beginning of a JSON value, for messages; no more of it is written than is shown."""
    text = ""
    try:
        for part in _ENCODER.iterencode(value):
            text += part
            if len(text) > _SHOWN_CHARACTERS:
                return f"{text[:_SHOWN_CHARACTERS]}..."
    except (RecursionError, ValueError):
        return "..."
    return text


def type_string(dtype: str) -> str:
    """The name of a type in the messages of TensorFlow's C++ code: `float`, `half`, `int32`, `double_ref`, ..."""
    base = dtype.removesuffix("_ref")
    return _C_NAMES.get(base, base) + dtype[len(base) :]


def _type_error(value: Any, dtype: str) -> RequestError:
    return RequestError(
        f"JSON Value: {shown(value)} Type: {json_type(value)} is not of expected type: {type_string(dtype)}"
    )


def _no_conversion(value: Any, dtype: str) -> RequestError:
    return RequestError(
        f"Conversion of JSON Value: {shown(value)} to type: {type_string(dtype)}",
        grpc.StatusCode.UNIMPLEMENTED,
    )
