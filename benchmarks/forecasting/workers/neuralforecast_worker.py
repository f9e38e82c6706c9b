"""A model of NeuralForecast, trained once on all series; what is not set here is the library's own choice.

python -m benchmarks.forecasting.workers.neuralforecast_worker NAME THREADS
"""

import inspect
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MQLoss
from neuralforecast.models import GRU, DLinear

from benchmarks.forecasting.task import Steps, Task, Window, filled
from benchmarks.forecasting.workers.protocol import Forecaster, serve

_MODELS = {"GRU": GRU, "DLinear": DLinear}


def train(task: Task, name: str) -> tuple[Forecaster, str]:
    """Trains the model on the training part. Returns what forecasts with it, and how many steps were trained."""
    facts = task.facts
    torch.set_num_threads(facts.threads)
    example = next(iter(task.training.values()))
    model = model_named(name, task, example)
    forecasts = NeuralForecast(models=[model], freq=1)
    frames = [frame_of(steps, series) for series, steps in task.training.items()]
    forecasts.fit(pd.concat(frames, ignore_index=True), val_size=facts.validation)

    def forecast(window: Window) -> np.ndarray:
        targets = window.steps.targets
        recent = Steps(
            targets[-facts.lookback :],
            window.steps.past[-facts.lookback :],
            window.steps.known[len(targets) - facts.lookback : len(targets)],
        )
        ahead = _ahead(window, facts.lookback, facts.horizon)
        answer = forecasts.predict(df=frame_of(recent, window.name), futr_df=ahead)
        answer = answer.sort_values(["unique_id", "ds"], kind="stable")
        quantiles = answer.drop(columns=["unique_id", "ds"]).to_numpy()
        by_target = quantiles.reshape(targets.shape[1], facts.horizon, len(facts.levels))
        # The quantiles are forecast apart from one another, and may cross.
        return np.sort(by_target.transpose(1, 0, 2), axis=-1)

    done = forecasts.models[0].train_trajectories[-1][0] + 1
    return forecast, f"{name}: trained for {done:,} of {model.max_steps:,} steps"


def model_named(name: str, task: Task, example: Steps) -> Any:
    """The model, with the columns that it can read."""
    facts, kind = task.facts, _MODELS[name]
    steps = facts.steps or inspect.signature(kind).parameters["max_steps"].default
    columns: dict[str, Any] = {}
    if kind.EXOGENOUS_HIST and example.past.shape[1]:
        columns["hist_exog_list"] = _names("past", example.past)
    if kind.EXOGENOUS_FUTR and example.known.shape[1]:
        columns["futr_exog_list"] = _names("known", example.known)
    return kind(
        h=facts.horizon,
        input_size=facts.lookback,
        loss=MQLoss(quantiles=list(facts.levels)),
        max_steps=steps,
        max_time={"seconds": facts.seconds},
        # A check of the validation part before the end would count as training time, and changes nothing.
        val_check_steps=steps,
        # Each window by itself: the default of the one, while the other would read raw values.
        scaler_type="robust",
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        alias=name,
        **columns,
    )


def frame_of(steps: Steps, series: str) -> pd.DataFrame:
    """A row for each target and step; the targets of a series are series of their own."""
    shared = {"ds": np.arange(len(steps.targets)), **_columns(steps)}
    return pd.concat(
        [
            pd.DataFrame({"unique_id": f"{series}/{place:06}", "y": filled(values), **shared})
            for place, values in enumerate(steps.targets.T)
        ],
        ignore_index=True,
    )


def _ahead(window: Window, lookback: int, horizon: int) -> pd.DataFrame | None:
    known = window.steps.known[len(window.steps.targets) :]
    if not known.shape[1]:
        return None
    shared = {"ds": np.arange(lookback, lookback + horizon), **_named("known", known)}
    return pd.concat(
        [
            pd.DataFrame({"unique_id": f"{window.name}/{place:06}", **shared})
            for place in range(window.steps.targets.shape[1])
        ],
        ignore_index=True,
    )


def _columns(steps: Steps) -> Mapping[str, np.ndarray]:
    return {**_named("past", steps.past), **_named("known", steps.known)}


def _named(kind: str, values: np.ndarray) -> dict[str, np.ndarray]:
    return {name: filled(values[:, place]) for place, name in enumerate(_names(kind, values))}


def _names(kind: str, values: np.ndarray) -> list[str]:
    return [f"{kind}_{place}" for place in range(values.shape[1])]


if __name__ == "__main__":
    serve(lambda task: train(task, sys.argv[1]))
