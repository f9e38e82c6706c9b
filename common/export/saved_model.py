"""Writes a SavedModel that TensorFlow Serving runs, proved before it takes its place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from common.export.portability import GPU_SIGNATURE, check_portable
from common.export.verification import verify_signature
from common.export.versions import next_version
from common.export.warmup import classify_request, predict_request, write_warmup
from common.inference.extra_files import EXTRA_FOLDER, WARMUP_FILE
from common.inference.runner import SavedModelRunner
from common.layers.stored_variables import stored_name
from common.row_errors import with_equal_rows, with_row_errors

_INFERRED_SHAPES = "_output_shapes"
_CLASSIFY_METHOD = "tensorflow/serving/classify"


@dataclass(frozen=True)
class Signature:
    """A function to serve.

    Attributes:
        name: its key in the SavedModel; a model's main one is `serving_default`.
        function: takes the inputs as keyword tensors and returns a dict of tensors, all with the batch first. It raises
            for no row: one that cannot be answered gets a text in the output `error`, strings `[batch]`, which may be
            left out where every row can.
        inputs: each input's type and shape, dimension 0 being None.
        examples: at least two rows of realistic values for each input, of different lengths where lengths can differ.
            The exported model is proved on them, and TensorFlow Serving warmed up with them.
        method: `predict`, or `classify` for TensorFlow Serving's classification API, whose input `inputs` holds
            serialised `tf.train.Example`s and whose outputs are `classes` (strings) and `scores`.
    """

    name: str
    function: Callable[..., Mapping[str, tf.Tensor]]
    inputs: Mapping[str, tf.TensorSpec]
    examples: Mapping[str, Any]
    method: Literal["predict", "classify"] = "predict"

    def __post_init__(self) -> None:
        if not self.inputs or any(
            not spec.shape.rank or spec.shape[0] is not None for spec in self.inputs.values()
        ):
            raise ValueError(
                f"signature {self.name!r}: expected inputs whose dimension 0 is None (the batch)"
            )
        if self.examples.keys() != self.inputs.keys():
            raise ValueError(
                f"signature {self.name!r}: expected examples for the inputs {', '.join(self.inputs)}"
            )
        rows = {len(values) for values in self.examples.values()}
        if len(rows) != 1 or min(rows) < 2:
            raise ValueError(
                f"signature {self.name!r}: expected two rows of examples or more, as many for each input"
            )

    def example_arrays(self) -> dict[str, np.ndarray]:
        """The examples, each as an array of its input's type."""
        return {
            name: np.asarray(self.examples[name], dtype=spec.dtype.as_numpy_dtype)
            for name, spec in self.inputs.items()
        }


def export_saved_model(
    signatures: Sequence[Signature],
    folder: Path,
    *,
    resources: Sequence[Any] = (),
    files: Mapping[str, str | bytes] | None = None,
    variable_order: Sequence[str] = (),
    tolerance: float = 1e-5,
) -> Path:
    """Traces, writes, proves and publishes a SavedModel as the next version in `folder`.

    Written to a temporary folder inside `folder`, the model is checked for portability (`check_portable`), loaded by
    TensorFlow's C++ loader, and asked each signature's examples (`verify_signature`). Only then is it renamed to
    `folder/<version>`, one above the highest there. Until then nothing is to be seen of it, and after a failure or an
    interrupt nothing is left of it.

    Every signature but those of TensorFlow Serving's classification API, which knows two outputs only, is served with
    the output `error`, and what a function gives beside it in a row that has one is neutral (`with_row_errors`).

    Args:
        signatures: what the model serves.
        folder: the application's folder; its name is the model's name in the warm-up requests.
        resources: the lookup tables that the signatures use (or the Keras layers that hold them).
        files: contents by name, to be written under `assets.extra`, such as a model card.
        variable_order: names of variables in the order in which they are stored; others follow by their names. In one
            order, the same weights give the same file.
        tolerance: how far a number may be from the live function's, absolute or relative.

    Returns:
        The folder of the version.

    Raises:
        ValueError: the signatures cannot be exported, are not portable, or the exported ones answer otherwise.
    """
    names = [signature.name for signature in signatures]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"expected signatures of different names, got {', '.join(names) or 'none'}")
    signatures = [replace(signature, function=_served(signature)) for signature in signatures]
    traced = {signature.name: _traced(signature) for signature in signatures}

    def write(temporary: Path) -> None:
        _save(traced, temporary, resources, variable_order)
        _set_method_names(signatures, temporary)
        _shorten(temporary / "saved_model.pb")
        check_portable(temporary)
        with SavedModelRunner(temporary) as runner:
            for signature in signatures:
                examples = signature.example_arrays()
                verify_signature(runner, signature.name, signature.function, examples, tolerance)
        # A server on a CPU runs them too.
        warming = [signature for signature in signatures if signature.name != GPU_SIGNATURE]
        write_warmup(temporary, [request for one in warming for request in _requests(one, folder.name)])
        for name, content in (files or {}).items():
            _write_extra(temporary / EXTRA_FOLDER, name, content)

    return next_version(folder, write)


def _served(signature: Signature) -> Callable[..., Mapping[str, tf.Tensor]]:
    """The signature's function with what every served function does: unequal rows refused, errors told by row."""

    def answer(**inputs: tf.Tensor) -> Mapping[str, tf.Tensor]:
        outputs = signature.function(**with_equal_rows(inputs))
        is_complete = signature.method == "classify" or not _are_dense(outputs)
        return outputs if is_complete else with_row_errors(outputs)

    return answer


def _traced(signature: Signature) -> tf.types.experimental.ConcreteFunction:
    specs = {name: tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in signature.inputs.items()}
    # No graph here is written as Python's own `if` and `while`; to look for them takes a fifth of the tracing.
    serve = tf.function(lambda **inputs: signature.function(**inputs), autograph=False)
    traced = serve.get_concrete_function(**specs)
    outputs = traced.structured_outputs
    if not _are_dense(outputs):
        raise ValueError(
            f"signature {signature.name!r}: expected its function to return a dict of dense tensors"
        )
    if signature.method == "classify" and (set(specs), set(outputs)) != (
        {"inputs"},
        {"classes", "scores"},
    ):
        raise ValueError(
            f"signature {signature.name!r}: classify takes `inputs` and returns `classes` and `scores`"
        )
    return traced


def _are_dense(outputs: Any) -> bool:
    return isinstance(outputs, Mapping) and all(
        isinstance(output, tf.Tensor | tf.TensorSpec) for output in outputs.values()
    )


def _save(
    traced: Mapping[str, tf.types.experimental.ConcreteFunction],
    folder: Path,
    resources: Sequence[Any],
    variable_order: Sequence[str],
) -> None:
    # Only the raw variables: through Keras's own objects they would be restored into handles that no function
    # reads, which shows in the C++ loader alone (keras#19274), or be stored twice.
    root = tf.Module()
    place = {name: index for index, name in enumerate(variable_order)}
    variables = {id(variable): variable for one in traced.values() for variable in one.variables}.values()
    names = {id(variable): stored_name(variable) for variable in variables}
    root.weights = sorted(variables, key=lambda one: (place.get(names[id(one)], len(place)), names[id(one)]))
    root.resources = list(resources)
    try:
        # A served model is never differentiated; its functions' gradients would double the graph.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(root, str(folder), signatures=dict(traced), options=options)
    except AssertionError as error:
        raise ValueError(
            "a signature uses a lookup table or another resource that is not in `resources`"
        ) from error


def _set_method_names(signatures: Sequence[Signature], folder: Path) -> None:
    """Names the method of `classify` signatures; TensorFlow 2 calls every signature's method `predict`."""
    names = [signature.name for signature in signatures if signature.method == "classify"]
    if names:
        updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(folder))
        for name in names:
            updater.replace_method_name(name, _CLASSIFY_METHOD, tags="serve")
        updater.save()


def _shorten(path: Path) -> None:
    """Leaves out of a graph's file what no loader needs, some half of it: the shapes of all operations' outputs, which
    are inferred anew, and the long names within functions."""
    saved_model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for meta_graph in saved_model.meta_graphs:
        graph = meta_graph.graph_def
        for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
            for node in nodes:
                node.attr.pop(_INFERRED_SHAPES, None)
        for function in graph.library.function:
            _shorten_names(function)
    path.write_bytes(saved_model.SerializeToString(deterministic=True))


def _shorten_names(function: Any) -> None:
    """Names a function's operations by their kind and number instead of the layers that they are of: each name stands
    in every operation that reads from it."""
    arguments = {argument.name for argument in function.signature.input_arg}
    short = {node.name: f"{node.op}_{number}" for number, node in enumerate(function.node_def)}
    if arguments & set(short.values()):
        return

    def renamed(reference: str) -> str:
        mark = "^" if reference.startswith("^") else ""
        name, *output = reference.removeprefix("^").split(":", 1)
        return ":".join([mark + short.get(name, name), *output])

    for node in function.node_def:
        node.name = short[node.name]
        node.ClearField("experimental_debug_info")
        node.input[:] = [renamed(reference) for reference in node.input]
    for references in (function.ret, function.control_ret):
        for name, reference in dict(references).items():
            references[name] = renamed(reference)


def _requests(signature: Signature, model: str) -> list[bytes]:
    """One warm-up request with the first example alone, one with all."""
    arrays = signature.example_arrays()
    batches = [{name: array[:rows] for name, array in arrays.items()} for rows in (1, None)]
    if signature.method == "classify":
        return [classify_request(model, signature.name, batch["inputs"]) for batch in batches]
    return [predict_request(model, signature.name, batch) for batch in batches]


def _write_extra(folder: Path, name: str, content: str | bytes) -> None:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or name == WARMUP_FILE.name:
        raise ValueError(
            f"files: expected a name below assets.extra other than {WARMUP_FILE.name}, got {name!r}"
        )
    path = folder.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
