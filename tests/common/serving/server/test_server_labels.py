"""Versions are asked for by label as under TensorFlow Serving."""

import shutil

import grpc
import pytest
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from common.errors import UserError

CONFIG = """
model_config_list {
  config { name: "toy" base_path: "/models/toy" model_platform: "tensorflow" model_version_policy { all {} }
           version_labels { key: "stable" value: 1 } version_labels { key: "canary" value: %s }
           version_labels { key: "a label/with: odd" value: 2 } }
}
"""
UNKNOWN = "Unrecognized servable version label: none"
TOO_EARLY = (
    "Request to assign label to version {} of model toy, which is not currently available for inference"
)


@pytest.fixture
def config(toys, models):
    """A configuration with labels for both versions of the model."""
    shutil.copytree(toys / "2", models / "toy" / "2")
    file = models / "models.config"
    file.write_text(CONFIG % 2)
    return file


@pytest.fixture
def labelled(serve, models, config):
    return serve(models, model_config_file=config, allow_version_labels_for_unavailable_models=True)


def version_of(web, address):
    answer = web.post(f"/v1/models/toy{address}:predict", json={"instances": ["a"]})
    return answer.json()["predictions"][0]["version"] if answer.status_code == 200 else answer.json()["error"]


def test_a_label_in_the_path_picks_the_version(labelled):
    _, web = labelled
    assert version_of(web, "/labels/stable") == 1
    assert version_of(web, "/labels/canary") == 2
    assert version_of(web, "/labels/a%20label%2Fwith%3A%20odd") == 2
    metadata = web.get("/v1/models/toy/labels/stable/metadata").json()
    assert metadata["model_spec"]["version"] == "1"
    regression = web.post(
        "/v1/models/toy/labels/stable:regress", json={"signature_name": "measure", "examples": [{"x": 1.5}]}
    )
    assert regression.json() == {"results": [3.0]}
    states = web.get("/v1/models/toy/labels/stable").json()["model_version_status"]
    assert [state["version"] for state in states] == ["2", "1"], (
        "the state of all, as TensorFlow Serving tells it"
    )


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("POST", "/toy/labels/none:predict", UNKNOWN),
        ("POST", "/other/labels/none:predict", UNKNOWN),
        ("GET", "/toy/labels/none/metadata", UNKNOWN),
        ("POST", "/toy/labels/:predict", "Malformed request: POST /v1/models/toy/labels/:predict"),
        (
            "POST",
            "/toy/versions/1/labels/stable:predict",
            "Malformed request: POST /v1/models/toy/versions/1/labels/stable:predict",
        ),
        ("GET", "", "Missing model name in request."),
    ],
)
def test_a_label_that_is_not_there_is_refused(labelled, method, path, message):
    _, web = labelled
    body = {"instances": ["a"]} if method == "POST" else None
    answer = web.request(method, f"/v1/models{path}", json=body)
    assert (answer.status_code, answer.json()) == (400, {"error": message})


def test_a_label_over_grpc_picks_the_version(labelled):
    server, _ = labelled
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.version_label = "toy", "stable"
        request.inputs["text"].dtype = 7
        request.inputs["text"].tensor_shape.dim.add(size=1)
        request.inputs["text"].string_val.append(b"a")
        answer = stub.Predict(request)
        assert list(answer.outputs["version"].int_val) == [1]
        assert answer.model_spec.version.value == 1
        asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        asked.model_spec.CopyFrom(request.model_spec)
        assert stub.GetModelMetadata(asked).model_spec.version.value == 1
        request.model_spec.version_label = "none"
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(request)
        assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, UNKNOWN)
        request.model_spec.name = ""
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(request)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        status = get_model_status_pb2.GetModelStatusRequest()
        status.model_spec.name, status.model_spec.version_label = "toy", "stable"
        states = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(status).model_version_status
        assert [state.version for state in states] == [2, 1]


def test_a_label_for_a_version_that_is_not_served_yet_is_refused(serve, models, config):
    message = TOO_EARLY.format("[12]") + "; --allow-version-labels-for-unavailable-models"
    with pytest.raises(UserError, match=message):
        serve(models, model_config_file=config)


def test_a_label_that_comes_before_its_version_finds_it_later(serve, models, config, toys):
    config.write_text(CONFIG % 5)
    server, web = serve(models, model_config_file=config, allow_version_labels_for_unavailable_models=True)
    assert version_of(web, "/labels/canary") == "Servable not found for request: Specific(toy, 5)"
    shutil.copytree(toys / "2", models / "toy" / "5")
    server.repository.refresh()
    assert version_of(web, "/labels/canary") == 2


def test_a_changed_configuration_moves_a_label_to_a_version_that_is_served_only(labelled, config):
    server, web = labelled
    config.write_text(CONFIG % 9)
    with pytest.raises(Exception, match=TOO_EARLY.format(9)):
        server.repository.refresh()
    assert version_of(web, "/labels/canary") == 2
    config.write_text(CONFIG % 1)
    server.repository.refresh()
    assert version_of(web, "/labels/canary") == 1
