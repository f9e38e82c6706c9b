"""The folder of a training run, and its configuration as JSON."""

import dataclasses
import json
import shutil
import types
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import keras

from common.checks import flag
from common.errors import UserError
from common.files import atomic_write
from common.training.cluster import cluster_of, private_runs
from common.training.exported_run import ExportedWeights, read_run
from common.training.options import TrainingOptions

Config = TypeVar("Config")

CONFIG, HISTORY, BEST_WEIGHTS, STATE, CURVES, PREPROCESSING, OUTCOME = (
    "config.json",
    "log.csv",
    "best.weights.h5",
    "state.npz",
    "curves.png",
    "preprocessing.json",
    "outcome.json",
)
_OF_THE_PROCESS: dict[str, Any] = {
    name: getattr(TrainingOptions, name) for name in ("workers", "worker", "worker_timeout")
}
_MAY_DIFFER_ON_RESUME = {"epochs", "resume", "overwrite", "tensorboard", "runs", "name", *_OF_THE_PROCESS}


def open_run(application: str, config: Any, options: TrainingOptions) -> Path:
    """Makes the run's folder with its config.json, or finds it again with `--resume`.

    Of several workers the first keeps the run; each of the others has a folder of its own, which goes when it ends, and
    resumes in a copy of what the first has kept.

    Raises:
        UserError: the run exists already; or there is none to resume, it was started with other flags, or has done more
            epochs than it is to last.
    """
    folder = run_folder(application, options)
    if options.resume:
        _copy_kept(options.runs / application / options.name, folder)
    exists = (folder / CONFIG).exists()
    if options.resume and not exists:
        raise UserError(
            f"{options.runs / application / options.name}: no run to resume; leave --resume out to start one"
        )
    if options.resume:
        _require_same(folder, config)
        _set_length(folder, options.epochs)
        return folder
    if exists and not options.overwrite:
        raise UserError(
            f"{folder}: this run exists; go on with it by --resume, replace it by --overwrite, or take another --name"
        )
    if folder.exists() and not exists and any(folder.iterdir()):
        raise UserError(f"{folder}: this folder holds something that is no training run; take another --name")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    kept = to_json(config)
    kept["training"] |= _OF_THE_PROCESS
    atomic_write(folder / CONFIG, json.dumps(kept, indent=2) + "\n")
    return folder


def run_folder(application: str, options: TrainingOptions) -> Path:
    """Where this process keeps a run."""
    cluster = cluster_of(options)
    keeps = cluster is None or cluster.index == 0
    return (options.runs if keeps else private_runs()) / application / options.name


def _copy_kept(source: Path, folder: Path) -> None:
    """Copies what a resumed run needs to another folder."""
    if folder == source:
        return
    for name in (CONFIG, HISTORY, BEST_WEIGHTS, STATE):
        for path in source.rglob(name):
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def identity(folder: Path) -> int | None:
    """What tells a run's folder from another that took its place; None where there is no run."""
    config = folder / CONFIG
    return config.stat().st_ino if config.is_file() else None


def discard_unbegun(folder: Path) -> bool:
    """Removes a run of which no epoch is done. Returns whether it was one."""
    if any(folder.rglob(STATE)):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    return True


def load_config(folder: Path, kind: type[Config]) -> Config:
    """The configuration a run was started with."""
    path = folder / CONFIG
    if not path.is_file():
        raise UserError(
            f"{folder}: not a training run (no {CONFIG}) and no SavedModel; expected runs/<application>/<name>, or to "
            "export anew saved_models/<application>/<version>"
        )
    config: Config = configuration_of(kind, _read_json(path))
    return config


def configuration_of(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """A configuration of JSON values, whichever of several workers it was that kept it."""
    training = {name: value for name, value in values["training"].items() if name not in _OF_THE_PROCESS}
    config: Config = from_json(kind, {**values, "training": training})
    return config


@dataclass(frozen=True)
class FinishedRun(Generic[Config]):
    """What a finished training left, in its folder or in a SavedModel that was exported from it.

    Attributes:
        config: what it was started with.
        preprocessing: the vocabularies and the like that training made.
        outcome: what came of it: figures, wall time, hardware.
        weights: the best weights: a file, or those inside the SavedModel.
        described: what an earlier export was told of the training, by the names of the flags.
    """

    config: Config
    preprocessing: dict[str, Any]
    outcome: dict[str, Any]
    weights: Path | ExportedWeights
    described: dict[str, str] = field(default_factory=dict)

    def variable_order(self) -> list[str]:
        """In which order the SavedModel that this is read from stores its variables; empty for a folder."""
        return self.weights.order() if isinstance(self.weights, ExportedWeights) else []

    def load_weights(self, model: keras.Model) -> None:
        """Gives a newly built model the best weights."""
        if isinstance(self.weights, ExportedWeights):
            self.weights.load_into(model)
        else:
            model.load_weights(self.weights)


def write_preprocessing(folder: Path, preprocessing: dict[str, Any]) -> None:
    """Keeps what training made before its first step, such as a vocabulary."""
    atomic_write(folder / PREPROCESSING, json.dumps(preprocessing, ensure_ascii=False))


def write_outcome(folder: Path, outcome: dict[str, Any]) -> None:
    """Keeps what came of a training, and so marks it as finished."""
    atomic_write(folder / OUTCOME, json.dumps(outcome, indent=2) + "\n")


def load_finished(folder: Path, kind: type[Config], made: Collection[str]) -> FinishedRun[Config]:
    """Reads a finished training from its folder, or from a SavedModel that was exported from it.

    Args:
        folder: of the run, or of the SavedModel.
        kind: its application's configuration.
        made: the names of what the application's training makes before its first step, such as the vocabulary.

    Raises:
        UserError: there is none, it is not finished, or it is of another application.
    """
    if (folder / "saved_model.pb").is_file():
        record = read_run(folder)
        _require_made(folder, record["preprocessing"], made)
        weights = ExportedWeights(folder, record["variables"])
        config = configuration_of(kind, record["configuration"])
        return FinishedRun(config, record["preprocessing"], record["outcome"], weights, record["described"])
    if (folder / PREPROCESSING).is_file():
        _require_made(folder, _read_json(folder / PREPROCESSING), made)
    config = load_config(folder, kind)
    for name in (PREPROCESSING, BEST_WEIGHTS, OUTCOME):
        if not (folder / name).is_file():
            raise UserError(
                f"{folder}: no {name}, so this training is not finished; go on with train --resume"
            )
    preprocessing, outcome = (_read_json(folder / name) for name in (PREPROCESSING, OUTCOME))
    return FinishedRun(config, preprocessing, outcome, folder / BEST_WEIGHTS)


def _require_made(folder: Path, found: Collection[str], made: Collection[str]) -> None:
    if set(found) != set(made):
        raise UserError(
            f"{folder}: a model of another application, whose training made {', '.join(found)}; expected one whose "
            f"training made {', '.join(made)}"
        )


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def to_json(config: Any) -> Any:
    """A dataclass as JSON values; paths become strings, tuples lists."""
    if isinstance(config, dict):
        return {name: to_json(value) for name, value in config.items()}
    if dataclasses.is_dataclass(config):
        return {field.name: to_json(getattr(config, field.name)) for field in dataclasses.fields(config)}
    if isinstance(config, (tuple, list)):
        return [to_json(value) for value in config]
    return str(config) if isinstance(config, Path) else config


def from_json(kind: Any, value: Any) -> Any:
    """The inverse of `to_json` for a dataclass type and the types its fields name."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{name: from_json(hints[name], item) for name, item in value.items() if name in hints})  # type: ignore[operator]
    if value is None:
        return None
    if kind is Path:
        return Path(value)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return tuple(from_json(arguments[0], item) for item in value)
    if origin in (typing.Union, types.UnionType):
        return from_json(next(option for option in arguments if option is not type(None)), value)
    return value


def _require_same(folder: Path, config: Any) -> None:
    # A field that the run's version of the project did not have yet has its default.
    saved, given = (_flat(to_json(one)) for one in (load_config(folder, type(config)), config))
    for name in sorted(saved.keys() | given.keys()):
        if name not in _MAY_DIFFER_ON_RESUME and saved.get(name) != given.get(name):
            raise UserError(
                f"{folder}: the run was started with {flag(name)} {saved.get(name)}, not {given.get(name)}; "
                "resume it with the flags it was started with"
            )


def _set_length(folder: Path, epochs: int) -> None:
    """Lets a run that is resumed last for so many epochs; one of more than before is not finished any longer."""
    log = folder / HISTORY
    done = max(len(log.read_text("utf-8").splitlines()) - 1, 0) if log.is_file() else 0
    if epochs < done:
        raise UserError(f"--epochs {epochs}: {folder} has done {done} epochs; expected {done} or more")
    saved = json.loads((folder / CONFIG).read_text("utf-8"))
    before = saved["training"]["epochs"]
    if epochs == before:
        return
    if epochs > before:
        (folder / OUTCOME).unlink(missing_ok=True)
    saved["training"]["epochs"] = epochs
    atomic_write(folder / CONFIG, json.dumps(saved, indent=2) + "\n")


def _flat(tree: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat.update(_flat(value) if isinstance(value, dict) else {name: value})
    return flat
