"""Tensors as TensorFlow Serving's JSON has them: nested lists; strings that are no UTF-8 as `{"b64": ...}`."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from common.inference.signatures import TensorInfo


def request_body(row: Mapping[str, Any]) -> bytes:
    """The body of a request that asks about one row.

    Args:
        row: the inputs by name: text, bytes, numbers, or arrays of them. A missing value is the bare token NaN.

    Example:
        >>> request_body({"text": "dull", "count": 3})
        b'{"instances": [{"text": "dull", "count": 3}]}'
    """
    return json.dumps({"instances": [{name: plain(value) for name, value in row.items()}]}).encode()


def json_of(name: str, array: np.ndarray) -> Any:
    """An array as JSON. Its strings are base64 if its name ends in `_bytes`."""
    if array.dtype != object:
        return array.tolist()
    return _mapped(array.tolist(), lambda value: _json_string(value, is_binary=name.endswith("_bytes")))


def array_of_json(value: Any, info: TensorInfo) -> np.ndarray:
    """The array that JSON stands for.

    Raises:
        ValueError, TypeError, KeyError, AttributeError, OverflowError: it does not fit.
    """
    if info.dtype == "string":
        return np.array(_mapped(value, bytes_of), dtype=object)
    return np.array(value, dtype=info.dtype)


def bytes_of(value: Any) -> bytes:
    """The bytes of a text or of `{"b64": ...}`."""
    return (
        base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode("utf-8", "surrogatepass")
    )


def plain(value: Any) -> Any:
    """A value of a row as JSON takes it: bytes as base64, an array as lists, all else as it is."""
    if isinstance(value, bytes):
        return _json_string(value, is_binary=True)
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _json_string(value: bytes, is_binary: bool) -> Any:
    try:
        if not is_binary:
            return value.decode("utf-8")
    except UnicodeDecodeError:
        pass
    return {"b64": base64.b64encode(value).decode("ascii")}


def _mapped(value: Any, function: Any) -> Any:
    """A nested list with `function` of each element."""
    return [_mapped(element, function) for element in value] if isinstance(value, list) else function(value)
