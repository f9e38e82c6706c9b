"""Requests in TensorFlow Serving's JSON: rows (`instances`), columns (`inputs`) or examples.

References:
    https://www.tensorflow.org/tfx/serving/api_rest; the texts of errors are those of
    tensorflow_serving/util/json_tensor.cc.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from tensorflow.core.example.example_pb2 import Example
from tensorflow.core.example.feature_pb2 import Feature

from common.inference.signatures import SignatureInfo, TensorInfo
from common.serving.server import json_documents
from common.serving.server.json_documents import encoded, is_integer, members
from common.serving.server.json_tensors import array_of_json, bytes_of, floats, is_base64, json_type, shown
from common.serving.server.refusals import RequestError


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        RequestError: it is not one.
    """
    document = json_documents.parse(body)
    if not isinstance(document, dict):
        raise RequestError(f"JSON Value: {shown(document)} Is not object")
    return document


def signature_name(document: Mapping[str, Any]) -> str:
    """The signature that a request names; empty if it names none."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise RequestError(
            f"JSON Value: {shown(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return name


def predict_inputs(
    document: Mapping[str, Any], signature: SignatureInfo, require_rows: Callable[[int], None]
) -> dict[str, np.ndarray]:
    """The tensors of a predict request.

    Args:
        document: with `instances`, one for each row: an object of named values, or a value alone where the signature
            has one input; or with `inputs`: an object of named tensors, or a tensor alone.
        signature: what it is for.
        require_rows: refuses too many rows.

    Raises:
        RequestError: naming what is wrong.
    """
    if "instances" in document and "inputs" in document:
        raise RequestError(
            f"JSON Value: {shown(document)} Not formatted correctly expecting only one of 'inputs' or "
            "'instances' keys to exist "
        )
    if not signature.inputs:
        asked = signature_name(document) or "DEFAULT"
        raise RequestError(f"Failed to get input map for signature: {asked}")
    if "inputs" in document:
        return _columns(document["inputs"], signature.inputs)
    if "instances" not in document:
        raise RequestError("Missing 'inputs' or 'instances' key")
    instances = document["instances"]
    if not isinstance(instances, list):
        raise RequestError(f"JSON Value: {shown(document)} Excepting 'instances' to be an list/array")
    if not instances:
        raise RequestError(f"JSON Value: {shown(document)} No values in 'instances' array")
    require_rows(len(instances))
    return _rows(instances, signature.inputs)


def _columns(inputs: Any, expected: Mapping[str, TensorInfo]) -> dict[str, np.ndarray]:
    if not isinstance(inputs, dict) or is_base64(inputs):
        if len(expected) > 1:
            raise RequestError(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as "
                "per tensorinfo_map"
            )
        return {name: array_of_json(inputs, info) for name, info in expected.items()}
    for name in expected:
        if name not in inputs:
            raise RequestError(f"Missing named input: {name} in 'inputs' object.")
    return {name: array_of_json(inputs[name], info) for name, info in expected.items()}


def _rows(instances: Sequence[Any], expected: Mapping[str, TensorInfo]) -> dict[str, np.ndarray]:
    are_objects = _is_named(instances[0])
    if not are_objects and len(expected) > 1:
        raise RequestError(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as "
            "per tensorinfo_map"
        )
    columns: dict[str, list[np.ndarray]] = {name: [] for name in expected}
    for number, instance in enumerate(instances):
        if _is_named(instance) != are_objects:
            kinds = ("object but got list", "value/list but got object")
            raise RequestError(f"Expecting {kinds[not are_objects]} at item {number} of input list")
        named = members(instance) if are_objects else ((name, instance) for name in expected)
        keys = set()
        for name, value in named:
            keys.add(name)
            try:
                _add(columns, name, value, expected)
            except RequestError as error:
                key = f" key: {name}" if are_objects else ""
                raise RequestError(
                    f"Failed to process element: {number}{key} of 'instances' list. "
                    f"Error: {error.code.name}: {error}"
                ) from None
        if keys != expected.keys():
            raise RequestError(
                f"Failed to process element: {number} of 'instances' list. JSON object: {shown(instance)} "
                f"keys must be equal to: {','.join(sorted(expected))}"
            )
    # A key that occurs twice in a row gives two values, of which as many are taken as there are rows.
    return {name: np.stack(values[: len(instances)]) for name, values in columns.items()}


def _add(
    columns: Mapping[str, list[np.ndarray]], name: str, value: Any, expected: Mapping[str, TensorInfo]
) -> None:
    if name not in expected:
        raise RequestError(f"JSON object: does not have named input: {name}")
    array, earlier = array_of_json(value, expected[name]), columns[name]
    if earlier and earlier[0].size != array.size:
        raise RequestError(f"Expecting tensor size: {earlier[0].size} but got: {array.size}")
    if earlier and earlier[0].shape != array.shape:
        raise RequestError(f"Expecting shape {_shape(earlier[0])} but got: {_shape(array)}")
    earlier.append(array)


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _shape(array: np.ndarray) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def examples(document: Mapping[str, Any], method: str) -> list[Example]:
    """The examples of a classify or regress request, each an object of features; `context` has those that they share.

    Raises:
        RequestError: naming what is wrong.
    """
    if "examples" not in document:
        raise RequestError(
            f"JSON Value: {shown(document)} When method is {method}, key 'examples' is expected and was not found"
        )
    given = document["examples"]
    if not isinstance(given, list):
        raise RequestError(f"JSON Value: {shown(document)} Expecting 'examples' value to be an list/array")
    if not given:
        raise RequestError(f"JSON Value: {shown(document)} 'examples' value is an empty array")
    context = _example(document.get("context", {}))
    read = [_example(value) for value in given]
    for example in read:
        for name, feature in context.features.feature.items():
            if name not in example.features.feature:
                example.features.feature[name].CopyFrom(feature)
    return read


def _example(value: Any) -> Example:
    if not isinstance(value, dict):
        raise RequestError(f"Example must be JSON object but got JSON {json_type(value)}")
    example = Example()
    for name, content in members(value):
        feature = _feature(name, content if isinstance(content, list) else [content])
        example.features.feature[encoded(name).decode("utf-8", "replace")].CopyFrom(feature)
    return example


def _feature(name: str, values: Sequence[Any]) -> Feature:
    """A feature of the kind that its first value has.

    Raises:
        RequestError: another value is of another kind, or a value is of none.
    """
    feature = Feature()
    kinds = {_kind(name, value) for value in values}
    if len(kinds) > 1:
        first = _kind(name, values[0])
        raise RequestError(f"Unexpected element type in feature: {name} expecting type: {first}")
    if kinds == {"int64"}:
        if any(value >= 2**63 for value in values):
            raise RequestError(f"Feature: {name} has uint64 element. Only int64 is supported.")
        feature.int64_list.value.extend(map(int, values))
    elif kinds == {"float"}:
        feature.float_list.value.extend(floats(values, "float32").tolist())
    elif kinds == {"bytes"}:
        feature.bytes_list.value.extend(map(bytes_of, values))
    return feature


def _kind(name: str, value: Any) -> str:
    if isinstance(value, bool) or is_integer(value):
        return "int64"
    if isinstance(value, int | float):
        return "float"
    if isinstance(value, str) or is_base64(value):
        return "bytes"
    raise RequestError(f"Feature: {name} has element with unexpected JSON type: {json_type(value)}")
