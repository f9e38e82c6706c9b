"""What every contender is given, in a file: steps to train on, and windows to forecast. Needs NumPy alone, so that it
can be read in the peers' environment."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

_FACTS, _ARRAYS = "task.json", "task.npz"


@dataclass(frozen=True)
class Facts:
    """What is known of the series.

    Attributes:
        lookback: steps that a trained contender looks back on.
        horizon: steps of each forecast.
        levels: of the quantiles that are asked for, ascending, 0.5 among them.
        seasons: steps of the seasons that the step's length suggests, the shortest first.
        season: the one of them by which the training part repeats itself best.
        validation: steps at the end of each series that nobody may train on, but that may be validated on.
        steps: of the training of the peers that are trained; 0 for the library's own number.
        seconds: after which the training of such a peer ends, whatever its steps.
        threads: of each contender.
    """

    lookback: int
    horizon: int
    levels: tuple[float, ...]
    seasons: tuple[int, ...]
    season: int
    validation: int
    steps: int
    seconds: int
    threads: int


@dataclass(frozen=True)
class Steps:
    """A stretch of a series.

    Attributes:
        targets: `[steps, targets]`; what is missing is NaN, as in the others.
        past: what is known up to the origin, `[steps, past columns]`.
        known: what is known ahead, `[steps, known columns]`; of a window, `[steps + horizon, known columns]`.
    """

    targets: np.ndarray
    past: np.ndarray
    known: np.ndarray


@dataclass(frozen=True)
class Window:
    """The steps before an origin, and what is known ahead of it. The truth is not among them.

    Attributes:
        name: of the series.
        times: Unix seconds of the steps before the origin, `[steps]`.
        steps: before the origin.
    """

    name: str
    times: np.ndarray
    steps: Steps


@dataclass(frozen=True)
class Task:
    """Everything that contenders are given.

    Attributes:
        facts: of the series.
        training: the training part of each series, by name, and the steps to validate on behind it.
        windows: to forecast.
    """

    facts: Facts
    training: Mapping[str, Steps]
    windows: Sequence[Window]


def write_task(folder: Path, task: Task) -> None:
    """Writes a task, for `read_task`."""
    arrays: dict[str, Any] = {}
    for kind, stretches in (
        ("training", list(task.training.values())),
        ("window", [window.steps for window in task.windows]),
    ):
        for place, stretch in enumerate(stretches):
            arrays |= {f"{kind}_{place}_{name}": values for name, values in vars(stretch).items()}
    arrays |= {f"window_{place}_times": window.times for place, window in enumerate(task.windows)}
    names = {"training": list(task.training), "windows": [window.name for window in task.windows]}
    np.savez(folder / _ARRAYS, **arrays)
    (folder / _FACTS).write_text(json.dumps({"facts": asdict(task.facts), **names}), encoding="utf-8")


def read_task(folder: Path) -> Task:
    """Reads what `write_task` wrote."""
    told: dict[str, Any] = json.loads((folder / _FACTS).read_text("utf-8"))
    facts: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in told["facts"].items()
    }
    with np.load(folder / _ARRAYS) as arrays:

        def stretch(prefix: str) -> Steps:
            return Steps(*(arrays[f"{prefix}_{name}"] for name in ("targets", "past", "known")))

        training = {name: stretch(f"training_{place}") for place, name in enumerate(told["training"])}
        windows = [
            Window(name, arrays[f"window_{place}_times"], stretch(f"window_{place}"))
            for place, name in enumerate(told["windows"])
        ]
    return Task(Facts(**facts), training, windows)


def filled(values: np.ndarray) -> np.ndarray:
    """Values `[steps]` with those that are missing on the line between their neighbours, or equal to the nearest one
    where there is a neighbour on one side only; zeros where all are missing. For contenders that refuse gaps.

    Example:
        >>> filled(np.array([np.nan, 2.0, np.nan, 4.0])).tolist()
        [2.0, 2.0, 3.0, 4.0]
    """
    is_there = ~np.isnan(values)
    if not is_there.any():
        return np.zeros(len(values))
    places = np.arange(len(values))
    complete: np.ndarray = np.interp(places, places[is_there], values[is_there])
    return complete


def from_first_value(values: np.ndarray) -> np.ndarray:
    """Values `[steps]` from the first that is there on, filled.

    Example:
        >>> from_first_value(np.array([np.nan, 2.0, np.nan, 4.0])).tolist()
        [2.0, 3.0, 4.0]
    """
    is_there = ~np.isnan(values)
    return filled(values[int(is_there.argmax()) :])
