"""A running server is given another configuration over gRPC, as TensorFlow Serving can be."""

import shutil

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc


@pytest.fixture
def running(serve, models):
    return serve(models)


@pytest.fixture
def reload(running):
    """Sends a configuration and returns the answer's status and text."""
    server, _ = running
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)

        def send(*models, text=None):
            listed = "".join(f"config {{ {model} }} " for model in models)
            request = model_management_pb2.ReloadConfigRequest()
            text_format.Parse(text or f"model_config_list {{ {listed} }}", request.config)
            try:
                status = stub.HandleReloadConfigRequest(request, timeout=60).status
            except grpc.RpcError as error:
                return error.code().name, error.details()
            return status.error_code, status.error_message

        yield send


OK = (0, "")


def model(name, path, more=""):
    return f'name: "{name}" base_path: "{path}" model_platform: "tensorflow" {more}'


def test_the_new_models_answer_when_the_call_comes_back_and_the_old_have_ended(running, reload, models):
    server, web = running
    assert reload(model("first", "/models/toy"), model("second", models / "toy")) == OK
    assert server.repository.available() == ["first/1", "second/1"]
    answer = web.post("/v1/models/second:predict", json={"instances": ["a"]})
    assert answer.json()["predictions"][0]["shouted"] == "A"
    gone = web.post("/v1/models/toy:predict", json={"instances": ["a"]})
    assert gone.status_code == 404
    (ended,) = web.get("/v1/models/toy").json()["model_version_status"]
    assert ended == {"version": "1", "state": "END", "status": {"error_code": "OK", "error_message": ""}}


def test_what_is_looked_at_afterwards_is_the_new_configuration(running, reload, models, toys):
    server, _ = running
    assert reload(model("renamed", "/models/toy")) == OK
    shutil.copytree(toys / "2", models / "toy" / "2")
    shutil.copytree(toys / "2", models / "other" / "1")
    server.repository.refresh()
    assert server.repository.available() == ["renamed/2"]


def test_versions_and_labels_are_taken_over(running, reload, models, toys):
    server, web = running
    shutil.copytree(toys / "2", models / "toy" / "2")
    every = "model_version_policy { all {} }"
    label = 'version_labels { key: "new" value: 2 }'
    assert reload(model("toy", "/models/toy", f"{every} {label}")) == (
        "FAILED_PRECONDITION",
        "Request to assign label to version 2 of model toy, which is not currently available for inference",
    )
    assert server.repository.available() == ["toy/1"]
    assert reload(model("toy", "/models/toy", every)) == OK
    assert reload(model("toy", "/models/toy", f"{every} {label}")) == OK
    answer = web.post("/v1/models/toy/labels/new:predict", json={"instances": ["a"]})
    assert answer.json()["predictions"][0]["version"] == 2


def test_a_configuration_of_no_models_ends_all(running, reload):
    server, _ = running
    assert reload() == OK
    assert server.repository.available() == []


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        ([model("a", "/models/toy"), model("a", "/models/toy")], "Illegal to list model a multiple times"),
        ([model("", "/models/toy")], "expected a name for each model"),
        ([model("a", "")], "model 'a': expected a base_path"),
        ([model("a", "toy")], "Expected model a to have an absolute path or URI as base path"),
        ([model("a", "/models/absent")], "no such folder"),
        ([model("a", "/etc")], "model 'a': base_path /etc: leads out of"),
        ([model("a", "/models/../..")], "leads out of"),
        ([model("a", "/models/linked")], "leads out of"),
        ([model("a", "/models/toy").replace("tensorflow", "caffe")], "requests unsupported platform caffe"),
    ],
)
def test_a_wrong_configuration_leaves_all_as_it_is(running, reload, models, toys, configs, message):
    (models / "linked").symlink_to(toys)
    server, _ = running
    code, details = reload(*configs)
    assert code == "INVALID_ARGUMENT"
    assert message in details
    assert "\n" not in details
    server.repository.refresh()
    assert server.repository.available() == ["toy/1"]


@pytest.mark.parametrize("text", ["", "custom_model_config {}"])
def test_only_a_list_of_models_is_taken(running, reload, text):
    code, details = reload(text=text or " ")
    assert code == "INVALID_ARGUMENT"
    assert details == (
        "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently "
        "supported"
    )


def test_a_new_model_that_cannot_be_loaded_is_told_and_the_others_are_served(running, reload, models, toys):
    server, _ = running
    (models / "broken" / "3").mkdir(parents=True)
    (models / "broken" / "3" / "saved_model.pb").write_bytes(b"no graph")
    (models / "empty").mkdir()
    code, details = reload(
        model("broken", "/models/broken"), model("new", "/models/toy"), model("empty", "/models/empty")
    )
    assert code == "UNKNOWN"
    assert details.startswith(
        "2 model(s) did not become available: {{{name: broken version: 3} due to error: "
    )
    assert "{{name: empty version: 0} due to error: no version found}" in details
    assert server.repository.available() == ["new/1"]
    shutil.rmtree(models / "broken" / "3")
    shutil.copytree(toys / "2", models / "broken" / "3")
    server.repository.refresh()
    assert server.repository.available() == ["broken/3", "new/1"]
