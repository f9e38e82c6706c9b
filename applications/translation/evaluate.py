"""Measures an exported model, with all its translations and pictures of what it looked at.

python -m applications.translation.evaluate --source test.en.gz --target test.de.gz
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from applications.translation import APPLICATION
from applications.translation.config import NAME
from applications.translation.data import evaluation_examples
from applications.translation.predict import LANGUAGES_FILE, Predictor
from common import cli
from common.checks import AtLeast, check_ranges
from common.evaluation.plots import plot_attention, plot_by_length
from common.evaluation.report import numbers_to_draw
from common.evaluation.script import announce, facts_of, report, timed
from common.evaluation.translation import by_source_length, translation_metrics, write_translations
from common.files import require_writable_folder
from common.inference.extra_files import read_extra
from common.predicting.predictor import Answer, find_model
from common.text.parallel import Pairs, PairSource, require_same_direction


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
        require_writable_folder(self.output, "--output")


def evaluate(options: Options) -> dict[str, Any]:
    """Measures the SavedModel, as a server would answer, and writes the report. Returns the metrics."""
    # What the model must fit is looked at before its graph is loaded, which takes longer.
    path = find_model(NAME, options.model)
    languages = read_extra(path, LANGUAGES_FILE, NAME)
    require_same_direction(options.source, languages["source"], languages["target"])
    pairs = evaluation_examples(options.source)
    drawn = numbers_to_draw(options.attention, len(pairs), "a pair")
    predictor = Predictor(path, options.batch_size)
    announce(predictor.path, pairs)
    answers, seconds = timed(
        lambda: predictor(pairs.sources, show_progress=True), warm_up=lambda: predictor(pairs.sources[:1])
    )
    outputs = [answer["translation"] for answer in answers]
    metrics = {
        **measure(outputs, pairs),
        "token_perplexity": perplexity(predictor, pairs),
        "truncated": sum(answer["truncated"] for answer in answers),
        **facts_of(predictor.path, pairs, seconds, "sentences", options.batch_size),
    }
    aligned = dict(zip(drawn, predictor.align([pairs.sources[n - 1] for n in drawn]), strict=True))
    return report(metrics, APPLICATION.title, pairs, options.output, partial(draw, pairs, outputs, aligned))


def measure(outputs: Sequence[str], pairs: Pairs) -> dict[str, Any]:
    """The metrics of one translation of each text."""
    by_length = by_source_length(pairs.sources, outputs, pairs.targets)
    return translation_metrics(outputs, pairs.targets) | {"by_source_length": by_length}


def draw(pairs: Pairs, outputs: Sequence[str], aligned: Mapping[int, Answer], folder: Path) -> None:
    """The table of translations, how good they are by length, and what the model looked at in some of them."""
    write_translations(folder / "translations.tsv", pairs.sources, pairs.targets, outputs)
    by_length = by_source_length(pairs.sources, outputs, pairs.targets)
    plot_by_length(by_length, "bleu", folder / "bleu_by_length.png")
    for number, alignment in aligned.items():
        picture = folder / f"attention_{number}.png"
        plot_attention(
            alignment["attention"], alignment["source_tokens"], alignment["target_tokens"], picture
        )


def perplexity(predictor: Predictor, pairs: Pairs) -> float:
    """The inverse of the geometric mean of the probabilities that the model gives the references' tokens."""
    log_likelihoods, tokens = predictor.log_likelihoods(pairs.sources, pairs.targets, show_progress=True)
    return float(np.exp(-log_likelihoods.sum(dtype=np.float64) / tokens.sum()))


def main(options: Options) -> None:
    """Measures an exported translator on pairs of texts: BLEU, chrF, perplexity, exact matches and speed."""
    evaluate(options)


if __name__ == "__main__":
    cli.run(main, Options)
