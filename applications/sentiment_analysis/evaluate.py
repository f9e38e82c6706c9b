"""Measures an exported model, with pictures and the worst mistakes.

python -m applications.sentiment_analysis.evaluate --model saved_models/sentiment_analysis --data imdb_reviews
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from applications.sentiment_analysis import APPLICATION
from applications.sentiment_analysis.config import NAME
from applications.sentiment_analysis.data import evaluation_examples
from applications.sentiment_analysis.predict import LABELS_FILE, Predictor
from common import cli
from common.checks import AtLeast, check_ranges
from common.evaluation.classification import classification_metrics, write_worst_mistakes
from common.evaluation.classification_plots import plot_confusion_matrix, plot_reliability, plot_roc_curves
from common.evaluation.script import announce, facts_of, report, timed, warn_of_lacking
from common.files import require_writable_folder
from common.inference.extra_files import read_extra
from common.predicting.predictor import find_model
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
        require_writable_folder(self.output, "--output")


def evaluate(options: Options) -> dict[str, Any]:
    """Measures the SavedModel, as a server would answer, and writes the report. Returns the metrics."""
    # What the model must fit is looked at before its graph is loaded, which takes longer.
    path = find_model(NAME, options.model)
    described = read_extra(path, LABELS_FILE, NAME)
    examples = evaluation_examples(_with_label_map(options.source, described["label_map"]))
    labels = np.array(label_indices(examples, described["labels"]))
    predictor = Predictor(path, options.batch_size)
    announce(predictor.path, examples)
    warn_of_lacking(examples.name, predictor.labels, examples.labels)
    probabilities, seconds = timed(
        lambda: predictor.probabilities(examples.texts, show_progress=True),
        warm_up=lambda: predictor.probabilities(examples.texts[:1]),
    )
    metrics = {
        **measure(labels, probabilities, predictor.labels),
        **facts_of(predictor.path, examples, seconds, "texts", options.batch_size),
    }
    drawn = partial(draw, examples.texts, labels, probabilities, predictor.labels)
    return report(metrics, APPLICATION.title, examples, options.output, drawn)


def measure(labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """The metrics of probabilities `[texts, classes]` of texts whose labels have the given indices."""
    return classification_metrics(labels, probabilities, names)


def draw(
    texts: Sequence[str], labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str], folder: Path
) -> None:
    """The pictures, and the table of the worst mistakes."""
    plot_confusion_matrix(labels, probabilities, names, folder / "confusion_matrix.png")
    plot_roc_curves(labels, probabilities, names, folder / "roc.png")
    plot_reliability(labels, probabilities, folder / "reliability.png")
    write_worst_mistakes(folder / "worst_mistakes.tsv", texts, labels, probabilities, names)


def _with_label_map(source: TextSource, label_map: dict[str, str]) -> TextSource:
    """The names that the model was trained with; those given on the command line come after and prevail."""
    learnt = tuple(f"{value}={name}" for value, name in label_map.items())
    return dataclasses.replace(source, label_map=learnt + source.label_map)


def main(options: Options) -> None:
    """Measures an exported classifier on labelled texts: accuracy, F1, ROC AUC, log loss and calibration."""
    evaluate(options)


if __name__ == "__main__":
    cli.run(main, Options)
