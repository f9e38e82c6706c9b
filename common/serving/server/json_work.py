"""What is done with JSON for one request: reading its tensors, and writing its answer.

Whole steps, without the server's objects, so that a large request's can be done in another process.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from tensorflow.core.example.example_pb2 import Example

from common.inference.signatures import DEFAULT_SIGNATURE, SignatureInfo
from common.serving.server import json_answers, json_requests
from common.serving.server.refusals import RequestError, require_rows

Tensors = Mapping[str, np.ndarray]
_NUMBER_BYTES = 32


@dataclass(frozen=True)
class PredictRequest:
    """A predict request that has been read.

    Attributes:
        signature: the one it asks.
        inputs: its tensors.
        in_rows: whether the answer is in rows too.
    """

    signature: str
    inputs: dict[str, np.ndarray]
    in_rows: bool


def predict_request(body: bytes, signatures: Mapping[str, SignatureInfo], max_rows: int) -> PredictRequest:
    """Reads a predict request.

    Raises:
        RequestError: it is wrong, asks a signature that is not there, or has more than `max_rows` rows.
    """
    document = json_requests.parse(body)
    name = json_requests.signature_name(document) or DEFAULT_SIGNATURE
    if name not in signatures:
        raise RequestError(f'Serving signature name: "{name}" not found in signature def')
    inputs = json_requests.predict_inputs(document, signatures[name], partial(require_rows, max_rows))
    return PredictRequest(name, inputs, "instances" in document)


def size_of_request(body: bytes) -> int:
    """About how many bytes of numbers take as long to read as a request: those of its strings, such as pictures, take
    a quarter of the time.

    >>> numbers, picture = b",".join([b"0.123456789"] * 10_000), b'"' + b"A" * 120_000 + b'"'
    >>> [size_of_request(body) // 1000 for body in (numbers, picture)]
    [189, 30]
    """
    return len(body) // 4 + 16 * body.count(b",")


def require_object(body: bytes) -> None:
    """Raises RequestError if a request is no JSON object, or names no signature in a string."""
    json_requests.signature_name(json_requests.parse(body))


def examples_request(body: bytes, method: str, max_rows: int) -> tuple[str, list[Example]]:
    """Reads a classify or regress request: the signature that it asks, and its examples.

    Raises:
        RequestError: it is wrong, or has more than `max_rows` examples.
    """
    document = json_requests.parse(body)
    given = document.get("examples")
    if isinstance(given, list):
        require_rows(max_rows, len(given))
    examples = json_requests.examples(document, method)
    return json_requests.signature_name(document) or DEFAULT_SIGNATURE, examples


def predict_answer(outputs: Tensors, in_rows: bool) -> bytes:
    """The answer to a predict request."""
    return written(json_answers.predictions(outputs) if in_rows else json_answers.columns(outputs))


def examples_answer(outputs: Tensors, method: str, rows: int) -> bytes:
    """The answer to a classify or regress request with so many examples.

    Raises:
        RequestError: the model gave what is no such answer.
    """
    write = json_answers.classifications if method == "classify" else json_answers.regressions
    return written(write(outputs, rows))


def written(value: Mapping[str, object]) -> bytes:
    """JSON as it is sent."""
    return json.dumps(value).encode()


def size_of(outputs: Tensors) -> int:
    """About how many bytes the answer takes."""
    return sum(
        sum(map(len, array.flat)) if array.dtype == object else _NUMBER_BYTES * array.size
        for array in outputs.values()
    )
