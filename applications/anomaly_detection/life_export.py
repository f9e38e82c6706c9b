"""What is served of a model of remaining life: readings of a machine in, the rows that it has left out."""

from collections.abc import Sequence
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from applications.anomaly_detection.config import LEVELS, Config
from applications.anomaly_detection.life_model import LifeStream, build_life
from applications.anomaly_detection.life_sensors import LifeFacts
from common.errors import ROW_ERROR
from common.export.saved_model import Signature
from common.layers.portability import make_portable
from common.row_errors import first_fault
from common.training.run_folder import FinishedRun

LIFE_TASK = (
    "Readings of a machine in, row after row from its first on; the rows that are left until it fails, with their "
    "interval of 90 %, out."
)
LIFE_LIMITS = (
    "It knows the ways to fail that it saw: a machine of another make, load or fault is not like those it learnt from.",
    "It begins with a machine's first row; of readings that begin later it knows less.",
    "Lives beyond the cap are not told apart: it says the cap for all of them.",
)
LIFE_VALIDATION = (
    "validation RMSE, in rows",
    "validation_rmse",
    "all rows of held-out machines, lives capped; they chose the epoch and the correction of the intervals",
)
LIFE_COVERAGE = (
    "share of the true values inside the interval of 90 %",
    "validation_coverage_90",
    "rows below the cap of every other held-out machine; the intervals were corrected by those between",
)
_MEDIAN = LEVELS.index(0.5)
_SENSORS = "state_sensors"
_BY_STEP = {"remaining": "by_step", "lower": "lower_by_step", "upper": "upper_by_step"}
Tensors = dict[str, tf.Tensor]


def load_life(run: FinishedRun[Config]) -> tuple[keras.Model, LifeFacts]:
    """The trained model, with its intervals corrected and in float32, and the sensors that it reads."""
    facts = LifeFacts.from_json(run.preprocessing["sensors"])
    model = build_life(run.config, facts, correction=run.outcome["correction"])
    run.load_weights(model)
    make_portable(model)
    return model, facts


def life_signatures(model: keras.Model, facts: LifeFacts) -> list[Signature]:
    """What is served, for any batch size; a row that cannot be answered has its reason in the output `error`.

    - `serving_default` and `remaining_life`: `values` float32 `[batch, time, sensors]`, a machine's readings from its
      first row on, NaN where one is missing and in all of a row behind the machine's last -> `remaining`, `lower` and
      `upper` `[batch]`, the rows that are left after the last row that has a value, the median and the ends of the
      interval of 90 %; and the same after each row, `by_step`, `lower_by_step` and `upper_by_step` `[batch, time]`, NaN
      behind the last.
    - `step`: `value` float32 `[batch, sensors]` and `state_*` `[batch, ...]`, zeros before the first row ->
      `remaining`, `lower`, `upper` `[batch]` and the states after the row. Nothing is kept on the server.

    Args:
        model: of `build_life`.
        facts: that it was built from.
    """
    served = tf.function(partial(model, training=False), autograph=False)

    def remaining_life(values: tf.Tensor) -> Tensors:
        return _remaining_life(served, values)

    sensors, stream = len(facts.sensors), LifeStream(model)
    whole = {"values": tf.TensorSpec([None, None, sensors], tf.float32)}
    examples = {"values": _examples(facts)}
    widths = {_state_name(place): width for place, width in enumerate(stream.widths)}
    given = {
        "value": tf.TensorSpec([None, sensors], tf.float32),
        **{name: tf.TensorSpec([None, width], tf.float32) for name, width in widths.items()},
    }
    first = {
        "value": _examples(facts)[:, 0],
        **{name: np.zeros((3, width), np.float32) for name, width in widths.items()},
    }
    return [
        Signature("serving_default", remaining_life, whole, examples),
        Signature("remaining_life", remaining_life, whole, examples),
        Signature("step", partial(_step, stream), given, first),
    ]


def _state_name(place: int) -> str:
    return _SENSORS if place == 0 else f"state_{place}"


def _examples(facts: LifeFacts, rows: int = 12) -> np.ndarray:
    """Readings near the mean of each sensor: whole, with a gap, and with fewer rows."""
    rng = np.random.default_rng(1)
    spread = np.array([1 / weight if weight else 0 for weight in facts.weights])
    values = np.array(facts.means) + spread * rng.standard_normal((3, rows, len(facts.means)))
    values[1, rows // 3 : rows // 2, 0] = np.nan
    values[2, rows // 2 :] = np.nan
    return values.astype(np.float32)


def _remaining_life(model: object, values: tf.Tensor) -> Tensors:
    is_infinite = tf.reduce_any(tf.math.is_inf(values), axis=[1, 2])
    # A batch of no row in time has no last one: there is one without a value.
    padded = tf.concat([values, tf.fill(_like_one_row(values), np.float32(np.nan))], axis=1)
    clean = tf.where(tf.math.is_inf(padded), np.float32(np.nan), padded)
    has_value = tf.reduce_any(~tf.math.is_nan(clean), axis=2)
    rows = tf.range(tf.shape(clean)[1])
    last = tf.reduce_max(tf.where(has_value, rows, -1), axis=1)
    quantiles = model(clean)  # type: ignore[operator]
    at_last = tf.gather(quantiles, tf.maximum(last, 0), axis=1, batch_dims=1)
    shown = tf.where((rows <= last[:, None])[..., None], quantiles, np.float32(np.nan))
    after_each = _told(shown[:, : tf.shape(values)[1]])
    fault = first_fault(
        (is_infinite, "values: infinite; expected numbers, and NaN where one is missing"),
        (last < 0, "values: none; expected a row with a number"),
    )
    by_step = {_BY_STEP[name]: estimates for name, estimates in after_each.items()}
    return {**_told(at_last), **by_step, ROW_ERROR: fault}


def _step(stream: LifeStream, value: tf.Tensor, **states: tf.Tensor) -> Tensors:
    before = [states[_state_name(place)] for place in range(len(stream.widths))]
    is_infinite = tf.reduce_any(tf.math.is_inf(value), axis=1)
    clean = tf.where(tf.math.is_inf(value), np.float32(np.nan), value)
    quantiles, after = stream.step(clean, before)
    fault = first_fault((is_infinite, "value: infinite; expected numbers, and NaN where one is missing"))
    named = {_state_name(place): state for place, state in enumerate(after)}
    return {**_told(quantiles), **named, ROW_ERROR: fault}


def _told(quantiles: tf.Tensor) -> Tensors:
    """The median and the ends of the widest interval."""
    return {
        "remaining": quantiles[..., _MEDIAN],
        "lower": quantiles[..., 0],
        "upper": quantiles[..., -1],
    }


def _like_one_row(values: tf.Tensor) -> Sequence[tf.Tensor]:
    shape = tf.shape(values)
    return [shape[0], 1, shape[2]]
