"""What REST and gRPC share: the request is checked, limited and handed to the model."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from tensorflow.core.example.example_pb2 import Example

from common.inference.runner import SavedModelRunner
from common.inference.signatures import DEFAULT_SIGNATURE, SignatureInfo, has_shape, typed_input
from common.serving.server.model_repository import ModelRepository
from common.serving.server.refusals import RequestError, refusal_of_value, require_rows
from common.serving.server.request_batching import Batcher, Tensors
from common.serving.server.served_models import ServedModel


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


@dataclass(frozen=True)
class _Method:
    """What a signature that takes examples has: its noun, the outputs of which it has one, how many it may have."""

    noun: str
    outputs: tuple[str, ...]
    counts: tuple[int, ...]
    expected: str


_METHODS = {
    "classify": _Method("classification", ("classes", "scores"), (1, 2), "one or two output Tensors"),
    "regress": _Method("regression", ("outputs",), (1,), "one output Tensor"),
}


class _AsGiven:
    """Runs inputs of shapes that a signature does not declare. Each is another, so that such a request runs alone."""

    def __init__(self, runner: SavedModelRunner) -> None:
        self.signatures = runner.signatures
        self.run = runner.run_as_given


class ServingCore:
    """Answers requests whose tensors have been read.

    Args:
        repository: the models.
        batcher: runs them.
        limits: of each request.

    Example:
        >>> from common.model_folders import model_folder
        >>> from common.serving.server.model_sources import ModelSource
        >>> from common.serving.server.request_batching import BatchingOptions
        >>> folder = model_folder("sentiment_analysis")
        >>> sources = [ModelSource("sentiment_analysis", folder, root=folder.resolve())]
        >>> options = {"poll_seconds": 0, "threads": None, "warms_up": False, "log": print}
        >>> repository = ModelRepository(lambda: sources, where=str(folder), **options)
        sentiment_analysis/...: served
        >>> batcher = Batcher(BatchingOptions())
        >>> core = ServingCore(repository, batcher, Limits())
        >>> with repository.model("sentiment_analysis") as model:
        ...     answer = core.submit(model, "serving_default", {"text": ["A delight from start to finish."]})
        >>> answer.result()["label"].tolist()
        [b'positive']
        >>> batcher.close()
        >>> repository.close()
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
            inputs: every input's values, of any shape: what the graph makes of it is the answer.
            seconds: how long the caller waits, if less than the limit.

        Returns:
            The outputs, or `RequestError`.

        Raises:
            RequestError: the inputs are not what the signature takes or are beyond a limit, or the queue is full.
        """
        if signature in model.runner.unusable:
            raise RequestError(model.runner.unusable[signature])
        expected = model.runner.signatures[signature]
        arrays = self._checked(expected, signature, inputs)
        is_declared = all(has_shape(array, expected.inputs[name]) for name, array in arrays.items())
        runner = model.runner if is_declared else _AsGiven(model.runner)
        limit = self.limits.request_seconds
        model.acquire()
        try:
            answer = self._batcher.submit(
                runner, signature, arrays, limit if seconds is None else min(seconds, limit)
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
        """The same for the methods `classify` and `regress`, whose signatures take serialised examples.

        What method the signature says it is of does not matter, as in TensorFlow Serving unless it is started with
        `--enable_signature_method_name_check`: those that TensorFlow 2 saves are all called `predict`.

        Raises:
            RequestError: also where the signature's inputs or outputs are not those of the method, or no example came.
        """
        definition = model.runner.signatures.get(signature)
        if definition is None:
            raise RequestError(f"No signature was found with the name: {signature}")
        require_method(definition, signature, method)
        if not examples:
            raise RequestError("Input is empty.")
        serialized = [example.SerializeToString() for example in examples]
        return self.submit(model, signature, {"inputs": np.array(serialized, dtype=object)}, seconds)

    def require_rows(self, rows: int) -> None:
        """Raises RequestError if a request may not have so many rows."""
        require_rows(self.limits.max_rows, rows)

    def _checked(
        self, signature: SignatureInfo, name: str, inputs: Mapping[str, object]
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
                array = arrays[key] = typed_input(where, value, signature.inputs[key])
            except ValueError as error:
                raise refusal_of_value(error) from None
            self.require_rows(len(array) if array.ndim else 0)
            longest = max(map(len, array.flat), default=0) if array.dtype == object else 0
            if longest > self.limits.max_string_bytes:
                raise RequestError(
                    f"{where}: expected at most {self.limits.max_string_bytes} bytes in a string, got {longest}"
                )
        return arrays


def require_method(signature: SignatureInfo, name: str, method: str) -> None:
    """Raises RequestError if a signature cannot answer a method."""
    expected = _METHODS[method]
    if len(signature.inputs) != 1:
        raise RequestError("Expected one input Tensor.")
    if len(signature.outputs) not in expected.counts:
        raise RequestError(f"Expected {expected.expected}, found {len(signature.outputs)}")
    if "inputs" not in signature.inputs:
        raise RequestError(f"No {expected.noun} inputs found in SignatureDef: {name}")
    if not signature.outputs.keys() & set(expected.outputs):
        raise RequestError(
            f"No {expected.noun} outputs found in SignatureDef: {name}; "
            f"expected at least one of {', '.join(expected.outputs)}"
        )


def class_scores(outputs: Tensors, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The classes and their scores, `[rows, classes]` both, that a classify signature gave.

    Args:
        outputs: `classes`, `scores` or both.
        rows: examples that were sent.

    Raises:
        RequestError: it gave something else.
    """
    given = {name: outputs[name] for name in ("classes", "scores") if name in outputs}
    for name, array in given.items():
        kind, expected = ("DT_STRING", "object") if name == "classes" else ("DT_FLOAT", "float32")
        if array.ndim != 2:
            raise RequestError(
                f"Expected Tensor shape: [batch_size num_classes] of {name} but got {list(array.shape)}"
            )
        if array.dtype.name != expected:
            raise RequestError(f"Expected {name} Tensor of {kind}. Got: {array.dtype.name}")
        if len(array) != rows:
            raise RequestError(f"Expected {name} output batch size of {rows}. Got: {len(array)}")
    widths = {array.shape[1] for array in given.values()}
    if len(widths) != 1:
        raise RequestError(
            "Tensors class and score should match in dim_size(1). "
            f"Got {' vs. '.join(str(array.shape[1]) for array in given.values())}"
        )
    shape = (rows, *widths)
    classes = given["classes"] if "classes" in given else np.full(shape, b"", dtype=object)
    return classes, given["scores"] if "scores" in given else np.zeros(shape, np.float32)


def regression_values(outputs: Tensors, rows: int) -> np.ndarray:
    """The numbers `[rows]` that a regress signature gave.

    Args:
        outputs: the one output `outputs`.
        rows: examples that were sent.

    Raises:
        RequestError: it gave something else.
    """
    values = outputs["outputs"]
    if values.ndim != 1 and values.shape[1:] != (1,):
        raise RequestError(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            f"{list(values.shape)}"
        )
    if len(values) != rows:
        raise RequestError(f"Input batch size did not match output batch size: {rows} vs. {len(values)}")
    if values.dtype != np.float32:
        raise RequestError(f"Expected output Tensor of DT_FLOAT.  Got: {values.dtype.name}")
    return values.reshape(-1)


def requested_signature(
    model: ServedModel, name: str, unknown: Callable[[str], RequestError]
) -> tuple[str, SignatureInfo]:
    """The signature that a request names, or the default one where it names none.

    Raises:
        RequestError: what `unknown` makes of a name that the model does not have.
    """
    asked = name or DEFAULT_SIGNATURE
    if asked not in model.runner.signatures:
        raise unknown(asked)
    return asked, model.runner.signatures[asked]
