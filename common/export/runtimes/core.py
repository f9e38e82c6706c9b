"""What an application gives of its model to other runtimes: numbers in, numbers out, one row at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

Tensors = Mapping[str, tf.Tensor]
Arrays = Mapping[str, np.ndarray]
AFTER = "_after"
"""What the output of a state has behind the state's name: in ONNX no two tensors have one name."""


@dataclass(frozen=True)
class Graph:
    """A numeric function of one row.

    Attributes:
        name: `step`, of what goes on where it ended, or `encode`, of whole sequences.
        function: takes the inputs as keyword tensors and returns the outputs, among them each of the states under its
            own name.
        inputs: each input's type and shape, dimension 0 being 1; a dimension that differs from call to call is None.
        states: the inputs that are zeros before the first step, and then what the step before gave.
    """

    name: str
    function: Callable[..., Tensors]
    inputs: Mapping[str, tf.TensorSpec]
    states: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, spec in self.inputs.items():
            if not spec.shape.rank or spec.shape[0] != 1:
                raise ValueError(f"graph {self.name!r}: expected {name!r} to be one row, not {spec.shape}")
        if unknown := set(self.states) - set(self.inputs):
            raise ValueError(f"graph {self.name!r}: expected states among the inputs, got {sorted(unknown)}")

    def traced(self) -> tf.types.experimental.ConcreteFunction:
        """The function as other runtimes have it: its states come out under other names than they go in."""

        def renamed(**inputs: tf.Tensor) -> Tensors:
            outputs = self.function(**inputs)
            return {
                name + AFTER if name in self.states else name: tf.identity(value)
                for name, value in outputs.items()
            }

        specs = {name: tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in self.inputs.items()}
        return tf.function(renamed, autograph=False).get_concrete_function(**specs)


@dataclass(frozen=True)
class Example:
    """What is put in front of the model, raw and as the numbers that the front end makes of it.

    Attributes:
        raw: as JSON can hold it: a text, or sound as base64 of 16-bit PCM.
        steps: of each input that is no state, what goes in at each step: `[steps, 1, ...]`.
    """

    raw: Any
    steps: Arrays

    @property
    def count(self) -> int:
        """How many steps it takes."""
        return len(next(iter(self.steps.values())))


@dataclass(frozen=True)
class Greedy:
    """Writing on with the most probable token each time, as a proof over many steps.

    Attributes:
        token: the input that the token goes in by.
        logits: the output that its number is the place of the highest of.
        first: the token to begin with.
        steps: how many are written.
    """

    token: str
    logits: str
    first: int
    steps: int


@dataclass(frozen=True)
class Core:
    """All that leaves TensorFlow of a model.

    Attributes:
        graph: the function.
        frontend: what makes numbers of raw input, as JSON can hold it: the `kind` and its tables and steps.
        examples: twenty or so, with which every host can prove itself.
        scores: the outputs that are logits or probabilities, whose best matters most.
        labels: what the outputs' places stand for, where there are labels.
        greedy: a further proof, of models that write.
        usage: what a host does, for the README, in Markdown.
    """

    graph: Graph
    frontend: Mapping[str, Any]
    examples: Sequence[Example]
    scores: tuple[str, ...]
    usage: str
    labels: tuple[str, ...] = ()
    greedy: Greedy | None = None
