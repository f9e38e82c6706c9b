"""What the local server promises to those who ask it, over REST and over gRPC."""

import base64
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from common.errors import UserError
from common.serving.server.local_server import BatchingOptions, Limits, ServerOptions, running_server

pytestmark = pytest.mark.slow

SHIPPED = Path(__file__).parents[4] / "saved_models"
LIMITS = Limits(max_request_bytes=100_000, max_rows=20, max_string_bytes=1000, request_seconds=30)


@pytest.fixture(scope="module")
def models(toys, tmp_path_factory):
    """`toy` with both versions, the shipped sentiment analysis, a folder without versions, a link that leads out."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(toys, folder / "toy")
    shutil.copytree(SHIPPED / "sentiment_analysis", folder / "sentiment_analysis")
    (folder / "notes").mkdir()
    (folder / "models.config").touch()
    (folder / "outside").symlink_to(toys)
    return folder


@pytest.fixture(scope="module")
def server(models):
    options = ServerOptions(
        models=models,
        latest_versions=2,
        rest_port=0,
        grpc_port=0,
        poll_seconds=0,
        limits=LIMITS,
        batching=BatchingOptions(batch_timeout_ms=5),
    )
    with running_server(options) as running:
        yield running


@pytest.fixture(scope="module")
def web(server):
    with httpx.Client(base_url=f"http://127.0.0.1:{server.rest_port}/v1/models", timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        yield channel


@pytest.fixture(scope="module")
def stub(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def predict_request(model, signature="", version=None, **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    if version is not None:
        request.model_spec.version.value = version
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(
            value if isinstance(value, TensorProto) else tf.make_tensor_proto(value)
        )
    return request


def asked(web, model="toy", **document):
    return web.post(f"/{model}:predict", json=document)


def assert_goes_on(web):
    answer = asked(web, instances=["still here"])
    assert answer.json() == {"predictions": [{"shouted": "STILL HERE", "version": 2}]}


# REST: what is answered


def test_rows_are_answered_in_rows_and_columns_in_columns(web):
    rows = asked(web, instances=["a", "b"])
    assert rows.status_code == 200
    assert rows.headers["content-type"] == "application/json"
    assert rows.json() == {"predictions": [{"shouted": "A", "version": 2}, {"shouted": "B", "version": 2}]}
    assert asked(web, instances=[{"text": "a"}]).json() == {"predictions": [{"shouted": "A", "version": 2}]}
    expected = {"outputs": {"shouted": ["A", "B"], "version": [2, 2]}}
    assert asked(web, inputs=["a", "b"]).json() == expected
    assert asked(web, inputs={"text": ["a", "b"]}).json() == expected


def test_one_output_is_not_wrapped(web):
    rows = asked(web, signature_name="total", instances=[[0.1, 0.1], [1, 2]])
    assert rows.text == '{"predictions": [0.2, 3.0]}'
    columns = asked(web, signature_name="total", inputs={"x": [[0.1, 0.1]]})
    assert columns.text == '{"outputs": [0.2]}'


def test_bytes_travel_as_base64(web):
    data = bytes(range(256))
    row = {"image_bytes": {"b64": base64.b64encode(data).decode()}, "count": 2**62, "flag": True}
    answer = asked(web, signature_name="same", instances=[row]).json()["predictions"][0]
    assert base64.b64decode(answer["copy_bytes"]["b64"]) == data
    assert (answer["count"], answer["flag"]) == (2**62, True)


@pytest.mark.parametrize(("version", "number"), [("", 2), ("/versions/1", 1), ("/versions/2", 2)])
def test_the_latest_version_answers_unless_another_is_asked_for(web, version, number):
    answer = web.post(f"/toy{version}:predict", json={"instances": ["a"]})
    assert answer.json()["predictions"][0]["version"] == number


def test_the_state_of_the_versions(web):
    ok = {"error_code": "OK", "error_message": ""}
    states = [{"version": number, "state": "AVAILABLE", "status": ok} for number in ("2", "1")]
    assert web.get("/toy").json() == {"model_version_status": states}
    assert web.get("/toy/versions/1").json() == {"model_version_status": states[1:]}


def test_the_signatures_are_told(web):
    told = web.get("/toy/versions/1/metadata").json()
    assert told["model_spec"] == {"name": "toy", "signature_name": "", "version": "1"}
    total = told["metadata"]["signature_def"]["signature_def"]["total"]
    assert total["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert [size["size"] for size in total["inputs"]["x"]["tensor_shape"]["dim"]] == ["-1", "-1"]
    assert total["method_name"] == "tensorflow/serving/predict"


def test_the_shipped_model_answers_as_its_savedmodel(server, web, stub):
    texts = ["not bad at all, I loved it", "a great cast, but the story goes nowhere"]
    with server.repository.model("sentiment_analysis") as model:
        expected = model.runner.run("serving_default", text=texts)
    rows = asked(web, "sentiment_analysis", instances=texts).json()["predictions"]
    assert [row["label"] for row in rows] == [label.decode() for label in expected["label"]]
    np.testing.assert_allclose([row["probabilities"] for row in rows], expected["probabilities"], atol=1e-6)
    answer = stub.Predict(predict_request("sentiment_analysis", text=texts))
    np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["label"]), expected["label"])
    classified = web.post(
        "/sentiment_analysis:classify",
        json={"signature_name": "classify", "examples": [{"text": text} for text in texts]},
    ).json()["results"]
    for pairs, probabilities in zip(classified, expected["probabilities"], strict=True):
        assert [label for label, _ in pairs] == ["negative", "positive"]
        np.testing.assert_allclose([score for _, score in pairs], probabilities, atol=1e-6)


def test_regress_answers_a_number_for_each_example(web):
    answer = web.post(
        "/toy:regress", json={"signature_name": "measure", "examples": [{"x": 1.5}, {"x": 2.0}]}
    )
    assert answer.json() == {"results": [3.0, 4.0]}
    shared = {"signature_name": "measure", "context": {"x": 1.0}, "examples": [{}, {"x": 2.0}]}
    assert web.post("/toy:regress", json=shared).json() == {"results": [2.0, 4.0]}


# REST: what is refused

REFUSED = {
    "no JSON": (b"{", 400, "JSON Parse error: .* at offset: 1"),
    "nothing": (b"", 400, "JSON Parse error: The document is empty"),
    "no UTF-8 in a name": (b'{"\xff": [1]}', 400, "Missing 'inputs' or 'instances' key"),
    "no object": (b"[1]", 400, r"JSON Value: \[1\] Is not object"),
    "nested": (b"[" * 100_000, 400, "JSON Parse error: nested too deeply"),
    "no key": ({}, 400, "Missing 'inputs' or 'instances' key"),
    "both keys": ({"instances": ["a"], "inputs": ["a"]}, 400, "only one of 'inputs' or 'instances'"),
    "no rows": ({"instances": []}, 400, "No values in 'instances' array"),
    "no list": ({"instances": "a"}, 400, "Excepting 'instances' to be an list/array"),
    "wrong type": (
        {"instances": [1]},
        400,
        "element: 0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: 1 Type: Number is not of "
        "expected type: string",
    ),
    "null": ({"instances": [None]}, 400, "Type: Null is not of expected type: string"),
    "uneven": ({"instances": ["a", ["b"]]}, 400, "element: 1 .*Expecting shape"),
    "missing input": (
        {"signature_name": "same", "instances": [{"count": 1, "flag": True}]},
        400,
        "keys must be equal to: count,flag,image_bytes",
    ),
    "missing column": (
        {"signature_name": "same", "inputs": {"count": [1], "flag": [True]}},
        400,
        "Missing named input: image_bytes in 'inputs' object.",
    ),
    "unknown input": ({"instances": [{"texts": "a"}]}, 400, "does not have named input: texts"),
    "unknown signature": (
        {"signature_name": "none", "instances": ["a"]},
        400,
        'Serving signature name: "none" not found in signature def',
    ),
    "signature of no name": ({"signature_name": 1, "instances": ["a"]}, 400, "must be a string value"),
    "bad base64": ({"instances": [{"b64": "!"}]}, 400, "Unable to base64 decode"),
    "lone surrogate": (b'{"instances": ["\\ud800"]}', 400, "surrogate pair in string is invalid"),
    "huge text": ({"instances": ["x" * 1001]}, 400, "at most 1000 bytes in a string, got 1001"),
    "too many rows": ({"instances": ["a"] * 21}, 400, "at most 20 rows in a request, got 21"),
    "too many rows in columns": ({"inputs": ["a"] * 21}, 400, "at most 20 rows in a request, got 21"),
    "too large": (b" " * 100_001, 413, "at most 100000 bytes"),
    "far too large": (b" " * 1_000_000, 413, "at most 100000 bytes"),
    "not a number": (
        b'{"signature_name": "total", "instances": [[NaN]]}',
        400,
        "^row 0: expected numbers, got NaN$",
    ),
    "number too big": (
        b'{"signature_name": "total", "instances": [[1e309]]}',
        400,
        "JSON Parse error: Number too big to be stored in double",
    ),
    "refused by the model": ({"instances": ["refuse"]}, 400, "row: refused"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_wrong_request_gets_its_status_and_the_server_goes_on(web, fault):
    body, status, message = REFUSED[fault]
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        answer = web.post("/toy:predict", content=content)
    except httpx.WriteError:
        assert fault == "far too large"
    else:
        assert answer.status_code == status
        assert list(answer.json()) == ["error"]
        error = answer.json()["error"]
        assert re.search(message, error), error
        assert "\n" not in error
    assert_goes_on(web)


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("POST", "/none:predict", 404, "Servable not found for request: Latest(none)"),
        ("POST", "/toy/versions/3:predict", 404, "Servable not found for request: Specific(toy, 3)"),
        ("POST", "/outside:predict", 404, "Servable not found for request: Latest(outside)"),
        ("GET", "/none", 404, "Could not find any versions of model none"),
        ("GET", "/notes", 404, "Could not find any versions of model notes"),
        ("GET", "/toy/versions/3", 404, "Could not find version 3 of model toy"),
        ("GET", "/none/metadata", 404, "Servable not found for request: Latest(none)"),
        ("GET", "/toy:predict", 400, "Malformed request: GET /v1/models/toy:predict"),
        ("POST", "/toy", 400, "Malformed request: POST /v1/models/toy"),
        ("DELETE", "/toy", 400, "Malformed request: DELETE /v1/models/toy"),
        ("POST", "/toy:explain", 400, "Malformed request: POST /v1/models/toy:explain"),
        ("POST", "/toy/versions/x:predict", 400, "Malformed request: POST /v1/models/toy/versions/x:predict"),
        ("GET", f"/toy/versions/{2**63}", 400, f"Failed to convert version: {2**63} to numeric."),
        (
            "POST",
            "/toy:classify",
            400,
            "No classification inputs found in SignatureDef: serving_default",
        ),
        (
            "POST",
            "/toy:regress",
            400,
            "Expected one output Tensor, found 2",
        ),
    ],
)
def test_a_wrong_address_gets_its_status(web, method, path, status, message):
    body = {"instances": ["a"], "examples": [{}]} if method == "POST" else None
    answer = web.request(method, path, json=body)
    assert (answer.status_code, answer.json()) == (status, {"error": message})


def test_an_address_elsewhere_is_not_found(server):
    answer = httpx.get(f"http://127.0.0.1:{server.rest_port}/docs")
    assert (answer.status_code, answer.json()) == (404, {"error": "Malformed request: GET /docs"})


@pytest.mark.parametrize(
    "name", ["..", "../toy", "%2e%2e", "..%2ftoy", "%2fetc%2fpasswd", "toy%2f1", "toy/../toy", "toy%00"]
)
def test_no_name_leads_to_a_path(server, name):
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port)
    for method, end in (("POST", ":predict"), ("GET", "/metadata"), ("GET", "")):
        body = '{"instances": ["a"]}' if method == "POST" else None
        connection.request(method, f"/v1/models/{name}{end}", body)
        answer = connection.getresponse()
        assert answer.status in (400, 404)
        assert "SHOUTED" not in answer.read().decode().upper()
    connection.close()


# Any request at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3) | st.just("b64"), inner),
    max_leaves=10,
)
KEYS = st.sampled_from(["instances", "inputs", "signature_name", "examples", "context", "text"])
SIGNATURES = st.sampled_from(["serving_default", "total", "same", "measure"])


@settings(max_examples=80)
@given(
    st.sampled_from(["predict", "classify", "regress"]),
    st.one_of(
        st.binary(),
        st.text().map(str.encode),
        st.dictionaries(KEYS, JSON),
        st.fixed_dictionaries(
            {"signature_name": SIGNATURES},
            optional={
                "instances": st.lists(JSON),
                "inputs": JSON,
                "examples": st.lists(JSON),
                "context": JSON,
            },
        ),
    ),
)
def test_no_body_at_all_breaks_the_server(web, method, body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = web.post(f"/toy:{method}", content=content)
    assert answer.status_code in (200, 400)
    assert ("error" in answer.json()) == (answer.status_code == 400)


@settings(max_examples=60)
@given(st.text(st.characters(codec="utf-8"), max_size=30).map(quote) | st.text("/:.%2ftoyv1", max_size=20))
def test_no_address_at_all_breaks_the_server(server, path):
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port)
    connection.request("GET", f"/v1/models/{path}")
    assert connection.getresponse().status in (200, 400, 404)
    connection.close()


# gRPC


def test_the_official_stubs_are_answered(stub, channel):
    answer = stub.Predict(predict_request("toy", text=["a", "b"]))
    assert answer.model_spec.name == "toy"
    assert answer.model_spec.signature_name == "serving_default"
    assert answer.model_spec.version.value == 2
    assert tf.make_ndarray(answer.outputs["shouted"]).tolist() == [b"A", b"B"]
    assert list(answer.outputs["version"].int_val) == [2, 2]
    answer = stub.Predict(predict_request("toy", "total", 1, x=np.ones([2, 3], np.float32)))
    assert answer.model_spec.version.value == 1
    assert list(answer.outputs["total"].float_val) == [3, 3]

    request = predict_request("toy", text=["a"])
    request.output_filter.append("version")
    assert list(stub.Predict(request).outputs) == ["version"]

    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "toy"
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert stub.GetModelMetadata(request).metadata["signature_def"].Unpack(signatures)
    assert signatures.signature_def["total"].inputs["x"].dtype == tf.float32.as_datatype_enum

    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "toy"
    status = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request)
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert [(one.version, one.state) for one in status.model_version_status] == [
        (2, available),
        (1, available),
    ]


def test_examples_over_grpc(stub):
    example = tf.train.Example()
    example.features.feature["text"].bytes_list.value.append(b"I loved it")
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name, request.model_spec.signature_name = "sentiment_analysis", "classify"
    request.input.example_list.examples.append(example)
    classes = stub.Classify(request).result.classifications[0].classes
    assert [one.label for one in classes] == ["negative", "positive"]
    assert sum(one.score for one in classes) == pytest.approx(1, abs=1e-5)

    request = regression_pb2.RegressionRequest()
    request.model_spec.name, request.model_spec.signature_name = "toy", "measure"
    request.input.example_list_with_context.context.features.feature["x"].float_list.value.append(4)
    request.input.example_list_with_context.examples.append(tf.train.Example())
    assert [one.value for one in stub.Regress(request).result.regressions] == [8]


HUGE = TensorProto(dtype=1, float_val=[1.0])
HUGE.tensor_shape.dim.add(size=1_000_000)
HUGE.tensor_shape.dim.add(size=1_000_000)
TORN = TensorProto(dtype=1, tensor_content=b"123")
TORN.tensor_shape.dim.add(size=1)
TORN.tensor_shape.dim.add(size=1)


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (predict_request("none", text=["a"]), "NOT_FOUND", "Servable not found for request: Latest(none)"),
        (predict_request("toy", version=3, text=["a"]), "NOT_FOUND", "Specific(toy, 3)"),
        (predict_request("toy", "none", text=["a"]), "FAILED_PRECONDITION", '"none" not found'),
        (predict_request("toy"), "INVALID_ARGUMENT", "Missing but required: {text}"),
        (predict_request("toy", text=["a"], more=["a"]), "INVALID_ARGUMENT", "Sent extra: {more}"),
        (predict_request("toy", text=[1]), "INVALID_ARGUMENT", "expected string, got int"),
        (predict_request("toy", text=["refuse"]), "INVALID_ARGUMENT", "row: refused"),
        (predict_request("toy", text=["x" * 1001]), "INVALID_ARGUMENT", "at most 1000 bytes in a string"),
        (predict_request("toy", text=["a"] * 21), "INVALID_ARGUMENT", "at most 20 rows"),
        (predict_request("toy", text=["x" * 1000] * 110), "RESOURCE_EXHAUSTED", "larger than max"),
        (
            predict_request("toy", "total", x=[[np.nan]]),
            "INVALID_ARGUMENT",
            "row 0: expected numbers, got NaN",
        ),
        (predict_request("toy", "total", x=HUGE), "INVALID_ARGUMENT", "at most 100000 bytes in a tensor"),
        (predict_request("toy", "total", x=TORN), "INVALID_ARGUMENT", "no valid tensor"),
        (predict_pb2.PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
    ],
)
def test_a_wrong_call_gets_its_status_and_the_server_goes_on(stub, request_, code, message):
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(request_)
    assert caught.value.code().name == code
    assert message in caught.value.details()
    assert stub.Predict(predict_request("toy", text=["a"])).outputs["shouted"].string_val == [b"A"]


def test_a_deadline_is_kept(stub, web):
    for _ in range(2):
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(predict_request("toy", "slow", steps=np.array([50_000], np.int32)), timeout=0.05)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert_goes_on(web)


# Many at once


def test_200_clients_at_once_get_each_their_own_answer(server, stub):
    together = threading.Barrier(200, timeout=120)

    def over_rest(number):
        connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=120)
        together.wait()
        connection.request("POST", "/v1/models/toy:predict", json.dumps({"instances": [f"text {number}"]}))
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer["predictions"][0]["shouted"] == f"TEXT {number}"

    def over_grpc(number):
        together.wait()
        answer = stub.Predict(predict_request("toy", text=[f"text {number}"]), timeout=120)
        return answer.outputs["shouted"].string_val == [f"TEXT {number}".encode()]

    with ThreadPoolExecutor(200) as pool:
        answers = [pool.submit((over_rest, over_grpc)[number % 2], number) for number in range(200)]
        assert all(answer.result() for answer in answers)


def test_a_bad_row_fails_its_own_request_and_not_its_neighbours(server, web):
    together = threading.Barrier(20, timeout=60)

    def ask(number):
        together.wait()
        text = "refuse" if number % 5 == 0 else f"text {number}"
        answer = httpx.post(f"{web.base_url}toy:predict", json={"instances": [text]}, timeout=60)
        return answer.status_code, answer.json().get("predictions", [{}])[0].get("shouted")

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))
    assert answers == [(400, None) if n % 5 == 0 else (200, f"TEXT {n}") for n in range(20)]


# The process


def process(*flags):
    return subprocess.Popen(
        [sys.executable, "-m", "common.serving.server", *flags, "--rest-port", "0", "--grpc-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def test_a_stop_answers_what_is_under_way_and_exits_with_0(toys, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "outside").symlink_to(toys)
    shutil.copytree(toys, tmp_path / "models" / "toy")
    with process("--models", str(tmp_path / "models")) as server:
        lines = []
        for line in server.stdout:
            lines.append(line)
            if line.startswith("ready: "):
                break
        assert "production belongs to TensorFlow Serving" in lines[0]
        assert any("outside: not served" in line for line in lines)
        port = int(lines[-1].split("REST on 127.0.0.1:")[1].split(",")[0])
        body = json.dumps({"signature_name": "slow", "instances": [100_000]})
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.request("POST", "/v1/models/toy:predict", body)
        assert httpx.get(f"http://127.0.0.1:{port}/v1/models/toy").status_code == 200
        server.send_signal(signal.SIGTERM)
        assert server.stdout.readline().startswith("stopping")
        assert json.loads(connection.getresponse().read()) == {"predictions": [100_000]}
        connection.close()
        assert server.wait(60) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/v1/models/toy")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_rows": 0}, "--max-rows 0: expected at least 1"),
        ({"request_seconds": 0.0}, "--request-seconds 0.0: expected more than 0"),
    ],
)
def test_a_wrong_limit_is_refused(models, changes, message):
    with (
        pytest.raises(UserError, match=message),
        running_server(ServerOptions(models=models, rest_port=0, grpc_port=0, limits=Limits(**changes))),
    ):
        pass


def test_a_taken_port_and_a_folder_without_models_are_refused(server, toys, tmp_path):
    for ports, flag in (
        ({"rest_port": server.rest_port, "grpc_port": 0}, f"--rest-port {server.rest_port}"),
        ({"rest_port": 0, "grpc_port": server.grpc_port}, f"--grpc-port {server.grpc_port}"),
    ):
        options, lines = ServerOptions(models=toys.parent, **ports), []
        with (
            pytest.raises(UserError, match=f"{flag}: cannot listen there"),
            running_server(options, lines.append),
        ):
            pass
        assert lines == []
    for folder, message in (
        (tmp_path, f"{tmp_path}: no model to serve"),
        (tmp_path / "absent", "no such folder"),
    ):
        options = ServerOptions(models=folder, rest_port=0, grpc_port=0)
        with pytest.raises(UserError, match=message), running_server(options):
            pass
