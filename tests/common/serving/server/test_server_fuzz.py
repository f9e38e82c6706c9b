"""Whatever is sent, nothing breaks: no request is answered with 500, and every thread goes on."""

import shutil
import socket
import threading

import grpc
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
)

from common.serving.server.local_server import BatchingOptions, Limits, ServerOptions, running_server

THREADS = {"rest", "poll", "batch-0", "batch-1"}


@pytest.fixture(scope="module")
def server(toys, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(toys, folder / "toy")
    options = ServerOptions(
        models=folder,
        rest_port=0,
        grpc_port=0,
        poll_seconds=0.1,
        read_seconds=0.2,
        limits=Limits(max_request_bytes=10_000, max_rows=5, max_string_bytes=100),
        batching=BatchingOptions(batch_threads=2),
    )
    with running_server(options) as running:
        yield running
        assert {thread.name for thread in threading.enumerate()} >= THREADS
        url = f"http://127.0.0.1:{running.rest_port}/v1/models/toy:predict"
        assert httpx.post(url, json={"instances": ["a"]}).json()["predictions"][0]["shouted"] == "A"


METHODS = st.sampled_from(
    ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get"]
)
PIECES = st.sampled_from(
    [
        *(
            "/",
            "/v1",
            "/V1/Models",
            "/v1/models",
            "/toy",
            "/versions/1",
            "/versions/99999999999999999999",
            ":predict",
        ),
        *(
            "/labels/a",
            ":classify",
            ":regress",
            ":PREDICT",
            "/metadata",
            "%00",
            "%ff",
            "%2f",
            "%",
            "?a=b",
            "#",
            "..",
            "*",
        ),
        *(
            "/monitoring/prometheus/metrics",
            "//",
            ";",
            "http://h",
            "/versions/00001",
            "/versions/" + "9" * 5000,
        ),
    ]
)
PATHS = st.one_of(
    st.just("/v1/models/toy:predict"),
    st.lists(PIECES, max_size=3).map(lambda pieces: "".join(["/v1/models/toy", *pieces])),
    st.lists(PIECES, max_size=5).map("".join),
    st.text("/abc:%0.", max_size=10),
)
HEADERS = st.lists(
    st.sampled_from(
        [
            *(
                "Content-Type: application/json",
                "Content-Type: text/html",
                "Content-Encoding: gzip",
                "Accept: */*",
            ),
            *(
                "Content-Encoding: br",
                "Expect: 100-continue",
                "Transfer-Encoding: chunked",
                "Connection: close",
            ),
            *(
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Upgrade: h2c",
                "Content-Length: 5",
                "Content-Length: x",
            ),
            *(
                "Content-Length: 99999999999999",
                "X: \xff",
                "Cookie: " + "a" * 5000,
                "Range: bytes=0-1",
                "A B: c",
            ),
        ]
    ),
    max_size=4,
)
BODIES = st.binary(max_size=50) | st.sampled_from(
    [b'{"instances": ["a"]}', b'{"instances": []}', b"0\r\n\r\n", b"5\r\nabcde\r\n0\r\n\r\n", b"x" * 50_000]
)


@settings(max_examples=150)
@given(METHODS, PATHS, HEADERS, BODIES, st.booleans())
def test_no_request_over_http_breaks_the_server(server, method, path, headers, body, has_length):
    lines = [f"{method} {path} HTTP/1.1", "Host: here", *headers]
    if has_length:
        lines.append(f"Content-Length: {len(body)}")
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=30) as connection:
        try:
            connection.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
            answer = connection.recv(65536)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
    assert answer == b"" or int(answer.split()[1]) in (100, 200, 400, 404, 413, 431), answer


NAMES = st.sampled_from(["", "toy", "none", "../toy", "toy\0", "é"])
SPECS = st.fixed_dictionaries(
    {"name": NAMES},
    optional={"signature_name": st.sampled_from(["", "total", "none"]), "version_label": NAMES},
) | st.fixed_dictionaries(
    {"name": NAMES, "version": st.fixed_dictionaries({"value": st.integers(-(2**63), 2**63 - 1)})}
)
REFUSED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
}
CALLS = {
    "PredictionService/Predict": predict_pb2.PredictRequest,
    "PredictionService/GetModelMetadata": get_model_metadata_pb2.GetModelMetadataRequest,
    "ModelService/GetModelStatus": get_model_status_pb2.GetModelStatusRequest,
}


def code_of(server, call, request):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        try:
            channel.unary_unary(f"/tensorflow.serving.{call}")(request.SerializeToString(), timeout=30)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


@settings(max_examples=60)
@given(st.sampled_from(sorted(CALLS)), SPECS, st.booleans())
def test_no_call_over_grpc_breaks_the_server(server, call, spec, is_whole):
    request = CALLS[call](model_spec=spec)
    if call.endswith("Metadata") and is_whole:
        request.metadata_field.append("signature_def")
    assert code_of(server, call, request) in REFUSED | {grpc.StatusCode.OK}


PATHS_OF_MODELS = st.sampled_from(
    ["", "toy", "/models/toy/..", "/etc", "/models/none", "/models/\0", "s3://b", "é"]
)
CONFIGS = st.fixed_dictionaries(
    {"name": NAMES, "base_path": PATHS_OF_MODELS},
    optional={
        "model_platform": st.sampled_from(["", "tensorflow", "other"]),
        "version_labels": st.dictionaries(NAMES, st.integers(-(2**63), 2**63 - 1), max_size=2),
        "model_version_policy": st.sampled_from(
            [{"all": {}}, {"latest": {}}, {"specific": {"versions": [-1]}}]
        ),
    },
)


@settings(max_examples=60)
@given(st.lists(CONFIGS, min_size=1, max_size=3))
def test_no_wrong_configuration_over_grpc_changes_the_server(server, configs):
    if all(config["base_path"] == "/models/toy/.." for config in configs):
        return  # a folder of models without versions, which may be served
    request = model_management_pb2.ReloadConfigRequest(config={"model_config_list": {"config": configs}})
    assert code_of(server, "ModelService/HandleReloadConfigRequest", request) in REFUSED
    assert server.repository.available() == ["toy/2"]
