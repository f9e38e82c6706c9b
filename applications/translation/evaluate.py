"""Measures an exported model, with all its translations and pictures of what it looked at.

python -m applications.translation.evaluate --source test.en.gz --target test.de.gz
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from applications.translation.data import evaluation_examples
from applications.translation.predict import Predictor
from common import cli
from common.checks import AtLeast, check_ranges
from common.errors import UserError
from common.evaluation.plots import plot_attention, plot_by_length
from common.evaluation.report import numbers_to_draw, print_metrics, write_metrics
from common.evaluation.translation import by_source_length, translation_metrics, write_translations
from common.text.parallel import Pairs, PairSource


@dataclass(frozen=True)
class Options:
    """What to measure, on which pairs, and where the report goes."""

    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    source: PairSource = field(default_factory=PairSource)
    """Where the pairs of texts come from, and in which direction they are translated."""
    output: Path = Path("runs/translation/evaluation")
    """Folder for metrics.json, translations.tsv and the pictures."""
    attention: tuple[int, ...] | None = None
    """Numbers of the pairs, from 1, whose attention is drawn; the first few unless given."""
    batch_size: Annotated[int, AtLeast(1)] = 32
    """Texts that are read at once."""

    def __post_init__(self) -> None:
        check_ranges(self)


def evaluate(options: Options) -> dict[str, Any]:
    """Measures the SavedModel, as a server would answer, and writes the report. Returns the metrics."""
    predictor = Predictor(options.model, options.batch_size)
    _require_same_direction(options.source, predictor.languages)
    pairs = evaluation_examples(options.source)
    drawn = numbers_to_draw(options.attention, len(pairs), "a pair")
    console = cli.console()
    console.print(f"{predictor.path} on {pairs.describe()}")
    # The first answers wait for TensorFlow to prepare the graph, once for each process.
    predictor(list(pairs.sources[:1]))
    started = time.perf_counter()
    answers = predictor(pairs.sources, show_progress=True)
    seconds = time.perf_counter() - started
    outputs = [answer["translation"] for answer in answers]
    metrics = {
        **translation_metrics(outputs, pairs.targets),
        "token_perplexity": perplexity(predictor, pairs),
        "seconds": round(seconds, 1),
        "sentences_per_second": round(len(pairs) / seconds, 1),
        "batch_size": options.batch_size,
        "truncated": sum(answer["truncated"] for answer in answers),
        "by_source_length": by_source_length(pairs.sources, outputs, pairs.targets),
        "left_out": dict(pairs.left_out),
        "model": str(predictor.path),
        "data": pairs.name,
    }
    report = options.output
    write_metrics(report / "metrics.json", metrics)
    write_translations(report / "translations.tsv", pairs.sources, pairs.targets, outputs)
    plot_by_length(metrics["by_source_length"], "bleu", report / "bleu_by_length.png")
    for number, found in zip(drawn, predictor.align([pairs.sources[n - 1] for n in drawn]), strict=True):
        picture = report / f"attention_{number}.png"
        plot_attention(found["attention"], found["source_tokens"], found["target_tokens"], picture)
    print_metrics(metrics, f"Translation on {pairs.name}")
    console.print(f"written to {report}")
    return metrics


def perplexity(predictor: Predictor, pairs: Pairs) -> float:
    """The inverse of the geometric mean of the probabilities that the model gives the references' tokens."""
    log_likelihoods, tokens = predictor.log_likelihoods(pairs.sources, pairs.targets, show_progress=True)
    return float(np.exp(-log_likelihoods.sum(dtype=np.float64) / tokens.sum()))


def _require_same_direction(source: PairSource, languages: dict[str, str]) -> None:
    """Refuses the sides of the training the wrong way round, which would only look like a bad model."""
    asked = tuple(Path(side).name for side in (source.source, source.target))
    learnt = (languages["source"], languages["target"])
    if asked == learnt[::-1]:
        raise UserError(
            f"--source {source.source} --target {source.target}: this model translates from {learnt[0]} to {learnt[1]}"
        )


def main(options: Options) -> None:
    """Measures an exported translator on pairs of texts: BLEU, chrF, perplexity, exact matches and speed."""
    evaluate(options)


if __name__ == "__main__":
    cli.run(main, Options)
