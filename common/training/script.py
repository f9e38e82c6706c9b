"""What train scripts share: they start a run and print its data, and write its results at the end."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from common.cli import console
from common.errors import is_interrupt
from common.training.callbacks import History
from common.training.hardware import hardware
from common.training.options import TrainingOptions
from common.training.run_folder import discard_unbegun, identity, open_run, run_folder, write_outcome
from common.training.workers import all_or_none

CALIBRATED = "is_calibrated"
"""In the outcome of a classifier: whether its temperature was fitted. Where it is not told, it was."""


class Examples(Protocol):
    """A part of the data."""

    def describe(self) -> str:
        """How many there are, and what was left out, in a line."""

    def __len__(self) -> int:
        """How many there are."""


class Config(Protocol):
    """A configuration with the options of the training."""

    @property
    def training(self) -> TrainingOptions:
        """Length, optimiser and schedule."""


def begin_run(application: str, config: Config, training: Examples, validation: Examples) -> Path:
    """Makes the run's folder, or finds it again with `--resume`, and prints how many examples there are.

    Raises:
        UserError: as of `open_run`, in any of several workers.
    """
    with all_or_none(config.training):
        folder = open_run(application, config, config.training)
    for part, examples in (("training", training), ("validation", validation)):
        console().print(f"{part}: {examples.describe()}")
    return folder


@contextmanager
def discarding_unbegun(application: str, options: TrainingOptions) -> Iterator[None]:
    """Removes the run that is made within, if that ends in an error or is interrupted before an epoch is done: nothing
    could be gone on with, and the folder would only stand in the way of the next start.

    Args:
        application: its name.
        options: of the training.

    Raises:
        KeyboardInterrupt: as it was raised within, told that nothing is kept if that is so.
    """
    folder = run_folder(application, options)
    before = identity(folder)
    try:
        yield
    except BaseException as error:
        if identity(folder) == before or not discard_unbegun(folder):
            raise
        if is_interrupt(error):
            raise KeyboardInterrupt("interrupted before an epoch was done: no run is kept") from None
        raise


def finish_run(
    folder: Path,
    application: str,
    examples: int,
    epochs: History,
    figures: dict[str, Any],
    *,
    is_calibrated: bool | None = None,
    judged: str = "",
    kept: Mapping[str, Any] | None = None,
) -> Path:
    """Writes the results of a training, which marks it as finished, and prints how to export it.

    Args:
        folder: of the run.
        application: its name.
        examples: how many were trained on.
        epochs: of all phases.
        figures: what validation measured, by name.
        is_calibrated: whether a temperature could be fitted; None of models that have none.
        judged: what the temperature would be of where answers are right or wrong, such as "words"; "" of classes.
        kept: what else the export must know.

    Returns:
        The folder.
    """
    outcome = {
        **figures,
        **(kept or {}),
        **({} if is_calibrated is None else {CALIBRATED: is_calibrated}),
        "training_examples": examples,
        "training_seconds": round(sum(epoch["seconds"] for epoch in epochs)),
        "hardware": dataclasses.asdict(hardware()),
    }
    write_outcome(folder, outcome)
    shown = (
        f"{name.removeprefix('validation_').replace('_', ' ')} {value:.4f}" for name, value in figures.items()
    )
    console().print(f"validation: {'  '.join(shown)}")
    if is_calibrated is False:
        console().print(f"calibration: {_not_fitted(judged)}")
    console().print(
        f"kept in {folder}; export it with: python -m applications.{application}.export --run {folder}"
    )
    return folder


def _not_fitted(judged: str) -> str:
    if not judged:
        return "validation is all of one class, so no temperature is fitted and probabilities are as trained"
    return (
        f"in validation all {judged} are right or all are wrong, so no temperature is fitted and their confidence is "
        "as trained"
    )
