"""The README of a converted model: how to run it, what it lost, and the card of the model that it was made from."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.export.model_card import ModelCard, markdown
from common.export.runtimes.convert import SUFFIXES, Format, Quantization
from common.export.runtimes.core import Core
from common.export.runtimes.loss import Loss

_RUNTIMES = {
    "litert": "[LiteRT](https://ai.google.dev/edge/litert) (TensorFlow Lite): Android, iOS, the web, small devices",
    "onnx": "[ONNX Runtime](https://onnxruntime.ai): C, C++, C#, Java, JavaScript, Python, the web",
}
_CALLS = {
    "litert": (
        "from ai_edge_litert.interpreter import Interpreter\n\n"
        'run = Interpreter("{graph}.tflite").get_signature_runner("{graph}")\n'
        "outputs = run({inputs})"
    ),
    "onnx": (
        "import onnxruntime\n\n"
        'session = onnxruntime.InferenceSession("{graph}.onnx")\n'
        "outputs = session.run(None, {{{inputs}}})"
    ),
}


def card_text(
    core: Core,
    card: ModelCard,
    target: Format,
    quantization: Quantization,
    graph: Mapping[str, Any],
    size: int,
    measured: Sequence[Loss],
) -> str:
    """The README in Markdown.

    Args:
        core: of the model.
        card: of the model.
        target: the runtime.
        quantization: of the weights.
        graph: what a host must know of the graph.
        size: bytes of the graph's file.
        measured: what was lost on the examples.
    """
    name = f"{core.graph.name}{SUFFIXES[target]}"
    weights = "eight bits, all else float32" if quantization == "int8" else "float32"
    inputs = [_tensor(key, value["dtype"], value["shape"]) for key, value in graph["inputs"].items()]
    outputs = [_tensor(key, "", shape) for key, shape in graph["outputs"].items()]
    states = [f"`{before}` goes in again as `{after}` came out" for before, after in graph["states"].items()]
    about = (
        f"`{name}` ({size / 1e6:.1f} MB, weights in {weights}) runs in {_RUNTIMES[target]}. It is the numeric core of "
        "the model, one row at a time: what makes numbers of raw input is told in `frontend.json`, and inputs with "
        "their numbers and answers in `golden.json`, for a test of your host (of a long array its first and last "
        "numbers and the mean)."
    )
    parts = [
        f"# {card.application} for other runtimes",
        card.task,
        about,
        "## Use",
        f"```python\n{_call(core, target, graph)}\n```",
        core.usage,
        "| goes in | comes out |\n|---|---|\n" + _side_by_side(inputs, outputs),
        *(["States are zeros at first; then " + "; ".join(states) + "."] if states else []),
        "## What the conversion lost",
        "Measured on the inputs of `golden.json`, in a process without TensorFlow.",
        _losses(measured),
        markdown(card).replace("\n## ", "\n### ").replace("# ", "## The model it was made from: ", 1),
    ]
    return "\n\n".join(parts)


def _tensor(name: str, dtype: str, shape: Sequence[int | None]) -> str:
    sizes = ", ".join("any" if size is None else str(size) for size in shape)
    return f"`{name}` {dtype} `[{sizes}]`".replace("  ", " ")


def _call(core: Core, target: Format, graph: Mapping[str, Any]) -> str:
    join = "{0}={0}" if target == "litert" else '"{0}": {0}'
    inputs = ", ".join(join.format(name) for name in graph["inputs"])
    return _CALLS[target].format(graph=core.graph.name, inputs=inputs)


def _side_by_side(inputs: Sequence[str], outputs: Sequence[str]) -> str:
    rows = max(len(inputs), len(outputs))
    padded = [[*one, *[""] * (rows - len(one))] for one in (inputs, outputs)]
    return "\n".join(f"| {left} | {right} |" for left, right in zip(*padded, strict=True))


def _losses(measured: Sequence[Loss]) -> str:
    lines = [
        "| output | largest difference | mean difference | same best | nats lost |\n|---|---|---|---|---|"
    ]
    for one in measured:
        best = "" if one.agreement is None else f"{100 * one.agreement:.1f}%"
        nats = "" if one.nats is None else f"{one.nats:.2g}"
        lines.append(f"| `{one.output}` | {one.largest:.2g} | {one.mean:.2g} | {best} | {nats} |")
    return "\n".join(lines)
