"""Callbacks of the fit loop: keep the best weights, save what a resumed run needs, show progress."""

import csv
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from common.cli import console
from common.files import atomic_write, replacing
from common.training.run_folder import BEST_WEIGHTS, HISTORY, STATE

History = list[dict[str, float]]


class Scores(keras.callbacks.Callback):
    """Adds what `scores` finds out about the model to the validation's metrics.

    It looks while the validated weights are in place (before averaged weights are swapped back), and other callbacks
    see the metrics if it stands before them in the list.

    Example:
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.ones((4, 1))
        >>> fitted = model.fit(x, x, validation_data=(x, x), verbose=0, callbacks=[Scores(lambda: {"bleu": 31.0})])
        >>> fitted.history["val_bleu"]
        [31.0]
    """

    def __init__(self, scores: Callable[[], Mapping[str, float]]) -> None:
        super().__init__()
        self._scores, self._metrics = scores, dict[str, float]()

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        self._metrics = dict(self._scores())
        (logs if logs is not None else {}).update(self._metrics)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        metrics = {f"val_{name}": value for name, value in self._metrics.items()}
        (logs if logs is not None else {}).update(metrics)


class BestWeights(keras.callbacks.Callback):
    """Keeps the weights of the best validation so far, and stops when `patience` epochs, from the epoch `since` on,
    brought nothing better.

    It saves while the validated weights are in place (before averaged weights are swapped back), so it must stand
    before `keras.callbacks.SwapEMAWeights` in the list.

    Example:
        >>> import tempfile
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.ones((4, 1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     keeps = BestWeights(Path(folder), [], "val_loss", "min", patience=3)
        ...     fitted = model.fit(x, x, validation_data=(x, x), verbose=0, callbacks=[keeps])
        ...     [path.name for path in Path(folder).iterdir()]
        ['best.weights.h5']
    """

    def __init__(
        self, folder: Path, history: History, monitor: str, mode: str, patience: int, since: int = 0
    ) -> None:
        super().__init__()
        self._since = since
        self._path, self._history, self._patience = folder / BEST_WEIGHTS, history, patience
        self._monitor, self._sign = monitor, {"min": 1.0, "max": -1.0}[mode]

    def on_test_end(self, logs: Mapping[str, float] | None = None) -> None:
        value = (logs or {}).get(self._monitor.removeprefix("val_"), float("nan"))
        if np.isfinite(value) and best_epoch(self._history, self._monitor, self._sign, value) == len(
            self._history
        ):
            with replacing(self._path) as temporary:
                self.model.save_weights(temporary)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        value = (logs or {})[self._monitor]
        best = best_epoch(self._history, self._monitor, self._sign, value)
        if epoch - max(best, self._since - 1) >= self._patience:
            self.model.stop_training = True


def best_epoch(history: Sequence[Mapping[str, float]], monitor: str, sign: float, value: float) -> int:
    """The index of the first best epoch among `history` and the one that has just given `value` (NaN is never best)."""
    values = [sign * epoch[monitor] for epoch in history] + [sign * value]
    return int(np.argmin([number if np.isfinite(number) else np.inf for number in values]))


class SaveState(keras.callbacks.Callback):
    """After each epoch writes the log, and all that training depends on, whole or not at all.

    Example:
        >>> import tempfile
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.ones((4, 1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     fitted = model.fit(x, x, verbose=0, callbacks=[SaveState(Path(folder), [])])
        ...     sorted(path.name for path in Path(folder).iterdir())
        ['log.csv', 'state.npz']
    """

    def __init__(self, folder: Path, history: History, since: int = 0) -> None:
        super().__init__()
        self._folder, self._history, self._since, self._started = folder, history, since, 0.0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        record = {"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}}
        record["learning_rate"] = float(self.model.optimizer.learning_rate)
        record["seconds"] = round(time.perf_counter() - self._started, 2)
        self._history.append(record)
        progress = TrainingProgress(
            self._history, bool(self.model.stop_training), self.params["epochs"], self._since
        )
        save_state(self._folder, self.model, progress)
        _write_log(self._folder / HISTORY, self._history)


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training has come.

    Attributes:
        history: of the epochs that are done.
        finished: whether it has stopped early.
        epochs: that it was to last at most.
        since: the epoch from which on those without a better validation count, for it to stop early.
    """

    history: History = field(default_factory=list)
    finished: bool = False
    epochs: int = 0
    since: int = 0

    def lasting(self, epochs: int) -> "TrainingProgress":
        """The same for a training of so many epochs: one that stopped early goes on if they are more than before, and
        then has all its patience."""
        if self.finished and epochs > self.epochs:
            return TrainingProgress(self.history, False, epochs, len(self.history))
        return replace(self, epochs=epochs)


def save_state(folder: Path, model: keras.Model, progress: TrainingProgress) -> None:
    """Writes weights, random seeds, the optimiser's variables and the progress to `state.npz`."""
    arrays: dict[str, Any] = {
        f"variable_{index}": np.asarray(variable) for index, variable in enumerate(state_variables(model))
    }
    arrays["record"] = np.array(json.dumps(asdict(progress)))
    with replacing(folder / STATE) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def restore_state(folder: Path, model: keras.Model, epochs: int) -> TrainingProgress:
    """Reads back what `save_state` wrote, for a training that is to last so many epochs; the beginning if nothing."""
    if not (folder / STATE).exists():
        return TrainingProgress(epochs=epochs)
    with np.load(folder / STATE) as state:
        for index, variable in enumerate(state_variables(model)):
            variable.assign(state[f"variable_{index}"])
        record = json.loads(str(state["record"]))
    return TrainingProgress(**{"epochs": epochs, **record}).lasting(epochs)


def state_variables(model: keras.Model) -> list[keras.Variable]:
    """All that training depends on: weights, seeds and the optimiser's variables, but no metrics."""
    metrics = {id(variable) for variable in model.metrics_variables}
    return [variable for variable in model.variables if id(variable) not in metrics] + list(
        model.optimizer.variables
    )


def _write_log(path: Path, history: History) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(history[0]), extrasaction="ignore")
    writer.writeheader()
    writer.writerows(history)
    atomic_write(path, text.getvalue())


class ShowProgress(keras.callbacks.Callback):
    """A bar for the epoch under way where there is a terminal, and a line for each finished epoch everywhere.

    Example:
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.ones((4, 1))
        >>> fitted = model.fit(x, 0 * x, verbose=0, callbacks=[ShowProgress(steps=1, epochs=1, title="step")])
        step 1/1  loss ... s
    """

    def __init__(self, steps: int, epochs: int, title: str) -> None:
        super().__init__()
        self._steps, self._epochs, self._title, self._started = steps, epochs, title, 0.0
        self._console = console()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        )
        self._task = self._bar.add_task(title, total=steps)

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._started = time.perf_counter()
        self._bar.reset(self._task, description=f"{self._title} {epoch + 1}/{self._epochs}")

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self._bar.update(self._task, completed=batch + 1)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        shown = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        seconds = time.perf_counter() - self._started
        self._console.print(f"{self._title} {epoch + 1}/{self._epochs}  {shown}  {seconds:.0f} s")

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self.close()

    def close(self) -> None:
        """Takes the bar off the terminal; safe to call twice."""
        self._bar.stop()
