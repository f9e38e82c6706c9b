"""Loaded versions of models, and what is remembered of those that are served no longer."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path

from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

from common.inference.runner import SavedModelRunner

_REMEMBERED = 1000


class ServedModel:
    """A loaded version of a model, freed once it is retired and nobody uses it any longer.

    Attributes:
        name: of the model.
        version: of the model.
        runner: what computes.
        definitions: the signatures with all that the SavedModel says of them.
        signatures: the runner's, in a form that can be sent to another process.

    Example:
        >>> from common.inference.runner import SavedModelRunner, latest_version
        >>> from common.model_folders import model_folder
        >>> runner = SavedModelRunner(latest_version(model_folder("sentiment_analysis")))
        >>> model = ServedModel("sentiment_analysis", 1, runner, signature_definitions(runner.path))
        >>> "serving_default" in model.signatures
        True
        >>> model.retire()
    """

    def __init__(
        self, name: str, version: int, runner: SavedModelRunner, definitions: SignatureDefMap
    ) -> None:
        self.name = name
        self.version = version
        self.runner = runner
        self.definitions = definitions
        self.signatures = {
            signature: replace(known, inputs=dict(known.inputs), outputs=dict(known.outputs))
            for signature, known in runner.signatures.items()
        }
        self._users = 0
        self._is_retired = False
        self._lock = threading.Lock()

    def acquire(self) -> None:
        """Keeps the model open until `release`."""
        with self._lock:
            self._users += 1

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            is_last = self._is_retired and not self._users
        if is_last:
            self.runner.close()

    def retire(self) -> None:
        """Frees the model as soon as its last user has released it."""
        with self._lock:
            self._is_retired = True
            is_unused = not self._users
        if is_unused:
            self.runner.close()


@dataclass
class Versions:
    """What is known of one model.

    Attributes:
        served: by number.
        refused: why, and the state of the files that were refused.
        trouble: why its folder could not be looked into, if so.
    """

    served: dict[int, ServedModel] = field(default_factory=dict)
    refused: dict[int, tuple[str, object]] = field(default_factory=dict)
    trouble: str = ""


class EndedVersions:
    """The versions that were served and are no longer, the last thousand of them.

    Example:
        >>> ended = EndedVersions()
        >>> ended.add("translation", 1)
        >>> ended.of("translation")
        [1]
    """

    def __init__(self) -> None:
        self._ended: OrderedDict[tuple[str, int], None] = OrderedDict()

    def add(self, name: str, version: int) -> None:
        self._ended[name, version] = None
        self._ended.move_to_end((name, version))
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)

    def forget(self, name: str, version: int) -> None:
        """A version that is served again has not ended."""
        self._ended.pop((name, version), None)

    def of(self, name: str) -> list[int]:
        """The versions of a model."""
        return [version for ended, version in self._ended if ended == name]


def signature_definitions(folder: Path) -> SignatureDefMap:
    """The signatures of a SavedModel with all that it says of them, as TensorFlow Serving's metadata has it."""
    graphs = SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs
    served = next(graph for graph in graphs if list(graph.meta_info_def.tags) == ["serve"])
    return SignatureDefMap(signature_def=served.signature_def)
