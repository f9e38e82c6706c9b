"""Readings of a series row by row: what is said of each, and the state that it leaves. Imports no Keras and no
TensorFlow."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from common.errors import UserError
from common.inference.refused_rows import require_answered

Rows = dict[str, np.ndarray]

_STATE = "state_"


class Stream:
    """Reads a series row by row; the state is kept here, a server keeps nothing.

    Args:
        run: gives the outputs of a signature of the model by its inputs.
        sensors: of the series.
        alarms_per_week: false ones that are allowed.
    """

    def __init__(
        self, run: Callable[..., dict[str, np.ndarray]], sensors: int, alarms_per_week: float
    ) -> None:
        self._run = run
        self._budget = np.array([alarms_per_week], np.float32)
        self._states = require_answered(run("start", sensors=np.array([sensors], np.int64)))

    def read(self, time: int, values: Sequence[float] | np.ndarray) -> dict[str, Any]:
        """What is said of a row.

        Args:
            time: Unix seconds.
            values: of the sensors; what is missing is NaN.

        Returns:
            The outputs of `step` by name, without the states, as plain numbers, texts and lists of these.

        Raises:
            UserError: the row cannot be read; the state stays as it was.
        """
        told = {name: value.tolist() for name, value in self.answer(time, values).items()}
        return {**told, "detector": told["detector"].decode()}

    def answer(self, time: int, values: Sequence[float] | np.ndarray) -> dict[str, np.ndarray]:
        """The same as arrays, as the model gives them."""
        if not isinstance(time, int | np.integer):
            raise UserError(f"time: got {time!r}; expected Unix seconds, a whole number")
        try:
            row = np.asarray(values, np.float32)[None]
        except (TypeError, ValueError):
            raise UserError(f"values: got {values!r}; expected numbers, NaN where one is missing") from None
        sensors = self._states["state_held"].shape[1]
        if row.shape != (1, sensors):
            raise UserError(f"values: of {row.size} sensors; expected {sensors}")
        answer, self._states = self._step(row, time, self._states, ["the row"])
        return {name: np.asarray(value[0]) for name, value in answer.items()}

    def continued(self, times: Sequence[int], values: np.ndarray) -> dict[str, np.ndarray]:
        """What would be said of the rows that might follow, of each of several possible futures; the state stays as it
        was.

        Args:
            times: Unix seconds of the rows, the same for all futures, `[time]`.
            values: of the sensors, `[futures, time, sensors]`.

        Returns:
            The outputs of `step` by name, without the states, `[futures, time, ...]` each.

        Raises:
            UserError: a row cannot be read.
        """
        states = {name: np.repeat(state, len(values), axis=0) for name, state in self._states.items()}
        answers = []
        for time, rows in zip(times, np.swapaxes(np.asarray(values, np.float32), 0, 1), strict=True):
            answer, states = self._step(rows, time, states)
            answers.append(answer)
        return {name: np.stack([one[name] for one in answers], axis=1) for name in answers[0]}

    def _step(
        self, rows: np.ndarray, time: int, states: Rows, labels: Sequence[str] | None = None
    ) -> tuple[Rows, Rows]:
        """What is said of a row of each stream, and the states after it."""
        inputs = {
            "value": rows,
            "time": np.full(len(rows), time, np.int64),
            "alarms_per_week": np.repeat(self._budget, len(rows)),
        }
        answer = require_answered(self._run("step", **inputs, **states), labels)
        is_state = {name: name.startswith(_STATE) for name in answer}
        return (
            {name: value for name, value in answer.items() if not is_state[name]},
            {name: value for name, value in answer.items() if is_state[name]},
        )
