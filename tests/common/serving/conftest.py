"""A small model for tests of serving, in two versions that differ in one number."""

import shutil
from contextlib import ExitStack

import httpx
import pytest
import tensorflow as tf

from common.serving.server.local_server import ServerOptions, running_server


class Toy(tf.Module):
    """Text in capitals with the version's number; some signatures refuse, wait, or give back bytes."""

    def __init__(self, number):
        self.number = tf.Variable(number)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def shout(self, text):
        is_welcome = tf.reduce_all(tf.not_equal(text, "refuse"))
        with tf.control_dependencies([tf.debugging.Assert(is_welcome, ["row: refused"])]):
            number = tf.fill(tf.shape(text), self.number)
        return {"shouted": tf.strings.upper(text), "version": number}

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="x")])
    def total(self, x):
        is_number = tf.reduce_all(tf.math.is_finite(x))
        with tf.control_dependencies([tf.debugging.Assert(is_number, ["row 0: expected numbers, got NaN"])]):
            return {"total": tf.reduce_sum(x, axis=1)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="image_bytes"),
            tf.TensorSpec([None], tf.int64, name="count"),
            tf.TensorSpec([None], tf.bool, name="flag"),
        ]
    )
    def same(self, image_bytes, count, flag):
        return {"copy_bytes": tf.identity(image_bytes), "count": count + 0, "flag": tf.identity(flag)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="steps")])
    def slow(self, steps):
        return {
            "total": tf.map_fn(lambda n: tf.while_loop(lambda i: i < n, lambda i: (i + 1,), [0])[0], steps)
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def measure(self, inputs):
        features = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([], tf.float32)})
        return {"outputs": 2 * features["x"]}


@pytest.fixture(scope="session")
def toys(tmp_path_factory):
    """A folder with the versions 1 and 2 of the model."""
    folder = tmp_path_factory.mktemp("toys")
    for number in (1, 2):
        toy = Toy(number)
        signatures = {
            "serving_default": toy.shout,
            "total": toy.total,
            "same": toy.same,
            "slow": toy.slow,
            "measure": toy.measure,
        }
        path = folder / str(number)
        tf.saved_model.save(toy, str(path), signatures=signatures)
        updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(path))
        updater.replace_method_name(signature_key="measure", method_name="tensorflow/serving/regress")
        updater.save()
    return folder


@pytest.fixture
def models(toys, tmp_path):
    """A folder with version 1 of one model."""
    shutil.copytree(toys / "1", tmp_path / "models" / "toy" / "1")
    return tmp_path / "models"


@pytest.fixture
def serve():
    """Starts a server that looks at its folders when it is told to (`repository.refresh()`), and ends it."""
    with ExitStack() as stack:

        def start(folder, log=lambda line: None, **options):
            asked = {"rest_port": 0, "grpc_port": 0, "poll_seconds": 0, **options}
            server = stack.enter_context(running_server(ServerOptions(models=folder, **asked), log))
            url = f"http://127.0.0.1:{server.rest_port}"
            return server, stack.enter_context(httpx.Client(base_url=url, timeout=60))

        yield start


@pytest.fixture
def put():
    """Puts a version in place as an export does: whole, at once."""

    def put(source, target):
        beside = target.with_name(f".new-{target.name}")
        shutil.copytree(source, beside)
        beside.rename(target)

    return put
