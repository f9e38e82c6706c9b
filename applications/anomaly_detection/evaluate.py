"""Measures an exported model on labelled readings: as the Numenta Anomaly Benchmark does, as events, row by row, and
beside simple rules.

python -m applications.anomaly_detection.evaluate --model saved_models/anomaly_detection --data nab --output DIR
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from applications.anomaly_detection import APPLICATION
from applications.anomaly_detection.answers import Judged, seconds_of
from applications.anomaly_detection.charts import draw_budgets, draw_recall_by_kind, draw_recordings
from applications.anomaly_detection.config import NAME
from applications.anomaly_detection.data import evaluation_examples
from applications.anomaly_detection.life_evaluation import evaluate_lives
from applications.anomaly_detection.predict import Predictor
from applications.anomaly_detection.sequence_evaluation import evaluate_sequences
from applications.anomaly_detection.simple_rules import RULES, refractory
from common import cli
from common.checks import Above, AtLeast, check_ranges
from common.errors import FlagError, UserError
from common.evaluation.alarms import AlarmedSeries, event_metrics, row_metrics
from common.evaluation.nab import NabScore, ScoredFile, best_nab_scores, nab_scores, probation
from common.evaluation.script import announce, facts_of, report, timed
from common.evaluation.vus import vus_pr
from common.files import require_writable_folder
from common.predicting.predictor import find_model
from common.series.reading_tables import ReadingSource
from common.series.readings import Readings, Recording

BUDGETS = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0)
"""False alarms a week that are told of."""
THRESHOLDS = (*(round(2 + 0.1 * step, 1) for step in range(11)), 3.2, 3.4, 3.6, 3.8, 4.0, 4.5, 5.0, 6.0, 8.0)
"""Severities that are tried where labels choose the threshold, as the benchmark's board does."""

_RULE_THRESHOLDS = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 8.0)
_SILENCE = 0.05
_WEEK = 7.0
_BUFFER_SHARE, _MOST_BUFFER = 0.01, 100
_EVENT_FIGURES = ("events", "event_recall", "median_delay_seconds", "false_alarms", "false_alarms_per_day")


@dataclass(frozen=True)
class Options:
    """What to measure, on which readings, and where the report goes."""

    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    source: ReadingSource = field(default_factory=ReadingSource)
    """Where the labelled readings come from."""
    history: Path | None = None
    """Readings from before, which teach what is normal; nothing in them is scored."""
    normal_label: str | None = None
    """Says that --data is a table with a sequence of readings of one sensor in each row, such as a heartbeat (a column
    label, and t0, t1, ...), and which label its normal ones have: measured is how well strange ones are told apart."""
    alarms_per_week: Annotated[float | None, Above(0)] = None
    """False alarms of a series that are allowed in a week; unless given, as the model was trained."""
    output: Path = Path("runs/anomaly_detection/evaluation")
    """Folder for metrics.json, tables and pictures."""
    batch_size: Annotated[int, AtLeast(1)] = 64
    """Series that are read at once."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_writable_folder(self.output, "--output")
        if self.normal_label is not None and (self.history is not None or self.alarms_per_week is not None):
            raise FlagError(
                f"--normal-label {self.normal_label}: sequences have a history of their own and are given no alarms; "
                "expected it without --history and --alarms-per-week"
            )


@dataclass(frozen=True)
class Judgements:
    """What the model says of readings.

    Attributes:
        readings: with labels.
        judged: each recording with the budget that was asked for.
        by_budget: likewise with each of `BUDGETS`.
        by_threshold: likewise with each of `THRESHOLDS`.
    """

    readings: Readings
    judged: Sequence[Judged]
    by_budget: Mapping[float, Sequence[Judged]]
    by_threshold: Mapping[float, Sequence[Judged]]


def evaluate(options: Options) -> dict[str, Any]:
    """Measures the SavedModel, as a server would answer, and writes the report. Returns the metrics."""
    path = find_model(NAME, options.model)
    predictor = Predictor(path, options.batch_size)
    if predictor.tells_life:
        for flag in ("history", "alarms_per_week", "normal_label"):
            predictor.require_alarms(bool(getattr(options, flag)), f"--{flag.replace('_', '-')}")
        return evaluate_lives(predictor, options.source, options.output)
    if options.normal_label is not None:
        return evaluate_sequences(predictor, options.source, options.normal_label, options.output)
    readings = evaluation_examples(options.source)
    if not readings.is_labelled:
        raise UserError(
            f"{readings.name}: no labels; expected a column of them (--label-column) or a file of windows (--windows)"
        )
    announce(path, readings)
    history = None if options.history is None else predictor.read(options.history, options.source)
    judged, seconds = timed(
        lambda: predictor.judged(readings, history, alarms_per_week=options.alarms_per_week)
    )
    by_budget = {budget: predictor.at_budget(judged, readings, budget) for budget in BUDGETS}
    by_threshold = {
        threshold: predictor.at_budget(judged, readings, threshold=threshold) for threshold in THRESHOLDS
    }
    told = Judgements(readings, judged, by_budget, by_threshold)
    metrics = {**measure(told), **facts_of(path, readings, seconds, "rows", options.batch_size)}
    tables = {
        "by_kind": "By the kind of fault",
        "by_detector": "Which detector opened the alarms",
        "by_budget": "By the false alarms a week that are allowed",
        "nab_tuned_threshold": "The benchmark's score, the threshold chosen by the labels as on its board",
    }
    return report(metrics, APPLICATION.title, readings, options.output, partial(draw, told), tables)


def measure(told: Judgements) -> dict[str, Any]:
    """The metrics of the model, and those of simple rules beside them."""
    readings, judged = told.readings, told.judged
    events = event_metrics([_alarmed(one, readings) for one in judged])
    by_budget = {
        f"{budget:g}": _of_budget(event_metrics([_alarmed(one, readings) for one in of_budget]))
        for budget, of_budget in told.by_budget.items()
    }
    alarm = np.concatenate([one.answer["alarm"] for one in judged])
    label = np.concatenate([one.recording.is_anomalous for one in judged])
    return {
        **_benchmark(told),
        **{name: events[name] for name in _EVENT_FIGURES},
        **{f"row_{name}": value for name, value in row_metrics(alarm, label).items()},
        "vus_pr": _vus(judged),
        "by_kind": _by_kind(judged),
        "by_detector": _by_detector(judged),
        "by_budget": by_budget,
    }


def _of_budget(events: Mapping[str, Any]) -> dict[str, Any]:
    return {name: events[name] for name in ("event_recall", "false_alarms", "false_alarms_per_day")}


def _alarmed(judged: Judged, readings: Readings) -> AlarmedSeries:
    times = seconds_of(judged.recording.times, readings.is_counted)
    return AlarmedSeries(times, times[judged.intervals], times[judged.recording.windows])


def _benchmark(told: Judgements) -> dict[str, Any]:
    """The scores of the Numenta Anomaly Benchmark: with the budget's threshold, with the one that labels choose, and of
    simple rules with the same; nothing where no window is scored."""
    recordings = [one.recording for one in told.judged]
    if not any((one.windows[:, 1] >= probation(len(one))).any() for one in recordings if len(one.windows)):
        return {"nab_tuned_threshold": {}}
    own = nab_scores(map(_scored, told.judged), 1.0)
    tuned = best_nab_scores(
        lambda threshold: [_scored(one, threshold) for one in told.by_threshold[threshold]],
        told.by_threshold,
    )
    rows = {"model": _row(tuned)}
    if len(told.readings.sensors) == 1:
        rows |= {name: _row(_of_rule(name, recordings, told.readings)) for name in RULES}
    return {
        **{f"nab_{name}": score.score for name, score in tuned.items()},
        **{f"nab_{name}_with_budget": score.score for name, score in own.items()},
        "nab_tuned_threshold": rows,
    }


def _row(scores: Mapping[str, NabScore]) -> dict[str, Any]:
    standard = scores["standard"]
    return {
        **{name: round(score.score, 2) for name, score in scores.items()},
        "hits": standard.hits,
        "windows": standard.windows,
        "false": standard.false_rows,
        "threshold": standard.threshold,
    }


def _scored(judged: Judged, score: float = 1.0) -> ScoredFile:
    """The rows at which alarms open, as the benchmark takes them."""
    opened = judged.answer["opened"].astype(np.float64) * score
    return ScoredFile(judged.recording.name, opened, judged.recording.windows)


def _of_rule(name: str, recordings: Sequence[Recording], readings: Readings) -> dict[str, NabScore]:
    scores = [
        RULES[name](seconds_of(one.times, readings.is_counted), one.values[:, 0].astype(np.float64))
        for one in recordings
    ]

    def detected(threshold: float) -> list[ScoredFile]:
        return [
            ScoredFile(one.name, refractory(score, threshold, round(_SILENCE * len(one))), one.windows)
            for one, score in zip(recordings, scores, strict=True)
        ]

    return best_nab_scores(detected, _RULE_THRESHOLDS)


def _vus(judged: Sequence[Judged]) -> float | None:
    """The mean volume under the precision-recall surface of the recordings that have both kinds of rows."""
    volumes = []
    for one in judged:
        label = one.recording.is_anomalous
        if label.any() and not label.all():
            widest = min(round(_BUFFER_SHARE * len(label)), _MOST_BUFFER)
            volumes.append(vus_pr(label, one.answer["severity"], widest))
    return float(np.mean(volumes)) if volumes else None


def _by_kind(judged: Sequence[Judged]) -> dict[str, dict[str, Any]]:
    """Of each kind of fault, where kinds are told: how many there were, and the share of them that was found."""
    found: dict[str, list[bool]] = {}
    for one in judged:
        for kind, (first, last) in zip(one.recording.kinds, one.recording.windows, strict=False):
            found.setdefault(kind, []).append(bool(one.answer["alarm"][first : last + 1].any()))
    return {
        kind: {"faults": len(hits), "found": float(np.mean(hits))} for kind, hits in sorted(found.items())
    }


def _by_detector(judged: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """Of each detector, how many alarms it opened inside labelled windows and outside."""
    counts: dict[str, dict[str, int]] = {}
    for one in judged:
        label = one.recording.is_anomalous
        for row in np.flatnonzero(one.answer["opened"]):
            own = counts.setdefault(one.answer["detector"][row].decode(), {"inside": 0, "outside": 0})
            own["inside" if label[row] else "outside"] += 1
    return dict(sorted(counts.items()))


def draw(told: Judgements, folder: Path) -> None:
    """Writes tables of the alarms and of the recordings, and pictures of the first recordings."""
    readings, judged = told.readings, told.judged
    alarms = [dataclasses.asdict(alarm) for one in judged for alarm in one.alarms(readings.sensors)]
    pd.DataFrame(alarms).to_csv(folder / "alarms.csv", index=False)
    rows = [{"series": one.recording.name, **_of_recording(one, readings)} for one in judged]
    pd.DataFrame(rows).to_csv(folder / "series.csv", index=False)
    draw_recordings(folder / "recording.png", judged, readings)
    kinds = _by_kind(judged)
    if kinds:
        draw_recall_by_kind(folder / "found_by_kind.png", {kind: row["found"] for kind, row in kinds.items()})
    events = {
        budget: event_metrics([_alarmed(one, readings) for one in of_budget])
        for budget, of_budget in told.by_budget.items()
    }
    if all(one["event_recall"] is not None and one["false_alarms_per_day"] for one in events.values()):
        weekly = [_WEEK * one["false_alarms_per_day"] for one in events.values()]
        draw_budgets(
            folder / "budgets.png", BUDGETS, [one["event_recall"] for one in events.values()], weekly
        )


def _of_recording(judged: Judged, readings: Readings) -> dict[str, Any]:
    events = event_metrics([_alarmed(judged, readings)])
    return {"rows": len(judged.recording), **{name: events[name] for name in _EVENT_FIGURES}}


def main(options: Options) -> None:
    """Measures an exported detector on labelled readings: how many faults it tells of, how soon, and how often it is
    wrong."""
    evaluate(options)


if __name__ == "__main__":
    cli.run(main, Options)
