"""What TensorFlow Serving says of a model: the state of its versions, and its signatures."""

from typing import Any

from google.protobuf.json_format import MessageToDict
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse, ModelVersionStatus

from common.serving.server.model_repository import ModelRepository
from common.serving.server.served_models import ServedModel

_UNKNOWN = 2


def status_response(
    repository: ModelRepository, name: str, version: int | None = None
) -> GetModelStatusResponse:
    """The state of each version of a model, or of one.

    Raises:
        RequestError: there is none.
    """
    response = GetModelStatusResponse()
    for number, refusal in repository.states(name, version).items():
        state = ModelVersionStatus.AVAILABLE if refusal is None else ModelVersionStatus.END
        status = response.model_version_status.add(version=number, state=state)
        if refusal:
            status.status.error_code, status.status.error_message = _UNKNOWN, refusal
    return response


def status_json(response: GetModelStatusResponse) -> dict[str, Any]:
    """The same over REST."""
    states = [_as_json(state) for state in response.model_version_status]
    for state in states:
        state.setdefault("status", {"error_code": "OK", "error_message": ""})
    return {"model_version_status": states}


def metadata_response(model: ServedModel) -> GetModelMetadataResponse:
    """The signatures of a model."""
    response = GetModelMetadataResponse()
    response.model_spec.name = model.name
    response.model_spec.version.value = model.version
    response.metadata["signature_def"].Pack(model.definitions)
    return response


def metadata_json(model: ServedModel) -> dict[str, Any]:
    """The same over REST."""
    specification = {"name": model.name, "signature_name": "", "version": str(model.version)}
    return {"model_spec": specification, "metadata": {"signature_def": _as_json(model.definitions)}}


def _as_json(message: Any) -> dict[str, Any]:
    fields: dict[str, Any] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return fields
