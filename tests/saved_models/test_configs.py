"""The files for TensorFlow Serving say what its messages can hold, and name the applications that there are."""

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from applications import catalogue
from common.inference.protobuf import declare_messages

REPOSITORY = Path(__file__).parents[2]
MODELS = REPOSITORY / "saved_models"

# tensorflow_serving/servables/tensorflow/session_bundle_config.proto and config/monitoring_config.proto, which
# the package tensorflow-serving-api leaves out.
LEFT_OUT = declare_messages("""
    message Int64Value { int64 value = 1; }
    message StringValue { string value = 1; }
    message BatchingParameters {
        Int64Value max_batch_size = 1;
        Int64Value batch_timeout_micros = 2;
        Int64Value max_enqueued_batches = 3;
        Int64Value num_batch_threads = 4;
        StringValue thread_pool_name = 5;
        repeated int64 allowed_batch_sizes = 6;
        bool pad_variable_length_inputs = 7;
    }
    message PrometheusConfig { bool enable = 1; string path = 2; }
    message MonitoringConfig { PrometheusConfig prometheus_config = 1; }
""")


def read(name, message):
    return text_format.Parse((MODELS / name).read_text("utf-8"), message())


@pytest.fixture(scope="module")
def served():
    return {model.name: model for model in read("models.config", ModelServerConfig).model_config_list.config}


def test_each_application_with_a_model_is_served_once(served):
    names = [model.name for model in read("models.config", ModelServerConfig).model_config_list.config]
    assert names == sorted(set(names))
    folders = {path.parents[1].name for path in MODELS.glob("*/*/saved_model.pb")}
    assert folders == served.keys() <= catalogue().keys()


def test_a_model_is_served_from_its_own_folder_by_its_highest_version(served):
    for name, model in served.items():
        assert model.base_path == f"/models/{name}"
        assert model.model_platform == "tensorflow"
        assert model.model_version_policy.latest.num_versions == 1


def test_requests_are_joined_within_bounds():
    batching = read("batching.config", LEFT_OUT["BatchingParameters"])
    assert 1 < batching.max_batch_size.value <= 256
    assert 0 <= batching.batch_timeout_micros.value <= 50_000, "a lone request waits no longer than a blink"
    assert 1 <= batching.num_batch_threads.value <= 64
    assert 1 <= batching.max_enqueued_batches.value <= 10_000, "a queue that ends"
    assert not batching.pad_variable_length_inputs, "the server pads with the first element, not with silence"


def test_metrics_are_given_out():
    prometheus = read("monitoring.config", LEFT_OUT["MonitoringConfig"]).prometheus_config
    assert prometheus.enable
    assert prometheus.path == "/monitoring/prometheus/metrics"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("models.config", ModelServerConfig),
        ("batching.config", LEFT_OUT["BatchingParameters"]),
        ("monitoring.config", LEFT_OUT["MonitoringConfig"]),
    ],
)
def test_a_slip_of_the_pen_would_be_seen(name, message):
    text = (MODELS / name).read_text("utf-8")
    with pytest.raises(text_format.ParseError):
        text_format.Parse(text + "\nspelling_mistake: 1\n", message())
