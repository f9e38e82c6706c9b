"""Fine-tuning: a training that begins with the weights and the vocabulary of another (`--init-from`)."""

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import keras
import numpy as np

from common.checks import flag
from common.cli import console
from common.data.sources import expanded
from common.errors import UserError
from common.layers.stateful_stack import StreamedStack
from common.training.exported_run import read_run
from common.training.options import TrainingOptions
from common.training.run_folder import CONFIG, PREPROCESSING, FinishedRun, load_finished

_MOST_UNKNOWN = 0.5


class Configured(Protocol):
    """A configuration with the options of the training."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def training(self) -> TrainingOptions:
        """Length, optimiser and schedule."""


Config = TypeVar("Config", bound=Configured)


@dataclass(frozen=True)
class Inheritance:
    """What a training takes over from the one that it begins with.

    Attributes:
        application: its name.
        architecture: the fields of the configuration that the model's sizes follow from; taken over.
        preprocessing: the names of what training makes before its first step, such as the vocabulary.
        kind: the fields that must be the same.
        phases: the fields for the epochs before the training proper; none, unless they are given.
    """

    application: str
    architecture: tuple[str, ...]
    preprocessing: tuple[str, ...]
    kind: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Origin(Generic[Config]):
    """A finished training whose weights another begins with.

    Attributes:
        path: as `--init-from` names it.
        run: what it left.
    """

    path: Path
    run: FinishedRun[Config]

    def copy_weights(
        self, untrained: keras.Model, model: keras.Model, *, but: str = "", anew: str = "begins anew"
    ) -> None:
        """Gives a model the weights of this one. The states of its streams are not learned, and stay as they are.

        Args:
            untrained: built as this training's configuration has it, for the weights to be read into.
            model: the one that is to be trained.
            but: the layer that keeps its own weights, "" for none.
            anew: what is said of that layer.

        Raises:
            UserError: the two differ in a weight's shape.
        """
        self.run.load_weights(untrained)
        pairs = list(zip(untrained.weights, model.weights, strict=False))
        if len(untrained.weights) != len(model.weights):
            raise self.unfit(f"it has {len(untrained.weights)} weights, not {len(model.weights)}")
        states = _stream_states(model)
        for theirs, ours in pairs:
            if id(ours) in states or (but and ours.path.split("/")[0] == but):
                continue
            if theirs.shape != ours.shape:
                raise self.unfit(f"{theirs.path} has the shape {list(theirs.shape)}, not {list(ours.shape)}")
            ours.assign(theirs)
        console().print(f"weights: those of {self.path}{f', but for {but}, which {anew}' if but else ''}")

    def copy_weights_of_symbols(self, untrained: keras.Model, model: keras.Model) -> None:
        """Gives a model, whose last layer `logits` has symbols of its own after those of this one, its weights.

        Args:
            untrained: as of `copy_weights`.
            model: likewise; what it has for the symbols of its own stays.

        Raises:
            UserError: the two differ in another weight's shape.
        """
        theirs, ours = (one.get_layer("logits") for one in (untrained, model))
        known = theirs.units
        has_new = ours.units > known
        anew = "begins anew for the symbols that it lacks"
        self.copy_weights(untrained, model, but="logits" if has_new else "", anew=anew)
        if has_new:
            for old, new in zip(theirs.weights, ours.weights, strict=True):
                new.assign(np.concatenate([old.numpy(), new.numpy()[..., known:]], axis=-1))

    def labels(self, given: Sequence[str]) -> list[str]:
        """The model's labels, where it knows all that are given; else the given ones, for a last layer of their own."""
        known: list[str] = self.run.preprocessing["labels"]
        if set(given) <= set(known):
            return known
        console().print(
            f"labels: {len(given)} classes ({_shown(given)}), not the {len(known)} of {self.path} ({_shown(known)})"
        )
        return list(given)

    def require_known(self, unknown: int, all_of_them: int, what: str) -> None:
        """Says how much of the training data the vocabulary does not hold.

        Raises:
            UserError: it is more than half.
        """
        share = unknown / max(all_of_them, 1)
        if share > _MOST_UNKNOWN:
            raise self.unfit(f"its vocabulary lacks {share:.0%} of the {what} of the training data")
        console().print(f"vocabulary: that of {self.path}, which lacks {share:.2%} of the {what}")

    def unfit(self, reason: str) -> UserError:
        """The error that this model cannot be begun with."""
        return UserError(f"--init-from {self.path}: {reason}")


def begin_from(
    config: Config, inheritance: Inheritance, presets: Mapping[str, Config]
) -> tuple[Config, Origin[Config] | None]:
    """The configuration with the architecture of the model that `--init-from` names, and that model; the configuration
    as it is and None where the flag is not given.

    Args:
        config: of the training that begins.
        inheritance: what it takes over.
        presets: of the application; what differs from all of them was given.

    Raises:
        UserError: there is no such model, it is another application's, or a flag asks for another architecture.
    """
    path = config.training.init_from
    if path is None:
        return config, None
    folder = expanded(path)
    _require_training(path, folder, inheritance)
    origin: Origin[Config] = Origin(path, load_finished(folder, type(config), inheritance.preprocessing))
    theirs = origin.run.config
    for name in (*inheritance.kind, *inheritance.architecture):
        ours, value = getattr(config, name), getattr(theirs, name)
        if ours != value and (name in inheritance.kind or _is_given(name, ours, presets)):
            raise origin.unfit(f"it was trained with {flag(name)} {_word(value)}, not {_word(ours)}")
    taken = {name: getattr(theirs, name) for name in inheritance.architecture}
    skipped = {name: 0 for name in inheritance.phases if not _is_given(name, getattr(config, name), presets)}
    sizes = ", ".join(f"{flag(name)} {_word(value)}" for name, value in taken.items())
    console().print(f"begins with {path}: {sizes}")
    return dataclasses.replace(config, **taken, **skipped), origin


def _require_training(path: Path, folder: Path, inheritance: Inheritance) -> None:
    application = inheritance.application
    expected = f"expected saved_models/{application}/<version>, or a finished runs/{application}/<name>"
    if (folder / "saved_model.pb").is_file():
        made = read_run(folder)["preprocessing"].keys()
    elif (folder / CONFIG).is_file():
        made = json.loads(_text(folder / PREPROCESSING)).keys()
    else:
        raise UserError(f"--init-from {path}: neither a SavedModel nor a training run; {expected}")
    if made and set(made) != set(inheritance.preprocessing):
        raise UserError(f"--init-from {path}: a model of another application; {expected}")


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else "{}"


def _is_given(name: str, value: Any, presets: Mapping[str, Any]) -> bool:
    """Whether a flag was given, as far as can be told: it stands in the command, or no preset has its value."""
    words = {word.partition("=")[0].replace("_", "-") for word in sys.argv[1:]}
    in_command = bool({flag(name), flag(name).replace("--", "--no-", 1)} & words)
    return in_command or all(getattr(preset, name) != value for preset in presets.values())


def _stream_states(model: keras.Model) -> set[int]:
    """The identities of the weights that are states of streams, which have the size of a batch."""
    streams = (layer for layer in model.layers if isinstance(layer, StreamedStack))
    return {id(state) for stream in streams for state in stream.stream_states}


def _word(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _shown(labels: Sequence[str]) -> str:
    return ", ".join(labels[:5]) + (", ..." if len(labels) > 5 else "")
