"""TensorFlow Serving's gRPC interface: PredictionService."""

from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

import grpc
from tensorflow.core.example.example_pb2 import Example
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    model_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from common.serving.grpc_calls import answered, asked_model
from common.serving.model_reports import metadata_response
from common.serving.refusals import RequestError, past_deadline
from common.serving.request_batching import Tensors
from common.serving.serving_core import (
    ServingCore,
    class_scores,
    regression_values,
    signature_of,
)
from common.serving.signatures import DEFAULT_SIGNATURE
from common.serving.tensor_messages import array_of, message_of


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
            outputs = self._ask_with_examples(request, response.model_spec, "classify", context)
            for labels, scores in zip(*class_scores(outputs), strict=True):
                classes = response.result.classifications.add().classes
                for label, score in zip(labels, scores, strict=True):
                    classes.add(label=label.decode("utf-8", "replace"), score=score)
            return response

        return answered(context, answer)

    def Regress(  # noqa: N802
        self, request: regression_pb2.RegressionRequest, context: grpc.ServicerContext
    ) -> regression_pb2.RegressionResponse:
        def answer() -> regression_pb2.RegressionResponse:
            response = regression_pb2.RegressionResponse()
            outputs = self._ask_with_examples(request, response.model_spec, "regress", context)
            for value in regression_values(outputs):
                response.result.regressions.add(value=value)
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
        inputs = {name: array_of(name, tensor, limit) for name, tensor in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        with self._core.repository.model(*asked_model(request)) as model:
            name, signature = signature_of(model, request.model_spec.signature_name, _no_signature)
            wanted = _wanted(list(request.output_filter), list(signature.outputs))
            future = self._core.submit(model, name, inputs, context.time_remaining())
            _describe(response.model_spec, model.name, model.version, name)
        outputs = self._awaited(future, context)
        for output in wanted:
            response.outputs[output].CopyFrom(message_of(outputs[output]))
        return response

    def _ask_with_examples(
        self, request: Any, specification: model_pb2.ModelSpec, method: str, context: grpc.ServicerContext
    ) -> Tensors:
        with self._core.repository.model(*asked_model(request)) as model:
            name = request.model_spec.signature_name or DEFAULT_SIGNATURE
            future = self._core.submit_examples(
                model, name, method, _examples(request.input), context.time_remaining()
            )
            _describe(specification, model.name, model.version, name)
        return self._awaited(future, context)

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
    if not merged:
        raise RequestError("Input is empty.")
    return merged


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
