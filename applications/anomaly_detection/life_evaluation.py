"""Measures a model of remaining life on machines of which it is known, beside simple rules."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from applications.anomaly_detection import APPLICATION
from applications.anomaly_detection.life_answers import LifeAnswer, life_frame
from applications.anomaly_detection.life_measures import (
    LifeAnswers,
    LifePath,
    SimpleLives,
    life_metrics,
    plot_life_paths,
    plot_lives,
    true_lives,
)
from applications.anomaly_detection.life_training import evaluation_lives, remaining_rows
from applications.anomaly_detection.predict import Predictor
from applications.anomaly_detection.sample import sample_lives
from common.evaluation.script import announce, facts_of, report, timed
from common.series.reading_sources import load_readings, parts_in
from common.series.reading_tables import ReadingSource
from common.series.readings import Readings


def evaluate_lives(predictor: Predictor, source: ReadingSource, output: Path) -> dict[str, Any]:
    """Measures the model, and writes the report. Returns the metrics."""
    source = predictor.source(source)
    machines = evaluation_lives(source)
    announce(predictor.path, machines)
    answers, seconds = timed(lambda: predictor.lives(machines))
    metrics = {
        **measure_lives(answers, predictor.life_cap),
        "simple_rules": _simple_rules(source, machines, predictor.life_cap),
        **facts_of(predictor.path, machines, seconds, "rows", predictor.batch_size),
    }
    tables = {"simple_rules": "Simple rules, learnt from the training part"}
    drawn = partial(draw_lives, answers, predictor.life_cap)
    return report(metrics, APPLICATION.title, machines, output, drawn, tables)


def measure_lives(answers: Sequence[LifeAnswer], cap: float) -> dict[str, Any]:
    """The errors at the last row of each machine, and how often its interval holds what is true."""
    return life_metrics(_told(answers), cap)


def _told(answers: Sequence[LifeAnswer]) -> LifeAnswers:
    columns = (np.array([getattr(one, name) for one in answers]) for name in ("remaining", "lower", "upper"))
    return LifeAnswers(true_lives([one.recording for one in answers]), *columns)


def _simple_rules(source: ReadingSource, machines: Readings, cap: float) -> dict[str, dict[str, float]]:
    """The errors of simple rules; none where the data has no part that they could learn from."""
    if "train" not in parts_in(source):
        return {}
    train = load_readings(source, "train", sample_lives)
    return SimpleLives.of(train, cap).errors(machines.recordings)


def draw_lives(answers: Sequence[LifeAnswer], cap: float, folder: Path) -> None:
    """Writes a table of the machines, and pictures of them and of some of their lives."""
    life_frame(answers).to_csv(folder / "machines.csv", index=False)
    plot_lives(folder / "remaining_life.png", _told(answers), cap)
    paths = [LifePath(one.recording.name, remaining_rows(one.recording), *one.by_step.T) for one in answers]
    plot_life_paths(folder / "paths.png", paths, cap)
