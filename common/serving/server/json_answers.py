"""Answers in TensorFlow Serving's JSON: rows (`predictions`), columns (`outputs`) or `results`.

References:
    https://www.tensorflow.org/tfx/serving/api_rest; the texts of errors are those of
    tensorflow_serving/util/json_tensor.cc.
"""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from common.serving.server.json_tensors import type_string
from common.serving.server.refusals import RequestError
from common.serving.server.serving_core import class_scores, regression_values

_WRITTEN = ("float32", "float64", "bool", "int8", "uint8", "int16", "int32", "int64", "uint32", "uint64")


def predictions(outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The answer to a request in rows: an object for each, or the value alone where there is one output.

    Raises:
        RequestError: the outputs have no rows, or not the same number, or one cannot be said in JSON.
    """
    _require_some(outputs)
    rows: int | None = None
    for name, array in outputs.items():
        if array.ndim == 0:
            raise RequestError(f"Tensor name: {name} has no shape information ")
        if rows not in (None, len(array)):
            raise RequestError(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {rows}"
            )
        rows = len(array)
    values = {name: _json_values(name, array) for name, array in outputs.items()}
    if len(values) == 1:
        return {"predictions": next(iter(values.values()))}
    return {
        "predictions": [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    }


def columns(outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The answer to a request in columns: the tensors by name, or the tensor alone where there is one output.

    Raises:
        RequestError: an output cannot be said in JSON.
    """
    _require_some(outputs)
    values = {name: _json_values(name, array) for name, array in outputs.items()}
    return {"outputs": next(iter(values.values())) if len(values) == 1 else values}


def classifications(outputs: Mapping[str, np.ndarray], rows: int) -> dict[str, Any]:
    """The answer of a classify signature to so many examples: pairs of a class and its score for each."""
    classes, scores = class_scores(outputs, rows)
    pairs = zip(_json_values("classes", classes), _json_values("scores", scores), strict=True)
    return {"results": [list(map(list, zip(*row, strict=True))) for row in pairs]}


def regressions(outputs: Mapping[str, np.ndarray], rows: int) -> dict[str, Any]:
    """The answer of a regress signature to so many examples: a number for each."""
    return {"results": _json_values("outputs", regression_values(outputs, rows))}


def _require_some(outputs: Mapping[str, np.ndarray]) -> None:
    if not outputs:
        raise RequestError("Cannot convert empty tensor map to JSON")


def _json_values(name: str, array: np.ndarray) -> Any:
    if array.dtype == object:
        as_json = _as_base64 if name.endswith("_bytes") else _as_text
        return np.vectorize(as_json, otypes=[object])(array).tolist() if array.size else array.tolist()
    if array.size and array.dtype.name not in _WRITTEN:
        raise RequestError(f"Failed to write JSON value for tensor type: {type_string(array.dtype.name)}")
    if array.dtype == np.float32:
        # The shortest number that reads as the same float, not the digits of its neighbour among the doubles.
        return array.astype("U").astype(np.float64).tolist()
    return array.tolist()


def _as_base64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode("ascii")}


def _as_text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
