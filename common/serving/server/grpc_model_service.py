"""TensorFlow Serving's gRPC interface: ModelService.

References:
    tensorflow_serving/model_servers/model_service_impl.cc and get_model_status_impl.cc.
"""

from pathlib import Path

import grpc
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
)

from common.errors import UserError
from common.serving.server.grpc_calls import answered, asked_model
from common.serving.server.model_reports import status_response
from common.serving.server.model_repository import ModelRepository
from common.serving.server.model_sources import reloaded_sources
from common.serving.server.refusals import RequestError


def add_model_service(server: grpc.Server, repository: ModelRepository, models: Path) -> None:
    """Lets a gRPC server tell and change what is served.

    Args:
        server: before it starts.
        repository: what is served.
        models: no model out of this folder is ever taken up.
    """
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_ModelService(repository, models), server)


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, repository: ModelRepository, models: Path) -> None:
        self._repository, self._models = repository, models

    def GetModelStatus(  # noqa: N802
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        def answer() -> get_model_status_pb2.GetModelStatusResponse:
            # As under TensorFlow Serving a label picks no version here.
            name, version, _ = asked_model(request)
            return status_response(self._repository, name, version)

        return answered(context, answer)

    def HandleReloadConfigRequest(  # noqa: N802
        self, request: model_management_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> model_management_pb2.ReloadConfigResponse:
        def answer() -> model_management_pb2.ReloadConfigResponse:
            try:
                sources = reloaded_sources(request.config, self._models)
            except UserError as error:
                raise RequestError(str(error)) from None
            self._repository.reload(sources)
            return model_management_pb2.ReloadConfigResponse()

        return answered(context, answer)
