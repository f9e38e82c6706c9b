"""What the conformance test is to know of anomaly detection: data, a training of seconds, and what to ask."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common.application import Question

PHASES = (".",)
TRAINING = (
    *(
        "--epochs",
        "3",
        "--patience",
        "3",
        "--learning-rate",
        "0.01",
        "--averaging",
        "0.5",
        "--batch-size",
        "8",
    ),
    *("--windows-per-epoch", "48", "--validation-windows", "8", "--window", "48", "--dropout", "0.1"),
    *("--units", "8", "--head-units", "8"),
)
EXPORT = ()
# What `serving_default` takes beside the warm-up requests is no text: tests of the application ask it.
EXAMPLES = ()

START, STEP, ROWS = pd.Timestamp("2024-03-04"), pd.Timedelta(minutes=15), 640
FAULT = slice(520, 540)
_LEVELS = {"pump": 60.0, "fan": 3.0}


def table(rows: int = ROWS) -> pd.DataFrame:
    """Quarters of an hour of two machines with two sensors, with a day's season; in the last hours one runs hot."""
    rng = np.random.default_rng(7)
    return pd.concat([_of_machine(name, level, rows, rng) for name, level in _LEVELS.items()])


def _of_machine(name: str, level: float, rows: int, rng: np.random.Generator) -> pd.DataFrame:
    steps = np.arange(rows)
    load = 1 + 0.3 * np.sin(2 * np.pi * steps / 96)
    heat, shake = (level * part * load + level * 0.02 * rng.standard_normal(rows) for part in (1.0, 0.1))
    is_faulty = np.zeros(rows, int)
    if name == "pump":
        heat[FAULT] += level
        is_faulty[FAULT] = 1
    heat[100:110] = np.nan
    frame = {"time": START + steps * STEP, "machine": name, "heat": heat.round(3), "shake": shake.round(3)}
    return pd.DataFrame({**frame, "anomaly": is_faulty[:rows]})


def write_data(folder: Path) -> tuple[str, ...]:
    """A CSV as a user has it: the readings of two machines, one after another."""
    path = folder / "readings.csv"
    table().to_csv(path, index=False)
    return "--data", str(path)


def write_unusable_data(folder: Path) -> tuple[tuple[str, ...], str]:
    """A CSV with a number that is infinite, and how the line that refuses it begins."""
    path = folder / "infinite.csv"
    readings = table().query("machine == 'pump'").astype({"heat": str})
    readings.iloc[4, readings.columns.get_loc("heat")] = "inf"
    readings.to_csv(path, index=False)
    return ("--data", str(path)), f"{path}, line 6:"


def write_evaluation_data(folder: Path) -> tuple[str, ...]:
    """The data of the training, with its labels."""
    return write_data(folder)


def pump() -> pd.DataFrame:
    """The readings of the pump until some rows after its fault began."""
    return table().query("machine == 'pump'").head(FAULT.start + 3).drop(columns="anomaly")


def question(version: Path) -> Question:
    """What a model of these machines is asked."""
    return Question(
        "when the pump runs hot",
        lambda: pump().to_csv(index=False).encode(),
        file="pump.csv",
        flag="--input",
        request=partial(_request, version),
    )


def _request(version: Path) -> Mapping[str, Any]:
    from applications.anomaly_detection.predict import Predictor

    with Predictor(version) as predictor:
        return predictor.request(pump())


def write_question(folder: Path) -> tuple[tuple[str, ...], str]:
    """The arguments of `predict`, and a regular expression of the whole answer."""
    arguments = question(folder).arguments(folder)
    number = r"-?\d+(\.\d+)?"
    said = rf"severity {number}\theat {number}, expected {number} \({number} to {number}\)\t\w+\tpump\n"
    return tuple(arguments), rf"2024-03-09 10:00:00 on\t{said}"
