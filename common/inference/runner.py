"""Runs the signatures of a SavedModel through TensorFlow's C++ loader, without TensorFlow's Python package.

`LoadSavedModel` and `Session::Run` are what TensorFlow Serving stands on: what answers here, answers there.
Importing this module imports no TensorFlow, so a script that only asks a model is spared the seconds that takes.
"""

import ctypes
import functools
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

import numpy as np

from common.errors import UserError, one_line
from common.inference.protobuf import declare_messages
from common.inference.refused_rows import require_answered
from common.inference.signatures import (
    SignatureInfo,
    TensorInfo,
    checked_input,
    signature_info,
    tensor_info,
    typed_input,
)
from common.inference.tensorflow_c import (
    Buffer,
    Output,
    SavedModelError,
    array_of_tensor,
    library,
    numpy_type,
    status,
    tensor_of,
)

__all__ = ["SavedModelError", "SavedModelRunner", "SignatureInfo", "TensorInfo", "latest_version"]

# tensorflow/core/protobuf/meta_graph.proto, tensorflow/core/framework/tensor_shape.proto,
# tensorflow/core/protobuf/{config,rewriter_config}.proto: the fields read or set here.
_MESSAGES = declare_messages("""
    message MetaGraphDef { bytes saver_def = 3; map<string, SignatureDef> signature_def = 5; }
    message SignatureDef {
        map<string, TensorInfo> inputs = 1;
        map<string, TensorInfo> outputs = 2;
        string method_name = 3;
    }
    message TensorInfo {
        string name = 1;
        int32 dtype = 2;
        TensorShapeProto tensor_shape = 3;
        bytes coo_sparse = 4;
        bytes composite_tensor = 5;
    }
    message TensorShapeProto { repeated Dim dim = 2; bool unknown_rank = 3; }
    message Dim { int64 size = 1; }
    message ConfigProto {
        int32 intra_op_parallelism_threads = 2;
        int32 inter_op_parallelism_threads = 5;
        bool use_per_session_threads = 9;
        GraphOptions graph_options = 10;
    }
    message GraphOptions { RewriterConfig rewrite_options = 10; }
    message RewriterConfig { int32 constant_folding = 3; int32 meta_optimizer_iterations = 12; int32 remapping = 14; }
""")
_OFF, _ONCE = 2, 1  # RewriterConfig's Toggle and NumIterationsType
INTERNAL_SIGNATURES = ("__saved_model_init_op", "__saved_model_train_op")


class SavedModelRunner:
    """A SavedModel, loaded and ready to answer; safe to use from several threads.

    A process that was forked after a model was loaded can neither use nor load one: TensorFlow's threads are not copied
    by a fork, and it would wait for them for ever. A process that starts by spawn can.

    Example:
        with SavedModelRunner(latest_version(Path("saved_models/sentiment_analysis"))) as runner:
            answer = runner.run("serving_default", text=["well made", "dull"])

    Args:
        path: the folder of one SavedModel (see `latest_version`), with the tag `serve`.
        threads: how many threads may work on one operation, and how many operations may run at once; None
            leaves both to TensorFlow (all cores). The former is fixed by a process's first model.
        intra_op_threads: the former alone.

    Attributes:
        path: as given.
        signatures: the served functions by name.
        unusable: why a signature cannot be run, for those that name a tensor that is not dense, is of a type that
            cannot be sent, or is not in the graph. The others can.

    Raises:
        UserError: `path` holds no SavedModel, or one that TensorFlow cannot load, or this process was forked from one
            that had loaded a model.

    Example:
        >>> from common.model_folders import model_folder
        >>> with SavedModelRunner(latest_version(model_folder("sentiment_analysis"))) as runner:
        ...     outputs = runner.answer("serving_default", text=["A delight from start to finish."])
        >>> outputs["label"].tolist()
        [b'positive']
    """

    def __init__(
        self, path: Path, *, threads: int | None = None, intra_op_threads: int | None = None
    ) -> None:
        for name, count in (("threads", threads), ("intra_op_threads", intra_op_threads)):
            if count is not None and count < 1:
                raise ValueError(f"{name}: expected at least 1, got {count}")
        if not (path / "saved_model.pb").is_file():
            raise UserError(f"{path}: expected a SavedModel folder, found no saved_model.pb in it")
        _require_not_forked(path)
        self.path = path
        try:
            self._session, self._graph, meta_graph = _load(path, _session_config(threads, intra_op_threads))
        except SavedModelError as error:
            raise UserError(f"{path}: TensorFlow cannot load this SavedModel: {one_line(error)}") from error
        self._release = weakref.finalize(self, _release, self._session, self._graph)
        self._release.atexit = False
        if meta_graph.saver_def and not (path / "variables" / "variables.index").is_file():
            raise UserError(f"{path}: expected the model's weights, found no variables/variables.index in it")
        described = {
            name: signature
            for name, signature in meta_graph.signature_def.items()
            if name not in INTERNAL_SIGNATURES
        }
        self.signatures: Mapping[str, SignatureInfo] = MappingProxyType(
            {name: signature_info(described[name]) for name in sorted(described)}
        )
        self._tensors = {}
        unusable = {}
        for name, signature in described.items():
            try:
                self._tensors[name] = self._locate(signature.inputs), self._locate(signature.outputs)
            except ValueError as error:
                unusable[name] = f"signature {name!r}: {error}"
        self.unusable: Mapping[str, str] = MappingProxyType(unusable)
        self._running = 0
        self._idle = threading.Condition()

    def run(self, signature: str, /, **inputs: np.ndarray | Sequence[Any]) -> dict[str, np.ndarray]:
        """Computes every output of a signature.

        Args:
            signature: its name.
            **inputs: each input's values. A string input takes an array or (nested) sequence of `str`,
                encoded as UTF-8, or `bytes`. Another takes an array of exactly its type, or a (nested)
                sequence of Python numbers, converted if nothing is lost but the precision of floats.

        Returns:
            The outputs by name; strings as object arrays of `bytes`.

        Raises:
            ValueError: no such signature, one that cannot be run, an input missing or unknown, or one of the wrong
                type or shape.
            SavedModelError: TensorFlow reported an error, or this runner is closed.
            UserError: this process was forked from the one that loaded the model.
        """
        return self._run(signature, inputs, checked_input)

    def run_as_given(self, signature: str, /, **inputs: np.ndarray | Sequence[Any]) -> dict[str, np.ndarray]:
        """The same with inputs of any shape, of which the graph makes what it can."""
        return self._run(signature, inputs, typed_input)

    def _run(
        self,
        signature: str,
        inputs: Mapping[str, Any],
        checked: Callable[[str, Any, TensorInfo], np.ndarray],
    ) -> dict[str, np.ndarray]:
        if signature not in self.signatures:
            raise ValueError(f"no signature {signature!r}; this model has {', '.join(self.signatures)}")
        if signature in self.unusable:
            raise ValueError(self.unusable[signature])
        expected = self.signatures[signature].inputs
        if inputs.keys() != expected.keys():
            raise ValueError(
                f"signature {signature!r} takes the inputs {', '.join(sorted(expected)) or '(none)'}; "
                f"got {', '.join(sorted(inputs)) or '(none)'}"
            )
        arrays = {
            name: checked(f"input {name!r} of signature {signature!r}", value, expected[name])
            for name, value in inputs.items()
        }
        feeds, fetches = self._tensors[signature]
        with self._in_use(), ExitStack() as stack:
            handles = [stack.enter_context(tensor_of(arrays[name])) for name in feeds]
            return dict(zip(fetches, self._run_session(feeds, handles, fetches), strict=True))

    def answer(self, signature: str, /, **inputs: np.ndarray | Sequence[Any]) -> dict[str, np.ndarray]:
        """What `run` computes, without the output `error`, if the model answers every row.

        Raises:
            RefusedRowsError: it refused some; also what `run` raises.
        """
        return require_answered(self.run(signature, **inputs))

    def close(self) -> None:
        """Frees the model once the calls under way have ended. Closing twice, or in a forked process, does nothing."""
        if _is_forked():
            return
        with self._idle:
            self._idle.wait_for(lambda: not self._running)
            self._release()

    def __enter__(self) -> "SavedModelRunner":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        # Before the lock, which a thread of the other process may have held.
        _require_not_forked(self.path)
        with self._idle:
            if not self._release.alive:
                raise SavedModelError(f"{self.path}: this model is closed")
            self._running += 1
        try:
            yield
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _run_session(
        self, feeds: Mapping[str, Output], handles: Sequence[int], fetches: Mapping[str, Output]
    ) -> list[np.ndarray]:
        tf = library()
        feeds_array, values = (Output * len(feeds))(*feeds.values()), (ctypes.c_void_p * len(feeds))(*handles)
        fetches_array, results = (
            (Output * len(fetches))(*fetches.values()),
            (ctypes.c_void_p * len(fetches))(),
        )
        run_options = targets = run_metadata = None
        try:
            with status() as state:
                tf.TF_SessionRun(
                    self._session,
                    run_options,
                    *(feeds_array, values, len(values)),
                    *(fetches_array, results, len(results)),
                    *(targets, 0, run_metadata, state),
                )
            return [array_of_tensor(result) for result in filter(None, results)]
        finally:
            for result in filter(None, results):
                tf.TF_DeleteTensor(result)

    def _locate(self, tensors: Mapping[str, Any]) -> dict[str, Output]:
        """The graph's operation behind each named tensor of a signature.

        Raises:
            ValueError: there is none, or none that can be fed or fetched.
        """
        located = {}
        for name in sorted(tensors):
            info = tensor_info(tensors[name])
            if info.layout != "dense":
                raise ValueError(f"expected dense tensors, {name!r} is a {info.layout} one")
            try:
                numpy_type(info.dtype)
            except ValueError as error:
                raise ValueError(f"{name!r}: {error}") from None
            operation_name, _, index = tensors[name].name.partition(":")
            operation = library().TF_GraphOperationByName(self._graph, operation_name.encode())
            place = int(index) if index.isdecimal() else 0
            if operation is None or place >= library().TF_OperationNumOutputs(operation):
                raise ValueError(f"{name!r}: no tensor {tensors[name].name!r} in the graph")
            located[name] = Output(operation, place)
        return located


def latest_version(folder: Path) -> Path:
    """The SavedModel to use in `folder`: itself if it is one, or else its sub-folder with the highest number.

    Raises:
        UserError: `folder` is neither one version nor a folder of numbered versions.
    """
    if (folder / "saved_model.pb").is_file():
        return folder
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected a SavedModel or a folder of numbered versions")
    versions = [entry for entry in folder.iterdir() if entry.is_dir() and entry.name.isdecimal()]
    if not versions:
        raise UserError(
            f"{folder}: expected a SavedModel (saved_model.pb) or numbered versions (1, 2, ...) in it"
        )
    latest = max(versions, key=lambda version: int(version.name))
    if not (latest / "saved_model.pb").is_file():
        raise UserError(f"{latest}: expected a SavedModel folder, found no saved_model.pb in it")
    return latest


@functools.cache
def _process_of_tensorflow() -> int:
    """The process in which TensorFlow's threads run: the first to ask, which then loads a model."""
    return os.getpid()


def _is_forked() -> bool:
    return _process_of_tensorflow() != os.getpid()


def _require_not_forked(path: Path) -> None:
    if _is_forked():
        raise UserError(
            f"{path}: this process was forked after a model was loaded, and TensorFlow does not work in it; expected "
            "one that starts by spawn: multiprocessing.get_context('spawn')"
        )


def _load(path: Path, config: bytes) -> tuple[int, int, Any]:
    """Loads a SavedModel and returns its session, its graph and its MetaGraphDef."""
    tf = library()
    options, graph, meta_graph = tf.TF_NewSessionOptions(), tf.TF_NewGraph(), tf.TF_NewBuffer()
    try:
        with status() as state:
            tf.TF_SetConfig(options, config, len(config), state)
        with status() as state:
            tags = (ctypes.c_char_p * 1)(b"serve")
            session = tf.TF_LoadSessionFromSavedModel(
                options, None, os.fsencode(path), tags, len(tags), graph, meta_graph, state
            )
        return session, graph, _MESSAGES["MetaGraphDef"].FromString(_bytes_of(meta_graph.contents))
    except BaseException:
        tf.TF_DeleteGraph(graph)
        raise
    finally:
        tf.TF_DeleteBuffer(meta_graph)
        tf.TF_DeleteSessionOptions(options)


def _session_config(threads: int | None, intra_op_threads: int | None) -> bytes:
    config = _MESSAGES["ConfigProto"]()
    # A model's first answer waits for TensorFlow to optimise its graph. A second pass, folding constants (the exported
    # graphs have few) and fusing products with a bias, which is slower for few rows, take half of that time.
    rewriting = config.graph_options.rewrite_options
    rewriting.meta_optimizer_iterations = _ONCE
    rewriting.constant_folding = rewriting.remapping = _OFF
    # TensorFlow takes 0 for all cores.
    config.intra_op_parallelism_threads = intra_op_threads or threads or 0
    config.inter_op_parallelism_threads = threads or 0
    config.use_per_session_threads = threads is not None
    return bytes(config.SerializeToString())


def _bytes_of(buffer: Buffer) -> bytes:
    return ctypes.string_at(buffer.data, buffer.length)


def _release(session: int, graph: int) -> None:
    if _is_forked():
        return
    tf = library()
    with status() as state:
        tf.TF_CloseSession(session, state)
    with status() as state:
        tf.TF_DeleteSession(session, state)
    tf.TF_DeleteGraph(graph)
