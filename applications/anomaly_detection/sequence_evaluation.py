"""Measures a detector on whole sequences, such as heartbeats: does it tell strange ones from normal ones?"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from applications.anomaly_detection import APPLICATION
from applications.anomaly_detection.predict import Predictor
from applications.anomaly_detection.sequences import Sequences, read_sequences
from common.errors import UserError
from common.evaluation.script import announce, facts_of, report, timed
from common.series.reading_tables import ReadingSource

HISTORY = 30
"""Normal sequences, the first of the table, that are read one after another before each that is judged."""

# The values before a sequence's first are of another one, so that the first forecasts cannot hold.
_NOT_JUDGED = 0.1
_DAY = 86_400
_MIDNIGHT = 1_700_006_400


def evaluate_sequences(
    predictor: Predictor, source: ReadingSource, normal_label: str, output: Path
) -> dict[str, Any]:
    """Measures the model, and writes the report. Returns the metrics."""
    sequences = read_sequences(source, normal_label)
    history, judged = _divided(sequences)
    announce(predictor.path, sequences)
    told, seconds = timed(lambda: sequence_scores(predictor, history, judged.values))
    metrics = {
        **sequence_metrics(told, history, judged),
        **facts_of(predictor.path, judged, seconds, "rows", predictor.batch_size),
    }
    tables = {"simple_rules": "Simple rules, which see whole sequences side by side"}
    drawn = partial(draw_sequences, told, judged)
    return report(metrics, APPLICATION.title, judged, output, drawn, tables)


def sequence_scores(predictor: Predictor, history: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
    """How strange each sequence is, by the largest error of a forecast one row ahead and by the highest severity.

    A sequence lasts a day, as it were, so that the memory of a sensor holds the same places of those before. All are
    judged from the same state, in which the history leaves it.

    Args:
        predictor: a model of alarms.
        history: normal sequences `[sequences, time]`.
        values: those to judge, `[sequences, time]`.

    Returns:
        `error` and `severity`, `[sequences]` each.
    """
    rows = values.shape[1]
    times = _MIDNIGHT + np.arange(history.size + rows) * _DAY // rows
    stream = predictor.stream()
    for time, value in zip(times, history.ravel(), strict=False):
        stream.answer(time, [value])
    told = stream.continued(times[-rows:], values[..., np.newaxis])
    first = round(_NOT_JUDGED * rows)
    error = np.abs(values - told["expected"][..., 0])
    return {"error": error[:, first:].max(axis=1), "severity": told["severity"][:, first:].max(axis=1)}


def sequence_metrics(told: dict[str, np.ndarray], history: np.ndarray, judged: Sequences) -> dict[str, Any]:
    """The area under the ROC curve: how often an anomalous sequence is told to be stranger than a normal one."""
    is_strange = ~judged.is_normal
    return {
        "auroc": float(roc_auc_score(is_strange, told["error"])),
        "auroc_of_severity": float(roc_auc_score(is_strange, told["severity"])),
        "anomalous": int(is_strange.sum()),
        "normal": int(judged.is_normal.sum()),
        "simple_rules": {
            name: {"auroc": float(roc_auc_score(is_strange, score))}
            for name, score in _simple_scores(history, judged.values).items()
        },
    }


def _simple_scores(history: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
    nearest, _ = NearestNeighbors(n_neighbors=1).fit(history).kneighbors(values)
    return {
        "distance to the mean of the history": np.linalg.norm(values - history.mean(axis=0), axis=1),
        "distance to the nearest of the history": nearest[:, 0],
    }


def _divided(sequences: Sequences) -> tuple[np.ndarray, Sequences]:
    """The history, and the sequences to judge.

    Raises:
        UserError: there are too few of them.
    """
    normal = np.flatnonzero(sequences.is_normal)
    rest = np.setdiff1d(np.arange(len(sequences.values)), normal[:HISTORY])
    if len(normal) <= HISTORY or sequences.is_normal.all():
        raise UserError(
            f"{sequences.describe()}; expected more than {HISTORY} normal ones, of which the first are the history, "
            "and some that are not"
        )
    judged = Sequences(sequences.name, sequences.values[rest], sequences.is_normal[rest], sequences.left_out)
    return sequences.values[normal[:HISTORY]], judged


def draw_sequences(told: dict[str, np.ndarray], judged: Sequences, folder: Path) -> None:
    """Writes a table of the sequences."""
    table = pd.DataFrame({"is_anomalous": ~judged.is_normal, **told})
    table.to_csv(folder / "sequences.csv", index_label="sequence")
