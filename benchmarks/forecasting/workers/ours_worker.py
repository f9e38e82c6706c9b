"""The exported model of this project, as a server asks it.

python -m benchmarks.forecasting.workers.ours_worker FOLDER THREADS
"""

import sys
from pathlib import Path

import numpy as np

from applications.forecasting.predict import Predictor
from benchmarks.forecasting.task import Task, Window
from benchmarks.forecasting.workers.protocol import Forecaster, serve


def load(task: Task, folder: Path) -> Forecaster:
    """The model in a folder; it was trained and exported before."""
    predictor = Predictor(folder, batch_size=1)
    lookback = predictor.lookback

    def forecast(window: Window) -> np.ndarray:
        steps = window.steps
        batch = {"values": steps.targets[-lookback:], "times": window.times[-lookback:]}
        if predictor.facts["past"]:
            batch["past"] = steps.past[-lookback:]
        if predictor.facts["known"]:
            batch["known"] = steps.known[-lookback - task.facts.horizon :]
        one = {name: values[None] for name, values in batch.items()}
        quantiles: np.ndarray = predictor.answers(one, [window.name])["quantiles"][0]
        return quantiles

    return forecast


if __name__ == "__main__":
    serve(lambda task: (load(task, Path(sys.argv[1])), ""))
