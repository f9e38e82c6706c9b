"""Counts the calls of PredictionService."""

import time
from collections.abc import Callable
from typing import Any

import grpc

from common.serving.server.metrics import RequestMetrics

_COUNTED = ("Predict", "Classify", "Regress", "MultiInference")
_SERVICE = "/tensorflow.serving.PredictionService/"


class CountingInterceptor(grpc.ServerInterceptor):
    """Counts each call that asks a model.

    Args:
        metrics: takes the counts.
        is_known: whether there is a model of a name; calls for others are not counted, else any caller could add lines.

    Example:
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> counting = CountingInterceptor(RequestMetrics(), lambda model: model == "translation")
        >>> server = grpc.server(ThreadPoolExecutor(), interceptors=[counting])
    """

    def __init__(self, metrics: RequestMetrics, is_known: Callable[[str], bool]) -> None:
        self._metrics, self._is_known = metrics, is_known

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler | None:
        handler = continuation(handler_call_details)
        service, _, api = handler_call_details.method.rpartition("/")
        if handler is None or f"{service}/" != _SERVICE or api not in _COUNTED:
            return handler
        answer = handler.unary_unary

        def counted(request: Any, context: grpc.ServicerContext) -> Any:
            begin, status = time.perf_counter(), grpc.StatusCode.OK
            try:
                return answer(request, context)
            except BaseException:
                status = context.code() or grpc.StatusCode.UNKNOWN
                raise
            finally:
                model = _model(request)
                if self._is_known(model):
                    self._metrics.add(model, api, "GRPC", status, time.perf_counter() - begin)

        return grpc.unary_unary_rpc_method_handler(
            counted, handler.request_deserializer, handler.response_serializer
        )


def _model(request: Any) -> str:
    """The model that a call asks; of a MultiInference call, which asks one for all its tasks, the first task's."""
    if hasattr(request, "tasks"):
        return str(request.tasks[0].model_spec.name) if request.tasks else ""
    return str(request.model_spec.name)
