"""What is traced under `plain_loops` runs in LiteRT and ONNX Runtime as in TensorFlow; what they lack is refused."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.errors import UserError
from common.export.runtimes.convert import require_packages, write_graph
from common.export.runtimes.core import AFTER, Graph
from common.export.runtimes.host import opened
from common.layers.portability import make_portable, plain_loops
from common.layers.stack import RecurrentStack

FEATURES, UNITS = 3, 4
SUFFIXES = ("tflite", "onnx")


def stack_of(cell, **options):
    stack = RecurrentStack(cell, UNITS, **options)
    make_portable(stack)
    stack.build((None, None, FEATURES))
    return stack


def step_of(stack):
    """A graph of one step."""

    def step(inputs, states):
        outputs, after = stack.step(inputs, tf.unstack(states, axis=1))
        return {"outputs": outputs, "states": tf.stack(after, axis=1)}

    specs = {
        "inputs": tf.TensorSpec([1, FEATURES], tf.float32),
        "states": tf.TensorSpec([1, stack.state_count, UNITS], tf.float32),
    }
    return Graph("step", step, specs, ("states",))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_steps_one_after_another_are_the_sequence(cell, suffix, tmp_path):
    stack = stack_of(cell, layers=2, residual=True, layer_normalization=True)
    write_graph(step_of(stack), tmp_path / f"step.{suffix}", "none")
    run = opened(tmp_path / f"step.{suffix}")
    inputs = np.random.default_rng(1).standard_normal((6, 1, FEATURES), np.float32)
    states, outputs = np.zeros([1, stack.state_count, UNITS], np.float32), []
    for one in inputs:
        answer = run({"inputs": one, "states": states})
        states, outputs = answer[f"states{AFTER}"], [*outputs, answer["outputs"]]
    expected = stack(tf.constant(inputs.swapaxes(0, 1)))
    np.testing.assert_allclose(np.stack(outputs, axis=1), expected, atol=1e-5)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_whole_sequences_of_any_length_run_in_keras_s_own_loop(cell, suffix, tmp_path):
    stack = stack_of(cell, bidirectional=True)

    def encode(inputs):
        with plain_loops(stack):
            return {"outputs": stack(inputs)}

    graph = Graph("encode", encode, {"inputs": tf.TensorSpec([1, None, FEATURES], tf.float32)})
    write_graph(graph, tmp_path / f"encode.{suffix}", "none")
    run = opened(tmp_path / f"encode.{suffix}")
    for length in (5, 1, 9):
        inputs = np.random.default_rng(length).standard_normal((1, length, FEATURES), np.float32)
        np.testing.assert_allclose(run({"inputs": inputs})["outputs"], stack(inputs), atol=1e-5)


def test_the_faster_loops_come_back_after_plain_ones():
    stack = stack_of("lstm")

    def operations():
        traced = tf.function(lambda inputs: stack(inputs)).get_concrete_function(
            tf.TensorSpec([1, 5, FEATURES], tf.float32)
        )
        graph = traced.graph.as_graph_def()
        return {
            node.op for nodes in (graph.node, *(f.node_def for f in graph.library.function)) for node in nodes
        }

    with plain_loops(stack):
        assert "BlockLSTMV2" not in operations()
    with pytest.raises(RuntimeError), plain_loops(stack):
        raise RuntimeError
    assert "BlockLSTMV2" in operations()


@pytest.mark.parametrize(("suffix", "runtime"), [("tflite", "LiteRT"), ("onnx", "ONNX")])
def test_what_the_runtime_does_not_know_is_named_in_one_line(suffix, runtime, tmp_path, capfd):
    stack = stack_of("lstm")
    inputs = {"inputs": tf.TensorSpec([1, 5, FEATURES], tf.float32)}
    graph = Graph("encode", lambda inputs: {"outputs": stack(inputs)}, inputs)
    with pytest.raises(ValueError, match=rf"^graph 'encode': {runtime} cannot hold it: .*BlockLSTMV2.*$"):
        write_graph(graph, tmp_path / f"encode.{suffix}", "none")
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_weights_in_eight_bits_are_about_a_quarter(suffix, tmp_path):
    table = tf.Variable(np.random.default_rng(1).standard_normal((600, 128), np.float32))
    dense = keras.layers.Dense(512, use_bias=False)
    dense.build((None, 128))

    def step(token):
        return {"scores": dense(tf.gather(table, token))}

    graph = Graph("step", step, {"token": tf.TensorSpec([1], tf.int32)})
    answers, sizes = {}, {}
    for quantization in ("none", "int8"):
        (tmp_path / quantization).mkdir()
        path = tmp_path / quantization / f"step.{suffix}"
        write_graph(graph, path, quantization)
        sizes[quantization] = path.stat().st_size
        answers[quantization] = opened(path)({"token": np.array([7], np.int32)})["scores"]
    assert 0.24 < sizes["int8"] / sizes["none"] < 0.3
    difference = np.abs(answers["int8"] - answers["none"]).max()
    assert 0 < difference < 0.05 * np.abs(answers["none"]).max()


def test_a_graph_of_several_rows_or_of_unknown_states_is_refused():
    with pytest.raises(ValueError, match="expected 'inputs' to be one row"):
        Graph("step", lambda inputs: {}, {"inputs": tf.TensorSpec([None, 2])})
    with pytest.raises(ValueError, match="expected states among the inputs, got \\['states'\\]"):
        Graph("step", lambda inputs: {}, {"inputs": tf.TensorSpec([1, 2])}, ("states",))


@pytest.mark.parametrize(("target", "package"), [("litert", "ai_edge_litert"), ("onnx", "tf2onnx")])
def test_a_missing_package_names_its_extra(target, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError) as raised:
        require_packages(target)
    assert str(raised.value) == (
        f"--format {target}: {package} is not installed; expected the extra {target}: "
        f"pip install 'recurrent-applications[{target}]'"
    )
