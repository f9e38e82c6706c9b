"""The models of a folder, loaded, and kept as the folder has them while it changes.

Only the folders that the configuration names are read. The name and version of a request are looked up among what is
loaded and never become part of a path.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import grpc

from common.errors import UserError, one_line
from common.inference.runner import SavedModelRunner
from common.serving.server.log_lines import Log, unfailing
from common.serving.server.model_sources import ModelSource, link_outside, state_of
from common.serving.server.refusals import RequestError
from common.serving.server.served_models import EndedVersions, ServedModel, Versions, signature_definitions
from common.serving.server.warmup_requests import warm_up


class ModelRepository:
    """Loads the versions that are to be served, and looks for others at intervals.

    A new version is loaded beside the old one, which is retired only when the new one serves. One that cannot be loaded
    is reported once, and tried again when its files change. A model whose folder cannot be looked into (moved away,
    unreadable) stays as it is; one whose folder holds no version any longer is retired, both as under TensorFlow
    Serving.

    Args:
        sources: called at each look for the models and their folders.
        where: named when there is no model at all.
        poll_seconds: between two looks; 0 looks once.
        threads: of TensorFlow, see `SavedModelRunner`.
        intra_op_threads: see there.
        warms_up: whether a model's first version, too, is asked its warm-up requests before it serves. One that takes
            the place of another always is.
        early_labels: labels may stand for versions that are not served yet.
        log: takes a line for each version that is loaded, refused or retired; what it raises is dropped.

    Raises:
        UserError: not one version could be loaded, or a label stands for a version that is not served yet.

    Example:
        >>> from common.model_folders import model_folder
        >>> folder = model_folder("sentiment_analysis")
        >>> sources = [ModelSource("sentiment_analysis", folder, root=folder.resolve())]
        >>> options = {"poll_seconds": 0, "threads": None, "warms_up": False, "log": print}
        >>> repository = ModelRepository(lambda: sources, where=str(folder), **options)
        sentiment_analysis/...: served
        >>> repository.available()
        ['sentiment_analysis/...']
        >>> repository.close()
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
        intra_op_threads: int | None = None,
        early_labels: bool = False,
    ) -> None:
        self._sources, self._warms_up, self._log = sources, warms_up, unfailing(log)
        self._open = partial(SavedModelRunner, threads=threads, intra_op_threads=intra_op_threads)
        self._early_labels = early_labels
        self._configured: Sequence[ModelSource] = ()
        self._labels: Mapping[str, Mapping[str, int]] = {}
        self._models: dict[str, Versions] = {}
        self._ended = EndedVersions()
        self._lock = threading.Lock()
        self._refreshing = threading.RLock()
        self._stopping = threading.Event()
        self._poller = threading.Thread(target=self._poll, args=(poll_seconds,), name="poll", daemon=True)
        try:
            self.refresh()
        except RequestError as error:
            raise UserError(
                f"{where}: {error}; --allow-version-labels-for-unavailable-models lets labels come before versions"
            ) from None
        if not self.available():
            self.close()
            raise UserError(
                f"{where}: no model to serve: "
                "expected folders of numbered versions (NAME/1, NAME/2, ...) with a SavedModel"
            )
        if poll_seconds:
            self._poller.start()

    @contextmanager
    def model(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[ServedModel]:
        """A version of a model, the latest unless given by number or label, which stays open during the block.

        Raises:
            RequestError: there is none.
        """
        if not name:
            raise RequestError("ModelSpec has no name specified.")
        with self._lock:
            if label is not None:
                version = self._labels.get(name, {}).get(label)
                if version is None:
                    raise RequestError(f"Unrecognized servable version label: {label}")
            known = self._models.get(name, Versions()).served
            model = known.get(max(known, default=0) if version is None else version)
            if model is None:
                asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
                raise RequestError(f"Servable not found for request: {asked}", grpc.StatusCode.NOT_FOUND)
            model.acquire()
        try:
            yield model
        finally:
            model.release()

    def available(self) -> list[str]:
        """The versions served, as `name/version`."""
        with self._lock:
            return [
                f"{name}/{version}"
                for name in sorted(self._models)
                for version in sorted(self._models[name].served)
            ]

    def is_known(self, name: str) -> bool:
        """Whether a model of this name is served, or was meant to be."""
        with self._lock:
            return name in self._models

    def states(self, name: str, version: int | None = None) -> dict[int, str | None]:
        """Each version of a model, the latest first: None if it is served, or else why not: the reason for which it was
        refused, nothing if it was served before.

        Raises:
            RequestError: there is no such model or version.
        """
        with self._lock:
            known = self._models.get(name, Versions())
            states: dict[int, str | None] = dict.fromkeys(self._ended.of(name), "")
            states |= {number: message for number, (message, _) in known.refused.items()}
            states |= dict.fromkeys(known.served)
        if version is not None:
            states = {number: state for number, state in states.items() if number == version}
        if not states:
            what = "any versions" if version is None else f"version {version}"
            raise RequestError(f"Could not find {what} of model {name}", grpc.StatusCode.NOT_FOUND)
        return dict(sorted(states.items(), reverse=True))

    def refresh(self) -> None:
        """Loads what is new and retires what is no longer to be served."""
        with self._refreshing:
            self._follow(self._sources())

    def reload(self, sources: Sequence[ModelSource]) -> None:
        """Serves other models from now on, and comes back once those that are new are served.

        Raises:
            RequestError: a label stands for a version that is not served yet, and all stays as it was; or a new model
                did not come to be served, while the others did.
        """
        with self._refreshing:
            before = {source.name for source in self._configured}
            self._configure(sources)
            self._sources = lambda: list(sources)
            self._follow(sources)
            self._require_available({source.name for source in sources} - before)

    def _follow(self, sources: Sequence[ModelSource]) -> None:
        if list(sources) != list(self._configured):
            self._configure(sources)
        named = {source.name: source for source in sources}
        for name in sorted(named.keys() | self._models.keys()):
            with self._lock:
                known = self._models.setdefault(name, Versions())
            try:
                wanted = self._wanted(known, named[name]) if name in named else {}
            except OSError as error:
                self._report_trouble(name, known, one_line(error))
                continue
            self._report_trouble(name, known, "")
            self._retire_others(known, wanted)
            if name not in named:
                with self._lock:
                    del self._models[name]

    def _configure(self, sources: Sequence[ModelSource]) -> None:
        """Takes over the labels. As under TensorFlow Serving one may stand only for a version that is served already;
        with `early_labels` a new label for any.

        Raises:
            RequestError: another label.
        """
        with self._lock:
            for source in sources:
                served = self._models.get(source.name, Versions()).served
                earlier = self._labels.get(source.name, {})
                for label, version in source.labels.items():
                    is_free = self._early_labels and earlier.get(label, version) == version
                    if not is_free and version not in served:
                        raise RequestError(
                            f"Request to assign label to version {version} of model {source.name}, which is not "
                            "currently available for inference",
                            grpc.StatusCode.FAILED_PRECONDITION,
                        )
            self._labels = {source.name: dict(source.labels) for source in sources}
            self._configured = tuple(sources)

    def _require_available(self, names: Collection[str]) -> None:
        faults = []
        with self._lock:
            for name in sorted(names):
                known = self._models[name]
                if not known.served:
                    version, (reason, _) = max(known.refused.items(), default=(0, (known.trouble, None)))
                    reason = reason or "no version found"
                    faults.append(f"{{{{name: {name} version: {version}}} due to error: {reason}}}, ")
        if faults:
            raise RequestError(
                f"{len(faults)} model(s) did not become available: {{{''.join(faults)}}}",
                grpc.StatusCode.UNKNOWN,
            )

    def _report_trouble(self, name: str, known: Versions, trouble: str) -> None:
        if trouble and trouble != known.trouble:
            self._log(f"{name}: stays as it is: {trouble}")
        known.trouble = trouble

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
        trouble = ""
        while not self._stopping.wait(seconds):
            try:
                self.refresh()
                trouble = ""
            except Exception as error:
                # Whatever it was, it may be gone at the next look.
                if one_line(error) != trouble:
                    trouble = one_line(error)
                    self._log(f"the models stay as they are: {trouble}")

    def _wanted(self, known: Versions, source: ModelSource) -> dict[int, ServedModel]:
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

    def _retire_others(self, known: Versions, wanted: dict[int, ServedModel]) -> None:
        with self._lock:
            retired = [model for version, model in known.served.items() if version not in wanted]
            known.served = wanted
            for model in retired:
                self._ended.add(model.name, model.version)
        for model in retired:
            self._log(f"{model.name}/{model.version}: no longer served")
            model.retire()

    def _load(self, known: Versions, source: ModelSource, version: int, folder: Path) -> ServedModel | None:
        """The loaded version; None if it cannot be loaded, which is logged unless it was known."""
        link = link_outside(folder, source.root)
        state = link or state_of(folder)
        if version in known.refused and known.refused[version][1] == state:
            return None
        try:
            if link is not None:
                raise UserError(f"{link}: leads out of {source.root}; expected the model's files inside it")
            runner = self._open(folder)
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
            self._ended.forget(source.name, version)
        self._log(f"{source.name}/{version}: served")
        return model
