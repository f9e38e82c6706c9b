"""What REST and gRPC share: the request is checked, limited and handed to the model."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

import grpc
import numpy as np
from tensorflow.core.example.example_pb2 import Example

from common.serving.model_repository import ModelRepository, ServedModel
from common.serving.refusals import RequestError, refusal_of_value, require_rows
from common.serving.request_batching import Batcher, Tensors
from common.serving.signatures import DEFAULT_SIGNATURE, Signature, checked_input

_METHOD_PREFIX = "tensorflow/serving/"
_METHOD_NOUNS = {"classify": "classification", "regress": "regression"}


@dataclass(frozen=True)
class Limits:
    """What one request may ask for."""

    max_request_bytes: int = 32 * 2**20
    """Bytes of a request as it is sent; over REST a larger one gets 413."""
    max_rows: int = 1024
    """Rows of a request."""
    max_string_bytes: int = 8 * 2**20
    """Bytes of any one text, image or recording."""
    request_seconds: float = 60.0
    """How long a request may take once it has arrived, waiting included; then 504, DEADLINE_EXCEEDED."""


class ServingCore:
    """Answers requests whose tensors have been read.

    Args:
        repository: the models.
        batcher: runs them.
        limits: of each request.
    """

    def __init__(self, repository: ModelRepository, batcher: Batcher, limits: Limits) -> None:
        self.repository = repository
        self.limits = limits
        self._batcher = batcher

    def submit(
        self, model: ServedModel, signature: str, inputs: Mapping[str, object], seconds: float | None = None
    ) -> "Future[Tensors]":
        """Hands a request to a model, which stays open until the answer is there.

        Args:
            model: in use by the caller during this call.
            signature: one of the model's.
            inputs: every input's values.
            seconds: how long the caller waits, if less than the limit.

        Returns:
            The outputs, or `RequestError`.

        Raises:
            RequestError: the inputs are not what the signature takes or are beyond a limit, or the queue is full.
        """
        arrays = self._checked(model.runner.signatures[signature], signature, inputs)
        limit = self.limits.request_seconds
        model.acquire()
        try:
            answer = self._batcher.submit(
                model.runner, signature, arrays, limit if seconds is None else min(seconds, limit)
            )
        except BaseException:
            model.release()
            raise
        answer.add_done_callback(lambda _: model.release())
        return answer

    def submit_examples(
        self,
        model: ServedModel,
        signature: str,
        method: str,
        examples: list[Example],
        seconds: float | None = None,
    ) -> "Future[Tensors]":
        """The same for a signature of the method `classify` or `regress`, which takes serialised examples.

        Raises:
            RequestError: also where the signature is of another method.
        """
        found = model.runner.signatures.get(signature)
        if found is None:
            raise RequestError(f"No signature was found with the name: {signature}")
        expected = _METHOD_PREFIX + method
        if found.method_name != expected:
            raise RequestError(
                f"Expected {_METHOD_NOUNS[method]} signature method_name to be {expected}. "
                f"Was: {found.method_name}"
            )
        if list(found.inputs) != ["inputs"]:
            raise RequestError(
                f"No {_METHOD_NOUNS[method]} inputs found in SignatureDef: {signature}",
                grpc.StatusCode.FAILED_PRECONDITION,
            )
        serialized = [example.SerializeToString() for example in examples]
        return self.submit(model, signature, {"inputs": np.array(serialized, dtype=object)}, seconds)

    def require_rows(self, rows: int) -> None:
        """Raises RequestError if a request may not have so many rows."""
        require_rows(self.limits.max_rows, rows)

    def _checked(
        self, signature: Signature, name: str, inputs: Mapping[str, object]
    ) -> dict[str, np.ndarray]:
        if inputs.keys() != signature.inputs.keys():
            sent, known = (sorted(names) for names in (inputs, signature.inputs))
            extra, missing = (sorted({*a} - {*b}) for a, b in ((sent, known), (known, sent)))
            raise RequestError(
                f"input size does not match signature: {len(sent)}!={len(known)} len({{{','.join(sent)}}}) != "
                f"len({{{','.join(known)}}}). Sent extra: {{{','.join(extra)}}}. "
                f"Missing but required: {{{','.join(missing)}}}."
            )
        arrays = {}
        for key, value in inputs.items():
            where = f"input {key!r} of signature {name!r}"
            try:
                array = arrays[key] = checked_input(where, value, signature.inputs[key])
            except ValueError as error:
                raise refusal_of_value(error) from None
            self.require_rows(len(array) if array.ndim else 0)
            longest = max(map(len, array.flat), default=0) if array.dtype == object else 0
            if longest > self.limits.max_string_bytes:
                raise RequestError(
                    f"{where}: expected at most {self.limits.max_string_bytes} bytes in a string, got {longest}"
                )
        return arrays


def class_scores(outputs: Tensors) -> tuple[np.ndarray, np.ndarray]:
    """The classes and their scores, `[rows, classes]` both, that a classify signature gave.

    Raises:
        RequestError: it gave something else.
    """
    given = [outputs[name] for name in ("classes", "scores") if name in outputs]
    if not given or any(array.ndim != 2 or array.shape != given[0].shape for array in given):
        raise RequestError("Expected Tensor shape: [batch_size num_classes] of classes and scores")
    shape = given[0].shape
    classes = outputs["classes"] if "classes" in outputs else np.full(shape, b"", dtype=object)
    return classes, outputs["scores"] if "scores" in outputs else np.zeros(shape, np.float32)


def regression_values(outputs: Tensors) -> np.ndarray:
    """The numbers `[rows]` that a regress signature gave.

    Raises:
        RequestError: it gave something else.
    """
    values = outputs.get("outputs")
    if values is None or values.dtype != np.float32 or values.shape[1:] not in ((), (1,)) or not values.ndim:
        raise RequestError("Expected Tensor shape: [batch_size] or [batch_size, 1] of the floats outputs")
    return values.reshape(-1)


def signature_of(
    model: ServedModel, name: str, unknown: Callable[[str], RequestError]
) -> tuple[str, Signature]:
    """The signature that a request names, or the default one where it names none.

    Raises:
        RequestError: what `unknown` makes of a name that the model does not have.
    """
    asked = name or DEFAULT_SIGNATURE
    if asked not in model.runner.signatures:
        raise unknown(asked)
    return asked, model.runner.signatures[asked]
