"""Clients that say nothing, say half, talk slowly or go away cost the others nothing."""

import http.client
import json
import socket
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from common.errors import UserError
from common.serving.server.local_server import BatchingOptions, Limits

pytestmark = pytest.mark.slow

LIMIT = 1.0
BODY = json.dumps({"instances": ["a"]}).encode()
HEAD = b"POST /v1/models/toy:predict HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n"
SLOW = {"signature_name": "slow", "instances": [400_000]}


@pytest.fixture
def running(serve, models):
    return serve(
        models,
        read_seconds=LIMIT,
        batching=BatchingOptions(max_batch_size=1, batch_threads=1, max_queue=4),
        limits=Limits(request_seconds=60),
    )


def connected(port):
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def seconds_until_closed(connection):
    begin = time.monotonic()
    while connection.recv(4096):
        pass
    return time.monotonic() - begin


def assert_answers(web):
    begin = time.monotonic()
    assert web.post("/v1/models/toy:predict", content=BODY).status_code == 200
    return time.monotonic() - begin


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /v1/mod",
        HEAD % len(BODY),
        (HEAD % len(BODY)) + BODY[:5],
        (HEAD % len(BODY)) + BODY + b"GET /v1",
    ],
    ids=["nothing", "half a header", "no body", "half a body", "half of a second request"],
)
def test_who_does_not_go_on_is_cut_off(running, sent):
    server, web = running
    with connected(server.rest_port) as connection:
        connection.sendall(sent)
        assert seconds_until_closed(connection) < LIMIT + 10
    assert_answers(web)


def test_a_slow_upload_that_goes_on_is_answered(running):
    server, _ = running
    body = BODY + b" " * 6000
    with connected(server.rest_port) as connection:
        connection.sendall(HEAD % len(body))
        begin = time.monotonic()
        for at in range(0, len(body), 400):
            connection.sendall(body[at : at + 400])
            time.sleep(0.15)
        assert time.monotonic() - begin > 2 * LIMIT
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_request_that_is_worked_on_for_long_is_not_cut_off(running):
    _, web = running
    begin = time.monotonic()
    answer = web.post("/v1/models/toy:predict", json={"signature_name": "slow", "instances": [600_000]})
    assert answer.json() == {"predictions": [600_000]}
    assert time.monotonic() - begin > LIMIT


def test_many_silent_connections_stop_nobody(running):
    server, web = running
    silent = [connected(server.rest_port) for _ in range(300)]
    for number, connection in enumerate(silent):
        connection.sendall([b"", b"GET /", HEAD % 10][number % 3])
    assert assert_answers(web) < 10
    for connection in silent:
        seconds_until_closed(connection)
        connection.close()


def test_who_connects_to_grpc_and_says_nothing_is_cut_off(running):
    server, _ = running
    with connected(server.grpc_port) as connection:
        assert seconds_until_closed(connection) < LIMIT + 10


def predict(signature, name, value):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "toy", signature
    request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def busy(server):
    """A call that keeps the only batch thread busy, and its channel."""
    channel = grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}")
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    call = stub.Predict.future(predict("slow", "steps", np.array([1_000_000], np.int32)))
    time.sleep(0.3)
    return channel, stub, call


def fills_and_goes(server, stub, interface):
    """Fills the queue with requests whose clients go away."""
    if interface == "grpc":
        calls = [stub.Predict.future(predict("slow", "steps", np.array([1], np.int32))) for _ in range(4)]
        time.sleep(0.5)
        for call in calls:
            call.cancel()
    else:
        connections = [http.client.HTTPConnection("127.0.0.1", server.rest_port) for _ in range(4)]
        for connection in connections:
            connection.request("POST", "/v1/models/toy:predict", json.dumps(SLOW))
        time.sleep(0.5)
        for connection in connections:
            connection.close()
    time.sleep(0.3)


@pytest.mark.parametrize("interface", ["rest", "grpc"])
def test_the_work_of_clients_that_have_gone_is_dropped(running, interface):
    server, web = running
    channel, stub, call = busy(server)
    with channel:
        fills_and_goes(server, stub, interface)
        assert not call.done(), "the thread was busy all the time"
        # Were the four still in the queue, it would be full.
        begin = time.monotonic()
        assert_answers(web)
        call.result()
        assert time.monotonic() - begin < 30


def test_a_wrong_limit_is_refused(serve, models):
    with pytest.raises(UserError, match=r"--read-seconds 0\.0: expected more than 0"):
        serve(models, read_seconds=0.0)
