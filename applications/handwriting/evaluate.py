"""Measures an exported model on ink with texts: character and word errors, by writer and by length, with the mistakes
side by side and drawn, and how far its confidence can be believed. A model that reads pictures reads the ink drawn as
pictures, always the same ones.

python -m applications.handwriting.evaluate --model saved_models/handwriting --data ink/
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from applications.handwriting import APPLICATION
from applications.handwriting.config import NAME
from applications.handwriting.data import evaluation_examples, rendered
from applications.handwriting.ink import Writings, points_of
from applications.handwriting.ink_sources import InkSource
from applications.handwriting.pictures import draw_letters, draw_wrong
from applications.handwriting.predict import Letter, Predictor
from applications.handwriting.strings import joined, require_single_characters
from common import cli
from common.checks import AtLeast, check_ranges
from common.data.strings import require_join
from common.evaluation.calibration import expected_calibration_error
from common.evaluation.report import numbers_to_draw
from common.evaluation.script import announce, facts_of, report, timed
from common.evaluation.transcription import (
    by_length,
    character_error_rate,
    characters_right,
    confusions,
    most_wrong,
    transcription_metrics,
    write_most_wrong,
)
from common.evaluation.transcription_plots import plot_error_rate_by_length, plot_word_reliability
from common.files import atomic_write, require_writable_folder
from common.predicting.predictor import find_model

_SEED = 0
_WORST_DRAWN = 24
_SPREAD = {"best": 0.0, "lower quartile": 0.25, "median": 0.5, "upper quartile": 0.75, "worst": 1.0}


@dataclass(frozen=True)
class Options:
    """What to measure, on which ink, and where the report goes."""

    model: Path | None = None
    """Folder of numbered versions, of which the highest is used, or one version. Unless given, the application's folder
    in RECURRENT_APPLICATIONS_MODELS, in ./saved_models or in the checkout, whichever is found first."""
    source: InkSource = field(default_factory=InkSource)
    """Where the ink and what is written in it come from."""
    join: tuple[int, int] = (0, 0)
    """Ink of a single character is joined to strings of so many characters of one writer, such as 3 8, always the same
    ones; 0 0 leaves it as it is."""
    widest_gap: Annotated[float, AtLeast(0)] = 0.5
    """Space between joined characters at most, in heights of a capital."""
    output: Path = Path("runs/handwriting/evaluation")
    """Folder for metrics.json, the tables of mistakes, and the pictures."""
    letters: tuple[int, ...] | None = None
    """Numbers of the drawings, from 1, that are drawn with the place of each letter; the first few unless given."""
    batch_size: Annotated[int, AtLeast(1)] = 32
    """Drawings that are read at once."""

    def __post_init__(self) -> None:
        check_ranges(self)
        require_writable_folder(self.output, "--output")
        require_join(self.join, "characters")


def evaluate(options: Options) -> dict[str, Any]:
    """Measures the SavedModel, as a server would answer, and writes the report. Returns the metrics."""
    path = find_model(NAME, options.model)
    given = evaluation_examples(options.source)
    require_single_characters(given, options.join)
    writings = joined(given, options.join, options.widest_gap, _SEED)
    drawn = numbers_to_draw(options.letters, len(writings), "a drawing", "--letters")
    predictor = Predictor(path, options.batch_size)
    inks: list[Any] = list(writings.inks)
    if predictor.reads_pictures:
        if options.letters is not None:
            predictor.require_strokes("--letters")
        writings = replace(writings, name=f"{writings.name}, drawn as pictures")
        inks = rendered([points_of(ink) for ink in writings.inks])
    announce(predictor.path, writings)
    warm_up = partial(predictor, inks[:1], show_progress=False)
    answers, seconds = timed(partial(predictor, inks, show_progress=True), warm_up=warm_up)
    texts = [answer["text"] for answer in answers]
    confidence = np.array([answer["confidence"] for answer in answers])
    letters: list[list[Letter]] = [[] for _ in inks]
    if not predictor.reads_pictures:
        letters = predictor.letters(inks, show_progress=True)
    metrics = {
        **measure(writings, texts, confidence, letters),
        **_without_language_model(predictor, inks, writings),
        "milliseconds_per_drawing": round(1000 * seconds / len(writings), 2),
        **facts_of(predictor.path, writings, seconds, "drawings", options.batch_size),
    }
    tables = {
        "by_length": "By the number of characters",
        "by_writer": "Over the writers",
        "by_group": "By group of writers",
    }
    drawn_of = partial(draw, writings, texts, confidence, letters, metrics, drawn)
    return report(metrics, APPLICATION.title, writings, options.output, drawn_of, tables)


def measure(
    writings: Writings, texts: Sequence[str], confidence: np.ndarray, letters: Sequence[Sequence[Letter]]
) -> dict[str, Any]:
    """The metrics of one reading of each ink, and of the confidence of its text and of its letters.

    Args:
        writings: the ink and what is written in it.
        texts: what was read.
        confidence: of each text, `[ink]`.
        letters: of each text.
    """
    folded = transcription_metrics(*([text.casefold() for text in side] for side in (writings.texts, texts)))
    are_right, sure = _letters_right(writings.texts, letters)
    metrics = transcription_metrics(writings.texts, texts)
    return {
        **metrics,
        "word_accuracy": _word_accuracy(metrics),
        "case_folded_character_error_rate": folded["character_error_rate"],
        "case_folded_exact_match": folded["exact_match"],
        "case_folded_word_accuracy": _word_accuracy(folded),
        "by_length": by_length(writings.texts, texts, "characters"),
        "by_writer": _spread(writings, texts),
        "by_group": _by_group(writings, texts),
        "text_calibration_error": _calibration_error(_texts_right(writings.texts, texts), confidence),
        "letter_calibration_error": _calibration_error(are_right, sure),
    }


def _word_accuracy(metrics: Mapping[str, Any]) -> float | None:
    """The share of the words that were read as they are written."""
    if not metrics["words"]:
        return None
    wrong: int = metrics["substitutions"] + metrics["deletions"]
    return 1 - wrong / float(metrics["words"])


def _without_language_model(predictor: Predictor, inks: Sequence[Any], writings: Writings) -> dict[str, Any]:
    """The error rates without what an exported language model has to say, where there is one."""
    if not predictor.has_language_model:
        return {}
    best = predictor.n_best(inks, lm_weight=0.0, length_bonus=0.0)
    texts = [readings[0][0] if readings else "" for readings in best]
    metrics = transcription_metrics(writings.texts, texts)
    names = ("character_error_rate", "exact_match")
    return {"without_language_model": {name: metrics[name] for name in names}}


def _spread(writings: Writings, texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """How the character error rate and the share of right texts differ from writer to writer."""
    rows = list(_of_writers(writings, texts).values())
    if len(rows) < 2:
        return {}
    rates, right = (np.array([row[place] for row in rows]) for place in (1, 2))
    return {
        name: {
            "character_error_rate": float(np.quantile(rates, share)),
            "exact_match": float(np.quantile(right, 1 - share)),
        }
        for name, share in _SPREAD.items()
    }


def _by_group(writings: Writings, texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The same of groups of writers, where they are named "group/writer", as UNIPEN's contributors are, whose writers
    had the same task: to print, to join letters, or to write as they like."""
    named = [writer.partition("/") for writer in writings.writers]
    groups = {}
    for group, of_group in sorted(_indices_of(group if slash else "" for group, slash, _ in named).items()):
        metrics = transcription_metrics(
            *([side[index] for index in of_group] for side in (writings.texts, texts))
        )
        groups[group] = {name: metrics[name] for name in ("sentences", "character_error_rate", "exact_match")}
    return groups


def _of_writers(writings: Writings, texts: Sequence[str]) -> dict[str, tuple[int, float, float]]:
    """By writer, of those who are known: how much ink, its character error rate, and the share of right texts."""
    rows = {}
    for writer, of_writer in _indices_of(writings.writers).items():
        references, read = ([side[index] for index in of_writer] for side in (writings.texts, texts))
        rate = character_error_rate(references, read)
        rows[writer] = (len(of_writer), rate or 0.0, float(np.mean(_texts_right(references, read))))
    return dict(sorted(rows.items(), key=lambda row: -row[1][1]))


def _indices_of(names: Iterable[str]) -> dict[str, list[int]]:
    """The indices at which each name stands, "" being none."""
    indices: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        if name:
            indices[name].append(index)
    return indices


def _texts_right(references: Sequence[str], texts: Sequence[str]) -> np.ndarray:
    return np.array([one == other for one, other in zip(references, texts, strict=True)], bool)


def _letters_right(
    references: Sequence[str], letters: Sequence[Sequence[Letter]]
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each letter that was read was written, and its confidence: `[letters]` each."""
    right: list[bool] = []
    confidence: list[float] = []
    for reference, of_ink in zip(references, letters, strict=True):
        right += characters_right(reference, "".join(one.letter for one in of_ink))
        confidence += [one.confidence for one in of_ink if not one.letter.isspace()]
    return np.array(right, bool), np.array(confidence, np.float64)


def _calibration_error(right: np.ndarray, confidence: np.ndarray) -> float | None:
    return expected_calibration_error(np.where(right, 0, 1), confidence[:, None]) if len(right) else None


def draw(
    writings: Writings,
    texts: Sequence[str],
    confidence: np.ndarray,
    letters: Sequence[Sequence[Letter]],
    metrics: dict[str, Any],
    numbers: Sequence[int],
    folder: Path,
) -> None:
    """The worst mistakes as a table and drawn, the characters that are taken for others, the writers, how good it is by
    length, how far its confidence can be believed, and which ink each letter was read from."""
    written, read = ([" ".join(text) for text in side] for side in (writings.texts, texts))
    write_most_wrong(folder / "worst_mistakes.tsv", writings.origins, written, read)
    confused: list[tuple[Any, ...]] = [("written", "read", "times"), *confusions(written, read, 200)]
    _write_rows(folder / "confusions.tsv", confused)
    by_writer = _of_writers(writings, texts)
    rows: list[tuple[Any, ...]] = [("writer", "drawings", "character_error_rate", "exact_match")]
    rows += [(writer, *row) for writer, row in by_writer.items()]
    _write_rows(folder / "writers.tsv", rows)
    worst = most_wrong(written, read, _WORST_DRAWN)
    if worst:
        titles = [f"{writings.texts[index]} > {texts[index] or '(nothing)'}" for index in worst]
        draw_wrong([writings.inks[index] for index in worst], titles, folder / "worst_mistakes.png")
    plot_error_rate_by_length(metrics["by_length"], folder / "error_rate_by_length.png")
    if len(texts):
        right = _texts_right(writings.texts, texts)
        plot_word_reliability(right, confidence, folder / "reliability.png")
    for number in numbers:
        if letters[number - 1]:
            draw_letters(writings.inks[number - 1], letters[number - 1], folder / f"letters_{number}.png")


def _write_rows(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    atomic_write(path, "\n".join("\t".join(map(str, row)) for row in rows) + "\n")


def main(options: Options) -> None:
    """Measures an exported reader of handwriting: character and word error rates, writers, mistakes, and speed."""
    evaluate(options)


if __name__ == "__main__":
    cli.run(main, Options)
