"""A converted graph as a host program runs it, with NumPy and the other runtime alone.

python common/export/runtimes/host.py GRAPH QUESTIONS.npz ANSWERS.npz

It answers questions in a process of its own, which is how an export is proved. It also is the shortest example of a
host: `opened` makes a function of a graph's file, and `followed` calls it step after step.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

Arrays: TypeAlias = Mapping[str, np.ndarray]
Run: TypeAlias = Callable[[Arrays], dict[str, np.ndarray]]

ABOUT = "about"
"""What in the questions tells of the graph, see `answered`."""


def opened(path: Path) -> Run:
    """A function of the graph in a file, from its inputs to its outputs by their names, on one thread.

    Args:
        path: `<graph>.tflite` or `<graph>.onnx`.

    Raises:
        ImportError: the runtime is not installed.
    """
    return _litert(path) if path.suffix == ".tflite" else _onnx(path)


def _litert(path: Path) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    runner = interpreter.get_signature_runner(path.stem)

    def run(inputs: Arrays) -> dict[str, np.ndarray]:
        # The interpreter is named, for a signature's runner does not keep it alive.
        assert interpreter is not None
        return dict(runner(**inputs))

    return run


def _onnx(path: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, dict(inputs)), strict=True))


def followed(run: Run, steps: Arrays, zeros: Arrays, after: str) -> Iterator[dict[str, np.ndarray]]:
    """The outputs of each step; the states go from one step to the next.

    Args:
        run: the graph.
        steps: of each input that is no state, what goes in at each step, `[steps, ...]`.
        zeros: the states before the first step, by their names.
        after: what the output of a state has behind its name.
    """
    states = dict(zeros)
    for index in range(len(next(iter(steps.values())))):
        outputs = run({**{name: values[index] for name, values in steps.items()}, **states})
        states = {name: outputs[name + after] for name in zeros}
        yield outputs


def greedy(run: Run, token: str, logits: str, first: int, steps: int, zeros: Arrays, after: str) -> list[int]:
    """The tokens that a graph writes if each is the most probable one after those before it."""
    written, states, current = [], dict(zeros), first
    for _ in range(steps):
        outputs = run({token: np.array([current], np.int32), **states})
        states = {name: outputs[name + after] for name in zeros}
        current = int(np.argmax(outputs[logits][0]))
        written.append(current)
    return written


def answered(run: Run, questions: Arrays) -> dict[str, np.ndarray]:
    """What the graph answers.

    Args:
        run: the graph.
        questions: `<n>/<input>`, what goes in at each step of example n; `zeros/<state>`; and under `ABOUT` a JSON
            object of `examples` (how many), `after` and, where the graph is to write, `greedy` (the arguments).

    Returns:
        `<n>/<output>`, what comes out at each step of example n, and `greedy`, the tokens written.
    """
    about: dict[str, Any] = json.loads(str(questions[ABOUT]))
    zeros = _within(questions, "zeros")
    answers: dict[str, np.ndarray] = {}
    for index in range(about["examples"]):
        told = list(followed(run, _within(questions, str(index)), zeros, about["after"]))
        answers |= {f"{index}/{name}": np.stack([one[name] for one in told]) for name in told[0]}
    if about["greedy"]:
        answers["greedy"] = np.array(greedy(run, **about["greedy"], zeros=zeros, after=about["after"]))
    return answers


def _within(arrays: Arrays, name: str) -> dict[str, np.ndarray]:
    return {key.removeprefix(f"{name}/"): arrays[key] for key in arrays if key.startswith(f"{name}/")}


if __name__ == "__main__":
    graph, asked, told = map(Path, sys.argv[1:])
    with np.load(asked) as given:
        np.savez(told, **answered(opened(graph), dict(given)))  # type: ignore[arg-type]
