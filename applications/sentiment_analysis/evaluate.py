"""Measures an exported model, with pictures and the worst mistakes.

python -m applications.sentiment_analysis.evaluate --model saved_models/sentiment_analysis --data imdb_reviews
"""

import dataclasses
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from applications.sentiment_analysis.data import evaluation_examples
from applications.sentiment_analysis.predict import Predictor
from common import cli
from common.checks import AtLeast, check_ranges
from common.evaluation.classification import classification_metrics, write_worst_mistakes
from common.evaluation.classification_plots import plot_confusion_matrix, plot_reliability, plot_roc_curves
from common.evaluation.report import print_metrics, write_metrics
from common.text.labelled import TextSource, label_indices


@dataclass(frozen=True)
class Options:
    """What to measure, on which examples, and where the report goes."""

    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    source: TextSource = field(default_factory=TextSource)
    """Where the labelled texts come from."""
    output: Path = Path("runs/sentiment_analysis/evaluation")
    """Folder for metrics.json, the pictures and the table of mistakes."""
    batch_size: Annotated[int, AtLeast(1)] = 64
    """Texts that are read at once."""

    def __post_init__(self) -> None:
        check_ranges(self)


def evaluate(options: Options) -> dict[str, Any]:
    """Measures the SavedModel, as a server would answer, and writes the report. Returns the metrics."""
    predictor = Predictor(options.model, options.batch_size)
    examples = evaluation_examples(_with_label_map(options.source, predictor.label_map))
    labels = np.array(label_indices(examples, predictor.labels))
    console = cli.console()
    console.print(f"{predictor.path} on {examples.describe()}")
    # The first answers wait for TensorFlow to prepare the graph, once for each process.
    predictor.probabilities(examples.texts[:1])
    started = time.perf_counter()
    probabilities = predictor.probabilities(examples.texts, show_progress=True)
    seconds = time.perf_counter() - started
    metrics = {
        **classification_metrics(labels, probabilities, predictor.labels),
        "seconds": round(seconds, 1),
        "texts_per_second": round(len(examples.texts) / seconds, 1),
        "batch_size": options.batch_size,
        "left_out": dict(examples.left_out),
        "model": str(predictor.path),
        "data": examples.name,
    }
    report = options.output
    write_metrics(report / "metrics.json", metrics)
    plot_confusion_matrix(labels, probabilities, predictor.labels, report / "confusion_matrix.png")
    plot_roc_curves(labels, probabilities, predictor.labels, report / "roc.png")
    plot_reliability(labels, probabilities, report / "reliability.png")
    write_worst_mistakes(
        report / "worst_mistakes.tsv", examples.texts, labels, probabilities, predictor.labels
    )
    print_metrics(metrics, f"Sentiment analysis on {examples.name}")
    console.print(f"written to {report}")
    return metrics


def _with_label_map(source: TextSource, label_map: dict[str, str]) -> TextSource:
    """The names that the model was trained with; those given on the command line come after and prevail."""
    learnt = tuple(f"{value}={name}" for value, name in label_map.items())
    return dataclasses.replace(source, label_map=learnt + source.label_map)


def main(options: Options) -> None:
    """Measures an exported classifier on labelled texts: accuracy, F1, ROC AUC, log loss and calibration."""
    evaluate(options)


if __name__ == "__main__":
    cli.run(main, Options)
