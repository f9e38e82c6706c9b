"""The folder that a host program takes: a graph, its front end, golden answers and a card; proved, then published."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from common.export.model_card import ModelCard
from common.export.runtimes import host
from common.export.runtimes.card import card_text
from common.export.runtimes.convert import SUFFIXES, Format, Quantization, write_graph
from common.export.runtimes.core import AFTER, Arrays, Core
from common.export.runtimes.loss import Loss, losses
from common.export.versions import next_version

FRONTEND, GOLDEN, LABELS, CARD = "frontend.json", "golden.json", "labels.json", "README.md"
VERSION = 1
"""Of what `frontend.json` and `golden.json` look like; it rises when a reader of the old ones would misread them."""
TOLERANCE = 1e-4
_FIRST = 8
_WHOLE = 1024


@dataclass(frozen=True)
class Target:
    """What a model is converted to."""

    format: Format
    quantization: Quantization


def publish_package(core: Core, card: ModelCard, target: Target, folder: Path) -> Path:
    """Converts, proves and publishes a model's core as the next version in `folder`.

    The converted graph answers the core's examples in a process that has the other runtime and NumPy alone, and is held
    against the function that it was made from: each number within 1e-4, and the same tokens where the model writes. Of
    eight-bit weights the loss is measured instead, and told in the card.

    Returns:
        The folder of the version.

    Raises:
        ValueError: the runtime cannot hold the graph, or answers otherwise.
    """

    def write(temporary: Path) -> None:
        graph = temporary / f"{core.graph.name}{SUFFIXES[target.format]}"
        write_graph(core.graph, graph, target.quantization)
        expected, answers = _expected(core), asked_elsewhere(core, graph)
        measured = losses(core, expected, answers)
        if target.quantization == "none":
            _require_equal(core, expected, answers)
        elif not all(np.isfinite(one.largest) for one in measured):
            raise ValueError(f"graph {core.graph.name!r}: in eight bits it answers with NaN or infinity")
        _write_files(temporary, core, card, target, answers, measured)

    return next_version(folder, write)


def asked_elsewhere(core: Core, graph: Path) -> dict[str, np.ndarray]:
    """What the converted graph answers in a process of its own, see `host.answered`.

    Raises:
        ValueError: it fails.
    """
    with tempfile.TemporaryDirectory() as name:
        asked, told = Path(name) / "questions.npz", Path(name) / "answers.npz"
        np.savez(asked, **_questions(core))  # type: ignore[arg-type]
        command = [sys.executable, "-P", host.__file__, str(graph), str(asked), str(told)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
            raise ValueError(f"{graph.name}: the other runtime fails where TensorFlow answers: {reason}")
        with np.load(told) as answers:
            return dict(answers)


def _questions(core: Core) -> dict[str, np.ndarray]:
    greedy = core.greedy
    about = {
        "examples": len(core.examples),
        "after": AFTER,
        "greedy": None if greedy is None else vars(greedy),
    }
    questions = {host.ABOUT: np.array(json.dumps(about))}
    for index, example in enumerate(core.examples):
        questions |= {f"{index}/{name}": values for name, values in example.steps.items()}
    for name in core.graph.states:
        spec = core.graph.inputs[name]
        questions[f"zeros/{name}"] = np.zeros(spec.shape, spec.dtype.as_numpy_dtype)
    return questions


def _expected(core: Core) -> dict[str, np.ndarray]:
    """What the function itself answers."""
    traced = core.graph.traced()

    def run(inputs: Arrays) -> dict[str, np.ndarray]:
        outputs = traced(**{name: tf.constant(values) for name, values in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}

    return host.answered(run, _questions(core))


def _require_equal(core: Core, expected: Arrays, answers: Arrays) -> None:
    for name, values in expected.items():
        answer = answers.get(name)
        where = f"graph {core.graph.name!r}, {_named(name)}"
        if answer is None or answer.shape != values.shape:
            shape = "nothing" if answer is None else list(answer.shape)
            raise ValueError(f"{where}: expected the shape {list(values.shape)}, got {shape}")
        if values.dtype.kind == "f":
            if not np.allclose(answer, values, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
                most = np.nanmax(np.abs(answer - values))
                raise ValueError(
                    f"{where}: expected the answer of TensorFlow to {TOLERANCE}, got one {most:.2g} away"
                )
        elif not np.array_equal(answer, values):
            raise ValueError(f"{where}: expected the answer of TensorFlow, got another")


def _named(name: str) -> str:
    example, _, output = name.partition("/")
    return f"output {output!r} of example {int(example) + 1}" if output else f"the {name} text"


def _write_files(
    folder: Path,
    core: Core,
    card: ModelCard,
    target: Target,
    answers: Arrays,
    measured: Sequence[Loss],
) -> None:
    outputs = {key.partition("/")[2]: list(answers[key].shape[1:]) for key in answers if key.startswith("0/")}
    about = {"version": VERSION, **core.frontend, "graph": graph_facts(core, outputs)}
    _write_json(folder / FRONTEND, about)
    _write_json(folder / GOLDEN, golden(core, answers))
    if core.labels:
        _write_json(folder / LABELS, list(core.labels))
    size = (folder / f"{core.graph.name}{SUFFIXES[target.format]}").stat().st_size
    text = card_text(core, card, target.format, target.quantization, about["graph"], size, measured)
    (folder / CARD).write_text(text, "utf-8")


def graph_facts(core: Core, outputs: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """What a host must know of a graph: the types and shapes of what goes in and out, and which of it are states."""
    inputs = {
        name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
        for name, spec in core.graph.inputs.items()
    }
    states = {name: name + AFTER for name in core.graph.states}
    return {"name": core.graph.name, "inputs": inputs, "outputs": dict(outputs), "states": states}


def golden(core: Core, answers: Arrays) -> dict[str, Any]:
    """The examples with what the front end makes of them and what the graph answers after the last step."""
    examples = []
    for index, example in enumerate(core.examples):
        outputs = {
            key.partition("/")[2]: shown(answers[key][-1]) for key in answers if key.startswith(f"{index}/")
        }
        inputs = {name: shown(values[:, 0]) for name, values in example.steps.items()}
        examples.append({"raw": example.raw, "steps": example.count, "inputs": inputs, "outputs": outputs})
    facts: dict[str, Any] = {"version": VERSION, "examples": examples}
    if core.greedy is not None:
        facts["greedy"] = {**vars(core.greedy), "tokens": answers["greedy"].tolist()}
    return facts


def shown(values: np.ndarray) -> Any:
    """An array as JSON: whole if it holds whole numbers or few, otherwise its shape, its first and last numbers, and
    their mean."""
    if (values.dtype.kind in "iub" and values.size <= _WHOLE) or values.size <= _FIRST:
        return {"shape": list(values.shape), "values": _numbers(values)}
    first, last = _numbers(values.ravel()[:_FIRST]), _numbers(values.ravel()[-_FIRST:])
    return {
        "shape": list(values.shape),
        "first": first,
        "last": last,
        "mean": float(f"{np.mean(values):.7g}"),
    }


def _numbers(values: np.ndarray) -> list[Any]:
    flat = values.ravel().tolist()
    return [None if one != one else float(f"{one:.7g}") if isinstance(one, float) else one for one in flat]


def _write_json(path: Path, facts: Any) -> None:
    text = json.dumps(facts, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    path.write_text(text + "\n", "utf-8")
