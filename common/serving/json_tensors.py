"""Tensors from JSON values, as TensorFlow Serving reads them.

References:
    https://www.tensorflow.org/tfx/serving/api_rest; the texts of errors are those of
    tensorflow_serving/util/json_tensor.cc.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

import grpc
import numpy as np

from common.serving.refusals import RequestError
from common.serving.signatures import TensorInfo

JSON_TYPES = {bool: "Bool", int: "Number", float: "Number", str: "String", dict: "Object", list: "Array"}
_SHOWN_CHARACTERS = 200


def array_of(value: Any, info: TensorInfo) -> np.ndarray:
    """The tensor that a JSON value stands for: a value, or lists nested as deep as the first elements are.

    Raises:
        RequestError: the lists are uneven, or a value is not of the type.
    """
    shape: list[int] = []
    first = value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    if len(shape) > 32:
        raise RequestError(f"Encountered list at unexpected level: {len(shape)} expected < 32")
    leaves: list[Any] = []
    _flatten(value, shape, 0, leaves)
    return _of_type(leaves, info.dtype).reshape(shape)


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


def _of_type(leaves: Sequence[Any], dtype: str) -> np.ndarray:
    if dtype == "string":
        array = np.empty(len(leaves), dtype=object)
        array[:] = [bytes_of(leaf) for leaf in leaves]
        return array
    kind = np.dtype(dtype).kind
    if kind not in "fiub" or dtype == "float16":
        raise RequestError(
            f"Conversion of JSON Value: {shown(list(leaves[:1]))} to type: {dtype}",
            grpc.StatusCode.UNIMPLEMENTED,
        )
    allowed: tuple[type, ...] = {"b": (bool,), "f": (int, float)}.get(kind, (int,))
    for leaf in leaves:
        if type(leaf) not in allowed:
            raise _type_error(leaf, dtype)
    if kind == "f":
        return floats(leaves, dtype)
    if kind in "iu":
        range_ = np.iinfo(dtype)
        for leaf in leaves:
            if not range_.min <= leaf <= range_.max:
                raise _type_error(leaf, dtype)
    return np.array(leaves, dtype=dtype)


def floats(leaves: Sequence[int | float], dtype: str) -> np.ndarray:
    """Numbers as floats, unless an integer has more digits than those hold or a finite number would become infinite."""
    limits = np.finfo(dtype)
    largest_integer, largest = 2 ** (limits.nmant + 1) - 1, float(limits.max)
    for leaf in leaves:
        is_integer = isinstance(leaf, int)
        if abs(leaf) > (largest_integer if is_integer else largest) and (is_integer or np.isfinite(leaf)):
            raise RequestError(
                f"Cannot convert JSON value: {shown(leaf)} to {_c_name(dtype)} without loss of precision."
            )
    return np.array(leaves, dtype=dtype)


def bytes_of(leaf: Any) -> bytes:
    """What a JSON string, or the object `{"b64": ...}`, stands for."""
    if isinstance(leaf, dict):
        return _decoded(leaf)
    if not isinstance(leaf, str):
        raise _type_error(leaf, "string")
    try:
        return leaf.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RequestError(
            f"JSON Parse error: The surrogate pair in string is invalid. at character: {error.start}"
        ) from None


def is_base64(value: Any) -> bool:
    """Whether a JSON value has the form of bytes."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _decoded(value: Any) -> bytes:
    if not is_base64(value):
        raise RequestError(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    text = value["b64"].rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise RequestError("Unable to base64 decode") from None


def shown(value: Any) -> str:
    """The beginning of a JSON value, for messages."""
    try:
        text = json.dumps(value)
    except (RecursionError, ValueError):
        return "..."
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _type_error(value: Any, dtype: str) -> RequestError:
    kind = "Null" if value is None else str(value) if isinstance(value, bool) else JSON_TYPES[type(value)]
    return RequestError(f"JSON Value: {shown(value)} Type: {kind} is not of expected type: {_c_name(dtype)}")


def _c_name(dtype: str) -> str:
    return {"float32": "float", "float64": "double"}.get(dtype, dtype)
