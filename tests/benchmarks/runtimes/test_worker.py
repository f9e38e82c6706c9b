"""The steps that are timed are those of a stream: each begins where the one before ended."""

import numpy as np
import tensorflow as tf

from benchmarks.runtimes.__main__ import Worker, size_of
from benchmarks.runtimes.worker import next_inputs
from common.export.runtimes.convert import write_graph
from common.export.runtimes.core import Graph


def test_states_go_on_under_either_name():
    before = {"token": 1, "states": 0, "state_0": 0}
    after = next_inputs(before, {"logits": 5, "states": 2, "state_0_after": 3})
    assert after == {"token": 1, "states": 2, "state_0": 3}


def test_a_process_of_its_own_takes_as_many_steps_as_asked(tmp_path):
    table = tf.Variable(np.ones((3, 4), np.float32))
    graph = Graph(
        "step",
        lambda token, states: {"states": states + tf.gather(table, token)},
        {"token": tf.TensorSpec([1], tf.int32), "states": tf.TensorSpec([1, 4], tf.float32)},
        ("states",),
    )
    write_graph(graph, tmp_path / "step.onnx", "none")
    inputs = '{"token": {"dtype": "int32", "shape": [1]}, "states": {"dtype": "float32", "shape": [1, 4]}}'
    (tmp_path / "frontend.json").write_text(f'{{"graph": {{"inputs": {inputs}}}}}')
    worker = Worker(tmp_path / "step.onnx")
    assert worker.facts["first"] > 0
    assert worker.facts["memory"] > 10e6
    assert worker.seconds_per_step(5) > 0
    worker.close()
    assert worker.process.returncode == 0
    assert size_of(tmp_path / "step.onnx") == (tmp_path / "step.onnx").stat().st_size
