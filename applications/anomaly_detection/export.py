"""Turns a training run into a SavedModel: readings of sensors in, alarms out, whole recordings or row by row.

python -m applications.anomaly_detection.export --run runs/anomaly_detection/base
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from applications.anomaly_detection.alarms import Tail, alarmed, no_alarms, scan_alarms, threshold_of
from applications.anomaly_detection.config import HORIZONS, INHERITANCE, LEVELS, NAME, Config
from applications.anomaly_detection.detector import Answer, Detector
from applications.anomaly_detection.evidence import DETECTORS
from applications.anomaly_detection.life_answers import KIND
from applications.anomaly_detection.life_export import (
    LIFE_COVERAGE,
    LIFE_LIMITS,
    LIFE_TASK,
    LIFE_VALIDATION,
    life_signatures,
    load_life,
)
from applications.anomaly_detection.life_sensors import LifeFacts
from applications.anomaly_detection.model import FORECASTER, build
from applications.anomaly_detection.predict import DESCRIPTION_FILE
from applications.anomaly_detection.stream_states import named, of_sensors, restored, specs_of
from common import cli
from common.errors import ROW_ERROR
from common.export.saved_model import Signature
from common.export.script import ExportOptions, card_of, publish, report, require_format
from common.layers.portability import make_portable
from common.row_errors import first_fault
from common.training.run_folder import FinishedRun, load_finished

TASK = "Readings of sensors in, a row for each time; alarms out: when, how severe, which sensor, what was expected."
LIMITS = (
    "What is rare is not always wrong: an alarm says that readings are unlike those before, not why.",
    "It needs some hundred rows of a sensor before it says anything, and some days before it knows its season.",
    "A fault that was there from the first row on is what it takes to be normal.",
    "The budget of false alarms holds for streams like those that its threshold was fitted on; the README tells how "
    "many it gave on others.",
)
VALIDATION = (
    "validation quantile loss of standardised values, one and many rows ahead",
    "validation_quantile_loss",
    "the validation part, whose labelled rows are left out; it chose the epoch",
)
TOLERANCE = 1e-3
Tensors = dict[str, tf.Tensor]

_MOST_SENSORS = 1000
_SET_BACK = 3600
_BUDGET = "alarms_per_week: expected a number above 0"


@dataclass(frozen=True)
class Trained:
    """A finished training with its model in float32.

    Attributes:
        run: what training left.
        model: from what rows say to quantiles.
        tail: of the severity of normal rows; None of a model of remaining life.
        life: the sensors that a model of remaining life reads; None of others.
    """

    run: FinishedRun[Config]
    model: keras.Model
    tail: Tail | None = None
    life: LifeFacts | None = None


def load_run(folder: Path) -> Trained:
    """Reads a finished training from its folder, or from a SavedModel that was exported from it.

    Raises:
        UserError: there is none, or it is not finished.
    """
    run = load_finished(folder, Config, INHERITANCE.preprocessing)
    if run.config.task == "remaining_life":
        life_model, life = load_life(run)
        return Trained(run, life_model, life=life)
    model = build(run.config)
    run.load_weights(model)
    make_portable(model)
    return Trained(run, model, Tail(**run.outcome["tail"]))


def signatures(trained: Trained) -> list[Signature]:
    """What is served, for any batch size and any number of sensors; of a model of remaining life those of
    `life_signatures`.

    `alarms_per_week` `[batch]` are the false alarms that are allowed a series.

    - `serving_default`: `values` `[batch, time, sensors]` (NaN where one is missing), `time` `[batch, time]` (Unix
      seconds) -> `severity` `[batch, time]`, `alarm` and `opened` bool `[batch, time]`, `sensor` int `[batch, time]`,
      `detector` string `[batch, time]`, `threshold` `[batch, time]`, `lower`, `expected` and `upper` `[batch, time,
      sensors]`.
    - `alarms`: `severity` `[batch, time]`, `time`, `sensors` `[batch]` (how many each recording has), `threshold`
      `[batch]` (0 for that of the budget) -> `alarm`, `opened` and `threshold` as before, without another reading.
    - `start`: `sensors` `[batch]` -> the states before the first row.
    - `step`: `value` `[batch, sensors]`, `time` `[batch]` and the states -> what `serving_default` tells of a row, and
      the states after it.
    """
    if trained.life is not None:
        return life_signatures(trained.model, trained.life)
    graph = _Graph(trained)
    several, single = tf.TensorSpec([None, None, None], tf.float32), tf.TensorSpec([None, None], tf.float32)
    times, time = tf.TensorSpec([None, None], tf.int64), tf.TensorSpec([None], tf.int64)
    budget = {"alarms_per_week": tf.TensorSpec([None], tf.float32)}
    states = {
        name: tensor for name, tensor in graph.start(tf.constant([2, 2, 2])).items() if name != ROW_ERROR
    }
    readings, seconds, budgets = _examples()
    return [
        Signature(
            "serving_default",
            graph.scan,
            {"values": several, "time": times, **budget},
            {"values": readings, "time": seconds, "alarms_per_week": budgets},
        ),
        Signature(
            "alarms",
            graph.alarms,
            {
                "severity": single,
                "time": times,
                "sensors": time,
                **budget,
                "threshold": tf.TensorSpec([None], tf.float32),
            },
            {
                "severity": 3 * np.abs(np.nan_to_num(readings[..., 0])),
                "time": seconds,
                "sensors": [1, 2, 2],
                "alarms_per_week": budgets,
                "threshold": [0.0, 0.0, 3.0],
            },
        ),
        Signature("start", graph.start, {"sensors": time}, {"sensors": [2, 2, 2]}),
        Signature(
            "step",
            lambda value, time, alarms_per_week, **before: graph.step(value, time, alarms_per_week, before),
            {"value": single, "time": time, **budget, **specs_of(states, sensors=2)},
            {
                "value": readings[:, 0],
                "time": seconds[:, 0],
                "alarms_per_week": budgets,
                **{name: tensor.numpy() for name, tensor in states.items()},
            },
        ),
    ]


def _examples() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Readings of three series, one with a gap and one with a jump, with their times and budgets."""
    rows = np.arange(40)
    rng = np.random.default_rng(1)
    values = np.sin(rows / 6)[None, :, None] + 0.1 * rng.standard_normal((3, len(rows), 2))
    values[1, 10:20, 0] = np.nan
    values[2, 30:] += 5
    times = np.stack([1_700_000_000 + 300 * rows] * 3)
    return values.astype(np.float32), times, np.array([1, 1, 0.1], np.float32)


class _Graph:
    """The functions that are served, over one trained model.

    Args:
        trained: the model.
    """

    def __init__(self, trained: Trained) -> None:
        forecaster = trained.model.get_layer(FORECASTER)
        if trained.tail is None:
            raise ValueError("a model of remaining life has no alarms")
        self._detector, self._tail = Detector(forecaster), trained.tail
        self._hidden = forecaster.stack.state_count

    def scan(self, values: tf.Tensor, time: tf.Tensor, alarms_per_week: tf.Tensor) -> Tensors:
        """What each row of recordings is."""
        shape = tf.shape(values)
        is_shaped = (shape[1] == tf.shape(time)[1]) & (shape[1] > 0) & (shape[2] > 0)
        fault = first_fault(
            (
                tf.fill(shape[:1], ~is_shaped),
                "values: expected a row for each time, one at least, and a sensor",
            ),
            (tf.reduce_any(tf.math.is_inf(values), axis=[1, 2]), _INFINITE),
            (
                tf.reduce_any(time < _latest(time) - _SET_BACK, axis=1),
                "time: goes back by more than an hour; expected rows in the order of time",
            ),
            (_is_no_amount(alarms_per_week) | (alarms_per_week == 0), _BUDGET),
        )
        is_bad = fault != ""

        calm = tf.where(is_bad[:, None, None], 0.0, values)
        budget = tf.where(is_bad, 1.0, alarms_per_week)

        def read() -> list[tf.Tensor]:
            answer = self._detector.scan(self._detector.start(shape[0], shape[2]), time, calm)[1]
            return [*answer, *scan_alarms(self._tail, answer.severity, time, budget, shape[2])]

        told = tf.cond(is_shaped, read, lambda: _nothing(shape))
        return {**_told(Answer(*told[:-3]), *told[-3:]), ROW_ERROR: fault}

    def alarms(
        self,
        severity: tf.Tensor,
        time: tf.Tensor,
        sensors: tf.Tensor,
        alarms_per_week: tf.Tensor,
        threshold: tf.Tensor,
    ) -> Tensors:
        """The alarms of recordings whose severity is known, at any budget or threshold."""
        shape = tf.shape(severity)
        is_shaped = shape[1] == tf.shape(time)[1]
        fault = first_fault(
            (tf.fill(shape[:1], ~is_shaped), "severity: expected one for each time"),
            (~tf.reduce_all(tf.math.is_finite(severity), axis=1), "severity: expected numbers"),
            ((sensors < 1) | (sensors > _MOST_SENSORS), f"sensors: expected from 1 to {_MOST_SENSORS}"),
            (_is_no_amount(alarms_per_week) | (alarms_per_week == 0), _BUDGET),
            (_is_no_amount(threshold), "threshold: expected a number above 0, or 0 for that of the budget"),
        )
        budget = tf.where(fault != "", 1.0, alarms_per_week)
        told = tf.cond(
            is_shaped,
            lambda: scan_alarms(self._tail, severity, time, budget, sensors, threshold),
            lambda: (tf.zeros(shape, tf.bool), tf.zeros(shape, tf.bool), tf.zeros(shape)),
        )
        return {**dict(zip(("alarm", "opened", "threshold"), told, strict=True)), ROW_ERROR: fault}

    def start(self, sensors: tf.Tensor) -> Tensors:
        """The states before the first row, for as many sensors as the row with the most of them."""
        is_wrong = (sensors < 1) | (sensors > _MOST_SENSORS)
        fault = first_fault((is_wrong, f"sensors: expected from 1 to {_MOST_SENSORS}"))
        most = tf.cast(tf.reduce_max(tf.where(is_wrong, tf.ones_like(sensors), sensors)), tf.int32)
        batch = tf.shape(sensors)[0]
        return {**named(self._detector.start(batch, most), no_alarms(batch)), ROW_ERROR: fault}

    def step(self, value: tf.Tensor, time: tf.Tensor, alarms_per_week: tf.Tensor, before: Tensors) -> Tensors:
        """What a row is, and the states after it."""
        state, alarms = restored(of_sensors(before, tf.shape(value)[1]), self._hidden)
        fault = first_fault(
            (tf.reduce_any(tf.math.is_inf(value), axis=1), _INFINITE.replace("values", "value")),
            (
                (state.clock.rows > 0) & (time < state.clock.time - _SET_BACK),
                "time: more than an hour before the last row's; expected rows in the order of time",
            ),
            (_is_no_amount(alarms_per_week) | (alarms_per_week == 0), _BUDGET),
        )
        is_bad = fault != ""
        calm = tf.where(is_bad[:, None], np.float32(np.nan), value)
        budget = tf.where(is_bad, 1.0, alarms_per_week)
        after, answer = self._detector.step(state, time, calm)
        threshold = threshold_of(self._tail, budget, after.clock.step, tf.shape(value)[1])
        alarms_after, is_open, opened = alarmed(alarms, answer.severity, threshold)
        told = _told(answer, is_open, opened, threshold + alarms.raised)
        return {**told, **named(after, alarms_after), ROW_ERROR: fault}


_INFINITE = "values: an infinite one; expected numbers, NaN where one is missing"


def _is_no_amount(values: tf.Tensor) -> tf.Tensor:
    """Whether each is no number, or below 0. Negated comparisons would do, but that graphs are optimised as if there
    were no NaN."""
    return tf.math.is_nan(values) | (values < 0)


def _latest(times: tf.Tensor) -> tf.Tensor:
    """The latest time so far, of `[batch, time]`."""
    count = tf.shape(times)[1]

    def doubled(reach: tf.Tensor, latest: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        earlier = tf.pad(latest, [[0, 0], [reach, 0]], constant_values=times.dtype.min)[:, :count]
        return 2 * reach, tf.maximum(latest, earlier)

    _, latest = tf.while_loop(lambda reach, _: reach < count, doubled, (1, times))
    return latest


def _told(answer: Answer, alarm: tf.Tensor, opened: tf.Tensor, threshold: tf.Tensor) -> Tensors:
    """The answer by the names of the outputs."""
    named_detector = tf.where(
        answer.severity > 0, tf.gather(tf.constant(DETECTORS), answer.detector), tf.constant("")
    )
    told = {**answer._asdict(), "detector": named_detector}
    return {**told, "alarm": alarm, "opened": opened, "threshold": threshold}


def _nothing(shape: tf.Tensor) -> list[tf.Tensor]:
    """Of a request without rows or sensors."""
    row = shape[:2]
    numbers = [tf.zeros(row), *[tf.zeros(row, tf.int32)] * 2, *[tf.zeros(shape)] * 3]
    return [*numbers, *[tf.zeros(row, tf.bool)] * 2, tf.zeros(row)]


def description(trained: Trained) -> dict[str, Any]:
    """What `predict` must know beside the graph."""
    config = trained.run.config
    if trained.life is not None:
        return {"kind": KIND, "sensors": list(trained.life.sensors), "life_cap": config.life_cap}
    return {
        "kind": "alarms",
        "sensors": trained.run.preprocessing["sensors"],
        "detectors": list(DETECTORS),
        "horizons": list(HORIZONS),
        "levels": list(LEVELS),
        "alarms_per_week": config.alarms_per_week,
    }


def export(options: ExportOptions) -> Path:
    """Writes, checks and publishes the run's model. Returns the new version's folder."""
    require_format(options, NAME, has_core=False)
    trained = load_run(options.run)
    described, is_of_life = description(trained), trained.life is not None
    card = card_of(
        NAME,
        trained,
        options,
        task=LIFE_TASK if is_of_life else TASK,
        limits=LIFE_LIMITS if is_of_life else LIMITS,
        validation=LIFE_VALIDATION if is_of_life else VALIDATION,
        vocabulary=described["sensors"],
        data=trained.run.config.source.data,
        also_validated=(LIFE_COVERAGE,) if is_of_life else (),
    )
    return publish(
        card,
        trained,
        partial(signatures, trained),
        options,
        {DESCRIPTION_FILE.name: described},
        tolerance=TOLERANCE,
    )


def main(options: ExportOptions) -> None:
    """Exports a trained detector as a SavedModel for TensorFlow Serving, checked before it is published."""
    report(export(options))


if __name__ == "__main__":
    cli.run(main, ExportOptions)
