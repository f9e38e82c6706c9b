"""A model of StatsForecast, fitted anew at every origin to the steps before it.

python -m benchmarks.forecasting.workers.statsforecast_worker NAME THREADS
"""

import sys
from typing import Any

import numpy as np
from statsforecast.models import MSTL, AutoETS, AutoTheta, SeasonalNaive

from benchmarks.forecasting.task import Task, Window, from_first_value
from benchmarks.forecasting.workers.protocol import Forecaster, serve


def model_named(name: str, task: Task) -> Any:
    """A model: SeasonalNaive of the best season, AutoETS and AutoTheta of the shortest, MSTL of all."""
    facts = task.facts
    if name == "SeasonalNaive":
        return SeasonalNaive(season_length=facts.season)
    if name == "MSTL":
        return MSTL(season_length=list(facts.seasons), trend_forecaster=AutoETS(model="ZZN"))
    return {"AutoETS": AutoETS, "AutoTheta": AutoTheta}[name](season_length=facts.seasons[0])


def prepared(task: Task, name: str) -> Forecaster:
    """The forecaster; nothing is trained before its windows are there."""
    facts = task.facts
    # The interval of a share has its ends at the levels (1 - share) / 2 and (1 + share) / 2.
    shares = {level: round(100 * abs(1 - 2 * level)) for level in facts.levels}
    keys = [
        "mean" if level == 0.5 else f"{'lo' if level < 0.5 else 'hi'}-{share}"
        for level, share in shares.items()
    ]
    asked = sorted({share for share in shares.values() if share})

    def forecast(window: Window) -> np.ndarray:
        columns = []
        for values in window.steps.targets.T:
            history = from_first_value(values).astype(np.float64)
            answer = model_named(name, task).forecast(y=history, h=facts.horizon, level=asked)
            columns.append(np.stack([answer[key] for key in keys], axis=-1))
        # Simulated intervals need not hold the mean, which stands for the median.
        return np.sort(np.stack(columns, axis=1), axis=-1)

    return forecast


if __name__ == "__main__":
    serve(lambda task: (prepared(task, sys.argv[1]), ""))
