"""The models of a folder, loaded, and kept as the folder has them while it changes.

Only the folders that the configuration names are read. The name and version of a request are looked up among what is
loaded and never become part of a path.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

from common.errors import UserError, one_line
from common.serving.model_sources import ModelSource, link_outside, state_of
from common.serving.refusals import RequestError
from common.serving.runner import SavedModelRunner
from common.serving.warmup_requests import warm_up

Log = Callable[[str], None]


class ServedModel:
    """A loaded version of a model, freed once it is retired and nobody uses it any longer."""

    def __init__(
        self, name: str, version: int, runner: SavedModelRunner, definitions: SignatureDefMap
    ) -> None:
        self.name = name
        self.version = version
        self.runner = runner
        self.definitions = definitions
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
class _Versions:
    """What is known of one model: the versions served, and the refused ones with the state that was refused."""

    served: dict[int, ServedModel] = field(default_factory=dict)
    refused: dict[int, tuple[str, object]] = field(default_factory=dict)


class ModelRepository:
    """Loads the versions that are to be served, and looks for others at intervals.

    A new version is loaded beside the old one, which is retired only when the new one serves. One that cannot be loaded
    is reported once, and tried again when its files change.

    Args:
        sources: called at each look for the models and their folders.
        where: named when there is no model at all.
        poll_seconds: between two looks; 0 looks once.
        threads: of TensorFlow, see `SavedModelRunner`.
        warms_up: whether a model's first version, too, is asked its warm-up requests before it serves. One that takes
            the place of another always is.
        log: takes a line for each version that is loaded, refused or retired.

    Raises:
        UserError: not one version could be loaded.
    """

    def __init__(
        self,
        sources: Callable[[], list[ModelSource]],
        *,
        where: str,
        poll_seconds: float,
        threads: int | None,
        warms_up: bool,
        log: Log,
    ) -> None:
        self._sources, self._threads, self._warms_up, self._log = sources, threads, warms_up, log
        self._models: dict[str, _Versions] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._poller = threading.Thread(target=self._poll, args=(poll_seconds,), name="poll", daemon=True)
        self.refresh()
        if not self.available():
            self.close()
            raise UserError(
                f"{where}: no model to serve: "
                "expected folders of numbered versions (NAME/1, NAME/2, ...) with a SavedModel"
            )
        if poll_seconds:
            self._poller.start()

    @contextmanager
    def model(self, name: str, version: int | None = None) -> Iterator[ServedModel]:
        """A version of a model, the latest unless given, which stays open during the block.

        Raises:
            RequestError: there is none.
        """
        with self._lock:
            known = self._models.get(name, _Versions()).served
            found = known.get(max(known, default=0) if version is None else version)
            if found is None:
                asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
                raise RequestError(f"Servable not found for request: {asked}", grpc.StatusCode.NOT_FOUND)
            found.acquire()
        try:
            yield found
        finally:
            found.release()

    def available(self) -> list[str]:
        """The versions served, as `name/version`."""
        with self._lock:
            return [
                f"{name}/{version}"
                for name in sorted(self._models)
                for version in sorted(self._models[name].served)
            ]

    def states(self, name: str, version: int | None = None) -> dict[int, str | None]:
        """Each version of a model, the latest first: None if it is served, or else why it was refused.

        Raises:
            RequestError: there is no such model or version.
        """
        with self._lock:
            known = self._models.get(name, _Versions())
            states: dict[int, str | None] = {
                number: message for number, (message, _) in known.refused.items()
            }
            states |= dict.fromkeys(known.served)
        if version is not None:
            states = {number: state for number, state in states.items() if number == version}
        if not states:
            what = "any versions" if version is None else f"version {version}"
            raise RequestError(f"Could not find {what} of model {name}", grpc.StatusCode.NOT_FOUND)
        return dict(sorted(states.items(), reverse=True))

    def refresh(self) -> None:
        """Loads what is new and retires what is no longer to be served."""
        sources = {source.name: source for source in self._sources()}
        for name in sorted(sources.keys() | self._models.keys()):
            with self._lock:
                known = self._models.setdefault(name, _Versions())
            self._retire_others(known, self._wanted(known, sources[name]) if name in sources else {})

    def close(self) -> None:
        """Stops looking, and frees each model once its requests have ended."""
        self._stopping.set()
        if self._poller.is_alive():
            self._poller.join()
        with self._lock:
            served = [model for known in self._models.values() for model in known.served.values()]
            self._models = {}
        for model in served:
            model.retire()

    def _poll(self, seconds: float) -> None:
        while not self._stopping.wait(seconds):
            try:
                self.refresh()
            except (UserError, OSError) as error:
                self._log(f"the models stay as they are: {one_line(error)}")

    def _wanted(self, known: _Versions, source: ModelSource) -> dict[int, ServedModel]:
        """The versions to serve, of which the new ones are loaded and serve already."""
        present = source.versions()
        with self._lock:
            known.refused = {version: why for version, why in known.refused.items() if version in present}
        wanted: dict[int, ServedModel] = {}
        for version in source.candidates(present):
            model = known.served.get(version) or self._load(known, source, version, present[version])
            if model is not None:
                wanted[version] = model
            if len(wanted) == source.count:
                break
        return wanted

    def _retire_others(self, known: _Versions, wanted: dict[int, ServedModel]) -> None:
        with self._lock:
            retired = [model for version, model in known.served.items() if version not in wanted]
            known.served = wanted
        for model in retired:
            self._log(f"{model.name}/{model.version}: no longer served")
            model.retire()

    def _load(self, known: _Versions, source: ModelSource, version: int, folder: Path) -> ServedModel | None:
        """The loaded version; None if it cannot be loaded, which is logged unless it was known."""
        link = link_outside(folder, source.root)
        state = link or state_of(folder)
        if version in known.refused and known.refused[version][1] == state:
            return None
        try:
            if link is not None:
                raise UserError(f"{link}: leads out of {source.root}; expected the model's files inside it")
            runner = SavedModelRunner(folder, threads=self._threads)
            if self._warms_up or known.served:
                warm_up(runner)
            model = ServedModel(source.name, version, runner, signature_definitions(folder))
        except Exception as error:
            # Whatever a version's files hold, the versions that are served go on.
            with self._lock:
                known.refused[version] = one_line(error), state
            self._log(f"{source.name}/{version}: refused: {one_line(error)}")
            return None
        with self._lock:
            known.refused.pop(version, None)
            known.served[version] = model
        self._log(f"{source.name}/{version}: served")
        return model


def signature_definitions(folder: Path) -> SignatureDefMap:
    """The signatures of a SavedModel with all that it says of them, as TensorFlow Serving's metadata has it."""
    graphs = SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs
    served = next(graph for graph in graphs if list(graph.meta_info_def.tags) == ["serve"])
    return SignatureDefMap(signature_def=served.signature_def)
