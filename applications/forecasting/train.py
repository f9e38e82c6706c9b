"""Trains a forecaster, or goes on with one: tables of values over time -> runs/forecasting/<name>.

python -m applications.forecasting.train base --data demand.csv --target-columns demand --past-columns temperature
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from applications.forecasting.config import INHERITANCE, LEVELS, NAME, PRESET_DESCRIPTIONS, PRESETS, Config
from applications.forecasting.data import facts_of, training_examples, training_part, validation_part
from applications.forecasting.facts import Facts
from applications.forecasting.model import build
from common import cli
from common.evaluation.forecasting import BANDS
from common.evaluation.quantiles import pinball_loss
from common.series.conformal import apply_correction, fit_correction
from common.series.linear import LinearFit
from common.series.windows import Windows, evaluation_windows, thinned, training_windows
from common.training.callbacks import History
from common.training.init_from import begin_from
from common.training.loop import fit
from common.training.losses import count_values, output_itself, quantile_loss
from common.training.run_folder import write_preprocessing
from common.training.runtime import set_up
from common.training.script import begin_run, discarding_unbegun, finish_run

_LINEAR_BATCH = 256
_CALIBRATION_WINDOWS = 2048


def train(config: Config) -> Path:
    """Trains as configured. Returns the run's folder, which `export` turns into a SavedModel."""
    set_up(config.training)
    config, origin = begin_from(config, INHERITANCE, PRESETS)
    train_examples, validation_examples = training_examples(config)
    folder = begin_run(NAME, config, train_examples, validation_examples)
    facts = facts_of(config, train_examples, None if origin is None else origin.run.preprocessing["facts"])
    write_preprocessing(folder, {"facts": facts.to_json()})
    training = training_part(config, facts, train_examples)
    validation = validation_part(config, facts, validation_examples, train_examples)
    cli.console().print(
        f"windows: {len(training):,} of {config.lookback} steps and {config.horizon} ahead, every "
        f"{facts.season if facts.season > 1 else 1} steps a season"
    )
    model = build(config, facts, config.training.precision)
    if origin is None:
        fit_linear(model, training, facts, config)
    else:
        untrained = build(origin.run.config, facts)
        origin.copy_weights(untrained, model)
    epochs = fit_quantiles(model, training, validation, config, folder)
    figures, kept = calibrate(model, validation, config)
    return finish_run(folder, NAME, len(training), epochs, figures, kept=kept)


def fit_linear(model: keras.Model, windows: Windows, facts: Facts, config: Config) -> None:
    """Gives the model's linear path the weights of the best linear forecast, in closed form."""
    linear = LinearFit(config.lookback, config.horizon)
    for values, truth in _standardised(windows, facts):
        linear.add(values, truth)
    model.get_layer("linear").set_weights(linear.solve(config.ridge))


def _standardised(windows: Windows, facts: Facts) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Standardised histories `[windows, lookback, targets]` and what follows `[windows, horizon, targets]`."""
    means, deviations = (np.array(values, np.float32) for values in (facts.means, facts.deviations))
    for rows in np.array_split(np.arange(len(windows)), -(-len(windows) // _LINEAR_BATCH)):
        batch = windows.batch(rows)
        mean, deviation = (values[batch["series"] - 1][:, None] for values in (means, deviations))
        yield (batch["values"] - mean) / deviation, (batch["truth"] - mean) / deviation


def fit_quantiles(
    model: keras.Model, training: Windows, validation: Windows, config: Config, folder: Path
) -> History:
    """Trains the recurrence to correct the linear forecast, for all quantiles and steps ahead at once."""
    size, seed = config.training.batch_size, config.training.seed
    return fit(
        training_model(model, config),
        lambda epochs: training_windows(
            training, size, config.windows, config.unknown, epochs=epochs, seed=seed
        ),
        evaluation_windows(thinned(validation, config.validation_windows), size),
        config.training,
        folder,
        loss=output_itself,
        counts=count_values(_weights(config)),
        title="training",
    )


def training_model(model: keras.Model, config: Config) -> keras.Model:
    """The model with the true values as an input `truth`, and its quantile loss `[batch]` as the output. Its layers are
    the model's own, under the same names, so that the model can read the weights that training keeps."""
    outputs = model.output
    truth = keras.Input(outputs["linear"].shape[1:], name="truth", dtype="float32")
    standardised = (truth - outputs["mean"]) / outputs["deviation"]
    loss = quantile_loss(standardised, outputs["quantiles"], LEVELS, _weights(config))
    return keras.Model({**model.input, "truth": truth}, loss, name="training")


def calibrate(
    model: keras.Model, validation: Windows, config: Config
) -> tuple[dict[str, float], dict[str, Any]]:
    """The figures of validation, and what the export must know: the correction of the quantiles, and how persistent
    ranks are.

    What the intervals cover is measured on the later half of the windows, corrected by the earlier half; the correction
    that is kept is fitted to all of them.
    """
    windows = thinned(validation, _CALIBRATION_WINDOWS)
    truth, quantiles = _forecasts(model, windows, config.training.batch_size)
    half = len(truth) // 2
    corrected = apply_correction(quantiles[half:], fit_correction(truth[:half], quantiles[:half], LEVELS))
    figures = {"validation_quantile_loss": _quantile_loss(truth, np.sort(quantiles, axis=-1))}
    for percent, ends in BANDS.items():
        figures[f"validation_coverage_{percent}"] = _coverage(truth[half:], corrected, *ends)
    correction = fit_correction(truth, quantiles, LEVELS)
    kept = {
        "correction": correction.round(6).tolist(),
        "persistence": persistence(truth, apply_correction(quantiles, correction)),
    }
    return figures, kept


def _forecasts(model: keras.Model, windows: Windows, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """True values `[windows, horizon, targets]` and quantiles `[windows, horizon, targets, levels]`, standardised."""
    truths, quantiles = [], []
    for inputs, _ in evaluation_windows(windows, batch_size):
        outputs = model({name: values for name, values in inputs.items() if name != "truth"}, training=False)
        truths.append(((inputs["truth"] - outputs["mean"]) / outputs["deviation"]).numpy())
        quantiles.append(outputs["quantiles"].numpy())
    return np.concatenate(truths), np.concatenate(quantiles)


def _quantile_loss(truth: np.ndarray, quantiles: np.ndarray) -> float:
    """Mean quantile loss over levels and values that are there, all steps ahead alike."""
    return float(np.nanmean(pinball_loss(truth[..., None], quantiles, LEVELS)))


def _coverage(truth: np.ndarray, quantiles: np.ndarray, low: float, high: float) -> float:
    inside = (truth >= quantiles[..., LEVELS.index(low)]) & (truth <= quantiles[..., LEVELS.index(high)])
    return float(inside[~np.isnan(truth)].mean())


def persistence(truth: np.ndarray, quantiles: np.ndarray) -> float:
    """Correlation, from 0 to 0.999, between the normal scores of a step and of the next one in the same window.

    Args:
        truth: `[windows, horizon, targets]`.
        quantiles: `[windows, horizon, targets, levels]`, ascending.
    """
    ranks = np.mean(truth[..., None] > quantiles, axis=-1)
    scores = np.where(np.isnan(truth), np.nan, ranks - 0.5)
    one, other = scores[:, :-1].reshape(-1), scores[:, 1:].reshape(-1)
    is_there = ~np.isnan(one) & ~np.isnan(other)
    if is_there.sum() < 2 or not one[is_there].std() or not other[is_there].std():
        return 0.0
    return float(np.clip(np.corrcoef(one[is_there], other[is_there])[0, 1], 0, 0.999).round(4))


def _weights(config: Config) -> np.ndarray:
    """Of each step ahead in the loss; their mean is 1."""
    steps = np.arange(config.horizon)
    weights = (1 + steps / config.decay) ** -0.5 if config.decay else np.ones(config.horizon)
    scaled: np.ndarray = (weights / weights.mean()).astype(np.float32)
    return scaled


def main(config: Config) -> None:
    """Trains a forecaster on tables of values over time, or goes on with an interrupted training (--resume)."""
    with discarding_unbegun(NAME, config.training):
        train(config)


if __name__ == "__main__":
    cli.run(main, PRESETS, descriptions=PRESET_DESCRIPTIONS, leaves_at_once=True)
