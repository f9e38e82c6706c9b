"""Metrics are what Prometheus reads, by the names that TensorFlow Serving gives them."""

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from common.errors import UserError
from common.serving.server.metrics import RequestMetrics, metrics_path

SHIPPED = Path(__file__).parents[4] / "saved_models" / "monitoring.config"
PATH = "/monitoring/prometheus/metrics"
COUNT, LATENCY = ":tensorflow:serving:request_count", ":tensorflow:serving:request_latency"
COUNTED = f"{COUNT}_total"  # the parser gives counters the names that OpenMetrics has for them


def read(page):
    """Each sample of a page, as an independent parser reads it: (name, labels) to its value."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def key(name, **labels):
    return name, frozenset(labels.items())


@given(
    st.text() | st.text('a"\\\n,}= '),
    st.lists(st.tuples(st.sampled_from(grpc.StatusCode), st.floats(0, 5000)), min_size=1, max_size=20),
)
def test_what_was_counted_is_what_is_read(name, requests):
    metrics = RequestMetrics()
    for status, seconds in requests:
        metrics.add(name, "predict", "REST", status, seconds)
    read_back = read(metrics.text())
    for status in {status for status, _ in requests}:
        expected = sum(status is other for other, _ in requests)
        assert read_back[key(COUNTED, model_name=name, status=status.name)] == expected
    answered = np.array([1e6 * seconds for status, seconds in requests if status is grpc.StatusCode.OK])
    labels = {"model_name": name, "API": "predict", "entrypoint": "REST"}
    if not answered.size:
        assert not any(sample.startswith(LATENCY) for sample, _ in read_back)
        return
    assert read_back[key(f"{LATENCY}_count", **labels)] == answered.size
    assert read_back[key(f"{LATENCY}_sum", **labels)] == pytest.approx(answered.sum())
    buckets = {
        float(dict(label)["le"]): value
        for (sample, label), value in read_back.items()
        if sample == f"{LATENCY}_bucket"
    }
    assert len(buckets) == 34
    assert max(buckets) == math.inf
    for limit, value in buckets.items():
        # Limits are printed in six digits.
        assert (answered <= limit * 0.9999).sum() <= value <= (answered <= limit * 1.0001).sum()


def test_buckets_are_those_of_tensorflow_serving():
    metrics = RequestMetrics()
    metrics.add("m", "predict", "REST", grpc.StatusCode.OK, 0.5)
    page = metrics.text()
    # Seen on pages of TensorFlow Serving: tens of microseconds, each limit 1.8 times the one before.
    for limit in ("10", "18", "32.4", "708235", "+Inf"):
        assert f'_bucket{{model_name="m",API="predict",entrypoint="REST",le="{limit}"}}' in page
    assert f"# TYPE {COUNT} counter" in page
    assert f"# TYPE {LATENCY} histogram" in page


def test_counts_from_many_threads_are_all_there():
    metrics = RequestMetrics()
    with ThreadPoolExecutor(8) as pool:
        for _ in range(4000):
            pool.submit(metrics.add, "m", "predict", "REST", grpc.StatusCode.OK, 0.001)
    page = read(metrics.text())
    assert page[key(COUNTED, model_name="m", status="OK")] == 4000
    assert page[key(f"{LATENCY}_count", model_name="m", API="predict", entrypoint="REST")] == 4000


@pytest.fixture
def running(serve, models):
    return serve(models, monitoring_config_file=SHIPPED)


def test_a_server_counts_by_model_status_and_interface(running):
    server, web = running
    asked = [({"instances": ["a"]}, 200)] * 3 + [({"instances": [1]}, 400), ({"instances": ["refuse"]}, 400)]
    for body, status in asked:
        assert web.post("/v1/models/toy:predict", json=body).status_code == status
    assert web.post("/v1/models/toy/versions/9:predict", json=asked[0][0]).status_code == 404
    assert web.post("/v1/models/none:predict", json=asked[0][0]).status_code == 404
    assert web.get("/v1/models/toy").status_code == 200
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "toy"
        with pytest.raises(grpc.RpcError):
            stub.Predict(request)
        request.inputs["text"].CopyFrom(tf.make_tensor_proto(["a"]))
        stub.Predict(request)
    reply = web.get(PATH)
    assert reply.headers["content-type"].startswith("text/plain")
    page = read(reply.text)
    counts = {labels: value for (name, labels), value in page.items() if name == COUNTED}
    assert counts == {
        frozenset({("model_name", "toy"), ("status", status)}): count
        for status, count in (("OK", 5), ("INVALID_ARGUMENT", 3), ("NOT_FOUND", 1))
    }
    for api, entrypoint, count in (("predict", "REST", 3), ("", "REST", 1), ("Predict", "GRPC", 1)):
        labels = {"model_name": "toy", "API": api, "entrypoint": entrypoint}
        assert page[key(f"{LATENCY}_count", **labels)] == count
        assert 0 < page[key(f"{LATENCY}_sum", **labels)] < 60e6
    assert "none" not in reply.text
    assert read(web.get(PATH).text) == page, "reading changes nothing"


def test_without_the_configuration_there_is_no_page(serve, models):
    _, web = serve(models)
    assert web.get(PATH).status_code == 404


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("prometheus_config { enable: true }", PATH),
        ('prometheus_config { enable: true path: "/metrics" }', "/metrics"),
        ('prometheus_config { path: "/metrics" }', None),
        ("", None),
    ],
)
def test_the_configuration_says_where_the_page_is(tmp_path, text, path):
    file = tmp_path / "monitoring.config"
    file.write_text(text)
    assert metrics_path(file) == path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prometheus {}", "expected TensorFlow Serving's MonitoringConfig"),
        ('prometheus_config { enable: true path: "metrics" }', "expected a path that begins with /"),
        (None, "--monitoring-config-file .*absent: No such file"),
    ],
)
def test_a_wrong_configuration_is_refused_in_one_line(tmp_path, text, message):
    file = tmp_path / "absent"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        metrics_path(file)
    assert "\n" not in str(caught.value)
