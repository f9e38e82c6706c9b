"""Measures an exported model on a text, with a picture and the places that surprised it most.

python -m applications.text_generation.evaluate --model saved_models/text_generation --data tiny_shakespeare
"""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from applications.text_generation import APPLICATION
from applications.text_generation.data import evaluation_examples
from applications.text_generation.predict import Predictor
from common import cli
from common.evaluation.likelihood import likelihood_metrics, most_surprising, write_most_surprising
from common.evaluation.plots import plot_nats_by_position
from common.evaluation.script import announce, report, timed
from common.files import require_writable_folder
from common.text.running import Part, RawText, RawTextSource


@dataclass(frozen=True)
class Options:
    """What to measure, on which text, and where the report goes."""

    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    source: RawTextSource = field(default_factory=RawTextSource)
    """Where the text comes from."""
    part: Part | None = None
    """Which part to measure on; unless given, the test part of the sample or a data set, or all of your files."""
    output: Path = Path("runs/text_generation/evaluation")
    """Folder for metrics.json, the picture and the table of surprises."""

    def __post_init__(self) -> None:
        require_writable_folder(self.output, "--output")


def evaluate(options: Options) -> dict[str, Any]:
    """Measures the SavedModel on the text read as one stream, and writes the report. Returns the metrics."""
    text = evaluation_examples(options.source, options.part)
    predictor = Predictor(options.model)
    announce(predictor.path, text)
    log_likelihoods, seconds = timed(lambda: predictor.score(text.text, show_progress=True))
    metrics = {
        **measure(log_likelihoods),
        "unknown_characters": predictor.unknown(text.text),
        "seconds": round(seconds, 1),
        "characters_per_second": round(len(text) / seconds),
        "model": str(predictor.path),
        "data": text.name,
    }
    return report(metrics, APPLICATION.title, text, options.output, partial(draw, text, log_likelihoods))


def measure(log_likelihoods: np.ndarray) -> dict[str, Any]:
    """The metrics of the logarithms of the characters' probabilities, `[characters]`."""
    return likelihood_metrics(log_likelihoods)


def draw(text: RawText, log_likelihoods: np.ndarray, folder: Path) -> None:
    """How surprised the model is by position, and the places that surprise it most."""
    plot_nats_by_position(log_likelihoods, folder / "nats_by_position.png")
    write_most_surprising(folder / "most_surprising.tsv", most_surprising(text.text, log_likelihoods))


def main(options: Options) -> None:
    """Measures an exported language model on a text: nats and bits per character, and perplexity."""
    evaluate(options)


if __name__ == "__main__":
    cli.run(main, Options)
