"""The network: values over time, and what is known of them, to the quantiles of the steps ahead."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers

from applications.forecasting.config import LEVELS, Config
from applications.forecasting.facts import Facts
from common.layers.segment_recurrence import SegmentRecurrence
from common.series.calendar import CalendarFeatures
from common.series.gaps import FillGaps
from common.series.scaling import SeriesScaling


def build(config: Config, facts: Facts, precision: str = "float32") -> keras.Model:
    """The model from raw windows to standardised quantiles.

    Inputs, by name:
        values: float32 `[batch, lookback, targets]`; what is missing is NaN.
        times: int64 `[batch, lookback + horizon]`, Unix seconds.
        series: int32 `[batch]`; 0 for an unknown series, k for the k-th of `facts.series`.
        past: float32 `[batch, lookback, past columns]`, if there are any.
        known: float32 `[batch, lookback + horizon, known columns]`, if there are any.

    Outputs, by name:
        quantiles: `[batch, horizon, targets, levels]` of the standardised values; they may cross.
        linear: `[batch, horizon, targets]`, what the linear model alone forecasts, standardised.
        mean, deviation: `[batch, 1, targets]`, by which they were standardised.
    """
    inputs = _inputs(config, facts)
    floats = {"dtype": "float32"}
    scaling = SeriesScaling(facts.means, facts.deviations, name="scaling")
    series = inputs["series"] if config.scaling == "series" else keras.ops.zeros_like(inputs["series"])
    mean, deviation = scaling(inputs["values"], series)
    standardised = (inputs["values"] - mean) / deviation
    filled, observed = FillGaps(**floats)(standardised)
    last = filled[:, -1:]
    window = keras.ops.transpose(filled - last, (0, 2, 1))
    linear = layers.Dense(config.horizon, name="linear", trainable=False, **floats)(window)
    base = keras.ops.transpose(linear, (0, 2, 1)) + last
    corrections = _corrections(config, facts, inputs, window, observed, precision)
    quantiles = layers.Add(name="quantiles", **floats)([base[..., None], corrections])
    outputs = {"quantiles": quantiles, "linear": base, "mean": mean, "deviation": deviation}
    return keras.Model(inputs, outputs, name="forecaster")


def _inputs(config: Config, facts: Facts) -> dict[str, keras.KerasTensor]:
    steps = config.lookback + config.horizon
    shapes = {"values": (config.lookback, len(facts.targets))}
    shapes |= {"past": (config.lookback, len(facts.past))} if facts.past else {}
    shapes |= {"known": (steps, len(facts.known))} if facts.known else {}
    inputs = {name: keras.Input(shape, name=name, dtype="float32") for name, shape in shapes.items()}
    inputs["times"] = keras.Input((steps,), name="times", dtype="int64")
    inputs["series"] = keras.Input((), name="series", dtype="int32")
    return inputs


def _corrections(
    config: Config,
    facts: Facts,
    inputs: Mapping[str, Any],
    window: Any,
    observed: Any,
    precision: str,
) -> Any:
    """What the recurrence adds to the linear forecast, `[batch, horizon, targets, levels]`."""
    segment, units, targets = config.segment, config.units, len(facts.targets)
    count, ahead = config.lookback // segment, -(-config.horizon // segment)
    compute = {"dtype": precision}

    def segments(values: Any, number: int) -> Any:
        """`[..., steps, features]` in segments, `[..., segments, steps * features]`."""
        return keras.ops.reshape(values, (-1, *values.shape[1:-2], number, segment * values.shape[-1]))

    own = keras.ops.stack([window, keras.ops.transpose(observed, (0, 2, 1))], axis=-1)
    own = layers.Dense(units, use_bias=False, name="history_values", **compute)(segments(own, count))
    before, after = _shared(config, facts, inputs, ahead * segment)
    before = layers.Dense(units, name="history_context", **compute)(segments(before, count))
    after = layers.Dense(units, name="future_context", **compute)(segments(after, ahead))
    places = layers.Embedding(ahead, units, name="future_places", **compute)(
        _numbered(ahead, inputs["series"])
    )
    identity = _identity(facts, inputs["series"], units, compute)
    history = keras.ops.relu(own + before[:, None] + identity)
    future = keras.ops.relu(after[:, None] + places[:, None] + identity)
    history, future = (keras.ops.reshape(one, (-1, *one.shape[2:])) for one in (history, future))
    drop = layers.SpatialDropout1D(config.dropout, name="history_dropout", **compute)
    outputs = SegmentRecurrence(
        config.cell, units, config.layers, config.dropout, name="recurrence", **compute
    )(drop(history), future)
    outputs = layers.Dropout(config.dropout, name="output_dropout", **compute)(outputs)
    # Small at first, so that training begins at the linear forecast.
    small = keras.initializers.VarianceScaling(0.01)
    levels = layers.Dense(segment * len(LEVELS), kernel_initializer=small, name="levels", dtype="float32")(
        outputs
    )
    steps = keras.ops.reshape(levels, (-1, targets, ahead * segment, len(LEVELS)))
    return keras.ops.transpose(steps[:, :, : config.horizon], (0, 2, 1, 3))


def _shared(config: Config, facts: Facts, inputs: Mapping[str, Any], ahead: int) -> tuple[Any, Any]:
    """What is known of each step beside the targets, `[batch, steps, features]`: of the past, and of the future filled
    up to `ahead` steps."""
    calendar = CalendarFeatures(
        facts.frequency.is_of_days,
        facts.has_year,
        facts.instants,
        facts.offsets,
        facts.holidays,
        name="calendar",
        dtype="float32",
    )(inputs["times"])
    before, after = [calendar[:, : config.lookback]], [calendar[:, config.lookback :]]
    means, deviations = (
        np.array(values, np.float32) for values in (facts.covariate_means, facts.covariate_deviations)
    )
    fill = FillGaps(dtype="float32")
    if facts.past:
        some = slice(0, len(facts.past))
        before += fill((inputs["past"] - means[some]) / deviations[some])
    if facts.known:
        some = slice(len(facts.past), None)
        values, are_there = fill((inputs["known"] - means[some]) / deviations[some])
        before += [values[:, : config.lookback], are_there[:, : config.lookback]]
        after += [values[:, config.lookback :], are_there[:, config.lookback :]]
    joined = keras.ops.concatenate(after, axis=-1)
    filled = keras.ops.pad(joined, [[0, 0], [0, ahead - config.horizon], [0, 0]])
    return keras.ops.concatenate(before, axis=-1), filled


def _numbered(count: int, series: Any) -> Any:
    """The numbers from 0, `[batch, count]`. They hang on an input: a layer that is given a constant would be computed
    once, and its weights be neither trained nor kept."""
    return keras.ops.zeros_like(series)[:, None] + keras.ops.arange(count, dtype="int32")


def _identity(facts: Facts, series: Any, units: int, compute: Mapping[str, Any]) -> Any:
    """Which target of which series it is, `[batch, targets, 1, units]` or what is added to that alike."""
    targets = layers.Embedding(len(facts.targets), units, name="targets", **compute)
    identity = targets(_numbered(len(facts.targets), series))[:, :, None]
    if len(facts.series) > 1:
        identity += layers.Embedding(len(facts.series) + 1, units, name="series_identity", **compute)(series)[
            :, None, None
        ]
    return identity
