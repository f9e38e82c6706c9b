"""Turns a training run into a SavedModel: raw values with their times in, quantiles of the steps ahead out.

python -m applications.forecasting.export --run runs/forecasting/base
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from applications.forecasting.config import INHERITANCE, LEVELS, MEDIAN, NAME, Config
from applications.forecasting.facts import Facts
from applications.forecasting.model import build
from applications.forecasting.predict import DESCRIPTION_FILE
from common import cli
from common.decoding.random_numbers import uniform_stream
from common.errors import ROW_ERROR
from common.evaluation.forecasting import BANDS
from common.export.saved_model import Signature
from common.export.script import ExportOptions, card_of, publish, report, require_format
from common.layers.portability import make_portable
from common.row_errors import first_fault
from common.series.calendar import following_times, preceding_times
from common.series.conformal import correct_quantiles, interpolated
from common.training.run_folder import FinishedRun, load_finished

TASK = (
    "Values over time in, a row of them for each step of {frequency}; the quantiles of {targets} up to {horizon} steps "
    "ahead out."
)
LIMITS = (
    "It knows what it saw: a change of the ways of the world (a new tariff, a lockdown) is in no quantile.",
    "The intervals cover as measured while the future resembles the validation part; the card says how often they did.",
    "Where a series moves by chance (prices, exchange rates), the last value is as good a forecast: see the skill.",
)
VALIDATION = (
    "validation quantile loss of standardised values",
    "validation_quantile_loss",
    "the steps after the training part, which chose the epoch and the correction of the intervals",
)
COVERAGES = tuple(
    (
        f"share of the true values inside the interval of {percent}%",
        f"validation_coverage_{percent}",
        "the later half of the validation windows; the intervals were corrected by the earlier half",
    )
    for percent in BANDS
)
TOLERANCE = 1e-4
Tensors = dict[str, tf.Tensor]
_TIMES, _SERIES = tf.TensorSpec([None, None], tf.int64), tf.TensorSpec([None], tf.string)


@dataclass(frozen=True)
class Trained:
    """A finished training with its model in float32.

    Attributes:
        run: what training left.
        model: from windows to standardised quantiles.
        facts: what the model was built from beside its configuration.
        correction: of the quantiles, `[buckets, levels]`, see `common.series.conformal`.
        persistence: correlation of a step's rank with that of the next, for paths.
    """

    run: FinishedRun[Config]
    model: keras.Model
    facts: Facts
    correction: np.ndarray
    persistence: float


def load_run(folder: Path) -> Trained:
    """Reads a finished training from its folder, or from a SavedModel that was exported from it.

    Raises:
        UserError: there is none, or it is not finished.
    """
    run = load_finished(folder, Config, INHERITANCE.preprocessing)
    facts = Facts.from_json(run.preprocessing["facts"])
    model = build(run.config, facts)
    run.load_weights(model)
    make_portable(model)
    outcome = run.outcome
    return Trained(run, model, facts, np.array(outcome["correction"], np.float32), outcome["persistence"])


def signatures(trained: Trained) -> list[Signature]:
    """What is served, for any batch size.

    The inputs `values` `[batch, time, targets]`, `time` `[batch, time]` (Unix seconds) and `series` `[batch]` are those
    of every signature but `update`, with `past` `[batch, time, past columns]` and `known` `[batch, time + ahead, known
    columns]` where the model has such columns. What is missing is NaN; a shorter history than the lookback will do.

    - `serving_default`: -> `median` `[batch, horizon, targets]`, `quantiles` `[batch, horizon, targets, levels]`,
      `time` `[batch, horizon]`.
    - `interval`: the same and `coverage` `[batch]` -> `lower`, `median`, `upper` `[batch, horizon, targets]`.
    - `sample`: the same and `paths`, `seed` `[batch]` -> `paths` `[batch, paths, horizon, targets]`.
    - `update`: `window` `[batch, lookback, columns]`, `time`, `series`, `value` `[batch, columns]` and, with known
      columns, `ahead` `[batch, horizon, known columns]` -> the next `window`, and what `serving_default` gives.
    - `linear`: what the linear model alone forecasts, -> `median`.
    """
    graph = _Graph(trained)
    specs, examples = graph.inputs(), graph.examples()
    numbers, whole = tf.TensorSpec([None], tf.float32), tf.TensorSpec([None], tf.int64)

    def interval(coverage: tf.Tensor, **inputs: tf.Tensor) -> Tensors:
        return graph.interval(inputs, coverage)

    def sample(paths: tf.Tensor, seed: tf.Tensor, **inputs: tf.Tensor) -> Tensors:
        return graph.paths(inputs, paths, seed)

    coverage = {"coverage": [0.8, 0.99, 0.5]}
    drawn = {"paths": [3, 3, 3], "seed": [7, 7, 8]}
    return [
        Signature("serving_default", lambda **inputs: graph.forecast(inputs), specs, examples),
        Signature("interval", interval, {**specs, "coverage": numbers}, {**examples, **coverage}),
        Signature("sample", sample, {**specs, "paths": whole, "seed": whole}, {**examples, **drawn}),
        Signature("linear", lambda **inputs: graph.linear(inputs), specs, examples),
        Signature(
            "update", lambda **inputs: graph.update(inputs), graph.update_inputs(), graph.update_examples()
        ),
    ]


_MOST_PATHS = 1000


class _Graph:
    """The functions that are served, over one trained model.

    Args:
        trained: the model.
    """

    def __init__(self, trained: Trained) -> None:
        self._trained = trained
        self._facts = trained.facts
        self._config = trained.run.config
        self._model = tf.function(partial(trained.model, training=False), autograph=False)

    def inputs(self) -> dict[str, tf.TensorSpec]:
        """What every signature but `update` takes."""
        facts = self._facts
        columns = {"values": facts.targets, "past": facts.past, "known": facts.known}
        specs = {
            name: tf.TensorSpec([None, None, len(names)], tf.float32)
            for name, names in columns.items()
            if names
        }
        return {**specs, "time": _TIMES, "series": _SERIES}

    def examples(self) -> dict[str, Any]:
        """Three rows: whole, with a gap, and of an unknown series."""
        facts, steps = self._facts, self._config.lookback
        rng = np.random.default_rng(1)
        values = (
            np.array(facts.means[0])
            + rng.standard_normal((3, steps, len(facts.targets))) * facts.deviations[0]
        )
        values[1, steps // 3 : steps // 2] = np.nan
        times = np.stack([facts.frequency.after(0, np.arange(steps) + 1)] * 3)
        covariates = {
            "past": rng.standard_normal((3, steps, len(facts.past))),
            "known": rng.standard_normal((3, steps + self._config.horizon, len(facts.known))),
        }
        present = {name: covariates[name].astype(np.float32) for name in covariates if getattr(facts, name)}
        series = [facts.series[0], facts.series[-1], "?"]
        return {"values": values.astype(np.float32), **present, "time": times, "series": series}

    def forecast(self, inputs: Tensors) -> Tensors:
        """The quantiles of each step ahead."""
        quantiles, others = self._quantiles(inputs)
        return {"median": quantiles[..., MEDIAN], "quantiles": quantiles, **others}

    def interval(self, inputs: Tensors, coverage: tf.Tensor) -> Tensors:
        """The ends of the interval that covers so many of the true values, and the median."""
        quantiles, others = self._quantiles(inputs)
        is_wrong = ~((coverage > 0) & (coverage < 1))
        share = tf.where(is_wrong, 0.5, coverage)[:, None, None]
        fault = first_fault(
            (others[ROW_ERROR] != "", others[ROW_ERROR]), (is_wrong, "coverage: expected between 0 and 1")
        )
        score = tf.broadcast_to(tf.math.ndtri((1 + share) / 2), tf.shape(quantiles)[:-1])
        ends = {
            name: interpolated(quantiles, LEVELS, sign * score)
            for name, sign in (("lower", -1), ("upper", 1))
        }
        return {**ends, "median": quantiles[..., MEDIAN], "time": others["time"], ROW_ERROR: fault}

    def paths(self, inputs: Tensors, count: tf.Tensor, seed: tf.Tensor) -> Tensors:
        """Futures drawn at random, whose steps hang together: a Gaussian copula over the quantiles."""
        quantiles, others = self._quantiles(inputs)
        is_wrong = (count < 1) | (count > _MOST_PATHS)
        most = tf.maximum(tf.reduce_max(tf.where(is_wrong, tf.ones_like(count), count)), 1)
        scores = _scores(
            seed, most, self._config.horizon, len(self._facts.targets), self._trained.persistence
        )
        spread = tf.repeat(quantiles[:, None], tf.cast(most, tf.int32), axis=1)
        drawn = interpolated(spread, LEVELS, scores)
        is_beyond = (tf.range(most)[None] >= count[:, None])[:, :, None, None]
        fault = first_fault(
            (others[ROW_ERROR] != "", others[ROW_ERROR]),
            (is_wrong, f"paths: expected from 1 to {_MOST_PATHS}"),
        )
        return {"paths": tf.where(is_beyond, np.nan, drawn), "time": others["time"], ROW_ERROR: fault}

    def linear(self, inputs: Tensors) -> Tensors:
        """What the linear model alone forecasts."""
        outputs, others = self._outputs(inputs)
        return {"median": outputs["linear"] * outputs["deviation"] + outputs["mean"], **others}

    def update_inputs(self) -> dict[str, tf.TensorSpec]:
        """What `update` takes."""
        facts = self._facts
        width = len(facts.targets) + len(facts.past) + len(facts.known)
        specs = {
            "window": tf.TensorSpec([None, self._config.lookback, width], tf.float32),
            "value": tf.TensorSpec([None, width], tf.float32),
            "time": tf.TensorSpec([None], tf.int64),
            "series": _SERIES,
        }
        ahead = tf.TensorSpec([None, None, len(facts.known)], tf.float32)
        return specs | ({"ahead": ahead} if facts.known else {})

    def update_examples(self) -> dict[str, Any]:
        """The rows of `examples`, their last step as the newest."""
        rows, lookback = self.examples(), self._config.lookback
        columns = [rows[name][:, :lookback] for name in ("values", "past", "known") if name in rows]
        joined = np.concatenate(columns, axis=-1)
        window = np.concatenate([np.full_like(joined[:, :1], np.nan), joined[:, :-1]], axis=1)
        examples = {
            "window": window,
            "value": joined[:, -1],
            "time": rows["time"][:, -1],
            "series": rows["series"],
        }
        return examples | ({"ahead": rows["known"][:, lookback:]} if "known" in rows else {})

    def update(self, inputs: Tensors) -> Tensors:
        """The window with the newest step at its end, and the forecast from there: nothing is kept on the server."""
        facts, lookback = self._facts, self._config.lookback
        window = tf.concat([inputs["window"][:, 1:], inputs["value"][:, None]], axis=1)
        widths = [len(facts.targets), len(facts.past), len(facts.known)]
        values, past, known = tf.split(window, widths, axis=-1)
        asked = {"values": values, "series": inputs["series"]}
        asked |= {"past": past} if facts.past else {}
        asked |= {"known": tf.concat([known, inputs["ahead"]], axis=1)} if facts.known else {}
        asked["time"] = preceding_times(inputs["time"], lookback, facts.frequency)
        answers = self.forecast(asked)
        is_unanswered = answers[ROW_ERROR] != ""
        # A row with an error has no window: one that is still too short must not have one.
        is_infinite = tf.reduce_any(tf.math.is_inf(values), axis=[1, 2])
        answers[ROW_ERROR] = tf.where(is_infinite, answers[ROW_ERROR], "")
        answers["median"] = tf.where(is_unanswered[:, None, None], np.nan, answers["median"])
        answers["quantiles"] = tf.where(is_unanswered[:, None, None, None], np.nan, answers["quantiles"])
        return {"window": window, **answers}

    def _quantiles(self, inputs: Tensors) -> tuple[tf.Tensor, Tensors]:
        """The corrected quantiles in the units of the values, with the times and what is wrong with a row."""
        outputs, others = self._outputs(inputs)
        corrected = correct_quantiles(outputs["quantiles"], self._trained.correction)
        quantiles = corrected * outputs["deviation"][..., None] + outputs["mean"][..., None]
        if "known" in inputs:
            ahead = tf.maximum(tf.shape(inputs["known"])[1] - tf.shape(inputs["values"])[1], 0)
            quantiles = quantiles[:, :ahead]
            others["time"] = others["time"][:, :ahead]
        return quantiles, others

    def _outputs(self, inputs: Tensors) -> tuple[Tensors, Tensors]:
        """What the model gives, with the times ahead and what is wrong with a row."""
        facts, config = self._facts, self._config
        fault = self._fault(inputs)
        is_good = fault == ""
        times = _not_empty(inputs["time"])[:, -config.lookback :]
        lacking = config.lookback - tf.shape(times)[1]
        earlier = preceding_times(times[:, 0], lacking + 1, facts.frequency)[:, :-1]
        history = tf.ensure_shape(tf.concat([earlier, times], axis=1), [None, config.lookback])
        ahead = following_times(times[:, -1], config.horizon, facts.frequency)
        values = tf.where(is_good[:, None, None], _last(inputs["values"], config.lookback), 0)
        asked = {
            "values": values,
            "times": tf.concat([history, ahead], axis=1),
            "series": self._number(inputs["series"]),
        }
        if "past" in inputs:
            asked["past"] = _finite(_last(inputs["past"], config.lookback))
        if "known" in inputs:
            steps = tf.shape(inputs["values"])[1]
            before, after = inputs["known"][:, :steps], inputs["known"][:, steps:]
            whole = _first(after, config.horizon)
            asked["known"] = _finite(tf.concat([_last(before, config.lookback), whole], axis=1))
        return self._model(asked), {"time": ahead, ROW_ERROR: fault}

    def _number(self, series: tf.Tensor) -> tf.Tensor:
        """The number of each named series, 0 where it is unknown."""
        is_one = tf.cast(series[:, None] == tf.constant(self._facts.series)[None], tf.int32)
        return tf.reduce_sum(is_one * tf.range(1, len(self._facts.series) + 1), axis=1)

    def _fault(self, inputs: Tensors) -> tf.Tensor:
        """What is wrong with each row, in a line."""
        facts, values = self._facts, inputs["values"]
        times, steps = _not_empty(inputs["time"]), tf.shape(values)[1]
        least = min(facts.seasons[0], self._config.lookback) if facts.seasons else 1
        is_there = tf.reduce_any(~tf.math.is_nan(_last(values, self._config.lookback)), axis=-1)
        first = tf.argmax(is_there, axis=1)
        span = tf.where(tf.reduce_any(is_there, axis=1), tf.shape(is_there, tf.int64)[1] - first, 0)
        expected = following_times(times[:, 0], tf.shape(times)[1] - 1, facts.frequency)
        is_regular = tf.reduce_all(times[:, 1:] == expected, axis=1)
        if facts.frequency.unit != "second":
            is_regular = tf.reduce_all(times[:, 1:] > times[:, :-1], axis=1)
        is_infinite = tf.reduce_any(tf.math.is_inf(values), axis=[1, 2])
        counts = {name: tf.shape(inputs[name])[1] for name in ("time", "past", "known") if name in inputs}
        shapes = [(steps == 0, "values: no steps; expected a history")]
        shapes += [
            (counts[name] != steps, f"{name}: expected as many as steps of values")
            for name in ("time", "past")
            if name in counts
        ]
        if "known" in counts:
            shapes.append((counts["known"] <= steps, "known: expected the steps of values and those ahead"))
        return first_fault(
            *((tf.fill(tf.shape(is_regular), is_wrong), problem) for is_wrong, problem in shapes),
            (is_infinite, "values: an infinite one; expected numbers, NaN where one is missing"),
            (~is_regular, f"time: expected one step of {facts.frequency.name} after another"),
            (
                span < least,
                f"values: too short a history; expected values over {least} steps at least, the last "
                f"{self._config.lookback} are read",
            ),
        )


def _last(values: tf.Tensor, steps: int) -> tf.Tensor:
    """The last `steps` of `[batch, time, columns]`; where there are fewer, NaN stands before them."""
    values = values[:, -steps:]
    lacking = steps - tf.shape(values)[1]
    padded = tf.pad(values, [[0, 0], [lacking, 0], [0, 0]], constant_values=np.nan)
    return tf.ensure_shape(padded, [values.shape[0], steps, values.shape[2]])


def _not_empty(times: tf.Tensor) -> tf.Tensor:
    """Times `[batch, time]`; the beginning of 1970 where there are none."""
    return tf.pad(times, [[0, 0], [tf.maximum(1 - tf.shape(times)[1], 0), 0]])


def _first(values: tf.Tensor, steps: int) -> tf.Tensor:
    """The first `steps` of `[batch, time, columns]`; where there are fewer, NaN stands behind them."""
    values = values[:, :steps]
    lacking = tf.maximum(steps - tf.shape(values)[1], 0)
    padded = tf.pad(values, [[0, 0], [0, lacking], [0, 0]], constant_values=np.nan)
    return tf.ensure_shape(padded, [values.shape[0], steps, values.shape[2]])


def _finite(values: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_inf(values), tf.constant(np.nan, values.dtype), values)


def _scores(seed: tf.Tensor, paths: tf.Tensor, horizon: int, targets: int, persistence: float) -> tf.Tensor:
    """Normal scores `[batch, paths, horizon, targets]`, each step's correlated with the one before it.

    A path's random numbers depend on its seed and its number alone: it is the same however many are drawn.
    """
    rows, count = tf.shape(seed)[0], tf.cast(paths, tf.int32) * horizon * targets
    draw = uniform_stream(tf.repeat(seed, count))
    places = tf.tile(2 * tf.range(count, dtype=tf.int64), [rows])
    # Two uniform numbers make a normal one (Box and Muller 1958).
    radius = tf.sqrt(-2 * tf.math.log(1 - draw(places)))
    shocks = tf.reshape(radius * tf.cos(2 * np.pi * draw(places + 1)), [rows, -1, horizon, targets])
    steps = tf.range(horizon, dtype=tf.float32)
    apart = steps[:, None] - steps[None]
    fresh = tf.where(steps == 0, 1.0, np.sqrt(1 - persistence**2))
    weights = tf.where(
        apart >= 0, tf.pow(tf.constant(persistence, tf.float32), tf.maximum(apart, 0)) * fresh[None], 0
    )
    return tf.einsum("ts,rpsc->rptc", weights, shocks)


def description(trained: Trained) -> dict[str, Any]:
    """What `predict` must know beside the graph."""
    facts, config = trained.facts, trained.run.config
    kept = ("series", "targets", "past", "known", "seasons", "season", "season_errors", "means", "deviations")
    return {
        **{
            name: getattr(facts, name)
            for name in (*kept, "time_zone", "utc", "series_column", "holiday_code")
        },
        "frequency": facts.to_json()["frequency"],
        "levels": list(LEVELS),
        "lookback": config.lookback,
        "horizon": config.horizon,
    }


def export(options: ExportOptions) -> Path:
    """Writes, checks and publishes the run's model. Returns the new version's folder."""
    require_format(options, NAME, has_core=False)
    trained = load_run(options.run)
    facts, config = trained.facts, trained.run.config
    names = ", ".join(facts.targets)
    card = card_of(
        NAME,
        trained,
        options,
        task=TASK.format(frequency=facts.frequency.name, targets=names, horizon=config.horizon),
        limits=LIMITS,
        validation=VALIDATION,
        vocabulary=[*facts.targets, *facts.past, *facts.known, *facts.series],
        data=config.source.data,
        also_validated=COVERAGES,
    )
    return publish(
        card,
        trained,
        partial(signatures, trained),
        options,
        {DESCRIPTION_FILE.name: description(trained)},
        tolerance=TOLERANCE,
    )


def main(options: ExportOptions) -> None:
    """Exports a trained forecaster as a SavedModel for TensorFlow Serving, checked before it is published."""
    report(export(options))


if __name__ == "__main__":
    cli.run(main, ExportOptions)
