"""TensorFlow Serving's gRPC interface: PredictionService."""

from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

import grpc
from tensorflow.core.example.example_pb2 import Example
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    model_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from common.inference.signatures import DEFAULT_SIGNATURE
from common.serving.server.grpc_calls import answered, asked_model
from common.serving.server.model_reports import metadata_response
from common.serving.server.refusals import RequestError, past_deadline
from common.serving.server.request_batching import Tensors
from common.serving.server.served_models import ServedModel
from common.serving.server.serving_core import (
    ServingCore,
    class_scores,
    regression_values,
    requested_signature,
    require_method,
)
from common.serving.tensor_messages import array_of_message, message_of

_METHODS = {f"tensorflow/serving/{method}": method for method in ("classify", "regress")}


def add_prediction_service(server: grpc.Server, core: ServingCore) -> None:
    """Lets a gRPC server answer for models as TensorFlow Serving."""
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_PredictionService(core), server)


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, core: ServingCore) -> None:
        self._core = core

    def Predict(  # noqa: N802
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        return answered(context, lambda: self._predict(request, context))

    def Classify(  # noqa: N802
        self, request: classification_pb2.ClassificationRequest, context: grpc.ServicerContext
    ) -> classification_pb2.ClassificationResponse:
        def answer() -> classification_pb2.ClassificationResponse:
            response = classification_pb2.ClassificationResponse()
            examples = _examples(request.input)
            future = self._ask_with_examples(request, examples, response.model_spec, "classify", context)
            _fill_classes(response.result, self._awaited(future, context), len(examples))
            return response

        return answered(context, answer)

    def Regress(  # noqa: N802
        self, request: regression_pb2.RegressionRequest, context: grpc.ServicerContext
    ) -> regression_pb2.RegressionResponse:
        def answer() -> regression_pb2.RegressionResponse:
            response = regression_pb2.RegressionResponse()
            examples = _examples(request.input)
            future = self._ask_with_examples(request, examples, response.model_spec, "regress", context)
            _fill_regressions(response.result, self._awaited(future, context), len(examples))
            return response

        return answered(context, answer)

    def MultiInference(  # noqa: N802
        self, request: inference_pb2.MultiInferenceRequest, context: grpc.ServicerContext
    ) -> inference_pb2.MultiInferenceResponse:
        def answer() -> inference_pb2.MultiInferenceResponse:
            response = inference_pb2.MultiInferenceResponse()
            examples = _examples(request.input)
            # All tasks ask the model that the first one names, in the version that it names.
            first = request.tasks[0] if request.tasks else inference_pb2.InferenceTask()
            with self._core.repository.model(*asked_model(first)) as model:
                methods = _task_methods(request.tasks, model)
                futures = []
                for name, method in methods.items():
                    specification = response.results.add().model_spec
                    _describe(specification, model.name, model.version, name)
                    futures.append(
                        self._core.submit_examples(model, name, method, examples, context.time_remaining())
                    )
            for result, method, future in zip(response.results, methods.values(), futures, strict=True):
                outputs = self._awaited(future, context)
                if method == "classify":
                    _fill_classes(result.classification_result, outputs, len(examples))
                else:
                    _fill_regressions(result.regression_result, outputs, len(examples))
            return response

        return answered(context, answer)

    def GetModelMetadata(  # noqa: N802
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        def answer() -> get_model_metadata_pb2.GetModelMetadataResponse:
            if not request.metadata_field:
                raise RequestError("GetModelMetadataRequest must specify at least one metadata_field")
            for field in request.metadata_field:
                if field != "signature_def":
                    raise RequestError(f"Metadata field {field} is not supported")
            with self._core.repository.model(*asked_model(request)) as model:
                return metadata_response(model)

        return answered(context, answer)

    def _predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        limit = self._core.limits.max_request_bytes
        response = predict_pb2.PredictResponse()
        with self._core.repository.model(*asked_model(request)) as model:
            name, signature = requested_signature(model, request.model_spec.signature_name, _no_signature)
            tensors = dict(request.inputs)
            if len(tensors) < len(signature.inputs):
                tensors = {**model.definitions.signature_def[name].defaults, **tensors}
            inputs = {key: array_of_message(key, tensor, limit) for key, tensor in tensors.items()}
            wanted = _wanted(list(request.output_filter), list(signature.outputs))
            future = self._core.submit(model, name, inputs, context.time_remaining())
            _describe(response.model_spec, model.name, model.version, name)
        outputs = self._awaited(future, context)
        for output in wanted:
            response.outputs[output].CopyFrom(message_of(outputs[output]))
        return response

    def _ask_with_examples(
        self,
        request: Any,
        examples: list[Example],
        specification: model_pb2.ModelSpec,
        method: str,
        context: grpc.ServicerContext,
    ) -> "Future[Tensors]":
        with self._core.repository.model(*asked_model(request)) as model:
            name = request.model_spec.signature_name or DEFAULT_SIGNATURE
            _describe(specification, model.name, model.version, name)
            return self._core.submit_examples(model, name, method, examples, context.time_remaining())

    def _awaited(self, future: "Future[Tensors]", context: grpc.ServicerContext) -> Tensors:
        limit = self._core.limits.request_seconds
        remaining = context.time_remaining()
        seconds = limit if remaining is None else min(remaining, limit)
        if not context.add_callback(future.cancel):
            future.cancel()
        try:
            return future.result(seconds)
        except CancelledError:
            raise RequestError("the caller has gone", grpc.StatusCode.CANCELLED) from None
        except FutureTimeoutError:
            future.cancel()
            raise past_deadline(seconds) from None


def _examples(given: Any) -> list[Example]:
    if given.WhichOneof("kind") == "example_list_with_context":
        shared = given.example_list_with_context
        merged = []
        for example in shared.examples:
            whole = Example()
            whole.CopyFrom(shared.context)
            whole.MergeFrom(example)
            merged.append(whole)
    else:
        merged = list(given.example_list.examples)
    return merged


def _task_methods(tasks: Sequence[inference_pb2.InferenceTask], model: ServedModel) -> dict[str, str]:
    """The method for which each signature is asked.

    Raises:
        RequestError: the tasks are not of one model with one input, name a signature twice or that it does not have,
            or ask another method.
    """
    methods: dict[str, str] = {}
    inputs = set()
    for task in tasks:
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if not task.model_spec.name:
            raise RequestError("Found ModelSpec with an empty model name.")
        if task.model_spec.name != tasks[0].model_spec.name:
            raise RequestError("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        if name in methods:
            raise RequestError(f"Duplicate evaluation of signature: {name}")
        if name not in model.runner.signatures:
            raise RequestError(f"Requested signature not found in model graph: {name}")
        method = _METHODS.get(task.method_name)
        if method is None:
            raise RequestError(
                f"Unsupported signature method_name: {task.method_name}", grpc.StatusCode.UNIMPLEMENTED
            )
        require_method(model.runner.signatures[name], name, method)
        inputs.add(model.definitions.signature_def[name].inputs["inputs"].name)
        if len(inputs) > 1:
            raise RequestError("Input tensor must be the same for all Signatures.")
        methods[name] = method
    return methods


def _fill_classes(result: classification_pb2.ClassificationResult, outputs: Tensors, rows: int) -> None:
    for labels, scores in zip(*class_scores(outputs, rows), strict=True):
        classes = result.classifications.add().classes
        for label, score in zip(labels, scores, strict=True):
            classes.add(label=label.decode("utf-8", "replace"), score=score)


def _fill_regressions(result: regression_pb2.RegressionResult, outputs: Tensors, rows: int) -> None:
    for value in regression_values(outputs, rows):
        result.regressions.add(value=value)


def _wanted(asked: list[str], known: list[str]) -> list[str]:
    """The outputs to send: all, or those that a request names."""
    for place, output in enumerate(asked):
        if output not in known:
            raise RequestError(
                f"output tensor alias not found in signature: {output} Outputs expected to be in the set "
                f"{{{','.join(known)}}}."
            )
        if output in asked[:place]:
            raise RequestError(f"duplicate output tensor alias: {output}")
    return asked or known


def _describe(specification: model_pb2.ModelSpec, name: str, version: int, signature: str) -> None:
    specification.name, specification.signature_name = name, signature
    specification.version.value = version


def _no_signature(name: str) -> RequestError:
    return RequestError(f'Serving signature key "{name}" not found.', grpc.StatusCode.FAILED_PRECONDITION)
