"""A folder for other runtimes is complete and proved, or it is not there."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from common.export.model_card import ModelCard, Result
from common.export.runtimes import package
from common.export.runtimes.core import AFTER, Core, Example, Graph, Greedy
from common.export.runtimes.host import opened
from common.export.runtimes.package import Target, publish_package, shown
from common.training.hardware import Hardware

TOKENS, UNITS = 7, 5
TEXTS = ([1, 2, 3], [4], [6, 5, 4, 3, 2, 1])
CARD = ModelCard(
    application="counting",
    task="A number in; the next one out.",
    data="numbers",
    data_licence="CC0",
    training_examples=3,
    configuration={"units": UNITS},
    results=(Result("accuracy", 0.5, "numbers", "count"),),
    limits=("It counts to six.",),
    training_seconds=1,
    hardware=Hardware("a CPU", 1, ()),
)


def core_of(steps=12, scale=1.0):
    """A recurrent model so small that NumPy computes it in a line."""
    rng = np.random.default_rng(1)
    table, mix, out = (
        tf.Variable(scale * rng.standard_normal(shape), dtype=tf.float32)
        for shape in ((TOKENS, UNITS), (UNITS, UNITS), (UNITS, TOKENS))
    )

    def step(token, states):
        after = tf.tanh(tf.gather(table, token) + tf.matmul(states, mix))
        return {"logits": tf.matmul(after, out), "states": after}

    graph = Graph(
        "step",
        step,
        {"token": tf.TensorSpec([1], tf.int32), "states": tf.TensorSpec([1, UNITS], tf.float32)},
        ("states",),
    )
    examples = [Example(f"text {tokens}", {"token": np.array(tokens, np.int32)[:, None]}) for tokens in TEXTS]
    core = Core(
        graph,
        {"kind": "characters"},
        examples,
        scores=("logits",),
        usage="Count on.",
        labels=tuple("abcdefg"),
        greedy=Greedy("token", "logits", 0, steps),
    )
    return core, [variable.numpy() for variable in (table, mix, out)]


def by_hand(weights, tokens):
    """The logits and the state after tokens, in NumPy."""
    table, mix, out = weights
    state = np.zeros(UNITS, np.float32)
    for token in tokens:
        state = np.tanh(table[token] + state @ mix)
    return state @ out, state


@pytest.fixture(scope="module", params=["litert", "onnx"])
def target(request):
    return request.param


@pytest.fixture(scope="module")
def published(target, tmp_path_factory):
    core, weights = core_of()
    version = publish_package(core, CARD, Target(target, "none"), tmp_path_factory.mktemp("m") / "counting")
    return version, weights


def read(version, name):
    return json.loads((version / name).read_text("utf-8"))


def test_the_folder_holds_all_that_a_host_needs(published, target):
    version, _ = published
    graph = {"litert": "step.tflite", "onnx": "step.onnx"}[target]
    expected = {graph, "frontend.json", "golden.json", "labels.json", "README.md"}
    assert {path.name for path in version.iterdir()} == expected
    assert version.name == "1"
    assert read(version, "labels.json") == list("abcdefg")
    facts = read(version, "frontend.json")
    assert (facts["version"], facts["kind"]) == (1, "characters")
    assert facts["graph"] == {
        "name": "step",
        "inputs": {
            "token": {"dtype": "int32", "shape": [1]},
            "states": {"dtype": "float32", "shape": [1, UNITS]},
        },
        "outputs": {"logits": [1, TOKENS], f"states{AFTER}": [1, UNITS]},
        "states": {"states": f"states{AFTER}"},
    }
    card = (version / "README.md").read_text("utf-8")
    for told in (
        "A number in; the next one out.",
        "Count on.",
        "It counts to six.",
        f"`{graph}`",
        "| 100.0% |",
    ):
        assert told in card


def test_the_golden_answers_are_those_of_the_model(published):
    version, weights = published
    golden = read(version, "golden.json")
    for tokens, example in zip(TEXTS, golden["examples"], strict=True):
        assert (example["raw"], example["steps"]) == (f"text {tokens}", len(tokens))
        assert example["inputs"]["token"] == {"shape": [len(tokens)], "values": tokens}
        logits, state = by_hand(weights, tokens)
        np.testing.assert_allclose(example["outputs"]["logits"]["values"], logits, atol=1e-5)
        np.testing.assert_allclose(example["outputs"][f"states{AFTER}"]["values"], state, atol=1e-5)
    written = [0]
    for _ in range(12):
        written.append(int(np.argmax(by_hand(weights, written)[0])))
    assert golden["greedy"]["tokens"] == written[1:]


def test_the_graph_runs_as_its_readme_says(published, target):
    version, weights = published
    run = opened(next(version.glob("step.*")))
    answer = run({"token": np.array([3], np.int32), "states": np.zeros([1, UNITS], np.float32)})
    np.testing.assert_allclose(answer["logits"][0], by_hand(weights, [3])[0], atol=1e-5)


def test_a_second_export_is_the_next_version_and_eight_bits_tell_their_loss(published, target):
    version, _ = published
    core, _ = core_of()
    second = publish_package(core, CARD, Target(target, "int8"), version.parent)
    assert second.name == "2"
    card = (second / "README.md").read_text("utf-8")
    assert "weights in eight bits" in card
    assert "| `logits` |" in card
    second.rename(version.parents[1] / "second")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"scale": 1.001}, "output 'logits' of example 1: expected the answer of TensorFlow"),
        ({"steps": 13}, "the greedy text: expected the answer of TensorFlow, got another"),
    ],
)
def test_what_answers_otherwise_is_not_published(broken, message, monkeypatch, tmp_path):
    """A conversion that lost something of the weights, and one that writes another text."""
    write_graph = package.write_graph
    if "scale" in broken:
        other, _ = core_of(**broken)
        monkeypatch.setattr(package, "write_graph", lambda _, *rest: write_graph(other.graph, *rest))
    else:
        answers = package.asked_elsewhere

        def another_text(core, graph):
            told = answers(core, graph)
            return {**told, "greedy": told["greedy"] + 1}

        monkeypatch.setattr(package, "asked_elsewhere", another_text)
    core, _ = core_of()
    with pytest.raises(ValueError, match=message):
        publish_package(core, CARD, Target("onnx", "none"), tmp_path / "counting")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_the_runtime_cannot_read_is_not_published(monkeypatch, tmp_path):
    monkeypatch.setattr(package, "write_graph", lambda _, path, *__: path.write_bytes(b"no graph"))
    core, _ = core_of()
    with pytest.raises(ValueError, match="the other runtime fails where TensorFlow answers"):
        publish_package(core, CARD, Target("onnx", "none"), tmp_path / "counting")
    assert list(tmp_path.iterdir()) == []


def test_eight_bits_that_answer_with_no_number_are_not_published(monkeypatch, tmp_path):
    core, _ = core_of()
    step = core.graph.function

    def broken_step(token, states):
        outputs = step(token, states)
        return {**outputs, "logits": outputs["logits"] * np.nan}

    broken = replace(core.graph, function=broken_step)
    write_graph = package.write_graph
    monkeypatch.setattr(package, "write_graph", lambda _, *rest: write_graph(broken, *rest))
    with pytest.raises(ValueError, match="in eight bits it answers with NaN or infinity"):
        publish_package(core, CARD, Target("onnx", "int8"), tmp_path / "counting")
    assert list(tmp_path.iterdir()) == []


def test_long_arrays_are_shown_by_their_ends_and_their_mean():
    values = np.arange(100, dtype=np.float32) / 4
    assert shown(values) == {
        "shape": [100],
        "first": [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75],
        "last": [23, 23.25, 23.5, 23.75, 24, 24.25, 24.5, 24.75],
        "mean": 12.375,
    }
    assert shown(np.array([[1, 2]])) == {"shape": [1, 2], "values": [1, 2]}
