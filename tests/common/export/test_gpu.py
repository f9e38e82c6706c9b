"""One artifact for CPU and GPU: the second graph has cuDNN's kernels, answers alike, and leaves the first as it was."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.errors import UserError
from common.export import gpu, saved_model
from common.export.gpu import with_gpu_signature
from common.export.portability import check_portable, operations_of
from common.export.saved_model import Signature, export_saved_model
from common.inference.runner import SavedModelRunner
from common.layers.portability import make_portable
from common.layers.recurrent import LSTM
from common.layers.stack import RecurrentStack

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quickly_traced")]

CELLS = ("lstm", "gru")


@pytest.fixture
def visible_gpu(monkeypatch):
    real = tf.config.list_logical_devices

    def with_gpu(device_type=None):
        return [tf.config.LogicalDevice("/GPU:0", "GPU")] if device_type == "GPU" else real(device_type)

    monkeypatch.setattr(tf.config, "list_logical_devices", with_gpu)


@pytest.fixture
def unproved_on_gpus(monkeypatch):
    """Lets a signature pass that cannot run here."""
    real = saved_model.verify_signature

    def verify(runner, name, *rest):
        if name != "serving_gpu":
            real(runner, name, *rest)

    monkeypatch.setattr(saved_model, "verify_signature", verify)


def kernel_of_the_manual(
    *,
    input,
    input_h,
    input_c,
    params,
    is_training,
    rnn_mode,
    sequence_lengths,
    time_major,
):
    """What NVIDIA's manual says of `cudnnRNNForward`, in NumPy's way: one layer, one direction, rows end early."""
    assert not time_major
    gates = {"lstm": 4, "gru": 3}[rnn_mode]
    units, features = input_h.shape[-1], input.shape[-1]
    sizes = [units * features] * gates + [units * units] * gates + [units] * 2 * gates
    parts = tf.split(params, sizes)
    w = [tf.reshape(part, [units, features]) for part in parts[:gates]]
    r = [tf.reshape(part, [units, units]) for part in parts[gates : 2 * gates]]
    b, c = parts[2 * gates : 3 * gates], parts[3 * gates :]
    state = (input_h[:, 0], input_c[:, 0]) if rnn_mode == "lstm" else (input_h[:, 0],)

    def step(x, state):
        xs = [tf.matmul(x, w[k], transpose_b=True) + b[k] for k in range(gates)]
        hs = [tf.matmul(state[0], r[k], transpose_b=True) + c[k] for k in range(gates)]
        if rnn_mode == "gru":
            reset, update = (tf.sigmoid(xs[k] + hs[k]) for k in range(2))
            new = tf.tanh(xs[2] + reset * hs[2])
            return ((1 - update) * new + update * state[0],)
        keep_new, keep_old, out = (tf.sigmoid(xs[k] + hs[k]) for k in (0, 1, 3))
        cell = keep_old * state[1] + keep_new * tf.tanh(xs[2] + hs[2])
        return (out * tf.tanh(cell), cell)

    def body(time, state, outputs):
        after, runs = step(input[:, time], state), (time < sequence_lengths)[:, None]
        kept = tuple(tf.where(runs, new, old) for new, old in zip(after, state, strict=True))
        return time + 1, kept, outputs.write(time, tf.where(runs, after[0], 0.0))

    length = tf.shape(input)[1]
    outputs = tf.TensorArray(tf.float32, length)
    _, state, outputs = tf.while_loop(lambda time, *_: time < length, body, (0, state, outputs))
    stacked = tf.transpose(outputs.stack(), [1, 0, 2])
    stacked = tf.ensure_shape(stacked, [None, None, units])
    return stacked, state[0][:, None], state[-1][:, None], None, None


def model_of(*layers):
    model = keras.Sequential([keras.Input([None, 3]), keras.layers.Masking(), *layers])
    make_portable(model)
    return model


def signatures(model, names=("serving_default",)):
    lengths = np.array([4, 1, 3])
    sequences = np.random.default_rng(0).normal(size=(3, 4, 3)).astype(np.float32)
    sequences *= (np.arange(4) < lengths[:, None])[..., None]
    inputs = {"x": tf.TensorSpec([None, None, 3], tf.float32)}

    @tf.function(input_signature=[*inputs.values()])
    def read(x):
        return model(x, training=False)

    return [Signature(name, lambda x: {"y": read(x)}, inputs, {"x": sequences}) for name in names]


def operations(signature):
    traced = tf.function(signature.function).get_concrete_function(**signature.inputs)
    return operations_of(traced.graph.as_graph_def())


@pytest.mark.parametrize("layer", [LSTM, keras.layers.GRU])
def test_only_the_second_graph_has_cudnns_kernels(visible_gpu, layer):
    model = model_of(keras.layers.Bidirectional(layer(2, return_sequences=True)), layer(2))
    served = with_gpu_signature(partial(signatures, model), model, True)
    assert [signature.name for signature in served] == ["serving_default", "serving_gpu"]
    assert "CudnnRNNV3" in operations(served[1])
    assert not any(name.startswith("Cudnn") for name in operations(served[0]))
    assert not any(name.startswith("Cudnn") for name in operations(signatures(model)[0])), (
        "it is portable again"
    )


def test_who_does_not_ask_for_it_does_not_get_it(visible_gpu):
    model = model_of(LSTM(2))
    assert [one.name for one in with_gpu_signature(partial(signatures, model), model, False)] == [
        "serving_default"
    ]


@pytest.mark.parametrize("cell", CELLS)
def test_it_answers_as_the_default_does(visible_gpu, tmp_path, monkeypatch, cell):
    monkeypatch.setattr(tf.raw_ops, "CudnnRNNV3", kernel_of_the_manual)
    monkeypatch.setattr(gpu, "operations_of", lambda _: {"CudnnRNNV3"})
    called = []
    monkeypatch.setattr(
        tf.raw_ops, "CudnnRNNV3", lambda **inputs: called.append(1) or kernel_of_the_manual(**inputs)
    )
    model = model_of(RecurrentStack(cell, 4, layers=2, bidirectional=True))
    served = with_gpu_signature(partial(signatures, model), model, True)
    version = export_saved_model(served, tmp_path / "toy")
    assert called
    x = served[0].examples["x"]
    with SavedModelRunner(version) as runner:
        np.testing.assert_allclose(
            runner.run("serving_gpu", x=x)["y"], runner.run("serving_default", x=x)["y"], atol=1e-6
        )


def test_a_cpu_loads_the_artifact_and_answers_all_but_the_gpus_signature(
    visible_gpu, unproved_on_gpus, tmp_path
):
    model = model_of(keras.layers.Bidirectional(LSTM(2)))
    served = with_gpu_signature(partial(signatures, model), model, True)
    version = export_saved_model(served, tmp_path / "toy")
    x = served[0].examples["x"]
    assert b"CudnnRNNV3" in (version / "saved_model.pb").read_bytes()
    with SavedModelRunner(version) as runner:
        np.testing.assert_allclose(runner.run("serving_default", x=x)["y"], model(x), atol=1e-6)
        with pytest.raises(Exception, match="Cudnn"):
            runner.run("serving_gpu", x=x)
    requests = (version / "assets.extra" / "tf_serving_warmup_requests").read_bytes()
    assert b"serving_default" in requests
    assert b"serving_gpu" not in requests


def test_weights_are_stored_once(visible_gpu, unproved_on_gpus, tmp_path):
    model = model_of(LSTM(2))
    version = export_saved_model(
        with_gpu_signature(partial(signatures, model), model, True), tmp_path / "toy"
    )
    stored = tf.train.load_checkpoint(str(version / "variables" / "variables")).get_variable_to_shape_map()
    assert len([name for name in stored if "OBJECT_GRAPH" not in name]) == len(model.weights)


def test_what_cannot_be_proved_is_not_published(visible_gpu, tmp_path):
    model = model_of(LSTM(2))
    served = with_gpu_signature(partial(signatures, model), model, True)
    with pytest.raises(Exception, match="Cudnn"):
        export_saved_model(served, tmp_path / "toy")
    assert not (tmp_path / "toy").exists()


def test_a_kernel_that_another_signature_calls_is_refused(visible_gpu, tmp_path):
    model = model_of(keras.layers.LSTM(2))
    model.layers[-1].use_cudnn = "auto"
    first, second = signatures(model, ["serving_gpu", "again"])
    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    functions = {
        one.name: tf.function(one.function).get_concrete_function(
            **{name: tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in one.inputs.items()}
        )
        for one in (first, second)
    }
    tf.saved_model.save(module, str(tmp_path / "alone"), signatures={"serving_gpu": functions["serving_gpu"]})
    check_portable(tmp_path / "alone")
    tf.saved_model.save(module, str(tmp_path / "both"), signatures=functions)
    with pytest.raises(ValueError, match="CudnnRNNV3 runs on NVIDIA GPUs only"):
        check_portable(tmp_path / "both")


def test_without_a_gpu_it_is_refused():
    model = model_of(LSTM(2))
    with pytest.raises(UserError, match="--gpu-signature: TensorFlow sees no GPU"):
        with_gpu_signature(partial(signatures, model), model, True)


def test_a_model_that_no_kernel_can_help_is_refused(visible_gpu):
    model = model_of(keras.layers.Dense(2))
    with pytest.raises(UserError, match="--gpu-signature: no layer of this model"):
        with_gpu_signature(partial(signatures, model), model, True)
