"""What a model of remaining life says of machines. Imports no Keras and no TensorFlow."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from common.errors import UserError
from common.inference.refused_rows import require_answered
from common.inference.runner import SavedModelRunner
from common.predicting.input_files import printable
from common.predicting.progress import progress
from common.predicting.script import Shown
from common.predicting.texts import chunks
from common.series.reading_tables import ReadingSource
from common.series.readings import Readings, Recording, stacked

KIND = "remaining_life"
COLUMNS = ("series", "rows", "remaining", "lower", "upper")

_BY_STEP = ("by_step", "lower_by_step", "upper_by_step")


@dataclass(frozen=True)
class LifeAnswer:
    """A machine with what is said of it.

    Attributes:
        recording: its readings.
        remaining: rows that are left after the last one, the median.
        lower, upper: ends of the interval of 90%.
        by_step: the same three after each row, `[rows, 3]`.
    """

    recording: Recording
    remaining: float
    lower: float
    upper: float
    by_step: np.ndarray

    @property
    def record(self) -> dict[str, Any]:
        """By the names of the columns."""
        numbers = {name: round(getattr(self, name), 1) for name in COLUMNS[2:]}
        return {"series": self.recording.name, "rows": len(self.recording), **numbers}


def life_answers(
    runner: SavedModelRunner, readings: Readings, batch_size: int, show_progress: bool | None = None
) -> list[LifeAnswer]:
    """What is left of each machine.

    Raises:
        UserError: a machine cannot be judged.
    """
    machines, answers = list(readings.recordings), []
    for chunk in progress(list(chunks(machines, batch_size)), "reading", show_progress):
        _, values = stacked(chunk)
        labels = [f"{readings.name}, series {one.name!r}" if one.name else readings.name for one in chunk]
        outputs = require_answered(runner.run(KIND, values=values), labels)
        answers += [_answer(one, row, outputs) for row, one in enumerate(chunk)]
    return answers


def _answer(machine: Recording, row: int, outputs: Mapping[str, np.ndarray]) -> LifeAnswer:
    after_each = np.stack([outputs[name][row, : len(machine)] for name in _BY_STEP], axis=1)
    remaining, lower, upper = (float(outputs[name][row]) for name in COLUMNS[2:])
    return LifeAnswer(machine, remaining, lower, upper, after_each)


def life_source(source: ReadingSource, sensors: Sequence[str]) -> ReadingSource:
    """How a table is read: as the flags say, and the sensors of the training unless they say which."""
    return source if source.sensor_columns else dataclasses.replace(source, sensor_columns=tuple(sensors))


def require_sensors(readings: Readings, sensors: Sequence[str]) -> Readings:
    """The readings, if they are of as many sensors as the model was trained on.

    Raises:
        UserError: they are not.
    """
    if len(readings.sensors) != len(sensors):
        raise UserError(
            f"{readings.name}: sensors {', '.join(readings.sensors)}; expected those that the model was trained on: "
            f"{', '.join(sensors)}"
        )
    return readings


def life_frame(answers: Sequence[LifeAnswer]) -> pd.DataFrame:
    """A row for each machine."""
    return pd.DataFrame([one.record for one in answers], columns=list(COLUMNS))


def shown_life(answer: LifeAnswer) -> Shown:
    """How what is said of a machine is shown."""
    record = answer.record
    line = f"{record['remaining']:g}\t{record['lower']:g} to {record['upper']:g} rows left"
    return Shown(record, [f"{line}\t{printable(record['series'])}" if record["series"] else line])
