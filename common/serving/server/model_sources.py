"""Which folders hold the models to serve, and which of their versions are wanted."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from google.protobuf import text_format

from common.errors import UserError, one_line

_IMAGE_MODELS = PurePosixPath("/models")


@dataclass(frozen=True)
class ModelSource:
    """A model's folder of numbered versions.

    Attributes:
        name: under which it is served.
        folder: holds the versions.
        root: nothing that lies outside of it is read.
        count: how many of the wanted versions are served, from the highest; None for all of them.
        numbers: the versions wanted; None for all.
        labels: names under which versions are asked for.
    """

    name: str
    folder: Path
    root: Path
    count: int | None = 1
    numbers: frozenset[int] | None = None
    labels: Mapping[str, int] = field(default_factory=dict)

    def versions(self) -> dict[int, Path]:
        """The numbered folders.

        Raises:
            OSError: the model's folder is not there, or cannot be read.
        """
        entries = sorted(self.folder.iterdir())
        return {int(entry.name): entry for entry in entries if is_number(entry.name) and entry.is_dir()}

    def candidates(self, present: Iterable[int]) -> list[int]:
        """The wanted ones of the versions present, in the order in which they are tried."""
        return sorted((n for n in present if self.numbers is None or n in self.numbers), reverse=True)


def is_number(name: str) -> bool:
    """Whether a folder of this name is a version, as TensorFlow Serving sees it (an int64)."""
    return name.isascii() and name.isdecimal() and int(name) < 2**63


def sources_in(models: Path, count: int | None) -> list[ModelSource]:
    """A source for each folder in `models`, named after it; links that lead out of `models` are left out.

    Raises:
        UserError: there is no such folder.
    """
    root = _existing(models, "--models")
    return [
        ModelSource(entry.name, entry, root, count)
        for entry in sorted(models.iterdir())
        if entry.is_dir() and entry.resolve().is_relative_to(root)
    ]


def links_out_of(models: Path) -> list[str]:
    """The names that `sources_in` leaves out."""
    root = _existing(models, "--models")
    return [entry.name for entry in sorted(models.iterdir()) if not entry.resolve().is_relative_to(root)]


class FolderSources:
    """What `sources_in` gives at each call, and the models it gave before: one whose folder was moved away stays.

    Args:
        models: as in `sources_in`.
        count: as in `sources_in`.

    Example:
        >>> from common.model_folders import models_folder
        >>> sources = FolderSources(models_folder(), count=1)
        >>> "translation" in [source.name for source in sources()]
        True
    """

    def __init__(self, models: Path, count: int | None) -> None:
        self._models, self._count = models, count
        self._known: dict[str, ModelSource] = {}

    def __call__(self) -> list[ModelSource]:
        present = {source.name: source for source in sources_in(self._models, self._count)}
        sources = self._known | present
        self._known = {
            name: source for name, source in sources.items() if name not in present or _is_model(source)
        }
        return list(sources.values())


class ConfiguredSources:
    """What `configured_sources` gives; the file is read at each call, and what it names is looked up when it changed.

    Args:
        file: as in `configured_sources`.
        models: as in `configured_sources`.

    Example:
        >>> from common.model_folders import models_folder
        >>> sources = ConfiguredSources(models_folder() / "models.config", models_folder())
        >>> "translation" in [source.name for source in sources()]
        True
    """

    def __init__(self, file: Path, models: Path) -> None:
        self._file, self._models = file, models
        self._content: bytes | None = None
        self._sources: list[ModelSource] = []

    def __call__(self) -> list[ModelSource]:
        content = self._file.read_bytes() if self._file.is_file() else None
        if content is None or content != self._content:
            self._sources = configured_sources(self._file, self._models)
            self._content = content
        return self._sources


def configured_sources(file: Path, models: Path) -> list[ModelSource]:
    """The sources that a `models.config` of TensorFlow Serving names, with their version policies and labels.

    A `base_path` in `/models`, where TensorFlow Serving's image has them, stands for one in `models`; a relative one
    begins at the file's folder.

    Raises:
        UserError: naming what is wrong with the file, or the folder that it names in vain.
    """
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    try:
        config = text_format.Parse(file.read_text("utf-8"), ModelServerConfig())
    except FileNotFoundError:
        raise UserError(f"--model-config-file {file}: no such file") from None
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise UserError(
            f"{file}: expected TensorFlow Serving's ModelServerConfig: {one_line(error)}"
        ) from None
    models_listed = list(config.model_config_list.config)
    names = [listed.name for listed in models_listed]
    if not names or "" in names or len(set(names)) != len(names):
        raise UserError(
            f"{file}: expected model_config_list with a different name for each model, got {names}"
        )
    return [
        _source(listed, f"{file}: model {listed.name!r}", file.parent, models) for listed in models_listed
    ]


def reloaded_sources(config: Any, models: Path) -> list[ModelSource]:
    """The sources that a `ModelServerConfig` names which came from afar: no folder out of `models` is among them.

    Raises:
        UserError: naming what is wrong with it.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise UserError(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently "
            "supported"
        )
    sources: dict[str, ModelSource] = {}
    for listed in config.model_config_list.config:
        where = f"model {listed.name!r}"
        if not listed.name:
            raise UserError("expected a name for each model")
        if listed.name in sources:
            raise UserError(f"Illegal to list model {listed.name} multiple times in config list")
        if listed.base_path and not PurePosixPath(listed.base_path).is_absolute():
            raise UserError(
                f"Expected model {listed.name} to have an absolute path or URI as base path; got "
                f"base_path()={listed.base_path}"
            )
        source = _source(listed, where, models, models)
        if not source.root.is_relative_to(models.resolve()):
            raise UserError(f"{where}: base_path {listed.base_path}: leads out of {models}")
        sources[listed.name] = source
    return list(sources.values())


def _is_model(source: ModelSource) -> bool:
    try:
        return bool(source.versions())
    except OSError:
        return False


def _source(listed: Any, where: str, beside: Path, models: Path) -> ModelSource:
    """The source of one `ModelConfig`; a relative path in it begins at `beside`."""
    if not listed.base_path:
        raise UserError(f"{where}: expected a base_path")
    given = PurePosixPath(listed.base_path)
    is_alias = given.is_relative_to(_IMAGE_MODELS) and not Path(given).is_relative_to(models.resolve())
    folder = models / given.relative_to(_IMAGE_MODELS) if is_alias else beside / given
    if listed.model_platform not in ("", "tensorflow"):
        raise UserError(f"{where}: requests unsupported platform {listed.model_platform}")
    root = _existing(folder, f"{where}: base_path")
    policy, labels = listed.model_version_policy, dict(listed.version_labels)
    if policy.HasField("all"):
        return ModelSource(listed.name, folder, root, None, None, labels)
    if policy.HasField("specific"):
        return ModelSource(listed.name, folder, root, None, frozenset(policy.specific.versions), labels)
    return ModelSource(listed.name, folder, root, policy.latest.num_versions or 1, None, labels)


def _existing(folder: Path, where: str) -> Path:
    if not folder.is_dir():
        raise UserError(f"{where} {folder}: no such folder")
    return folder.resolve()


def link_outside(folder: Path, root: Path) -> Path | None:
    """A link in `folder` (or itself) that leads out of `root`; None if there is none."""
    if not folder.resolve().is_relative_to(root):
        return folder
    visited: set[Path] = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                return path
        visited.add(Path(parent).resolve())
        folders[:] = [name for name in folders if Path(parent, name).resolve() not in visited]
    return None


def state_of(folder: Path) -> Mapping[str, tuple[int, int]]:
    """Size and time of each file below a folder: another state means other files."""
    paths = (Path(parent, name) for parent, _, files in os.walk(folder) for name in files)
    stats = {str(path.relative_to(folder)): path.stat() for path in paths}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}
