"""Which folders hold the models to serve, and which of their versions are wanted."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
    """

    name: str
    folder: Path
    root: Path
    count: int | None = 1
    numbers: frozenset[int] | None = None

    def versions(self) -> dict[int, Path]:
        """The numbered folders."""
        if not self.folder.is_dir():
            return {}
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


def configured_sources(file: Path, models: Path) -> list[ModelSource]:
    """The sources that a `models.config` of TensorFlow Serving names, with their version policies.

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
    return [_configured(listed, file, models) for listed in models_listed]


def _configured(listed: Any, file: Path, models: Path) -> ModelSource:
    where = f"{file}: model {listed.name!r}"
    if not listed.base_path:
        raise UserError(f"{where}: expected a base_path")
    given = PurePosixPath(listed.base_path)
    folder = (
        models / given.relative_to(_IMAGE_MODELS)
        if given.is_relative_to(_IMAGE_MODELS)
        else file.parent / given
    )
    root = _existing(folder, f"{where}: base_path")
    policy = listed.model_version_policy
    if policy.HasField("all"):
        return ModelSource(listed.name, folder, root, None)
    if policy.HasField("specific"):
        return ModelSource(listed.name, folder, root, None, frozenset(policy.specific.versions))
    return ModelSource(listed.name, folder, root, policy.latest.num_versions or 1)


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
