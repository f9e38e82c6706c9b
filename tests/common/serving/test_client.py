"""The client speaks TensorFlow Serving's gRPC and REST, asks again only when that may help, and names what is wrong."""

import base64
import http.server
import json
import re
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

from common.errors import UserError
from common.inference.refused_rows import RefusedRowsError
from common.serving import client as client_module
from common.serving.client import Client, Options, main
from common.serving.json_values import request_body

EVERY = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
)
BINARY_ONLY = ("float16", "complex64", "complex128")  # REST has no such numbers
SIGNATURES = {
    "serving_default": {"text": ("string", [-1])},
    "pictures": {"image_bytes": ("string", [-1])},
    "judged": {"text": ("string", [-1]), "scores": ("float32", [-1, 2]), "error": ("string", [-1])},
    "two": {"prefix": ("string", [-1]), "length": ("int32", [-1]), "rate": ("float32", [-1, 2])},
    **{dtype: {"value": (dtype, None)} for dtype in (*EVERY, *BINARY_ONLY, "string")},
}


class Echo:
    """A stand-in for TensorFlow Serving that gives each input back as an output of its name.

    Attributes:
        failures: what the next requests get instead of an answer: statuses, or the bytes of a body.
        requests: the requests so far.
        metadata_requests: how many asked what the model takes.
        go_on: lets the model `slow` answer.
    """

    def __init__(self):
        self.failures, self.requests, self.metadata_requests = [], [], 0
        self.go_on = threading.Event()

    def metadata(self):
        self.metadata_requests += 1
        described = get_model_metadata_pb2.SignatureDefMap()
        for name, inputs in SIGNATURES.items():
            signature = described.signature_def[name]
            signature.method_name = "tensorflow/serving/predict"
            for key, (dtype, sizes) in inputs.items():
                for tensor in (signature.inputs[key], signature.outputs[key]):
                    tensor.dtype = tf.as_dtype(dtype).as_datatype_enum
                    tensor.tensor_shape.unknown_rank = sizes is None
                    for size in sizes or ():
                        tensor.tensor_shape.dim.add(size=size)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.metadata["signature_def"].Pack(described)
        return response


class GrpcEcho(Echo, prediction_service_pb2_grpc.PredictionServiceServicer):
    def GetModelMetadata(self, request, context):  # noqa: N802
        assert list(request.metadata_field) == ["signature_def"]
        return self.metadata()

    def Predict(self, request, context):  # noqa: N802
        self.requests.append(request)
        if request.model_spec.name == "slow":
            self.go_on.wait(30)
        if self.failures:
            context.abort(self.failures.pop(0), "told to\nfail")
        response = predict_pb2.PredictResponse()
        for name, tensor in request.inputs.items():
            response.outputs[name].CopyFrom(tensor)
        return response


class RestEcho(Echo):
    def __init__(self):
        super().__init__()
        echo = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                assert self.path.endswith("/metadata")
                self.give(200, json_format.MessageToDict(echo.metadata(), preserving_proto_field_name=True))

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                echo.requests.append((self.path, body))
                if self.path == "/v1/models/slow:predict":
                    echo.go_on.wait(30)
                if echo.failures:
                    failure = echo.failures.pop(0)
                    if isinstance(failure, bytes):
                        self.write(200, failure)
                    else:
                        self.give(failure, {"error": "told to\nfail"})
                    return
                outputs = {name: given_back(name, value) for name, value in body["inputs"].items()}
                self.give(200, {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))})

            def give(self, status, document):
                self.write(status, json.dumps(document).encode())

            def write(self, status, content):
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.handler = Handler


def given_back(name, value):
    """As TensorFlow Serving writes it: base64 only for outputs whose names end in `_bytes`."""
    if isinstance(value, list):
        return [given_back(name, element) for element in value]
    if isinstance(value, dict) and not name.endswith("_bytes"):
        return base64.b64decode(value["b64"]).decode()
    return value


@pytest.fixture(scope="module")
def grpc_server():
    echo = GrpcEcho()
    server = grpc.server(ThreadPoolExecutor(8))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(echo, server)
    echo.address = f"localhost:{server.add_insecure_port('localhost:0')}"
    server.start()
    yield echo
    server.stop(None).wait()


@pytest.fixture(scope="module")
def rest_server():
    echo = RestEcho()
    with http.server.ThreadingHTTPServer(("localhost", 0), echo.handler) as server:
        echo.address = f"http://localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield echo
        server.shutdown()
        thread.join()


@pytest.fixture(params=["grpc", "rest"])
def server(request):
    echo = request.getfixturevalue(f"{request.param}_server")
    echo.failures.clear()
    echo.requests.clear()
    echo.go_on.clear()
    yield echo
    echo.go_on.set()


@pytest.fixture
def ask(server):
    with Client(server.address) as client:
        yield client


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when the client waits; the waits are kept."""
    kept = SimpleNamespace(now=0.0, waits=[])

    def sleep(seconds):
        kept.waits.append(seconds)
        kept.now += seconds

    monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic=lambda: kept.now, sleep=sleep))
    return kept


@pytest.fixture(scope="module")
def both(grpc_server, rest_server):
    with Client(grpc_server.address) as over_grpc, Client(rest_server.address) as over_rest:
        yield over_grpc, over_rest


@settings(max_examples=60)
@given(st.data())
def test_numbers_of_every_type_survive_there_and_back(both, data):
    over_grpc, _ = both
    dtype = data.draw(st.sampled_from((*EVERY, *BINARY_ONLY)))
    shape = data.draw(arrays.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    array = data.draw(arrays.arrays(dtype, shape))
    for client in (over_grpc,) if dtype in BINARY_ONLY else both:
        answer = client("echo", array, signature=dtype)["value"]
        assert answer.dtype == array.dtype
        np.testing.assert_array_equal(answer, array)


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=4))
def test_texts_survive_there_and_back(both, texts):
    for client in both:
        assert client("echo", texts)["text"].tolist() == texts
        assert client("echo", [[text, "x"] for text in texts], signature="string")["value"].tolist() == [
            [text, "x"] for text in texts
        ]


@settings(max_examples=60)
@given(st.lists(st.binary(), min_size=1, max_size=4))
def test_bytes_survive_there_and_back(both, values):
    for client in both:
        assert client("echo", values, signature="pictures")["image_bytes"].tolist() == values


def test_outputs_that_are_no_text_stay_bytes(grpc_server):
    with Client(grpc_server.address) as client:
        assert client("echo", [b"fine", b"\xff"])["text"].tolist() == [b"fine", b"\xff"]
        assert client("echo", [b"fine", "för"])["text"].tolist() == ["fine", "för"]


def test_named_inputs_become_the_types_of_the_signature(server, ask):
    answer = ask(
        "echo", {"prefix": ["a", b"b"], "length": [1, 2], "rate": [[1, 2], [0.5, 0]]}, signature="two"
    )
    assert answer["prefix"].tolist() == ["a", "b"]
    assert (answer["length"].tolist(), answer["length"].dtype) == ([1, 2], np.int32)
    assert (answer["rate"].tolist(), answer["rate"].dtype) == ([[1, 2], [0.5, 0]], np.float32)


def test_the_server_is_asked_for_the_model_signature_and_version(grpc_server, rest_server):
    for echo in (grpc_server, rest_server):
        echo.requests.clear()
        with Client(echo.address) as client:
            client("a model/é", ["x"], version=3, signature="string")
            client("echo", ["x"])
    numbered, latest = (request.model_spec for request in grpc_server.requests)
    assert (numbered.name, numbered.version.value, numbered.signature_name) == ("a model/é", 3, "string")
    assert (latest.name, latest.HasField("version"), latest.signature_name) == (
        "echo",
        False,
        "serving_default",
    )
    (path, body), (latest_path, _) = rest_server.requests
    assert path == "/v1/models/a%20model%2F%C3%A9/versions/3:predict"
    assert body == {"signature_name": "string", "inputs": {"value": ["x"]}}
    assert latest_path == "/v1/models/echo:predict"


def test_what_a_model_takes_is_asked_once_and_again_after_a_refusal(server, ask):
    before = server.metadata_requests
    for _ in range(3):
        ask("echo", ["x"])
    assert server.metadata_requests == before + 1
    server.failures.append(failure(server, "INVALID_ARGUMENT", 400))
    with pytest.raises(UserError):
        ask("echo", ["x"])
    ask("echo", ["x"])
    assert server.metadata_requests == before + 2


def failure(server, code, status):
    return grpc.StatusCode[code] if isinstance(server, GrpcEcho) else status


def test_an_unavailable_server_is_asked_again_after_growing_delays(server, ask, clock):
    server.failures.extend([failure(server, "UNAVAILABLE", 503)] * 4)
    assert ask("echo", ["x"])["text"].tolist() == ["x"]
    assert len(server.requests) == 5
    for wait, longest in zip(clock.waits, (0.1, 0.2, 0.4, 0.8), strict=True):
        assert longest / 2 <= wait <= longest
    assert (
        len(
            {
                round(wait / longest, 6)
                for wait, longest in zip(clock.waits, (0.1, 0.2, 0.4, 0.8), strict=True)
            }
        )
        > 1
    )


def test_it_gives_up_after_its_attempts(server, clock):
    server.failures.extend([failure(server, "UNAVAILABLE", 503)] * 10)
    with Client(server.address, attempts=3) as client, pytest.raises(UserError) as caught:
        client("echo", ["x"])
    assert len(server.requests) == 3
    assert re.fullmatch(
        rf"{server.address}: model 'echo': told to fail \((UNAVAILABLE|HTTP 503)\), tried 3 times",
        str(caught.value),
    )


def test_it_gives_up_at_the_deadline(server, clock):
    server.failures.extend([failure(server, "UNAVAILABLE", 503)] * 100)
    with Client(server.address, attempts=100) as client, pytest.raises(UserError, match="told to fail"):
        client("echo", ["x"], timeout=7)
    assert 2 < clock.now < 7
    assert 5 < len(server.requests) < 20


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INVALID_ARGUMENT", 400),
        ("NOT_FOUND", 404),
        ("RESOURCE_EXHAUSTED", 429),
        ("INTERNAL", 500),
        ("DEADLINE_EXCEEDED", 504),
    ],
)
def test_nothing_else_is_asked_again(server, ask, clock, code, status):
    server.failures.append(failure(server, code, status))
    with pytest.raises(UserError) as caught:
        ask("echo", ["x"])
    assert len(server.requests) == 1
    assert clock.waits == []
    assert str(caught.value).startswith(f"{server.address}: model 'echo': ")
    assert "\n" not in str(caught.value)


def test_a_slow_answer_is_not_waited_for(server, ask):
    ask.signatures("slow")
    began = time.monotonic()
    with pytest.raises(UserError, match=r"model 'slow': no answer within 0\.\d+ seconds$"):
        ask("slow", ["x"], timeout=0.3)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(("scheme", "port"), [("", "gRPC port, 8500"), ("http://", "REST port, 8501")])
def test_a_server_that_is_not_there_is_told_in_one_line(scheme, port):
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        address = f"{scheme}localhost:{taken.getsockname()[1]}"
    with Client(address, attempts=2) as client, pytest.raises(UserError) as caught:
        client("echo", ["x"])
    assert f"{address}: model 'echo': no server answers there; expected TensorFlow Serving's {port}" in str(
        caught.value
    )
    assert str(caught.value).endswith(", tried 2 times")


@pytest.mark.parametrize(
    ("inputs", "signature", "message"),
    [
        ("A dog", "serving_default", r"input 'text': expected the shape \[any\], got \[\]"),
        ([1], "serving_default", "input 'text': expected string, got int 1"),
        ({"texts": ["x"]}, "serving_default", "signature 'serving_default' takes the inputs text; got texts"),
        (["x"], "two", "signature 'two' takes 3 inputs; expected a mapping with length, prefix, rate"),
        ({"prefix": ["x"]}, "two", "takes the inputs length, prefix, rate; got prefix"),
        ([1.5], "int32", "input 'value': expected int32, got float64"),
        (["x"], "guess", "no signature 'guess'; there are bool, "),
    ],
)
def test_what_does_not_fit_the_signature_is_not_sent(server, ask, inputs, signature, message):
    with pytest.raises(UserError, match=message) as caught:
        ask("echo", inputs, signature=signature)
    assert server.requests == []
    assert "model 'echo': " in str(caught.value)
    assert "\n" not in str(caught.value)


JUDGED = {"text": ["a", "", "c"], "scores": [[0.1, 0.9], [0.0, 0.0], [0.5, 0.5]]}


def test_a_row_that_the_model_refuses_is_told_and_the_answers_of_the_others_are_kept(server, ask):
    with pytest.raises(RefusedRowsError) as refused:
        ask("echo", {**JUDGED, "error": ["", "no text", ""]}, signature="judged")
    assert str(refused.value) == f"{server.address}: model 'echo': row 1: no text"
    assert refused.value.reasons == {1: "no text"}
    assert refused.value.outputs.keys() == {"text", "scores"}
    assert refused.value.outputs["text"].tolist() == ["a", "", "c"]
    with pytest.raises(UserError, match=r"row 0: one \(and 2 more\)$"):
        ask("echo", {**JUDGED, "error": ["one", "two", "three"]}, signature="judged")


def test_where_all_rows_are_answered_no_error_is_told(ask):
    assert ask("echo", {**JUDGED, "error": [""] * 3}, signature="judged").keys() == {"text", "scores"}


def test_no_rows_are_answered_without_asking_the_server(server, ask):
    answer = ask(
        "echo", {"text": [], "scores": np.zeros((0, 2), np.float32), "error": []}, signature="judged"
    )
    assert {name: (array.shape, array.dtype) for name, array in answer.items()} == {
        "text": ((0,), np.dtype(object)),
        "scores": ((0, 2), np.dtype(np.float32)),
    }
    assert not server.requests


def test_the_command_line_prints_a_line_for_each_row_and_complains_of_those_refused(server, capsys):
    values = ("text=a", "text=", "scores=[0.1,0.9]", "error=", "error=no text")
    with pytest.raises(SystemExit) as ended:
        main(Options(server.address, "echo", values, signature="judged"))
    out, err = capsys.readouterr()
    assert ended.value.code == 1
    assert [json.loads(line) for line in out.splitlines()] == [
        {"text": "a", "scores": [0.1, 0.9]},
        {"error": "no text"},
    ]
    assert err == f"error: {server.address}: model 'echo': row 1: no text\n"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost",
        "http://",
        "http://localhost:port",
        "localhost:port",
        ":8500",
        "ftp://localhost:21",
        "https://a:1?b=c",
    ],
)
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(UserError, match=re.escape(f"address {address!r}: expected ")):
        Client(address)


def test_without_the_package_for_grpc_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(UserError, match=r"pip install 'recurrent-applications\[serving\]', or ask over REST"):
        Client("localhost:8500")
    Client("http://localhost:8501").close()


@pytest.mark.parametrize("content", [b"<html>", b"[1]", b'{"outputs": 1}', b'{"predictions": []}', b""])
def test_an_answer_of_something_else_is_told(rest_server, content):
    rest_server.failures[:] = [content]
    with Client(rest_server.address) as client, pytest.raises(UserError) as caught:
        client("echo", ["x"])
    assert re.search("expected TensorFlow Serving's JSON|does not fit the signature", str(caught.value))
    assert "\n" not in str(caught.value)


def test_the_command_line_prints_a_line_for_each_row(server, tmp_path, capsys):
    (tmp_path / "picture").write_bytes(b"\xff\x00")
    main(Options(server.address, "echo", ("eins", "a=b", "@@x", "zwei ✓")))
    main(Options(server.address, "echo", (f"@{tmp_path}/picture",), signature="pictures"))
    rows = ("prefix=a", "prefix=b", "length=3", "rate=[0.5, 1]")
    main(Options(server.address, "echo", rows, signature="two", version=1))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == ['{"text": "eins"}', '{"text": "a=b"}', '{"text": "@x"}', '{"text": "zwei ✓"}']
    assert [json.loads(line) for line in lines[4:]] == [
        {"image_bytes": {"b64": base64.b64encode(b"\xff\x00").decode()}},
        {"length": 3, "prefix": "a", "rate": [0.5, 1.0]},
        {"length": 3, "prefix": "b", "rate": [0.5, 1.0]},
    ]


def test_a_request_that_is_kept_as_a_file_is_asked(server, tmp_path, capsys):
    request = tmp_path / "request.json"
    row = {"prefix": "a", "length": 3, "rate": np.array([0.5, np.nan], np.float32)}
    request.write_bytes(request_body(row))
    main(Options(server.address, "echo", (), request, signature="two"))
    answer = json.loads(capsys.readouterr().out)
    assert (answer["prefix"], answer["length"], answer["rate"][0]) == ("a", 3, 0.5)
    assert np.isnan(answer["rate"][1])
    request.write_bytes(request_body({"image_bytes": b"\xff\x00"}))
    main(Options(server.address, "echo", (), request, signature="pictures"))
    assert json.loads(capsys.readouterr().out) == {
        "image_bytes": {"b64": base64.b64encode(b"\xff\x00").decode()}
    }


@pytest.mark.parametrize(
    "content", ["", "[1]", "{}", '{"instances": []}', '{"instances": [{"a": 1}, {"b": 1}]}']
)
def test_a_file_that_is_no_request_is_one_line(grpc_server, tmp_path, content):
    request = tmp_path / "request.json"
    request.write_text(content)
    with pytest.raises(UserError, match=r"request.json: expected \{\"instances\": \[\{INPUT: value"):
        main(Options(grpc_server.address, "echo", (), request))


def test_a_request_as_a_file_and_values_are_not_taken_together(grpc_server, tmp_path):
    with pytest.raises(UserError, match="--request, and not both"):
        main(Options(grpc_server.address, "echo", ("x",), tmp_path / "request.json"))


@pytest.mark.parametrize(
    ("values", "signature", "message"),
    [
        ((), "serving_default", "expected at least one VALUE or INPUT=VALUE, or --request"),
        (("x",), "two", "argument 1: expected INPUT=VALUE with an input of length, prefix, rate; got 'x'"),
        (("length=x",), "two", "argument 1: expected int32 as JSON, got 'x'"),
        (("length=@x",), "two", "argument 1: expected JSON for an input of int32"),
        (
            ("length=1", "length=2", *["prefix=x"] * 3),
            "two",
            "input 'length': expected 1 or 3 values, .* got 2",
        ),
        (("x",), "guess", "no signature 'guess'"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(grpc_server, values, signature, message):
    with pytest.raises(UserError, match=message):
        main(Options(grpc_server.address, "echo", values, signature=signature))


def test_as_a_command_it_imports_no_tensorflow_and_ends_with_one_line_and_status_1(grpc_server):
    def command(*arguments):
        script = (
            "import runpy, sys\nsys.argv = sys.argv[:1] + sys.argv[1:]\n"
            "try:\n    runpy.run_module('common.serving.client', run_name='__main__', alter_sys=True)\n"
            "finally:\n    print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
        )
        return subprocess.run(
            [sys.executable, "-c", script, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    done = command(grpc_server.address, "echo", "eins", "--timeout", "60")
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"text": "eins"}\n[]\n', "")
    done = command(grpc_server.address, "echo", "--signature", "guess", "eins")
    assert (done.returncode, done.stdout) == (1, "[]\n")
    assert re.fullmatch(r"error: .*: model 'echo': no signature 'guess'; there are .*\n", done.stderr)
