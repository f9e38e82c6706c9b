"""How a contender's process talks: one JSON object per line in, one per line out.

{"train": "FOLDER"}    reads the task in the folder and trains     -> {"note": "stopped early"}
{"forecast": 3}        forecasts the fourth window of the task     -> {"milliseconds": 3.1, "quantiles": [...]}
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.forecasting.task import Task, Window, read_task

Forecaster = Callable[[Window], np.ndarray]
"""From a window to quantiles `[horizon, targets, levels]`."""


def serve(train: Callable[[Task], tuple[Forecaster, str]]) -> None:
    """Answers requests until standard input ends.

    Args:
        train: returns what forecasts, and what a reader must know of the training; "" for nothing.
    """
    answers = os.fdopen(os.dup(1), "w")
    # Whatever a library prints must not mix with the answers.
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any] = {}
        if "train" in request:
            task = read_task(Path(request["train"]))
            forecaster, note = train(task)
            answer = {"note": note}
        else:
            window = task.windows[request["forecast"]]
            began = time.perf_counter()
            quantiles = forecaster(window)
            milliseconds = 1000 * (time.perf_counter() - began)
            answer = {"milliseconds": milliseconds, "quantiles": np.asarray(quantiles, float).tolist()}
        print(json.dumps(answer), file=answers, flush=True)
